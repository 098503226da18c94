"""What of a goal is safe to write now, whichever write of it fails.

    a link's document    names its shared part only where that part was observed as wanted, and granted
    a policy             gets wider only by such a part, and narrower only by what no link of its deployment names
    a shared part        is written only where all that can read it may, and no link that names it is about to change

A link that can't name its part yet is written complete, unless what it waits for is written in this very step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from syncd.core.documents import VERSION, Document, Documents, Observed, Place, Seal, View, view
from syncd.core.errors import FixError, SyncError
from syncd.core.layouts.sharing import LinkDocument, Sharing, parts_of, policy_document

if TYPE_CHECKING:
    from syncd.core.layouts.split import Split


def step(layout: Split, goal: Documents, observed: Observed, seal: Seal, hold: Mapping[Place, SyncError]) -> Documents:
    """The part of the goal that is safe now. A pass takes steps until nothing is left, or nothing moves."""
    one = _Step(layout, goal, Sharing(layout, observed), _Settled(goal, observed, seal), hold)
    parts, policies = dict(one.parts()), dict(one.policies())
    links = {place: one.link(place, document, parts, policies) for place, document in one.links()}
    late = {layout.nameplate(layout.deployment(place)) for place, document in links.items() if document is _LATER}
    # A nameplate speaks for documents that are there: until then a miss means what it meant before.
    others = {place: document for place, document in one.others() if place not in late}
    return {
        **others,
        **parts,
        **{place: document for place, (document, _) in policies.items()},
        **{place: document for place, document in links.items() if document is not _LATER},
    }


_LATER = Document({})


@dataclass(frozen=True)
class _Step:
    layout: Split
    goal: Documents
    there: Sharing
    settled: _Settled
    hold: Mapping[Place, SyncError]

    @cached_property
    def ready(self) -> frozenset[Place]:
        """The shared parts of ours that lie there as wanted."""
        return frozenset(part for part in self.there.parts if part not in self.hold and self.settled(part))

    @cached_property
    def stuck(self) -> frozenset[Place]:
        """The shared parts that wait for a link whom somebody must see to: nobody else is to wait for it."""
        changing = (place for place in self.goal if self.layout.shared_item(place) and not self.settled(place))
        return frozenset(part for part in changing if any(map(self._is_stuck, self.there.users.get(part, ()))))

    @cached_property
    def granted(self) -> Mapping[str, frozenset[Place]]:
        """What policies are to grant; of those that the goal names."""
        return {
            name: parts_of(document) for place, document in self.goal.items() if (name := self.layout.policy_of(place))
        }

    def parts(self) -> Iterator[tuple[Place, Document | None]]:
        for place, document in self.goal.items():
            if self.layout.shared_item(place) is None or self.settled(place):
                continue
            if document is None and not self.there.users.get(place):
                yield place, None
            elif document is not None and self._may_be_written(place):
                yield place, replace(document, aside=self.there.versions(place))

    def policies(self) -> Iterator[tuple[Place, tuple[Document | None, frozenset[Place]]]]:
        """With what they grant then."""
        for deployment, wanted in self.granted.items():
            place, old = self.layout.policy(deployment), self.there.granted.get(deployment, frozenset())
            in_use = self.there.in_use.get(deployment, frozenset())
            parts = (old & (wanted | in_use)) | (wanted & self.ready)
            if parts:
                yield place, (policy_document(parts), parts)
            elif place in self.there.observed.views:
                yield place, (None, parts)

    def links(self) -> Iterator[tuple[Place, LinkDocument]]:
        return ((place, document) for place, document in self.goal.items() if isinstance(document, LinkDocument))

    def link(
        self,
        place: Place,
        document: LinkDocument,
        parts: Documents,
        policies: Mapping[Place, tuple[Document | None, frozenset[Place]]],
    ) -> Document | None:
        """The document to write now; _LATER where the shared part or its grant is written in this very step."""
        deployment, part = self.layout.deployment(place), document.part
        if part in self.stuck:
            return document.complete
        if self.settled(place):
            return document
        if part in self.ready and part in self.there.granted.get(deployment, ()):
            return replace(document, aside={VERSION: self.there.version(place) + 1})
        policy = self.layout.policy(deployment)
        _, granted = policies.get(policy, (None, frozenset())) if policy not in self.hold else (None, frozenset())
        is_coming = (parts.get(part) and part not in self.hold) or (part in self.ready and part in granted)
        return _LATER if is_coming and place not in self.there.named else document.complete

    def others(self) -> Iterator[tuple[Place, Document | None]]:
        for place, document in self.goal.items():
            if not (
                isinstance(document, LinkDocument) or self.layout.policy_of(place) or self.layout.shared_item(place)
            ):
                yield place, document

    def _is_stuck(self, link: Place) -> bool:
        return isinstance(self.hold.get(link), FixError) and not self.settled(link)

    def _may_be_written(self, part: Place) -> bool:
        """Do all that can read it get it by the goal, and will no link that names it change once it is written?"""
        if self.there.obscure:
            return False
        readers = self.there.readers.get(part, ())
        return all(map(self.settled, self.there.users.get(part, ()))) and all(
            part in self.granted.get(name, {part}) for name in readers
        )


class _Settled:
    """Is a place as the goal wants it? One that the goal doesn't name is."""

    def __init__(self, goal: Documents, observed: Observed, seal: Seal) -> None:
        self._goal, self._observed, self._seal = goal, observed, seal
        self._views: dict[Document, View] = {}

    def __call__(self, place: Place) -> bool:
        if place not in self._goal:
            return True
        document = self._goal[place]
        if document is None:
            return place not in self._observed.views
        if document not in self._views:
            self._views[document] = view(document, self._seal)
        return self._observed.views.get(place) == self._views[document]
