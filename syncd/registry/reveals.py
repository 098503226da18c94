"""The audit record of secrets that left the servers: who took which, when and how. Names alone, never a value."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import insert, select

from syncd.registry import tables
from syncd.registry.database import Registry, reading, writing


class Revealed(NamedTuple):
    """Secrets of these items of a deployment, `at` (UTC, ISO 8601), by a command."""

    deployment: str
    at: str
    who: str
    how: str
    names: tuple[str, ...]


def note(registry: Registry, workspace: str, revealed: Revealed) -> None:
    """Before they leave: where this can't be written, they don't."""
    row = {**revealed._asdict(), "workspace": workspace, "names": json.dumps(revealed.names)}
    with writing(registry.engine) as connection:
        connection.execute(insert(tables.reveals), row)


def reveals(registry: Registry, workspace: str, *, last: int) -> Sequence[Revealed]:
    """The newest first."""
    table = tables.reveals.c
    query = (
        select(table.deployment, table.at, table.who, table.how, table.names)
        .where(table.workspace == workspace)
        .order_by(table.number.desc())
        .limit(last)
    )
    with reading(registry.engine) as connection:
        return [Revealed(*row[:4], tuple(json.loads(row[4]))) for row in connection.execute(query)]
