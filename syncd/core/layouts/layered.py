"""`layered`: a document holds an item's layers, and the backend merges them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from syncd.core import ids
from syncd.core.documents import NAMEPLATE, Document, Documents, Observed, Place, Seal
from syncd.core.errors import FixError, Reason, SyncError
from syncd.core.layouts import removals, wanted
from syncd.core.layouts.plates import awaiting, found_nameplate, named, nameplates
from syncd.core.model import KINDS, Item, Path
from syncd.core.secrets import secret_paths

if TYPE_CHECKING:
    from syncd.core.merge import Layer
    from syncd.core.resolve import Resolution, Resolved

_LONGEST = 255
"""Bytes of a part of a path, as file systems have it."""


def folder(prefix: str, deployment: str) -> str:
    """Where a deployment's documents lie."""
    return f"{prefix}/deployments/{deployment}"


def deployment_of(prefix: str, place: Place) -> str:
    """The inverse: whose folder a place lies in; empty for none's."""
    start = folder(prefix, "")
    return place.object[len(start) :].partition("/")[0] if place.object.startswith(start) else ""


@dataclass(frozen=True)
class Layered:
    """A path each, below `<prefix>/deployments/<deployment>`."""

    name: ClassVar = "layered"
    needs_all: ClassVar = False
    holds_one: ClassVar = False
    tells_withheld: ClassVar = True
    prefix: str

    def home(self, item: Item) -> Place:
        return Place(f"{folder(self.prefix, item.deployment)}/{KINDS[item.kind].plural}/{ids.encode(item.id)}")

    def item(self, place: Place) -> Item | None:
        start = folder(self.prefix, "")
        parts = place.object[len(start) :].split("/")
        if not place.object.startswith(start) or len(parts) != 3 or not parts[0]:
            return None
        found = named(parts[1], parts[2])
        return None if found is None else Item(parts[0], *found)

    def stands_for(self, place: Place) -> Item | None:
        return self.item(place)

    def deployment(self, place: Place) -> str:
        return deployment_of(self.prefix, place)

    def plates(self, deployment: str) -> tuple[Place, ...]:
        return (self.nameplate(deployment),)

    def nameplate(self, deployment: str) -> Place:
        """Where a deployment's nameplate lies."""
        return Place(f"{folder(self.prefix, deployment)}/{NAMEPLATE}")

    def nameplates(self, deployment: str) -> tuple[Place, ...]:
        return (self.nameplate(deployment),)

    def places(self, item: Item) -> frozenset[Place]:
        return frozenset({self.home(item), self.nameplate(item.deployment)})

    def found(self, place: Place, content: Mapping[str, Any]) -> Document:
        """A document as it was found."""
        return written_document(self.item(place), content)

    def documents(self, resolution: Resolution, observed: Observed, seal: Seal) -> Documents:
        goal = {**wanted(self, resolution, layered_document), **removals(self, resolution, observed)}
        return {**goal, **nameplates(self, resolution, goal, observed)}

    def awaiting(self, goal: Documents, missing: Collection[Place]) -> Documents:
        return awaiting(self, goal, missing)

    def step(self, goal: Documents, observed: Observed, seal: Seal, hold: Mapping[Place, SyncError]) -> Documents:
        return goal

    def others_write(self, deployments: Collection[str], objects: Collection[str]) -> frozenset[str]:
        return frozenset()

    def warnings(self, resolution: Resolution, observed: Observed) -> tuple[str, ...]:
        return ()

    def unholdable(self, resolution: Resolution) -> Mapping[Item, SyncError]:
        return {
            item: FixError(
                Reason.NOT_HOLDABLE,
                str(item),
                f"the id is too long for a name of {_LONGEST} bytes once it is encoded",
                "give it a shorter id; capitals and special characters count twice or more",
            )
            for item in resolution.resolved
            if len(ids.encode(item.id)) > _LONGEST
        }


def layered_document(one: Resolved) -> Document:
    """The layers of an item as a document; `secrets` names its secret fields for whoever masks them."""
    document = _layers_document(one.layers, one.secret)
    if not one.withheld:
        return document
    withheld = [[list(path), why, remedy] for path, why, remedy in one.withheld]
    return replace(document, content={**document.content, "withheld": withheld})


def layers_document(one: Resolved, layers: Sequence[Layer]) -> Document:
    """Some layers of an item as a document, which says of no others what is secret."""
    secret = (secret_paths(one.kind, one.id, layer.fields, one.secret) for layer in layers)
    return _layers_document(layers, frozenset().union(*secret))


def _layers_document(layers: Sequence[Layer], secret: frozenset[Path]) -> Document:
    return Document(
        {"layers": {layer.name: layer.fields for layer in layers}, "secrets": sorted(list(path) for path in secret)},
        frozenset(("layers", layer.name, *path) for layer in layers for path in secret),
    )


def written_document(item: Item | None, content: Mapping[str, Any]) -> Document:
    """A document as it was found. It may have been edited: the rule of what is secret is applied to what it says of
    its secrets, and what isn't as we write it is a secret altogether."""
    layers, secrets = content.get("layers"), content.get("secrets")
    if item is None:
        return found_nameplate(content)
    if not isinstance(layers, Mapping) or not all(isinstance(fields, Mapping) for fields in layers.values()):
        return Document(content, _all_but((), content))
    if not isinstance(secrets, list) or not all(isinstance(path, list) for path in secrets):
        return Document(content, _all_but((), content))
    told = [tuple(map(str, path)) for path in secrets]
    return Document(
        content,
        _all_but(("layers", "secrets", "withheld"), content).union(
            ("layers", name, *path)
            for name, fields in layers.items()
            for path in secret_paths(item.kind, item.id, fields, told).union(told)
        ),
    )


def _all_but(known: Collection[str], content: Mapping[str, Any]) -> frozenset[Path]:
    return frozenset((name,) for name in content if name not in known)
