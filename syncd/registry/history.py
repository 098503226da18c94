"""Revisions: who changed what, when and why; and gone back to."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import insert, select, update

from syncd.core.errors import FixError, Reason
from syncd.core.model import Workspace
from syncd.registry import tables
from syncd.registry.database import Registry, reading, writing
from syncd.registry.workspaces import load


class Revision(NamedTuple):
    """One numbered change. `at` is UTC, ISO 8601."""

    number: int
    at: str
    who: str
    why: str


def revisions(registry: Registry, workspace: str, *, last: int) -> tuple[Revision, ...]:
    """The newest first."""
    table = tables.revisions.c
    query = (
        select(table.number, table.at, table.who, table.why)
        .where(table.workspace == workspace)
        .order_by(table.number.desc())
        .limit(last)
    )
    with reading(registry.engine) as connection:
        return tuple(Revision(*row) for row in connection.execute(query))


def rolled_back(registry: Registry, before: Workspace, to: int) -> Workspace:
    """What `before` would be after a rollback: not saved yet. Raises FixError where there is no revision `to`."""
    if to == 0:
        raise FixError(Reason.REFUSED, f"workspace {before.name}", "was empty at revision 0", "go back to a later one")
    return replace(load(registry, before.name, at=to), revision=before.revision)


def skip_to(registry: Registry, workspace: str, revision: int, *, who: str, now: str, why: str) -> None:
    """Count on from this revision, with nothing changed: for a registry that is behind what it wrote.

    Nothing where it isn't behind.
    """
    table = tables.workspaces
    with writing(registry.engine) as connection:
        behind = update(table).where(table.c.name == workspace, table.c.revision < revision)
        if connection.execute(behind.values(revision=revision)).rowcount:
            connection.execute(
                insert(tables.revisions),
                # Not asked: what the lost revisions had linked isn't deleted without a person's yes.
                {"workspace": workspace, "number": revision, "at": now, "who": who, "why": why, "asked": False},
            )
