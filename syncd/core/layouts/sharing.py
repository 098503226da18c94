"""What documents say of sharing, and who shares what with whom by what was observed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from syncd.core.documents import SEALED, SHARED, VERSIONS, Document, Observed, Place
from syncd.core.layouts.layered import layers_document
from syncd.core.model import Item

if TYPE_CHECKING:
    from syncd.core.layouts.split import Split
    from syncd.core.resolve import Resolved

EDITED = "edited"
"""Of a policy, or of a link's document: somebody else had a hand in it, and what it says isn't all there is to it."""

_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass(frozen=True, eq=False)
class LinkDocument(Document):
    """It names its shared part; `complete` is the same with all layers, for where that can't be yet."""

    part: Place = field(kw_only=True)
    complete: Document | None = field(repr=False, kw_only=True)


def link_document(one: Resolved, part: Place, complete: Document | None) -> LinkDocument:
    """The link's own layer, and where the others lie."""
    own = layers_document(one, [layer for layer in one.layers if layer.name == "link"])
    return LinkDocument({**own.content, SHARED: part.object}, own.secret, part=part, complete=complete)


def shared_document(one: Resolved) -> Document:
    """The layers below the link's."""
    return layers_document(one, [layer for layer in one.layers if layer.name != "link"])


def policy_document(parts: Iterable[Place]) -> Document:
    """The shared parts that a deployment may read."""
    return Document({SHARED: sorted(part.object for part in parts)})


def parts_of(policy: Document | None) -> frozenset[Place]:
    """The inverse; none where there is no policy."""
    return frozenset() if policy is None else frozenset(Place(name) for name in policy.content[SHARED])


@dataclass(frozen=True)
class Sharing:
    """What was observed, by who shares what with whom."""

    layout: Split
    observed: Observed

    @cached_property
    def named(self) -> Mapping[Place, Place]:
        """The shared part that each link's document names."""
        shown = {place: view[(SHARED,)] for place, view in self.observed.views.items() if (SHARED,) in view}
        return {
            place: Place(name)
            for place, text in shown.items()
            if self.layout.item(place) is not None and isinstance(name := _plain(text), str)
        }

    @cached_property
    def granted(self) -> Mapping[str, frozenset[Place]]:
        """The shared parts that each deployment may read."""
        found = {}
        for place, shown in self.observed.views.items():
            deployment = self.layout.policy_of(place)
            if deployment:
                names = _plain(shown.get((SHARED,), "null"))
                found[deployment] = frozenset(Place(name) for name in names or () if isinstance(name, str))
        return found

    @cached_property
    def parts(self) -> frozenset[Place]:
        """The shared parts."""
        return frozenset(place for place in self.observed.views if self.layout.shared_item(place) is not None)

    @cached_property
    def users(self) -> Mapping[Place, list[Place]]:
        """The links' documents that name each shared part."""
        return _inverse(self.named.items())

    @cached_property
    def readers(self) -> Mapping[Place, list[str]]:
        """The deployments that may read each shared part."""
        return _inverse((name, part) for name, parts in self.granted.items() for part in parts)

    @cached_property
    def in_use(self) -> Mapping[str, frozenset[Place]]:
        """The shared parts that each deployment's links name."""
        found = _inverse((part, self.layout.deployment(place)) for place, part in self.named.items())
        return {deployment: frozenset(parts) for deployment, parts in found.items()}

    def version(self, place: Place) -> int:
        """Of the object there; 0 where nothing ever was."""
        stamp = self.observed.stamps.get(place.object)
        return 0 if stamp is None else int(stamp.version)

    def versions(self, part: Place) -> Mapping[str, Any]:
        """The links that a reader may hold an older document of than there is: not those at their first version."""
        item = self.layout.shared_item(part)
        if item is None:
            return {}
        found = {name: version for name, version in self._versions.get(item, ()) if version > 1}
        return {VERSIONS: dict(sorted(found.items()))} if found else {}

    @cached_property
    def obscure(self) -> frozenset[str]:
        """The deployments of whose policy nobody knows what it grants."""
        edited = (place for place, shown in self.observed.views.items() if (EDITED,) in shown)
        return frozenset(filter(None, map(self.layout.policy_of, edited)))

    def is_blind(self, part: Place) -> bool:
        """Could a link that may name it, or a policy, not be looked at?"""
        item = self.layout.shared_item(part)
        for place in map(Place, self.observed.unread):
            found = self.layout.item(place)
            if self.layout.policy_of(place) or (found is not None and found._replace(deployment="") == item):
                return True
        return False

    @cached_property
    def _versions(self) -> Mapping[Item, list[tuple[str, int]]]:
        items = ((self.layout.item(Place(name)), name) for name in self.observed.stamps)
        return _inverse(
            ((item.deployment, self.version(Place(name))), item._replace(deployment="")) for item, name in items if item
        )


def _plain(shown: str) -> Any:
    return None if shown.startswith(SEALED) else json.loads(shown)


def _inverse(pairs: Iterable[tuple[_V, _K]]) -> Mapping[_K, list[_V]]:
    found: dict[_K, list[_V]] = {}
    for value, key in pairs:
        found.setdefault(key, []).append(value)
    return found
