"""What a pass must look at: the items whose revision or reference digest moved since the target's last whole pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sqlalchemy import and_, or_, select

from syncd.core.errors import SyncError
from syncd.core.merge import leaves
from syncd.core.model import Definition, Item, Reference, Scope, Workspace
from syncd.core.ports import Read
from syncd.registry import status, tables
from syncd.registry.database import Registry, reading
from syncd.registry.parts import Part
from syncd.registry.record import Record


class Touch(NamedTuple):
    """A part that a revision made, changed or took away."""

    part: Part
    asked: bool


def scope(registry: Registry, workspace: Workspace, target: str, read: Read, *, verify: bool) -> Scope:
    """The scope of the next pass: every item where it verifies, or where no pass has ended yet."""
    last = status.last_pass(registry, workspace.name, target)
    touches = _touches(registry, workspace.name, last.revision if last else 0)
    recorded = _recorded(registry, workspace.name, target, touches)
    asked = frozenset(_items(workspace, target, recorded, (touch.part for touch in touches if touch.asked)))
    if verify or last is None:
        return Scope(target, None, asked=asked)
    items = set(_items(workspace, target, recorded, (touch.part for touch in touches)))
    items |= _moved(registry, workspace, target, read)
    deployments = frozenset(touch.part.name for touch in touches if touch.part.noun == "deployment")
    return Scope(target, frozenset(items), deployments, asked)


def _touches(registry: Registry, workspace: str, since: int) -> tuple[Touch, ...]:
    parts, revisions = tables.parts.c, tables.revisions.c
    # The revision that took a part away tells whether its end was asked for; one that made it, its beginning.
    moved = or_(
        and_(parts.revision > since, revisions.number == parts.revision),
        and_(parts.superseded > since, revisions.number == parts.superseded),
    )
    query = select(parts.noun, parts.kind, parts.id, parts.owner, parts.name, revisions.asked).where(
        parts.workspace == workspace, revisions.workspace == workspace, moved
    )
    with reading(registry.engine) as connection:
        return tuple(dict.fromkeys(Touch(Part(*row[:5]), bool(row[5])) for row in connection.execute(query)))


def _recorded(registry: Registry, workspace: str, target: str, touches: Iterable[Touch]) -> frozenset[Item]:
    """The items with a status that a touch may be about."""
    deployments = {touch.part.name for touch in touches if touch.part.noun == "deployment"}
    ids = {touch.part.id for touch in touches if touch.part.id}
    if not deployments and not ids:
        return frozenset()
    return frozenset(status.statuses(registry, workspace, target, deployments=deployments, ids=ids))


def _items(workspace: Workspace, target: str, recorded: Iterable[Item], parts: Iterable[Part]) -> Iterator[Item]:
    here = [name for name, deployment in workspace.deployments.items() if target in deployment.targets]
    by_id: dict[tuple[str, str], list[Item]] = {}
    by_deployment: dict[str, list[Item]] = {}
    for item in recorded:
        by_id.setdefault((item.kind, item.id), []).append(item)
        by_deployment.setdefault(item.deployment, []).append(item)
    for part in set(parts):
        if part.noun == "deployment":
            yield from by_deployment.get(part.name, ())
            yield from (
                Item(part.name, key.kind, key.id)
                for key, definition in workspace.definitions.items()
                if definition.reaches(part.name)
            )
        elif part.owner or part.noun == "link":
            yield Item(part.owner or part.name, part.kind, part.id)
        elif part.noun in ("definition", "environment"):
            yield from by_id.get((part.kind, part.id), ())
            yield from (Item(name, part.kind, part.id) for name in here)


def _moved(registry: Registry, workspace: Workspace, target: str, read: Read) -> frozenset[Item]:
    """The items of references that give something else than at the last pass; one that can't be read always counts."""
    known = Record(registry, workspace.name).digests(target)
    values = read(known.keys())
    moved = {
        reference
        for reference, value in values.items()
        if isinstance(value, SyncError) or registry.seal(value) != known[reference]
    }
    if not moved:
        return frozenset()
    keys = [key for key, definition in workspace.definitions.items() if not moved.isdisjoint(_references(definition))]
    parts = [Part("definition", *key) for key in keys]
    return frozenset(_items(workspace, target, (), parts))


def _references(definition: Definition) -> Iterator[Reference]:
    for fields in (definition.fields, *definition.environments.values(), *definition.links.values()):
        yield from (value for _, value in leaves(fields) if isinstance(value, Reference))
