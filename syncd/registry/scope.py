"""What a pass must look at: the items whose revision or reference digest moved since the target's last whole pass."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from sqlalchemy import select

from syncd.core.errors import Reason, SyncError
from syncd.core.merge import leaves
from syncd.core.model import Definition, Item, Reference, Scope, Workspace
from syncd.core.ports import Read
from syncd.core.previews import expanded
from syncd.core.previews import of as previews_of
from syncd.registry import status, tables
from syncd.registry.database import Registry, reading
from syncd.registry.parts import Part
from syncd.registry.record import Record


class Touch(NamedTuple):
    """A part that a revision made (`ended` is false) or took away; `asked` says that a person wanted that."""

    part: Part
    ended: bool
    asked: bool


def scope(
    registry: Registry,
    workspace: Workspace,
    target: str,
    read: Read,
    *,
    verify: bool,
    expired: Collection[str] = (),
) -> Scope:
    """The scope of the next pass: what moved and what failed; `expired` deployments end with it.

    It is every item where the pass verifies; where none has ended yet; and where the last that wrote isn't the one
    that this registry knows of: it was cut short, or the registry was restored, copied or moved.
    """
    last = status.last_pass(registry, workspace.name, target)
    everything = verify or last is None or last.trace != Record(registry, workspace.name).trace(target)
    touches = _touches(registry, workspace.name, last.revision if last else 0, ended_alone=everything)
    touches |= {Touch(Part("deployment", name=name), ended=True, asked=True) for name in expired}
    recorded = _recorded(registry, workspace.name, target, touches)
    asked = _asked(workspace, target, recorded, touches)
    failing = status.failing(registry, workspace.name, target)
    held = frozenset(item for item, reason in failing.items() if reason is Reason.DELETES_HELD)
    if everything:
        return Scope(target, None, asked=asked, held=held)
    items = set(_items(workspace, target, recorded, (touch.part for touch in touches)))
    items |= _moved(registry, workspace, target, read)
    items |= failing.keys()
    deployments = frozenset(touch.part.name for touch in touches if touch.part.noun == "deployment")
    return Scope(target, frozenset(items), deployments, asked, held)


def _asked(workspace: Workspace, target: str, recorded: frozenset[Item], touches: Collection[Touch]) -> frozenset[Item]:
    """What persons' revisions took away, and no other revision did."""
    ended = {
        asked: [touch.part for touch in touches if touch.ended and touch.asked is asked] for asked in (True, False)
    }
    return frozenset(_items(workspace, target, recorded, ended[True])) - frozenset(
        _items(workspace, target, recorded, ended[False])
    )


def _touches(registry: Registry, workspace: str, since: int, *, ended_alone: bool) -> frozenset[Touch]:
    parts, revisions = tables.parts.c, tables.revisions.c
    found: set[Touch] = set()
    with reading(registry.engine) as connection:
        # Two queries, so that each has its index.
        for column, ended in ((parts.superseded, True), (parts.revision, False))[: 1 if ended_alone else 2]:
            query = select(parts.noun, parts.kind, parts.id, parts.owner, parts.name, revisions.asked).where(
                parts.workspace == workspace,
                column > since,
                revisions.workspace == workspace,
                revisions.number == column,
            )
            found.update(Touch(Part(*row[:5]), ended, bool(row[5])) for row in connection.execute(query))
    return frozenset(found)


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
    known = {*here, *by_deployment}
    previews = {name: [one.name for one in found] for name, found in previews_of(workspace).items()}
    workspace = expanded(workspace)
    for part in set(parts):
        if part.noun == "deployment":
            one = workspace.deployments.get(part.name)
            # What one in a higher environment gets from now on may be withheld from any preview.
            others = (
                previews.get(part.name, ()) if one is None or one.preview_of else itertools.chain(*previews.values())
            )
            for name in (part.name, *others):
                yield from by_deployment.get(name, ())
                yield from (
                    Item(name, key.kind, key.id)
                    for key, definition in workspace.definitions.items()
                    if name in known and definition.reaches(name)
                )
        elif part.owner or part.noun == "link":
            # A preview follows its base's links, and what a higher environment's come to is withheld from it.
            names = {part.owner or part.name}.union(*previews.values())
            yield from (Item(name, part.kind, part.id) for name in names & known)
        elif part.noun in ("definition", "environment"):
            yield from by_id.get((part.kind, part.id), ())
            yield from (Item(name, part.kind, part.id) for name in here)


def _moved(registry: Registry, workspace: Workspace, target: str, read: Read) -> frozenset[Item]:
    """The items of references that give something else than at the last pass; one that can't be read always counts."""
    known = Record(registry, workspace.name).digests(target)
    if not known:
        return frozenset()
    users: dict[Reference, list[Part]] = {}
    for key, definition in workspace.definitions.items():
        for reference in _references(definition):
            users.setdefault(reference, []).append(Part("definition", *key))
    moved = [
        reference
        for reference, value in read(known.keys() & users.keys()).items()
        if isinstance(value, SyncError) or registry.seal(value) != known[reference]
    ]
    return frozenset(_items(workspace, target, (), (part for reference in moved for part in users[reference])))


def _references(definition: Definition) -> Iterator[Reference]:
    for fields in (definition.fields, *definition.environments.values(), *definition.links.values()):
        yield from (value for _, value in leaves(fields) if isinstance(value, Reference))
