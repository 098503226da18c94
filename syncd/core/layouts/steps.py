"""What of a goal is safe to write now, whichever write of it fails.

    a link's document    names its shared part only where that part was observed as wanted, and granted
    a policy             gets wider only by such a part, and narrower only by what no link of its deployment names
    a shared part        is written only where all that can read it may, and no link that names it is about to change

A link that can't name its part yet is written complete, unless what it waits for is written in this very step.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from syncd.core.documents import Document, Documents, Observed, Place, Seal, View, view
from syncd.core.layouts.layered import VERSION
from syncd.core.layouts.sharing import Link, There, parts_of, policy_document

if TYPE_CHECKING:
    from syncd.core.layouts.split import Split


def step(layout: Split, goal: Documents, observed: Observed, seal: Seal, hold: Collection[Place]) -> Documents:
    """The part of the goal that is safe now. A pass takes steps until nothing is left, or nothing moves."""
    one = _Step(layout, goal, There(layout, observed), _Settled(goal, observed, seal))
    parts, policies = dict(one.parts()), dict(one.policies())
    coming = {place: document for place, document in {**parts, **policies}.items() if place not in hold}
    links = {place: one.link(place, document, coming) for place, document in goal.items() if isinstance(document, Link)}
    late = {layout.deployment(place) for place, document in links.items() if document is _LATER}
    # A nameplate speaks for documents that are there: until then a miss means what it meant before.
    others = {place: document for place, document in one.others() if place not in map(layout.nameplate, late)}
    now = {place: document for place, document in links.items() if document is not _LATER}
    return {**others, **parts, **policies, **now}


_LATER = Document({})


@dataclass(frozen=True)
class _Step:
    layout: Split
    goal: Documents
    there: There
    settled: _Settled

    @cached_property
    def ready(self) -> frozenset[Place]:
        """The shared parts that lie there as wanted."""
        return frozenset(filter(self.settled, self.there.parts))

    def parts(self) -> Iterator[tuple[Place, Document | None]]:
        for place, document in self.goal.items():
            if self.layout.shared_item(place) is None or self.settled(place):
                continue
            if document is None and not self.there.users.get(place):
                yield place, None
            elif document is not None and self._may_be_written(place):
                yield place, replace(document, aside=self.there.awaits(place))

    def policies(self) -> Iterator[tuple[Place, Document | None]]:
        for place, document in self.goal.items():
            deployment = self.layout.deployment(place)
            if not self._is_policy(place):
                continue
            old, wanted = self.there.granted.get(deployment, frozenset()), parts_of(document)
            in_use = self.there.in_use.get(deployment, frozenset())
            parts = (old & (wanted | in_use)) | (wanted & self.ready)
            if parts:
                yield place, policy_document(parts)
            elif place in self.there.observed.views:
                yield place, None

    def link(self, place: Place, document: Link, coming: Documents) -> Document | None:
        """The document to write now; _LATER where the shared part or its grant is `coming`."""
        deployment = self.layout.deployment(place)
        if self.settled(place):
            return document
        if document.part in self.ready and document.part in self.there.granted.get(deployment, ()):
            return replace(document, aside={VERSION: self.there.version(place) + 1})
        granted = parts_of(coming.get(self.layout.policy(deployment)))
        is_coming = coming.get(document.part) or (document.part in self.ready and document.part in granted)
        return _LATER if is_coming and place not in self.there.named else document.whole

    def others(self) -> Iterator[tuple[Place, Document | None]]:
        for place, document in self.goal.items():
            if not (isinstance(document, Link) or self._is_policy(place) or self.layout.shared_item(place)):
                yield place, document

    def _is_policy(self, place: Place) -> bool:
        deployment = self.layout.deployment(place)
        return bool(deployment) and place == self.layout.policy(deployment)

    def _may_be_written(self, part: Place) -> bool:
        """Do all that can read it get it by the goal, and will no link that names it change once it is written?"""
        if not all(map(self.settled, self.there.users.get(part, ()))):
            return False
        policies = (self.layout.policy(name) for name in self.there.readers.get(part, ()))
        return all(policy not in self.goal or part in parts_of(self.goal[policy]) for policy in policies)


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
