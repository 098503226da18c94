"""A team's changes, passes that fail in part, and readers at every moment: what `split` must survive."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from syncd.core.documents import Mark, Observed, Place, Stamp, envelope, view
from syncd.core.errors import FixError, Reason, SyncError, WaitError
from syncd.core.layouts.lookup import Address, lookup, read
from syncd.core.layouts.sharing import policy_document
from syncd.core.layouts.split import Split
from syncd.core.merge import merge
from syncd.core.model import Definition, Deployment, Item, Key, Reference, Scope, Workspace
from syncd.core.outcome import Outcome
from syncd.core.plan import Write
from syncd.core.ports import Standing
from syncd.core.resolve import Resolution, fill, resolve
from syncd.sync import Prepared, carry_out, prepare
from tests.core.memory import MARK, seal
from tests.targets.memory_record import MemoryRecord

DEPLOYMENTS = ("d1", "d2")
ENVIRONMENTS = ("dev", "prod")
ITEMS = tuple(Item(deployment, "connection", "warehouse") for deployment in DEPLOYMENTS)
CHANGES = (
    "rotate",
    "rotate",
    "rotate",
    "add",
    "add",
    "inherit",
    "override",
    "unlink",
    "link",
    "move",
    "retire",
    "break",
)
GONE = {"removed": True}

BROKEN = Reference("env", "BROKEN")


def unreadable(references: Collection[Reference]) -> Mapping[Reference, str | SyncError]:
    return {one: WaitError(Reason.REFERENCE_UNREADABLE, str(one), "isn't set") for one in references}


State = Mapping[str, "tuple[int, Mapping[str, Any]]"]
"""Every object that ever was, by name: its version and what it holds."""


class SplitTarget:
    """Vault, as far as `split` asks anything of it: versions that count on over removals, and a write each.

    `states` is all that ever lay there, write by write. Writes fail with the probability `failing`, some of them once
    they are done; those of objects in `refused` always do, with `refusal`.
    """

    name = "files"
    where = "memory"

    def __init__(self, layout: Split, random: Random) -> None:
        self.layout = layout
        self.states: list[State] = [{}]
        self.failing = 0.0
        self.refused: set[str] = set()
        self.refusal: type[SyncError] = WaitError
        self._random = random

    def refuses(self, name: str) -> SyncError | None:
        return None

    def observe(self, objects: Any, seal: Any) -> Observed:
        views, stamps = {}, {}
        for name, (version, content) in self.states[-1].items():
            if objects is None or name in objects:
                stamps[name] = Stamp(Mark(**content["mark"]), str(version))
                if not content.get("removed"):
                    place = Place(name)
                    kept = {key: value for key, value in content.items() if key not in ("format", "mark")}
                    views[place] = view(self.layout.found(place, kept), seal)
        return Observed(views, stamps)

    def write(self, writes: Sequence[Write], mark: Any, seal: Any) -> Mapping[str, Stamp | SyncError | None]:
        """In any order."""
        writes = list(writes)
        self._random.shuffle(writes)
        return {write.object: self._write(write, mark) for write in writes}

    def put(self, name: str, content: Mapping[str, Any]) -> int:
        version = self.states[-1].get(name, (0, {}))[0] + 1
        self.states.append({**self.states[-1], name: (version, json.loads(json.dumps(content)))})
        return version

    def _write(self, write: Write, mark: Any) -> Stamp | SyncError | None:
        held = self.states[-1].get(write.object)
        assert (held and str(held[0])) == (write.expected and write.expected.version)
        if not write.put and not write.drop:
            return None if held is None else write.expected
        if write.object in self.refused:
            return self.refusal(Reason.REFUSED, write.object, "won't do")
        failure = WaitError(Reason.UNAVAILABLE, write.object, "doesn't answer")
        if self._random.random() < self.failing:
            return failure
        content = GONE if not write.put else write.put[""].written
        version = self.put(write.object, envelope(content, mark))
        return failure if self._random.random() < self.failing / 3 else Stamp(mark, str(version))


@dataclass
class World:
    """A workspace, its target (in memory unless one is given), and every effective connection that a deployment ever
    had by any revision, with the number of writes before it."""

    random: Random
    writes_policies: bool
    target: Any = None
    workspace: Workspace = field(
        default_factory=lambda: Workspace(
            "analytics", ENVIRONMENTS, {name: Deployment(name, "prod", ("files",)) for name in DEPLOYMENTS}, {}, 1
        )
    )
    had: list[tuple[int, Item, str | None]] = field(default_factory=list)
    count: int = 0

    def __post_init__(self) -> None:
        self.layout = Split("analytics", self.writes_policies)
        self.target = self.target or SplitTarget(self.layout, self.random)
        self.record = MemoryRecord(self.layout, stood=Standing(self.target.where, 10_000))
        self._note()

    def change(self) -> str:
        """One thing that people do; its name."""
        name = self.random.choice(CHANGES)
        workspace, revision = self.workspace, self.workspace.revision + 1
        deployment = self.random.choice(DEPLOYMENTS)
        key = Key("connection", "warehouse")
        old = workspace.definitions.get(
            key, Definition(key, {"conn_type": "http"}, links={name: {} for name in DEPLOYMENTS})
        )
        deployments = dict(workspace.deployments)
        if deployment not in deployments:
            deployments[deployment] = Deployment(deployment, self.random.choice(ENVIRONMENTS), ("files",))
        if name == "rotate" and self.random.random() < 0.3:
            environment = self.random.choice(ENVIRONMENTS)
            old = replace(old, environments={**old.environments, environment: self._new("host")})
        elif name == "rotate":
            old = replace(old, fields={**old.fields, **self._new("password")})
        elif name == "override":
            old = replace(old, links={**old.links, deployment: self._new(self.random.choice(["password", "schema"]))})
        elif name == "add":
            old = replace(old, links={**old.links, deployment: self._new("login")})
        elif name in ("inherit", "link"):
            old = replace(old, links={**old.links, deployment: {}})
        elif name == "break":
            old = replace(old, links={**old.links, deployment: {"login": BROKEN}})
        elif name == "unlink":
            old = replace(old, links={one: link for one, link in old.links.items() if one != deployment})
        elif name == "move":
            deployments[deployment] = Deployment(deployment, self.random.choice(ENVIRONMENTS), ("files",))
        else:
            del deployments[deployment]
        self.workspace = replace(
            workspace, definitions={**workspace.definitions, key: old}, deployments=deployments, revision=revision
        )
        self._note()
        return name

    def define(self, fields: Mapping[str, Any], **links: Mapping[str, Any]) -> None:
        """The connection as it is from now on."""
        key = Key("connection", "warehouse")
        self.workspace = replace(
            self.workspace,
            definitions={key: Definition(key, fields, links=links)},
            revision=self.workspace.revision + 1,
        )
        self._note()

    def grant(self, deployments: Iterable[str] = DEPLOYMENTS) -> None:
        """Somebody runs what `syncd policies` prints for these deployments: where not all is in sync, nothing new."""
        held = [one for one in self.sync() if one.error is not None]
        shares = self.layout.shares(self._resolved())
        for name in deployments:
            wanted = set(shares.get(name, ()))
            wanted = wanted & granted(self.target.states[-1], name) if held else wanted
            content = policy_document(wanted).content if name in self.workspace.deployments else GONE
            self.target.put(self.layout.policy(name).object, envelope(content, MARK._replace(revision=0)))

    def mend(self) -> None:
        """Every reference can be read again."""
        for key, old in self.workspace.definitions.items():
            links = {name: {} if link.get("login") == BROKEN else link for name, link in old.links.items()}
            self.workspace = replace(
                self.workspace, definitions={key: replace(old, links=links)}, revision=self.workspace.revision + 1
            )
        self._note()

    def prepared(self, items: frozenset[Item] | None = None) -> Prepared:
        return prepare(
            self.workspace,
            self.target,
            self.record,
            unreadable,
            mark=MARK._replace(revision=self.workspace.revision),
            seal=seal,
            scope=Scope("files", items, asked=frozenset(item for _, item, _ in self.had)),
        )

    def sync(self, failing: float = 0.0, items: frozenset[Item] | None = None) -> tuple[Outcome, ...]:
        """A pass over these items, or all, whose writes fail with this probability."""
        if isinstance(self.target, SplitTarget):
            self.target.failing = failing
        mark = MARK._replace(revision=self.workspace.revision)
        return carry_out(
            self.prepared(items), self.target, self.record, mark=mark, seal=seal, now="2026-01-01T00:00:00Z"
        )

    def reads(self, item: Item, *moments: int) -> str | None:
        """What a reader finds whose requests are answered at these moments, one after the other; more at the last."""
        left = list(moments)

        def get(place: Place, after: Place | None = None) -> Mapping[str, Any] | None:
            state = self.target.states[left.pop(0) if len(left) > 1 else left[0]]
            if place.object.startswith("analytics/environments/") and place not in granted(state, item.deployment):
                raise FixError(Reason.ACCESS_DENIED, place.object, "is refused")
            return state[place.object][1] if place.object in state else None

        found = lookup(get, Address("analytics", item.deployment, "analytics"), item.kind, item.id)
        return None if found is None else shown(merge(read(found, "x").layers).fields)

    def lies(self, item: Item, moment: int) -> bool:
        """Does a document lie for it?"""
        _, content = self.target.states[moment].get(self.layout.home(item).object, (0, GONE))
        return not content.get("removed")

    def readable(self, state: State, deployment: str) -> set[str]:
        """Every value that a deployment's own login can read."""
        own = [name for name in state if name.startswith(f"analytics/deployments/{deployment}/connections/")]
        own += [place.object for place in granted(state, deployment) if place.object in state]
        layers = [layer for name in own for layer in state[name][1].get("layers", {}).values()]
        return {str(value) for fields in layers for value in fields.values()}

    def _resolved(self) -> Resolution:
        return fill(resolve(self.workspace, Scope("files")), unreadable({BROKEN}))

    def _new(self, field: str) -> dict[str, str]:
        self.count += 1
        return {field: f"{field}-{self.count}"}

    def _note(self) -> None:
        resolution = self._resolved()
        for item in ITEMS:
            one = resolution.resolved.get(item)
            moment = len(self.target.states) if isinstance(self.target, SplitTarget) else 0
            self.had.append((moment, item, None if one is None else shown(one.effective.fields)))


def granted(state: State, deployment: str) -> set[Place]:
    policy = state.get(f"analytics/policies/{deployment}", (0, GONE))[1]
    return {Place(name) for name in policy.get("shared", ())}


def shown(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, sort_keys=True)
