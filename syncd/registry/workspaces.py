"""Workspaces in the registry: loaded at a revision, changed against the one that was seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, insert, or_, select, update

from syncd.core.checks import check
from syncd.core.errors import FixError, Problems, Reason, WaitError
from syncd.core.model import Workspace, dotted
from syncd.registry import record, tables
from syncd.registry.database import Registry, check_keys, reading, writing
from syncd.registry.encryption import decrypt, encrypt
from syncd.registry.parts import Body, Hidden, Part, join, split

_ATTEMPTS = 3


def names(registry: Registry) -> tuple[str, ...]:
    """All workspaces."""
    with reading(registry.engine) as connection:
        # Sorted here: databases sort texts by rules of their own.
        return tuple(sorted(connection.execute(select(tables.workspaces.c.name)).scalars()))


def revisions(registry: Registry) -> Mapping[str, int]:
    """All workspaces, and the revision that each is at."""
    table = tables.workspaces.c
    with reading(registry.engine) as connection:
        return {row.name: row.revision for row in connection.execute(select(table.name, table.revision))}


def load(registry: Registry, name: str, *, at: int | None = None) -> Workspace:
    """A workspace as it is, or as it was at a revision; at 0 it was empty. Raises FixError where there is none."""
    with reading(registry.engine) as connection:
        found = _found(connection, name, at)
    return _joined(registry, name, found)


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

    Revision 0 of a workspace is that it isn't there yet. `asked` says that a person wants what it takes away.
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

    `edit` changes only what was asked for, so that doing it again on a newer state loses nobody's change. It is quick
    and asks nobody: where others are always faster, it is done while they wait.
    """
    for _ in range(_ATTEMPTS):
        before = load(registry, name)
        try:
            return before, save(registry, before, edit(before), who=who, now=now, why=why)
        except WaitError as error:
            if error.reason is not Reason.CONFLICT:
                raise
    with writing(registry.engine) as connection:
        before = _joined(registry, name, _found(connection, name, None))
        after = edit(before)
        _refuse_wrong(after)
        return before, _save(connection, registry, before, after, (who, now, why), asked=True)


def remove(registry: Registry, name: str) -> None:
    """A workspace with its history and record.

    Raises FixError unless it is there, has no deployments, and nothing of it lies in a target.
    """
    with writing(registry.engine) as connection:
        if _joined(registry, name, _found(connection, name, None)).deployments:
            raise FixError(
                Reason.REFUSED, f"workspace {name}", "has deployments", "delete them, and sync, so that nothing stays"
            )
        holding = record.holding(connection, registry, name)
        if holding:
            raise FixError(
                Reason.REFUSED,
                f"workspace {name}",
                f"has documents in {', '.join(holding)}",
                "`syncd sync` takes them away; for a target that is gone, `syncd target forget`",
            )
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


def _found(connection: Connection, name: str, at: int | None) -> tuple[int, Sequence[Row[Any]]]:
    """The revision, and the rows of its parts."""
    current = _revision(connection, name)
    if current is None:
        raise FixError(
            Reason.NOT_FOUND, f"workspace {name}", "isn't in this registry", f"`syncd workspace create {name}`"
        )
    if at is not None and not 0 <= at <= current:
        raise FixError(
            Reason.NOT_FOUND, f"workspace {name}", f"has no revision {at}", f"it has 1 to {current}: `syncd history`"
        )
    return current if at is None else at, connection.execute(_parts(name, at)).all()


def _joined(registry: Registry, name: str, found: tuple[int, Sequence[Any]]) -> Workspace:
    revision, rows = found
    parts = (
        (Part(noun, kind, id_, owner, named), at, body, sealed)
        for noun, kind, id_, owner, named, at, body, sealed in rows
    )
    return join(
        name, revision, ((part, body, _opened(registry, name, part, at, sealed)) for part, at, body, sealed in parts)
    )


def _revision(connection: Connection, name: str) -> int | None:
    return connection.execute(select(tables.workspaces.c.revision).where(tables.workspaces.c.name == name)).scalar()


def _parts(name: str, at: int | None) -> Select[Any]:
    parts = tables.parts.c
    query = select(
        parts.noun, parts.kind, parts.id, parts.owner, parts.name, parts.revision, parts.body, parts.sealed
    ).where(parts.workspace == name)
    if at is None:
        return query.where(parts.superseded.is_(None))
    return query.where(parts.revision <= at, or_(parts.superseded.is_(None), parts.superseded > at))


def _opened(registry: Registry, workspace: str, part: Part, revision: int, sealed: str | None) -> Hidden:
    if sealed is None:
        return ()
    values = decrypt(registry.cipher, _place(workspace, part, revision), sealed, registry.keys.source)
    return tuple((tuple(path), value) for path, value in values)


def _sealed(registry: Registry, workspace: str, part: Part, revision: int, body: Body) -> str | None:
    return encrypt(registry.cipher, _place(workspace, part, revision), body.hidden) if body.hidden else None


def _place(workspace: str, part: Part, revision: int) -> tuple[str, ...]:
    """What a secret is bound to: its row, so that it is good in no other."""
    return (workspace, *part, str(revision))


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
    if before.name != after.name:
        raise ValueError("a workspace keeps its name")
    if any(body.hidden for _, body in made):
        check_keys(connection, registry)
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
                    "sealed": _sealed(registry, after.name, part, number, body),
                }
                for part, body in made
            ],
        )
    return replace(after, revision=number)
