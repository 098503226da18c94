"""Nameplates: what tells a reader that it looks at the right place, and so that a miss means "not linked"."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from syncd.core import ids
from syncd.core.documents import SEALED, Document, Documents, Observed, Place, View
from syncd.core.layouts import Layout
from syncd.core.model import KINDS, Item

if TYPE_CHECKING:
    from syncd.core.resolve import Resolution


class Plated(Layout, Protocol):
    """A layout whose readers look at nameplates."""

    def nameplates(self, deployment: str) -> tuple[Place, ...]:
        """Where a deployment's nameplate lies: the same everywhere."""


def name_of(item: Item) -> str:
    """What a document is called below its deployment: `connections/warehouse`, the id encoded."""
    return f"{KINDS[item.kind].plural}/{ids.encode(item.id)}"


@lru_cache(maxsize=4096)
def named(plural: str, name: str) -> tuple[str, str] | None:
    """The inverse: kind and id; None where it is no document's. Deployments share their ids, and a pass asks for each
    document more than once."""
    kind = _KIND_OF.get(plural)
    try:
        id_ = ids.decode(name)
    except ValueError:
        return None
    return (kind, id_) if kind is not None and KINDS[kind].valid_id(id_) else None


_KIND_OF = {row.plural: kind for kind, row in KINDS.items()}


def nameplate_document(
    workspace: str, deployment: str, count: int, revision: int, awaits: Sequence[str] = ()
) -> Document:
    """`awaits` are the documents below the deployment that are linked, and couldn't be written yet."""
    content = {"workspace": workspace, "deployment": deployment, "count": count, "revision": revision}
    return Document({**content, "awaits": awaits} if awaits else content)


def nameplates(layout: Plated, resolution: Resolution, goal: Documents, observed: Observed) -> dict[Place, Document]:
    """The nameplates beside the other documents of a goal."""
    moved = {
        layout.deployment(place)
        for place, document in goal.items()
        if (document is None) == (place in observed.views) and place.object not in observed.unread
    }
    found: dict[Place, Document] = {}
    for deployment, items in resolution.linked.items():
        places = layout.nameplates(deployment)
        seen = observed.views.get(places[0])
        since = resolution.revision if deployment in moved else _revision(seen, resolution.revision)
        awaits = _awaited(layout, resolution, deployment, observed, seen)
        document = nameplate_document(resolution.workspace, deployment, len(items), since, awaits)
        found |= dict.fromkeys(places, document)
    return found


def awaiting(layout: Plated, goal: Documents, missing: Collection[Place]) -> Documents:
    """The nameplates of a goal that await what is missing, and no more what was written."""
    late: dict[str, set[str]] = {}
    for item in filter(None, map(layout.item, missing)):
        late.setdefault(item.deployment, set()).add(name_of(item))
    plates = {
        place: document
        for place, document in goal.items()
        if document is not None and "count" in document.content and is_nameplate(layout, place)
    }
    told = any("awaits" in document.content for document in plates.values())
    items = (layout.item(place) for place, document in goal.items() if told and document is not None)
    written = {(item.deployment, name_of(item)) for item in items if item is not None}
    found: dict[Place, Document | None] = {}
    for place, document in plates.items():
        deployment, before = layout.deployment(place), document.content.get("awaits", ())
        awaits = {name for name in before if (deployment, name) not in written} | late.get(deployment, set())
        if awaits != set(before):
            content = {name: value for name, value in document.content.items() if name != "awaits"}
            found[place] = Document({**content, "awaits": sorted(awaits)} if awaits else content)
    return found


def is_nameplate(layout: Plated, place: Place) -> bool:
    """Does a deployment's nameplate lie there?"""
    deployment = layout.deployment(place)
    return bool(deployment) and place in layout.nameplates(deployment)


def is_awaits(value: object) -> bool:
    """Is it a nameplate's list of what is linked, and couldn't be written yet?"""
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def found_nameplate(content: Mapping[str, Any]) -> Document:
    """A nameplate as it was found: it may have been edited, and what isn't as we write it is a secret."""
    known = {name for name in _KNOWN if isinstance(content.get(name), (str, int))}
    if is_awaits(content.get("awaits")):
        known.add("awaits")
    return Document(content, frozenset((name,) for name in content if name not in known))


_KNOWN = ("workspace", "deployment", "count", "revision", "secrets")


def _awaited(
    layout: Plated, resolution: Resolution, deployment: str, observed: Observed, seen: View | None
) -> list[str]:
    """Of the linked items, those that can't be had now, or couldn't be written, and never could: a miss of theirs
    doesn't mean "not linked"."""
    told = _awaits(seen)
    found = []
    for item in resolution.linked[deployment]:
        place = layout.home(item)
        missing = place not in observed.views and observed.unread_at(place.object) is None
        if missing and (item in resolution.blocked or (told and name_of(item) in told)):
            found.append(name_of(item))
    return sorted(found)


def _revision(nameplate: View | None, otherwise: int) -> int:
    written = (nameplate or {}).get(("revision",), "")
    return int(written) if written.isdecimal() else otherwise


def _awaits(nameplate: View | None) -> Collection[str]:
    shown = (nameplate or {}).get(("awaits",), "")
    written: Any = json.loads(shown) if shown and not shown.startswith(SEALED) else None
    return frozenset(written) if is_awaits(written) else ()
