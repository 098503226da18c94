"""`split`: what all links of an environment have in common lies once, and a link's document names it.

What a thousand deployments share then rotates with one write. Each of them has a policy that names the shared parts it
may read. No order of writes is always safe: a pass takes steps, and each does only what is safe now.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from syncd.core import ids
from syncd.core.documents import Document, Documents, Observed, Place, Seal, View, view
from syncd.core.layouts.layered import AWAITS, SHARED, VERSION, Layered, written_document
from syncd.core.layouts.sharing import Link, There, link_document, policy_document, shared_document
from syncd.core.layouts.steps import step
from syncd.core.model import KINDS, Item

if TYPE_CHECKING:
    from syncd.core.resolve import Resolution, Resolved

MOST = 2000
"""Shared parts that one policy names; links beyond them are complete."""


def shared_place(prefix: str, environment: str, kind: str, id_: str) -> Place:
    """Where the layers lie that all links of an environment have in common."""
    return Place(f"{prefix}/environments/{environment}/{KINDS[kind].plural}/{ids.encode(id_)}")


@dataclass(frozen=True)
class Split(Layered):
    """As Layered, with `<prefix>/environments/<environment>` for shared parts, and a policy per deployment.

    Where syncd may not write policies, whatever the policies grant is found, and links use no more than that.
    """

    name: ClassVar = "split"
    whole: ClassVar = True
    writes_policies: bool = False

    def deployment(self, place: Place) -> str:
        start = f"{self.prefix}/policies/"
        return place.object[len(start) :] if place.object.startswith(start) else super().deployment(place)

    def plates(self, deployment: str) -> tuple[Place, ...]:
        plates = super().plates(deployment)
        return (*plates, self.policy(deployment)) if self.writes_policies else plates

    def policy(self, deployment: str) -> Place:
        """Where it stands which shared parts a deployment may read."""
        return Place(f"{self.prefix}/policies/{deployment}")

    def shared_item(self, place: Place) -> Item | None:
        """The item of a shared part, of no deployment; None for any other place."""
        start = f"{self.prefix}/environments/"
        environment, _, below = place.object[len(start) :].partition("/")
        if not place.object.startswith(start) or not environment:
            return None
        item = self.item(Place(f"{self.prefix}/deployments/{environment}/{below}"))
        return None if item is None else item._replace(deployment="")

    def found(self, place: Place, content: Mapping[str, Any]) -> Document:
        if self.deployment(place) and self.policy(self.deployment(place)) == place:
            return Document(content, frozenset((name,) for name in content if name != SHARED))
        item, part = self.item(place), self.shared_item(place)
        aside = VERSION if item else AWAITS if part else ""
        document = written_document(item or part, {name: value for name, value in content.items() if name != aside})
        plain = item and isinstance(content.get(SHARED), str)
        return replace(document, secret=document.secret - {(SHARED,)}) if plain else document

    def shares(self, resolution: Resolution) -> Mapping[str, frozenset[Place]]:
        """The shared parts that each deployment is to be granted, as many as a policy holds."""
        found: dict[str, set[Place]] = {}
        for item, one in resolution.resolved.items():
            if one.environment:
                found.setdefault(item.deployment, set()).add(self._part(item, one))
        return {deployment: frozenset(sorted(places)[:MOST]) for deployment, places in found.items()}

    def documents(self, resolution: Resolution, observed: Observed, seal: Seal) -> Documents:
        complete = super().documents(resolution, observed, seal)
        there = There(self, observed)
        allowed = self.shares(resolution) if self.writes_policies else there.granted
        users: dict[Place, list[Item]] = {}
        for item, one in resolution.resolved.items():
            if one.environment and (part := self._part(item, one)) in allowed.get(item.deployment, ()):
                users.setdefault(part, []).append(item)
        goal = dict(complete)
        made: dict[int, Document] = {}
        for part, items in users.items():
            document = shared_document(resolution.resolved[items[0]])
            if not self._available(part, view(document, seal), items, complete, there):
                continue
            goal[part] = document
            for item in items:
                one = resolution.resolved[item]
                if id(one) not in made:
                    made[id(one)] = link_document(one, part, complete[self.home(item)])
                goal[self.home(item)] = made[id(one)]
        staying = {part for place, part in there.named.items() if place not in goal}
        for part in there.parts - goal.keys() - staying:
            goal[part] = None
        if self.writes_policies:
            goal |= self._policies(resolution, goal, there)
        return goal

    def step(self, goal: Documents, observed: Observed, seal: Seal, hold: Collection[Place]) -> Documents:
        return step(self, goal, observed, seal, hold)

    def _part(self, item: Item, one: Resolved) -> Place:
        return shared_place(self.prefix, one.environment, item.kind, item.id)

    def link(self, deployment: str, part: Place) -> Place:
        """Where a deployment's document lies that may name this shared part."""
        item = self.shared_item(part)
        return Place("") if item is None else self.home(item._replace(deployment=deployment))

    def _available(self, part: Place, wanted: View, items: Collection[Item], goal: Documents, there: There) -> bool:
        """Can it be as wanted, with nobody reading what it never had?"""
        if there.observed.views.get(part) == wanted:
            return True
        concerned = {*there.users.get(part, ()), *(self.link(name, part) for name in there.readers.get(part, ()))}
        if there.is_blind(part) or any(place not in goal for place in concerned):  # nobody knows what it comes to
            return False
        entitled = {item.deployment for item in items}
        return self.writes_policies or entitled.issuperset(there.readers.get(part, ()))

    def _policies(self, resolution: Resolution, goal: Documents, there: There) -> Documents:
        needed: dict[str, set[Place]] = {deployment: set() for deployment in resolution.linked}
        for place, document in goal.items():
            if isinstance(document, Link):
                needed[self.deployment(place)].add(document.part)
        found: dict[Place, Document | None] = {}
        for deployment, parts in needed.items():
            kept = {part for part in there.granted.get(deployment, ()) if self.link(deployment, part) not in goal}
            place = self.policy(deployment)
            if parts | kept:
                found[place] = policy_document(parts | kept)
            elif place in there.observed.views:
                found[place] = None
        return found
