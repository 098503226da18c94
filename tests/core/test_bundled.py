"""Documents spread over a fixed number of Secrets: where they are, and how they move where the number changes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.documents import NAMEPLATE, Place
from syncd.core.errors import FixError, Reason, SyncError, WaitError
from syncd.core.layouts.kubernetes import Bundled, key_of
from syncd.core.layouts.lookup import Address, Get, lookup
from syncd.core.layouts.spread import is_plate, secret_name, slot
from syncd.core.model import Definition, Deployment, Item, Key, Reference, Scope, Workspace
from syncd.core.plan import Write
from syncd.core.ports import Standing
from syncd.sync import carry_out, prepare
from tests.core.memory import MARK, MemoryTarget, seal
from tests.targets.memory_record import MemoryRecord

IDS = ("warehouse", "lake", "crm", "mail")
ITEMS = tuple(Item("etl", "connection", id_) for id_ in IDS)
BROKEN = Reference("env", "BROKEN")
ADDRESS = Address("analytics", "etl", "analytics")


class Moving(MemoryTarget):
    """Some writes fail; `states` is all that ever lay there, write by write."""

    def __init__(self, random: Random) -> None:
        super().__init__(Bundled("analytics"))
        self.failing, self._random = 0.0, random
        self.states: list[Mapping[str, Mapping[str, str]]] = [{}]

    def spread(self, secrets: int) -> None:
        """Over so many Secrets from now on."""
        self._layout = Bundled("analytics", secrets)

    def write(self, writes: Any, mark: Any, seal: Any) -> Any:
        writes = list(writes)
        self._random.shuffle(writes)
        return super().write(writes, mark, seal)

    def _write(self, write: Write, mark: Any) -> Any:
        if self._random.random() < self.failing:
            return WaitError(Reason.UNAVAILABLE, write.object, "doesn't answer")
        done = super()._write(write, mark)
        self.states.append({name: dict(held.texts) for name, held in self.objects.items()})
        return done


class Team:
    """One deployment whose connections change, and whose number of Secrets does, too."""

    def __init__(self, random: Random) -> None:
        self.random, self.target = random, Moving(random)
        self.record = MemoryRecord(self.target.layout, stood=Standing("memory", 10_000))
        self.workspace = Workspace("analytics", ("prod",), {"etl": Deployment("etl", "prod", ("files",))}, {}, 1)
        self.had: dict[Item, set[str | None]] = {item: {None} for item in ITEMS}

    def change(self, what: str = "") -> None:
        """A connection is changed, unlinked, linked or broken; or documents are spread anew."""
        revision = self.workspace.revision + 1
        what = what or self.random.choice(["set", "set", "unlink", "break", "spread"])
        key = Key("connection", self.random.choice(IDS))
        definitions = dict(self.workspace.definitions)
        if what == "spread":
            self.target.spread(self.random.choice([1, 2, 3, 5]))
            self.record.layout = self.target.layout
        elif what == "unlink":
            definitions.pop(key, None)
        else:
            host: Any = BROKEN if what == "break" else f"host-{revision}"
            definitions[key] = Definition(key, {"conn_type": "http", "host": host}, links={"etl": {}})
        self.workspace = replace(self.workspace, definitions=definitions, revision=revision)
        for item in ITEMS:
            definition = definitions.get(Key("connection", item.id))
            self.had[item].add(None if definition is None else str(definition.fields["host"]))

    def sync(self, failing: float) -> list[SyncError]:
        self.target.failing = failing
        mark = MARK._replace(revision=self.workspace.revision)
        scope = Scope("files", asked=frozenset(ITEMS))
        prepared = prepare(self.workspace, self.target, self.record, _unreadable, mark=mark, seal=seal, scope=scope)
        outcomes = carry_out(prepared, self.target, self.record, mark=mark, seal=seal, now="2026-01-01T00:00:00Z")
        return [outcome.error for outcome in outcomes if outcome.error]


def _unreadable(references: Any) -> Any:
    return {one: WaitError(Reason.REFERENCE_UNREADABLE, str(one), "isn't set") for one in references}


def found(state: Mapping[str, Mapping[str, str]], item: Item) -> str | None:
    """What a reader finds that begins at Secret 0: the host, or None where it isn't linked."""
    secrets = json.loads(state["analytics.etl.0"][NAMEPLATE])["secrets"]
    key = key_of(item.kind, item.id)
    text = state.get(secret_name("analytics", "etl", slot(key, secrets)), {}).get(key)
    return None if text is None else str(json.loads(text)["layers"]["definition"]["host"])


def all_linked(random: Random) -> Team:
    """With every connection linked, and synced once."""
    team = Team(random)
    fine = [Definition(Key("connection", id_), {"conn_type": "http", "host": "1"}, links={"etl": {}}) for id_ in IDS]
    team.workspace = replace(team.workspace, definitions={one.key: one for one in fine}, revision=2)
    assert team.sync(0) == []
    return team


def flat(bundles: Iterable[Mapping[str, str]]) -> Get:
    """Secrets as a pod's volume lays them into one folder: of what has one name, the last is there."""
    texts = {key: text for bundle in bundles for key, text in bundle.items()}

    def get(place: Place, after: Place | None = None) -> Any:
        return None if place.object or place.key not in texts else json.loads(texts[place.key])

    return get


def mounted(states: Sequence[Mapping[str, Mapping[str, str]]], random: Random) -> Get:
    """Some of the Secrets that ever were, each as it lay at some time: the kubelet watches each of them alone."""
    names = sorted({name for state in states for name in state})
    bundles = (random.choice(states).get(name, {}) for name in names if random.random() < 0.9)
    return flat(bundles)


@settings(max_examples=150)
@given(st.randoms(use_true_random=False), st.sampled_from([0.0, 0.3]))
def test_at_every_moment_each_connection_is_found_as_it_was_at_some_time(random: Random, failing: float) -> None:
    team = Team(random)
    team.sync(0)
    for _ in range(12):
        team.change()
        if random.random() < 0.7:
            before = len(team.target.states)
            linked = {item for item in ITEMS if found(team.target.states[-1], item) is not None}
            team.sync(failing)
            for state in team.target.states[before:]:
                for item in ITEMS:
                    assert found(state, item) in team.had[item]
                    definition = team.workspace.definitions.get(Key("connection", item.id))
                    if item in linked and definition is not None:
                        assert found(state, item) is not None


@settings(max_examples=100)
@given(st.randoms(use_true_random=False))
def test_a_pass_without_failures_leaves_one_copy_of_each_where_it_is_looked_for(random: Random) -> None:
    team = Team(random)
    for _ in range(8):
        team.change()
        team.sync(0.3)
    definitions = {
        key: replace(one, fields={**one.fields, "host": "mended"}) for key, one in team.workspace.definitions.items()
    }
    team.workspace = replace(team.workspace, definitions=definitions, revision=team.workspace.revision + 1)
    assert team.sync(0) == []
    layout = team.target.layout
    lies = {Place(name, key) for name, held in team.target.objects.items() for key in held.texts}
    homes = {layout.home(Item("etl", "connection", key.id)) for key in definitions}
    assert lies == homes.union(layout.plates("etl"))


@settings(max_examples=60)
@given(st.randoms(use_true_random=False), st.sampled_from([0.0, 0.3]))
def test_a_pod_is_told_of_no_miss_whichever_secrets_it_mounts_and_however_old_each_is(
    random: Random, failing: float
) -> None:
    team = all_linked(random)
    whole, found = len(team.target.states) - 1, 0
    for _ in range(4):
        team.target.spread(random.choice([1, 2, 3, 5]))
        team.record.layout = team.target.layout
        team.change("set")
        team.sync(failing)
        for _ in range(6):
            get = mounted(team.target.states[whole:], random)
            for item in ITEMS:
                try:
                    envelopes = lookup(get, ADDRESS, item.kind, item.id)
                except SyncError:
                    continue
                assert envelopes is not None
                found += 1
    assert found


@pytest.mark.parametrize("there", range(4))
def test_in_a_pod_that_mounts_one_secret_what_another_would_hold_is_an_error_that_names_it(there: int) -> None:
    (state,) = all_linked(Random(1)).target.states[-1:]  # noqa: S311  no secret comes from it
    one = secret_name("analytics", "etl", there)
    get = flat([state[one]])
    for n in range(20):
        holder = slot(key_of("connection", f"c{n}"), 4)
        if holder == there:
            assert lookup(get, ADDRESS, "connection", f"c{n}") is None
            continue
        with pytest.raises(FixError, match=rf"secret analytics\.etl\.{holder}: isn't mounted") as error:
            lookup(get, ADDRESS, "connection", f"c{n}")
        assert "list it in the pod's volume" in error.value.remedy


@given(st.text(min_size=1), st.integers(1, 8))
def test_a_key_stays_where_it_is_whatever_else_there_is(key: str, secrets: int) -> None:
    assert 0 <= slot(key, secrets) < secrets
    assert slot(key, secrets) == slot(key, secrets)


def test_documents_are_spread_evenly() -> None:
    counts = [sum(slot(f"connections.c{n}", 4) == number for n in range(1000)) for number in range(4)]
    assert min(counts) > 200


def test_a_move_that_cannot_end_keeps_no_change_from_readers() -> None:
    team = all_linked(Random(1))  # noqa: S311  no secret comes from it
    team.target.spread(3)
    changed = {
        key: replace(one, fields={"conn_type": "http", "host": BROKEN if key.id == "mail" else "2"})
        for key, one in team.workspace.definitions.items()
    }
    team.workspace = replace(team.workspace, definitions=changed, revision=3)
    team.sync(0)
    assert [found(team.target.states[-1], item) for item in ITEMS] == ["2", "2", "2", "1"]


def test_what_lies_nowhere_else_is_not_removed_though_nobody_can_tell_over_how_many_it_was_spread() -> None:
    team = all_linked(Random(1))  # noqa: S311  no secret comes from it
    before = documents(team)
    team.target.objects["analytics.etl.0"].mark = None
    team.target.spread(1)
    team.sync(0)
    assert documents(team) == before


def documents(team: Team) -> set[str]:
    """The keys of all that can be read, in whichever Secret each is."""
    return {key for held in team.target.objects.values() for key in held.texts if not is_plate(key)}
