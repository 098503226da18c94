"""`split`: one write rotates what many share, and no reader ever sees two revisions in one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import combinations, pairwise
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from syncd.core.documents import SHARED, Observed, envelope
from syncd.core.errors import FixError, SyncError
from syncd.core.layouts.split import MOST, Split
from syncd.core.model import Definition, Deployment, Key, Scope, Workspace
from syncd.core.resolve import resolve
from tests.core.memory import MARK, seal
from tests.core.splitting import DEPLOYMENTS, ITEMS, World, granted

WRITTEN, PRINTED = True, False
SEEDS = st.integers(0, 2**32).map(Random)
NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
"""A seed that is smaller is no simpler life."""


def lived(random: Random, writes_policies: bool, changes: int, failing: float) -> World:
    """A world after some changes, passes in between, and policies granted now and then."""
    world = World(random, writes_policies)
    for _ in range(changes):
        world.change()
        if not writes_policies and random.random() < 0.4:
            world.grant(name for name in DEPLOYMENTS if random.random() < 0.7)
        if random.random() < 0.8:
            world.sync(failing)
    return world


@settings(max_examples=100, phases=NO_SHRINKING)
@given(SEEDS, st.booleans(), st.sampled_from([0.0, 0.3]))
def test_a_reader_sees_an_effective_connection_of_some_revision_or_an_error(
    random: Random, writes_policies: bool, failing: float
) -> None:
    world = lived(random, writes_policies, 12, failing)
    moments = range(len(world.target.states))
    for item in ITEMS:
        ever = {value for _, one, value in world.had if one == item}
        for first, second in combinations(moments, 2):
            for third in (second, random.choice(moments[second:])):
                try:
                    found = world.reads(item, first, second, third)
                except SyncError:
                    continue
                if found is None:
                    assert not all(world.lies(item, moment) for moment in range(first, third + 1))
                else:
                    assert found in ever


@settings(max_examples=200, phases=NO_SHRINKING)
@given(SEEDS, st.booleans(), st.sampled_from([0.0, 0.3]))
def test_no_deployment_can_read_a_value_that_it_never_had(
    random: Random, writes_policies: bool, failing: float
) -> None:
    world = lived(random, writes_policies, 12, failing)
    for deployment in DEPLOYMENTS:
        for moment, state in enumerate(world.target.states):
            had = {
                str(value)
                for since, item, text in world.had
                if item.deployment == deployment and since <= moment and text is not None
                for value in json.loads(text).values()
            }
            assert world.readable(state, deployment) <= had


@settings(max_examples=100, phases=NO_SHRINKING)
@given(SEEDS, st.sampled_from([0.0, 0.3]))
def test_what_is_linked_can_be_read_at_every_moment_from_its_first_write_on(random: Random, failing: float) -> None:
    world = lived(random, WRITTEN, 12, failing)
    for item in ITEMS:
        for moment in range(len(world.target.states)):
            if world.lies(item, moment):
                assert world.reads(item, moment) is not None


@settings(max_examples=100, phases=NO_SHRINKING)
@given(SEEDS, st.booleans())
def test_a_pass_without_failures_repairs_all_and_the_next_plan_is_empty(random: Random, writes_policies: bool) -> None:
    world = lived(random, writes_policies, 10, 0.3)
    world.mend()
    outcomes = world.sync()
    assert [outcome.error for outcome in outcomes if outcome.error] == []
    plan = world.prepared().plan
    assert (plan.changes, plan.hold) == ((), {})
    last = len(world.target.states) - 1
    for item in ITEMS:
        now = [value for _, one, value in world.had if one == item][-1]
        if now is not None or item.deployment in world.workspace.deployments:
            assert world.reads(item, last) == now


def settled(writes_policies: bool, **links: Mapping[str, str]) -> World:
    """Both deployments linked, all of it synced, granted and shared."""
    world = World(Random(1), writes_policies)  # noqa: S311  no secret comes from it
    world.define(FIRST, **{"d1": {}, "d2": {}, **links})
    world.sync()
    if not writes_policies:
        world.grant()
        world.sync()
    return world


def written(world: World, before: int) -> list[str]:
    """The objects written since there were so many states, in order."""
    states = world.target.states[before - 1 :]
    return [next(name for name in after if after[name] != earlier.get(name)) for earlier, after in pairwise(states)]


FIRST = {"conn_type": "http", "password": "first"}
SECOND = {"conn_type": "http", "password": "second"}
PART = "analytics/environments/prod/connections/warehouse"
LINK = "analytics/deployments/{}/connections/warehouse"


@pytest.mark.parametrize("writes_policies", [WRITTEN, PRINTED])
def test_a_shared_password_rotates_with_one_write(writes_policies: bool) -> None:
    world = settled(writes_policies, d2={"login": "etl"})
    before = len(world.target.states)
    world.define(SECOND, d1={}, d2={"login": "etl"})
    world.sync()
    assert written(world, before) == [PART]
    assert world.reads(ITEMS[1], before) == '{"conn_type": "http", "login": "etl", "password": "second"}'


def test_a_first_pass_writes_each_document_once() -> None:
    world = settled(WRITTEN)
    plates = [f"analytics/deployments/{name}/nameplate" for name in DEPLOYMENTS]
    policies = [f"analytics/policies/{name}" for name in DEPLOYMENTS]
    assert sorted(written(world, 1)) == sorted([PART, *map(LINK.format, DEPLOYMENTS), *plates, *policies])


def test_an_override_that_replaces_makes_its_link_complete_and_takes_the_shared_part_from_it() -> None:
    world = settled(WRITTEN)
    world.define(FIRST, d1={}, d2={"password": "own"})
    world.sync()
    now = world.target.states[-1]
    assert SHARED not in now[LINK.format("d2")][1]
    assert granted(now, "d2") == set()
    assert world.readable(now, "d2") == {"http", "own"}
    assert SHARED in now[LINK.format("d1")][1]


def test_where_policies_are_printed_a_link_is_complete_until_its_grant_is_shown() -> None:
    world = World(Random(1), PRINTED)  # noqa: S311  no secret comes from it
    world.define(FIRST, d1={}, d2={})
    world.sync()
    assert PART not in world.target.states[-1]
    assert world.prepared().plan.changes == ()
    world.grant()
    world.sync()
    assert [SHARED in world.target.states[-1][LINK.format(name)][1] for name in DEPLOYMENTS] == [True, True]


def test_a_part_that_somebody_is_still_granted_who_must_not_have_it_is_shared_no_more() -> None:
    world = settled(PRINTED)
    world.define(SECOND, d1={})
    world.sync()
    now = world.target.states[-1]
    assert "second" not in world.readable(now, "d2")
    assert now[PART][1]["removed"]
    assert world.reads(ITEMS[0], len(world.target.states) - 1) == '{"conn_type": "http", "password": "second"}'
    assert world.prepared().plan.changes == ()
    world.grant()
    world.sync()
    assert SHARED in world.target.states[-1][LINK.format("d1")][1]


def test_where_the_shared_part_cannot_be_made_its_links_are_complete_and_nothing_is_granted() -> None:
    world = World(Random(1), WRITTEN)  # noqa: S311  no secret comes from it
    world.target.refused = {PART}
    world.define(FIRST, d1={}, d2={})
    world.sync()
    now = world.target.states[-1]
    assert [world.readable(now, name) for name in DEPLOYMENTS] == [{"http", "first"}] * 2
    assert [granted(now, name) for name in DEPLOYMENTS] == [set(), set()]


def test_where_a_policy_cannot_be_written_its_link_is_complete_and_in_sync() -> None:
    world = World(Random(1), WRITTEN)  # noqa: S311  no secret comes from it
    world.target.refused = {"analytics/policies/d2"}
    world.define(FIRST, d1={}, d2={})
    assert {outcome.item for outcome in world.sync() if outcome.error} == {None}
    assert [SHARED in world.target.states[-1][LINK.format(name)][1] for name in DEPLOYMENTS] == [True, False]


def test_a_grant_stays_as_long_as_a_link_names_its_part_and_goes_with_the_next_pass() -> None:
    world = settled(WRITTEN)
    world.define(FIRST, d1={})
    world.target.refused = {LINK.format("d2")}
    world.sync()
    assert granted(world.target.states[-1], "d2") != set()
    world.target.refused = set()
    world.sync()
    assert granted(world.target.states[-1], "d2") == set()


def test_a_grant_that_could_not_be_taken_away_goes_with_the_next_pass() -> None:
    world = settled(WRITTEN)
    world.define(FIRST, d1={})
    world.target.refused = {"analytics/policies/d2"}
    world.sync()
    assert granted(world.target.states[-1], "d2") != set()
    world.target.refused = set()
    world.sync()
    assert granted(world.target.states[-1], "d2") == set()
    assert SHARED in world.target.states[-1][LINK.format("d1")][1]


def test_as_long_as_somebody_can_read_a_part_who_must_not_it_is_not_written_again() -> None:
    world = settled(WRITTEN)
    world.target.refused = {"analytics/policies/d2"}
    world.define(SECOND, d1={}, d2={"password": "own"})
    world.sync()
    assert "second" not in world.readable(world.target.states[-1], "d2")
    assert world.reads(ITEMS[1], len(world.target.states) - 1) == '{"conn_type": "http", "password": "own"}'


def test_as_long_as_a_link_that_names_a_part_is_to_change_the_part_is_not_written_again() -> None:
    world = settled(WRITTEN)
    world.target.refused = {LINK.format("d2")}
    world.define(SECOND, d1={}, d2={"login": "etl"})
    world.sync()
    assert world.reads(ITEMS[1], len(world.target.states) - 1) == '{"conn_type": "http", "password": "first"}'


def test_one_link_that_somebody_must_see_to_stops_no_other() -> None:
    world = settled(WRITTEN)
    world.target.refused, world.target.refusal = {LINK.format("d2")}, FixError
    world.define(SECOND, d1={}, d2={"login": "etl"})
    for _ in range(2):
        assert {outcome.item for outcome in world.sync() if outcome.error} == {None, ITEMS[1]}
        assert world.reads(ITEMS[0], len(world.target.states) - 1) == '{"conn_type": "http", "password": "second"}'


def test_a_part_of_somebody_else_is_never_named() -> None:
    world = World(Random(1), WRITTEN)  # noqa: S311  no secret comes from it
    theirs = {"layers": {"definition": FIRST}, "secrets": [["password"]]}
    world.target.put(PART, envelope(theirs, MARK._replace(instance="another")))
    world.define(FIRST, d1={}, d2={})
    world.sync()
    assert [SHARED in world.target.states[-1][LINK.format(name)][1] for name in DEPLOYMENTS] == [False, False]


def test_where_the_shared_part_cannot_be_written_its_links_say_so() -> None:
    world = settled(WRITTEN)
    world.define(SECOND, d1={}, d2={})
    world.target.refused = {PART}
    failed = {outcome.item: outcome.error for outcome in world.sync() if outcome.error}
    assert failed.keys() == {None, *ITEMS}
    world.target.refused = set()
    assert [outcome.error for outcome in world.sync(items=frozenset()) if outcome.error] == []
    assert world.reads(ITEMS[0], len(world.target.states) - 1) == '{"conn_type": "http", "password": "second"}'


def test_a_policy_names_no_more_than_it_can_and_the_other_links_are_complete() -> None:
    keys = [Key("connection", f"c{number:04}") for number in range(MOST + 1)]
    here = Workspace(
        "analytics",
        ("prod",),
        {"d1": Deployment("d1", "prod", ("files",))},
        {key: Definition(key, {"conn_type": "http"}, links={"d1": {}}) for key in keys},
    )
    goal = Split("analytics", WRITTEN).documents(resolve(here, Scope("files")), Observed(), seal)
    contents = {place: document.content for place, document in goal.items() if document is not None}
    assert sum(SHARED in content for place, content in contents.items() if "/connections/" in place.object) == MOST
    assert len(contents[Split("analytics").policy("d1")][SHARED]) == MOST
