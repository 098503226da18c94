"""Kubernetes: `layered` as keys of a fixed number of Secrets per deployment, `airflow` as a labelled Secret each."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from syncd.core import ids
from syncd.core.airflow_form import FORMS
from syncd.core.documents import NAMEPLATE, Document, Documents, Observed, Place, Seal, encode
from syncd.core.errors import FixError, Reason, SyncError
from syncd.core.layouts import removals, wanted
from syncd.core.layouts.airflow import airflow_document
from syncd.core.layouts.layered import layered_document, written_document
from syncd.core.layouts.moving import step
from syncd.core.layouts.plates import awaiting, named, nameplates
from syncd.core.layouts.spread import SECRETS, own_plate, secret_name, slot
from syncd.core.model import KINDS, Item

if TYPE_CHECKING:
    from syncd.core.resolve import Resolution, Resolved

LARGEST = 1024 * 1024
"""Bytes of all that a Secret holds, by the API server's own limit."""

_BESIDE = 64 * 1024
"""Bytes of it for a nameplate, and what that awaits."""

_LONGEST_KEY, _LONGEST_LABEL = 253, 63
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,3}")


def key_of(kind: str, id_: str) -> str:
    """A document's key in its Secret: `connections.warehouse`, the id encoded."""
    return f"{KINDS[kind].plural}.{ids.encode(id_)}"


@dataclass(frozen=True)
class Bundled:
    """`<prefix>.<deployment>.<n>`: envelopes without marks by key, and the nameplate in each, all made at once.

    Each has a nameplate of its own, too: laid into one folder, the others are one, and hide which Secrets are there.
    The nameplate says over how many Secrets they are spread. Where that changes, documents are copied first; then the
    nameplates say so; then what lies at its old place goes. Until then both places are kept.
    """

    name: ClassVar = "layered"
    needs_all: ClassVar = True
    holds_one: ClassVar = False
    tells_withheld: ClassVar = True
    prefix: str
    secrets: int = SECRETS

    def home(self, item: Item) -> Place:
        return self.at(item, self.secrets)

    def at(self, item: Item, secrets: int) -> Place:
        """Where its document lies among so many Secrets."""
        key = key_of(item.kind, item.id)
        return Place(secret_name(self.prefix, item.deployment, slot(key, secrets)), key)

    def item(self, place: Place) -> Item | None:
        item = self.stands_for(place)
        return item if item is not None and self.home(item) == place else None

    def stands_for(self, place: Place) -> Item | None:
        deployment, (plural, _, name) = self.deployment(place), place.key.partition(".")
        found = named(plural, name) if deployment else None
        return None if found is None else Item(deployment, *found)

    def deployment(self, place: Place) -> str:
        return self._parts(place.object)[0]

    def plates(self, deployment: str) -> tuple[Place, ...]:
        return (*self.nameplates(deployment), *self._own(deployment))

    def nameplates(self, deployment: str) -> tuple[Place, ...]:
        """One in each Secret: whoever reads one Secret knows what a miss in it means."""
        return tuple(Place(secret_name(self.prefix, deployment, n), NAMEPLATE) for n in range(self.secrets))

    def places(self, item: Item) -> frozenset[Place]:
        return frozenset({self.home(item), *self.plates(item.deployment)})

    def found(self, place: Place, content: Mapping[str, Any]) -> Document:
        """A document as it was found."""
        return written_document(self.stands_for(place), content)

    def documents(self, resolution: Resolution, observed: Observed, seal: Seal) -> Documents:
        goal = {**wanted(self, resolution, layered_document), **removals(self, resolution, observed)}
        for place, document in nameplates(self, resolution, goal, observed).items():
            goal[place] = Document({**document.content, "secrets": self.secrets})
        own = Document({"secrets": self.secrets})
        goal |= {place: own for deployment in resolution.linked for place in self._own(deployment)}
        return goal | dict.fromkeys(self._misplaced(resolution, observed))

    def step(self, goal: Documents, observed: Observed, seal: Seal, hold: Mapping[Place, SyncError]) -> Documents:
        return step(self, goal, observed, seal)

    def awaiting(self, goal: Documents, missing: Collection[Place]) -> Documents:
        return awaiting(self, goal, missing)

    def others_write(self, deployments: Collection[str], objects: Collection[str]) -> frozenset[str]:
        return frozenset()

    def warnings(self, resolution: Resolution, observed: Observed) -> tuple[str, ...]:
        return ()

    def unholdable(self, resolution: Resolution) -> Mapping[Item, SyncError]:
        large = _too_large(resolution, LARGEST - _BESIDE, lambda one: encode(layered_document(one), None))
        return large | {
            item: FixError(
                Reason.NOT_HOLDABLE,
                str(item),
                f"the id is too long for a key of {_LONGEST_KEY} characters once it is encoded",
                "give it a shorter id; capitals and special characters count twice or more",
            )
            for item in resolution.resolved
            if len(key_of(item.kind, item.id)) > _LONGEST_KEY
        }

    def _own(self, deployment: str) -> tuple[Place, ...]:
        """Each Secret's own nameplate."""
        return tuple(Place(secret_name(self.prefix, deployment, n), own_plate(n)) for n in range(self.secrets))

    def _parts(self, name: str) -> tuple[str, int]:
        """The deployment and the number in a Secret's name; empty and -1 where it isn't one of ours."""
        start = f"{self.prefix}."
        deployment, _, number = name[len(start) :].partition(".")
        ours = name.startswith(start) and deployment and _NUMBER.fullmatch(number)
        return (deployment, int(number)) if ours else ("", -1)

    def _misplaced(self, resolution: Resolution, observed: Observed) -> Iterator[Place]:
        """What lies where nobody will look for it once all is moved, of deployments and items that are known."""
        for place in observed.views:
            deployment, number = self._parts(place.object)
            known = deployment in resolution.linked or deployment in resolution.gone or resolution.full
            item = self.stands_for(place)
            if (place.key in (NAMEPLATE, own_plate(number)) and number >= self.secrets and known) or (
                item is not None
                and self.home(item) != place
                and known
                and (item in resolution.resolved or item not in resolution.linked.get(deployment, ()))
            ):
                yield place


@dataclass(frozen=True)
class Labelled:
    """A Secret each, which Airflow's own backend finds by its label; the key here is the id, and no key of the Secret.

    A label knows no deployment: a namespace holds those of one.
    """

    name: ClassVar = "airflow"
    needs_all: ClassVar = True
    holds_one: ClassVar = True
    tells_withheld: ClassVar = False
    prefix: str

    def home(self, item: Item) -> Place:
        digest = hashlib.sha256(item.id.encode()).hexdigest()[:16]
        return Place(f"{self.prefix}.{item.deployment}.{item.kind}.{digest}", item.id)

    def item(self, place: Place) -> Item | None:
        deployment, _, rest = place.object[len(self.prefix) + 1 :].partition(".")
        kind = rest.partition(".")[0]
        if kind not in KINDS or not KINDS[kind].valid_id(place.key):
            return None
        item = Item(deployment, kind, place.key)
        return item if self.home(item) == place else None

    def stands_for(self, place: Place) -> Item | None:
        return self.item(place)

    def deployment(self, place: Place) -> str:
        start = f"{self.prefix}."
        deployment, dot, _ = place.object[len(start) :].partition(".")
        return deployment if place.object.startswith(start) and dot else ""

    def plates(self, deployment: str) -> tuple[Place, ...]:
        return ()

    def places(self, item: Item) -> frozenset[Place]:
        return frozenset({self.home(item)})

    def documents(self, resolution: Resolution, observed: Observed, seal: Seal) -> Documents:
        goal = {**wanted(self, resolution, airflow_document), **removals(self, resolution, observed)}
        return {**goal, **dict.fromkeys(self._strays(resolution, observed, goal))} if resolution.full else goal

    def step(self, goal: Documents, observed: Observed, seal: Seal, hold: Mapping[Place, SyncError]) -> Documents:
        # Under one label Airflow takes any: what another deployment left goes first.
        here = {self.deployment(place) for place, document in goal.items() if document is not None}
        if here and self._others(observed, here):
            return {place: document for place, document in goal.items() if document is None}
        return goal

    def awaiting(self, goal: Documents, missing: Collection[Place]) -> Documents:
        return {}  # who reads this asks no plate

    def others_write(self, deployments: Collection[str], objects: Collection[str]) -> frozenset[str]:
        return frozenset()

    def warnings(self, resolution: Resolution, observed: Observed) -> tuple[str, ...]:
        others = self._others(observed, resolution.linked) if resolution.linked else ()
        return tuple(
            f"documents of deployment {other} lie in the namespace: nothing is written there until they are gone"
            for other in sorted(others)
        )

    def unholdable(self, resolution: Resolution) -> Mapping[Item, SyncError]:
        large = _too_large(resolution, LARGEST, lambda one: FORMS[one.kind].text(airflow_document(one).content))
        return large | {
            item: FixError(
                Reason.NOT_HOLDABLE,
                str(item),
                "no label can hold this id",
                f"give it {_LONGEST_LABEL} letters, digits or . _ - at most, a letter or digit first and last; "
                "or take layout layered",
            )
            for item in resolution.resolved
            if not _fits_a_label(item.id)
        }

    def _strays(self, resolution: Resolution, observed: Observed, goal: Documents) -> Iterator[Place]:
        """What no longer says whose document it is, unless it may be that of an item that can't be had now."""
        linked = {self.home(item).object for items in resolution.linked.values() for item in items}
        kept = linked - {place.object for place, document in goal.items() if document is not None}
        for place in observed.views:
            if not place.key and self.deployment(place) and place.object not in kept:
                yield place

    def _others(self, observed: Observed, here: Collection[str]) -> frozenset[str]:
        """The deployments whose documents lie there, but for these."""
        return frozenset(map(self.deployment, observed.views)) - {*here}


def _too_large(resolution: Resolution, most: int, shown: Callable[[Resolved], str]) -> dict[Item, SyncError]:
    """The items that no Secret can hold, however many there are."""
    sizes: dict[int, int] = {}
    found: dict[Item, SyncError] = {}
    for item, one in resolution.resolved.items():
        size = sizes.get(id(one))
        if size is None:
            about = sum(len(repr(layer.fields)) for layer in one.layers)  # of which none needs eight bytes a character
            size = sizes[id(one)] = len(shown(one).encode()) if about * 8 > most else 0
        if size > most:
            problem = f"comes to {size} bytes, and no Secret holds more than {most} of one"
            found[item] = FixError(Reason.NOT_HOLDABLE, str(item), problem, "make it smaller")
    return found


def _fits_a_label(id_: str) -> bool:
    return len(id_) <= _LONGEST_LABEL and _LABEL.fullmatch(id_) is not None
