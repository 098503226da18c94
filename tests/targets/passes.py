"""Workspaces to push, and whole passes over a target with a record in memory."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from syncd.core.documents import Document, Mark, Observed, Place, View, view
from syncd.core.errors import Reason
from syncd.core.layouts import Layout
from syncd.core.model import Definition, Deployment, Item, Key, Scope, Workspace
from syncd.core.outcome import Outcome
from syncd.core.ports import Standing, Target
from syncd.core.resolve import fill, resolve
from syncd.sync import Prepared, carry_out, prepare
from tests.strategies import values
from tests.targets.memory_record import MemoryRecord

MARK = Mark("registry-1", "analytics", "files", 1)
NOW = "2026-01-01T00:00:00Z"
SECRET = "tell-nobody-Ä"


def seal(text: str) -> str:
    """A keyed digest, as a registry has one."""
    return hmac.new(b"key", text.encode(), hashlib.sha256).hexdigest()


def connection(id_: str, **fields: Any) -> Definition:
    """Linked to every deployment."""
    given = {"conn_type": "postgres", "host": "db.internal", "password": f"{SECRET} {id_}", **fields}
    return Definition(Key("connection", id_), given, link_all=True)


def variable(id_: str, value: str) -> Definition:
    """Linked to every deployment."""
    return Definition(Key("variable", id_), {"value": value}, link_all=True)


def workspace(
    *definitions: Definition, deployments: Iterable[str] = ("etl-dev", "etl-prod"), revision: int = 1
) -> Workspace:
    """Deployments of one environment, all with the target `files`."""
    return Workspace(
        "analytics",
        ("prod",),
        {name: Deployment(name, "prod", ("files",)) for name in deployments},
        {definition.key: definition for definition in definitions},
        revision,
    )


WAREHOUSE, LAKE = connection("warehouse", extra={"sslmode": "require", "token": SECRET}), connection("Lake/1", port=1)
REGION, API_TOKEN = variable("region", "eu"), variable("api token", SECRET)
BOTH_KINDS = workspace(WAREHOUSE, LAKE, REGION, API_TOKEN)
CHANGED = workspace(connection("warehouse", host="other.internal"), REGION, API_TOKEN, variable("new", "1"), revision=2)
"""After BOTH_KINDS: one changed, one gone, one new, two as they were."""
NOTHING = workspace(deployments=(), revision=3)


def items(*some: Workspace) -> frozenset[Item]:
    """All that are linked in any of them."""
    return frozenset(item for one in some for items in resolve(one, Scope("files")).linked.values() for item in items)


def goal(workspace: Workspace, layout: Layout) -> dict[Place, Document]:
    """What a full first pass is to write."""
    resolution = resolve(workspace, Scope("files"))
    resolution = fill(resolution, values(resolution.references))
    unholdable = layout.unholdable(resolution)
    kept = {item: one for item, one in resolution.resolved.items() if item not in unholdable}
    resolution = replace(resolution, resolved=kept)
    goal = layout.documents(resolution, Observed(), seal)
    return {place: document for place, document in goal.items() if document is not None}


def wanted(workspace: Workspace, layout: Layout) -> Mapping[Place, View]:
    """The goal as it is to be observed."""
    return {place: view(document, seal) for place, document in goal(workspace, layout).items()}


def planned(
    workspace: Workspace, target: Target, record: MemoryRecord | None = None, scope: Scope | None = None
) -> Prepared:
    """The first half of a pass; every item that goes was asked for by a person."""
    record = record or MemoryRecord(target.layout, stood=Standing(target.where, 99))
    scope = scope or Scope("files")
    asked = items(workspace) | {item for place in record.known.views if (item := target.layout.item(place))}
    return prepare(
        workspace,
        target,
        record,
        values,  # type: ignore[arg-type]  # it takes a frozenset, and gives no error
        mark=MARK._replace(revision=workspace.revision),
        seal=seal,
        scope=replace(scope, asked=asked | _asked(target)),
    )


def finished(
    prepared: Prepared, workspace: Workspace, target: Target, record: MemoryRecord | None = None
) -> tuple[Outcome, ...]:
    """The second half."""
    record = record or MemoryRecord(target.layout, stood=Standing(target.where, 99))
    mark = MARK._replace(revision=workspace.revision)
    return carry_out(prepared, target, record, mark=mark, seal=seal, now=NOW)


def push(
    workspace: Workspace, target: Target, record: MemoryRecord | None = None, scope: Scope | None = None
) -> tuple[Outcome, ...]:
    """A pass, by default one that verifies."""
    record = record or MemoryRecord(target.layout, stood=Standing(target.where, 99))
    return finished(planned(workspace, target, record, scope), workspace, target, record)


def reasons(outcomes: Iterable[Outcome]) -> Mapping[str, Reason]:
    """Why each object that failed did."""
    return {one.place.object: one.reason for one in outcomes if one.error is not None}


def _asked(target: Target) -> frozenset[Item]:
    there = target.observe(None, seal).views
    return frozenset(item for place in there if (item := target.layout.item(place)))
