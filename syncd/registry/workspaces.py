"""Workspaces in the registry: loaded at a revision, changed against the one that was seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, insert, or_, select, update

from syncd.core.checks import check
from syncd.core.errors import FixError, Problems, Reason, WaitError
from syncd.core.model import Workspace, dotted
from syncd.registry import tables
from syncd.registry.database import Registry, reading, writing
from syncd.registry.encryption import decrypt, encrypt
from syncd.registry.parts import Body, Part, join, split

_ATTEMPTS = 10


def names(registry: Registry) -> tuple[str, ...]:
    """All workspaces."""
    with reading(registry.engine) as connection:
        return tuple(connection.execute(select(tables.workspaces.c.name).order_by(tables.workspaces.c.name)).scalars())


def load(registry: Registry, name: str, *, at: int | None = None) -> Workspace:
    """A workspace as it is, or as it was at a revision. Raises FixError where there is none."""
    with reading(registry.engine) as connection:
        current = _revision(connection, name)
        if current is None:
            raise FixError(
                Reason.NOT_FOUND, f"workspace {name}", "isn't in this registry", f"`syncd workspace create {name}`"
            )
        if at is not None and not 0 <= at <= current:
            raise FixError(
                Reason.NOT_FOUND,
                f"workspace {name}",
                f"has no revision {at}",
                f"it has 1 to {current}: `syncd history`",
            )
        rows = connection.execute(_parts(name, at)).all()
    return join(
        name,
        current if at is None else at,
        (
            (Part(*row[:5]), row.body, _opened(registry, name, Part(*row[:5]), row.sealed) if row.sealed else ())
            for row in rows
        ),
    )


def create(registry: Registry, name: str, *, who: str, now: str, environments: tuple[str, ...] = ()) -> Workspace:
    """A new workspace, empty but for its environments. Raises FixError where there is one of that name."""
    if name in names(registry):
        raise FixError(Reason.REFUSED, f"workspace {name}", "is there already")
    workspace = Workspace(name, environments)
    return save(registry, Workspace(name), workspace, who=who, now=now, why="workspace created")


def save(
    registry: Registry, before: Workspace, after: Workspace, *, who: str, now: str, why: str, asked: bool = True
) -> Workspace:
    """Make `after` of `before` in one revision, and give it back with its number; where nothing differs, none is made.

    Revision 0 of a workspace is that it isn't there yet.
    Raises Problems where `after` can't be, WaitError where the workspace is no longer what `before` says.
    """
    _refuse_wrong(after)
    with writing(registry.engine) as connection:
        current = _revision(connection, before.name)
        if (current or 0) != before.revision:
            raise WaitError(
                Reason.CONFLICT,
                f"workspace {before.name}",
                f"is at revision {current or 0}, and what you looked at was {before.revision}",
                "run it again",
            )
        if current is None:
            connection.execute(insert(tables.workspaces), {"name": after.name, "revision": 0})
        return _save(connection, registry, before, after, (who, now, why), asked=asked)


def change(
    registry: Registry, name: str, edit: Callable[[Workspace], Workspace], *, who: str, now: str, why: str
) -> tuple[Workspace, Workspace]:
    """Load, edit, save; again on what another writer left in between. Before and after are given back.

    `edit` changes only what was asked for, so that doing it again on a newer state loses nobody's change.
    """
    for attempt in range(_ATTEMPTS):
        before = load(registry, name)
        try:
            return before, save(registry, before, edit(before), who=who, now=now, why=why)
        except WaitError as error:
            if error.reason is not Reason.CONFLICT or attempt + 1 == _ATTEMPTS:
                raise
    raise AssertionError


def remove(registry: Registry, name: str) -> None:
    """A workspace with its history and record. Raises FixError unless it is there and without deployments."""
    if load(registry, name).deployments:
        raise FixError(
            Reason.REFUSED, f"workspace {name}", "has deployments", "delete them first, and sync, so that nothing stays"
        )
    with writing(registry.engine) as connection:
        for table in reversed(tables.metadata.sorted_tables):
            if "workspace" in table.c:
                connection.execute(delete(table).where(table.c.workspace == name))
        connection.execute(delete(tables.workspaces).where(tables.workspaces.c.name == name))


def _refuse_wrong(workspace: Workspace) -> None:
    found = [
        FixError(
            Reason.INVALID_DEFINITION,
            dotted(finding.path) or f"workspace {workspace.name}",
            finding.problem,
            finding.remedy,
        )
        for finding in check(workspace)
    ]
    if found:
        raise Problems(found)


def _revision(connection: Connection, name: str) -> int | None:
    return connection.execute(select(tables.workspaces.c.revision).where(tables.workspaces.c.name == name)).scalar()


def _parts(name: str, at: int | None) -> Select[Any]:
    parts = tables.parts.c
    query = select(parts.noun, parts.kind, parts.id, parts.owner, parts.name, parts.body, parts.sealed).where(
        parts.workspace == name
    )
    if at is None:
        return query.where(parts.superseded.is_(None))
    return query.where(parts.revision <= at, or_(parts.superseded.is_(None), parts.superseded > at))


def _opened(registry: Registry, workspace: str, part: Part, token: str) -> list[tuple[tuple[str, ...], str]]:
    values = decrypt(registry.cipher, (workspace, *part), token, registry.keys.source)
    return [(tuple(path), value) for path, value in values]


def _save(
    connection: Connection,
    registry: Registry,
    before: Workspace,
    after: Workspace,
    by: tuple[str, str, str],
    *,
    asked: bool,
) -> Workspace:
    old, new = split(before), split(after)
    if before.revision == 0:
        old = {}
    gone = [part for part, body in old.items() if new.get(part) != body]
    made = [(part, body) for part, body in new.items() if old.get(part) != body]
    if not gone and not made:
        return before
    number = before.revision + 1
    who, now, why = by
    parts = tables.parts
    connection.execute(update(tables.workspaces).where(tables.workspaces.c.name == after.name), {"revision": number})
    connection.execute(
        insert(tables.revisions),
        {"workspace": after.name, "number": number, "at": now, "who": who, "why": why, "asked": asked},
    )
    if gone:
        statement = update(parts).where(
            parts.c.workspace == after.name,
            parts.c.superseded.is_(None),
            *(parts.c[name] == bindparam(f"_{name}") for name in Part._fields),
        )
        connection.execute(
            statement.values(superseded=number),
            [{f"_{name}": value for name, value in part._asdict().items()} for part in gone],
        )
    if made:
        connection.execute(
            insert(parts),
            [
                {
                    "workspace": after.name,
                    **part._asdict(),
                    "revision": number,
                    "body": body.open,
                    "sealed": _sealed(registry, after.name, part, body),
                }
                for part, body in made
            ],
        )
    return replace(after, revision=number)


def _sealed(registry: Registry, workspace: str, part: Part, body: Body) -> str | None:
    return encrypt(registry.cipher, (workspace, *part), list(body.hidden)) if body.hidden else None
