"""The status of each item and target, and how far each target is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, and_, bindparam, delete, insert, or_, select

from syncd.core.errors import Reason, SyncError
from syncd.core.model import Item
from syncd.core.outcome import Outcome, Status, advance
from syncd.registry import tables
from syncd.registry.database import Registry, fill, reading, writing

_KEY = ("deployment", "kind", "id")
_FEW = 500


class LastPass(NamedTuple):
    """How far a target is: wholly at `revision`, last looked at `at`, behind since then or not at all."""

    revision: int
    at: str
    behind_since: str | None
    trace: str = ""


class Lag(NamedTuple):
    """The registry is at `revision`, a target wholly at `reached` (0: never); `since` is when they parted, or empty."""

    revision: int
    reached: int
    since: str


NOWHERE = ""
"""In place of a workspace, where a failure is that of a folder of definitions."""


def statuses(
    registry: Registry,
    workspace: str,
    target: str,
    *,
    deployments: Collection[str] = (),
    ids: Collection[str] = (),
) -> Mapping[Item, Status]:
    """Of every item that a pass has dealt with; where any are named, at least those of these deployments and ids."""
    with reading(registry.engine) as connection:
        return _load(connection, workspace, target, deployments, ids)


def last_pass(registry: Registry, workspace: str, target: str) -> LastPass | None:
    """None where no pass has ended yet."""
    with reading(registry.engine) as connection:
        return _last(connection, workspace, target)


def failing(registry: Registry, workspace: str, target: str) -> Mapping[Item, Reason]:
    """The items that the last pass over them didn't bring in sync, and why."""
    table = tables.statuses.c
    query = select(table.deployment, table.kind, table.id, table.reason).where(
        table.workspace == workspace, table.target == target, table.reason != Reason.SYNCED.value
    )
    with reading(registry.engine) as connection:
        return {Item(*row[:3]): Reason(row.reason) for row in connection.execute(query)}


def failure(registry: Registry, workspace: str, target: str) -> Status | None:
    """Why the last passes over this target as a whole couldn't be made; None where the last one was."""
    with reading(registry.engine) as connection:
        return _failure(connection, workspace, target)


def failed(registry: Registry, workspace: str, target: str, error: SyncError, now: str) -> None:
    """Note that a pass couldn't be made at all."""
    table = tables.failures
    with writing(registry.engine) as connection:
        before = _failure(connection, workspace, target)
        connection.execute(delete(table).where(table.c.workspace == workspace, table.c.target == target))
        connection.execute(
            insert(table),
            {
                "workspace": workspace,
                "target": target,
                "reason": error.reason.value,
                "since": before.since if before else now,
                "times": before.failures + 1 if before else 1,
                "message": f"{error.subject}: {error.problem}",
                "remedy": error.remedy,
            },
        )


def recovered(registry: Registry, workspace: str, target: str) -> None:
    """Note that nothing is wrong any more with what `failed` told of."""
    table = tables.failures
    with writing(registry.engine) as connection:
        connection.execute(delete(table).where(table.c.workspace == workspace, table.c.target == target))


def forget_folders(registry: Registry, *, but: str) -> None:
    """Forget what is wrong with any other folder of definitions; another daemon's says it again at its next try."""
    if folders(registry).keys() - {but}:  # a transaction that writes waits for others that do
        table = tables.failures
        with writing(registry.engine) as connection:
            connection.execute(delete(table).where(table.c.workspace == NOWHERE, table.c.target != but))


def folders(registry: Registry) -> Mapping[str, Status]:
    """The folders of definitions that can't be applied, and why."""
    table = tables.failures
    query = select(table).where(table.c.workspace == NOWHERE).order_by(table.c.target)
    with reading(registry.engine) as connection:
        return {row.target: _as_status(row) for row in connection.execute(query)}


def lag(registry: Registry, workspace: str, target: str) -> Lag:
    """How far a target is behind the registry. It is, too, where nothing changed since and something failed."""
    known, revisions = tables.workspaces.c, tables.revisions.c
    with reading(registry.engine) as connection:
        revision = connection.execute(select(known.revision).where(known.name == workspace)).scalar() or 0
        last = _last(connection, workspace, target)
        reached = last.revision if last else 0
        at = select(revisions.at).where(revisions.workspace == workspace, revisions.number == reached + 1)
        parted = (connection.execute(at).scalar() or "") if reached < revision else ""
    since = [one for one in (parted, last.behind_since if last else None) if one]
    return Lag(revision, reached, min(since, default=""))


def keep(
    connection: Connection, workspace: str, target: str, outcomes: Sequence[Outcome], now: str, *, whole: bool
) -> None:
    """Advance the status of each item with an outcome; with `whole`, forget those that have none."""
    if not outcomes and not whole:
        return
    ids = () if whole else {outcome.item.id for outcome in outcomes if outcome.item is not None}
    known = _load(connection, workspace, target, (), ids)
    after: dict[Item, Status | None] = {
        outcome.item: advance(known.get(outcome.item), outcome, now) for outcome in outcomes if outcome.item is not None
    }
    if whole:
        after |= dict.fromkeys(known.keys() - after.keys())
    changed = {item: status for item, status in after.items() if status != known.get(item)}
    old = [item for item in changed if item in known]
    table = tables.statuses
    here = and_(table.c.workspace == workspace, table.c.target == target)
    if old:
        each = and_(here, *(table.c[name] == bindparam(f"_{name}") for name in _KEY))
        connection.execute(
            delete(table).where(each), [dict(zip(("_deployment", "_kind", "_id"), item, strict=True)) for item in old]
        )
    new = [
        (workspace, target, *item, one.reason.value, one.since, one.last_success, one.failures, one.message, one.remedy)
        for item, one in changed.items()
        if one is not None
    ]
    fill(connection, table, new)


def passed(connection: Connection, workspace: str, target: str, revision: int | None, now: str, *, trace: str) -> None:
    """Note that a pass ended: wholly at this revision, or with None still where it was."""
    before = _last(connection, workspace, target)
    table = tables.passes
    for one in (table, tables.failures):
        connection.execute(delete(one).where(one.c.workspace == workspace, one.c.target == target))
    behind = None if revision is not None else (before.behind_since if before and before.behind_since else now)
    reached = revision if revision is not None else (before.revision if before else 0)
    connection.execute(
        insert(table),
        {
            "workspace": workspace,
            "target": target,
            "revision": reached,
            "at": now,
            "behind_since": behind,
            "trace": trace,
        },
    )


def _load(
    connection: Connection, workspace: str, target: str, deployments: Collection[str], ids: Collection[str]
) -> dict[Item, Status]:
    table = tables.statuses
    query = select(table).where(table.c.workspace == workspace, table.c.target == target)
    if 0 < len(deployments) + len(ids) <= _FEW:
        query = query.where(or_(table.c.deployment.in_(deployments), table.c.id.in_(ids)))
    return {
        Item(row.deployment, row.kind, row.id): Status(
            Reason(row.reason), row.since, row.last_success, row.failures, row.message, row.remedy
        )
        for row in connection.execute(query)
    }


def _failure(connection: Connection, workspace: str, target: str) -> Status | None:
    table = tables.failures
    query = select(table).where(table.c.workspace == workspace, table.c.target == target)
    row = connection.execute(query).first()
    return None if row is None else _as_status(row)


def _as_status(row: Row[Any]) -> Status:
    return Status(Reason(row.reason), row.since, failures=row.times, message=row.message, remedy=row.remedy)


def _last(connection: Connection, workspace: str, target: str) -> LastPass | None:
    table = tables.passes.c
    query = select(table.revision, table.at, table.behind_since, table.trace)
    row = connection.execute(query.where(table.workspace == workspace, table.target == target)).first()
    return None if row is None else LastPass(*row)
