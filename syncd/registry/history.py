"""Revisions: who changed what, when and why; compared, and gone back to."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import insert, select, update

from syncd.core.edits import Edit, edits
from syncd.core.errors import FixError, Reason
from syncd.core.model import Workspace
from syncd.registry import tables
from syncd.registry.database import Registry, reading, writing
from syncd.registry.workspaces import load, save


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


def diff(registry: Registry, workspace: str, before: int, after: int) -> tuple[Edit, ...]:
    """What differs between two revisions, secrets by name only."""
    return edits(load(registry, workspace, at=before), load(registry, workspace, at=after))


def rollback(registry: Registry, workspace: str, to: int, *, who: str, now: str) -> tuple[Workspace, Workspace]:
    """A new revision that is what `to` was. Before and after are given back. Raises FixError where there is no `to`."""
    before = load(registry, workspace)
    if to == 0:
        raise FixError(Reason.REFUSED, f"workspace {workspace}", "was empty at revision 0", "go back to a later one")
    after = replace(load(registry, workspace, at=to), revision=before.revision)
    return before, save(registry, before, after, who=who, now=now, why=f"rollback to revision {to}")


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
