"""`split`: what all links of an environment have in common lies once, and a link's document names it.

What a thousand deployments share then rotates with one write. Each of them has a policy that names the shared parts it
may read. No order of writes is always safe: a pass takes steps, and each does only what is safe now.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from syncd.core import ids
from syncd.core.documents import SHARED, VERSION, VERSIONS, Document, Documents, Observed, Place, Seal, View, view
from syncd.core.errors import SyncError
from syncd.core.layouts.layered import Layered, written_document
from syncd.core.layouts.sharing import LinkDocument, Sharing, link_document, policy_document, shared_document
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
    needs_all: ClassVar = True
    holds_one: ClassVar = False
    tells_withheld: ClassVar = True
    writes_policies: bool = False

    def deployment(self, place: Place) -> str:
        return self.policy_of(place) or super().deployment(place)

    def policy_of(self, place: Place) -> str:
        """The deployment whose policy lies there; empty for any other place."""
        start = f"{self.prefix}/policies/"
        return place.object[len(start) :] if place.object.startswith(start) else ""

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
        if self.policy_of(place):
            return Document(content)
        item, part = self.item(place), self.shared_item(place)
        aside = VERSION if item else VERSIONS if part else ""
        document = written_document(item or part, {name: value for name, value in content.items() if name != aside})
        plain = item and isinstance(content.get(SHARED), str)
        return replace(document, secret=document.secret - {(SHARED,)}) if plain else document

    def shares(self, resolution: Resolution) -> Mapping[str, frozenset[Place]]:
        """The shared parts that each deployment is to be granted, as many as a policy holds."""
        found: dict[str, set[Place]] = {}
        for item, one in resolution.resolved.items():
            if one.shared_in:
                found.setdefault(item.deployment, set()).add(self._part(item, one))
        return {deployment: frozenset(sorted(places)[:MOST]) for deployment, places in found.items()}

    def documents(self, resolution: Resolution, observed: Observed, seal: Seal) -> Documents:
        complete = super().documents(resolution, observed, seal)
        there = Sharing(self, observed)
        allowed = self._granted(resolution, complete, there) if self.writes_policies else there.granted
        users: dict[Place, list[Item]] = {}
        for item, one in resolution.resolved.items():
            if one.shared_in and (part := self._part(item, one)) in allowed.get(item.deployment, ()):
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

    def others_write(self, deployments: Collection[str], objects: Collection[str]) -> frozenset[str]:
        if self.writes_policies:
            return frozenset()
        known = frozenset(name for name in objects if self.policy_of(Place(name)))
        return known.union(self.policy(name).object for name in deployments)

    def warnings(self, resolution: Resolution, observed: Observed) -> tuple[str, ...]:
        there, shares = Sharing(self, observed), self.shares(resolution)
        blocked = {item.deployment for item in resolution.blocked}  # nobody knows what these are to have
        nothing: frozenset[Place] = frozenset()
        fewer = [
            name for name in shares if not self.writes_policies and shares[name] - there.granted.get(name, nothing)
        ]
        more = [name for name, parts in there.granted.items() if parts - shares.get(name, nothing)]
        more = [name for name in more if name not in blocked and not self._is_ours_to_change(name, there)]
        told = []
        if fewer:
            names = ", ".join(sorted(fewer))
            told.append(f"not all that {names} could share is granted, and those links are whole: run `syncd policies`")
        if more:
            names = ", ".join(sorted(more))
            told.append(f"{names} may still read what is shared, and theirs no more: run `syncd policies`")
        obscure = ", ".join(sorted(name for name in there.obscure if not self._is_ours_to_change(name, there)))
        if obscure:
            told.append(f"the policy of {obscure} isn't as `syncd policies` prints it: what it grants isn't known")
        return tuple(told)

    def step(self, goal: Documents, observed: Observed, seal: Seal, hold: Mapping[Place, SyncError]) -> Documents:
        return step(self, goal, observed, seal, hold)

    def _part(self, item: Item, one: Resolved) -> Place:
        return shared_place(self.prefix, one.shared_in, item.kind, item.id)

    def _granted(self, resolution: Resolution, goal: Documents, there: Sharing) -> Mapping[str, Collection[Place]]:
        """The shared parts that policies will have room for, beside those of links that stay as they are."""
        found = {}
        for deployment, parts in self.shares(resolution).items():
            there_now = there.granted.get(deployment, frozenset())
            room = MOST - sum(self.link_of(deployment, part) not in goal for part in there_now)
            found[deployment] = sorted(parts, key=lambda part: (part not in there_now, part))[: max(room, 0)]
        return found

    def link_of(self, deployment: str, part: Place) -> Place:
        """Where a deployment's document lies that may name this shared part."""
        item = self.shared_item(part)
        return Place("") if item is None else self.home(item._replace(deployment=deployment))

    def _available(self, part: Place, wanted: View, items: Collection[Item], goal: Documents, there: Sharing) -> bool:
        """Can it be as wanted, with nobody reading what it never had?"""
        if there.observed.views.get(part) == wanted:
            return True
        of_readers = (self.link_of(name, part) for name in there.readers.get(part, ()))
        concerned = {*there.users.get(part, ()), *(link for link in of_readers if self._may_lie(link, there))}
        if there.is_blind(part) or any(place not in goal for place in concerned):  # nobody knows what it comes to
            return False
        if any(not self._is_ours_to_change(name, there) for name in there.obscure):
            return False
        entitled = {item.deployment for item in items}
        readers = there.readers.get(part, ())
        return all(name in entitled or self._is_ours_to_change(name, there) for name in readers)

    def _is_ours_to_change(self, deployment: str, there: Sharing) -> bool:
        """Will the policy that a deployment has be written by us?"""
        stamp = there.observed.stamps.get(self.policy(deployment).object)
        return self.writes_policies and stamp is not None and stamp.mark is not None

    def _policies(self, resolution: Resolution, goal: Documents, there: Sharing) -> Documents:
        needed: dict[str, set[Place]] = {deployment: set() for deployment in resolution.linked}
        for place, document in goal.items():
            if isinstance(document, LinkDocument):
                needed[self.deployment(place)].add(document.part)
        found: dict[Place, Document | None] = {}
        for deployment, parts in needed.items():
            kept = {
                part
                for part in there.granted.get(deployment, ())
                if (link := self.link_of(deployment, part)) not in goal and self._may_lie(link, there)
            }
            place = self.policy(deployment)
            if parts | kept:
                found[place] = policy_document(parts | kept)
            elif place in there.observed.views:
                found[place] = None
        return found

    def _may_lie(self, place: Place, there: Sharing) -> bool:
        return place in there.observed.views or there.observed.unread_at(place.object) is not None
