"""How documents lie in a target: where an item's document is, and which documents a deployment's items come to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Protocol

from syncd.core.documents import Document, Documents, Observed, Place, Seal
from syncd.core.errors import SyncError
from syncd.core.model import Item

if TYPE_CHECKING:  # a worker's first lookup imports this, and resolves nothing
    from syncd.core.resolve import Resolution, Resolved


class Layout(Protocol):
    """Pure: places and documents as values; a target carries them out."""

    @property
    def needs_all(self) -> bool:
        """Does a pass need to know all that lies there, whatever its scope? So it is where deployments share."""

    @property
    def holds_one(self) -> bool:
        """Is a target for the documents of one deployment alone? So it is where what is found says no deployment."""

    @property
    def tells_withheld(self) -> bool:
        """Can a document say what is withheld from it? Airflow's own backends would take it for an empty value."""

    def home(self, item: Item) -> Place:
        """Where a reader begins to look for an item."""

    def item(self, place: Place) -> Item | None:
        """The item whose document lies there; None for a plate, and for a place that no item has."""

    def stands_for(self, place: Place) -> Item | None:
        """The same, be it at its home or where that was before."""

    def deployment(self, place: Place) -> str:
        """The deployment that a place belongs to; empty for a place of no deployment of this prefix."""

    def plates(self, deployment: str) -> tuple[Place, ...]:
        """What a deployment has whether or not anything is linked: its nameplate, or files that may be empty."""

    def places(self, item: Item) -> frozenset[Place]:
        """All places that a pass over this item may touch, its deployment's plates among them."""

    def documents(self, resolution: Resolution, observed: Observed, seal: Seal) -> Documents:
        """The goal within the scope, removals as None. Blocked items aren't named: they stay as observed."""

    def step(self, goal: Documents, observed: Observed, seal: Seal, hold: Mapping[Place, SyncError]) -> Documents:
        """The part of the goal that is safe to write now, whichever write of it fails; nothing on hold is written.

        The goal itself where all of it is safe at once: then it is the only step.
        """

    def awaiting(self, goal: Documents, missing: Collection[Place]) -> Documents:
        """The plates of a goal as they must be where these places of it could not be written, and hold nothing."""

    def others_write(self, deployments: Collection[str], objects: Collection[str]) -> frozenset[str]:
        """What others write for these deployments, and have written: each pass looks at it, whatever its scope."""

    def warnings(self, resolution: Resolution, observed: Observed) -> tuple[str, ...]:
        """What a person should look at, though nothing is wrong: told where all was looked at."""

    def unholdable(self, resolution: Resolution) -> Mapping[Item, SyncError]:
        """The items whose ids this layout can't hold, each with its error."""


def wanted(
    layout: Layout, resolution: Resolution, made_of: Callable[[Resolved], Document]
) -> dict[Place, Document | None]:
    """The document of each item at its place; items that share one Resolved share one document."""
    made: dict[int, Document] = {}
    goal: dict[Place, Document | None] = {}
    for item, one in resolution.resolved.items():
        if id(one) not in made:
            made[id(one)] = made_of(one)
        goal[layout.home(item)] = made[id(one)]
    return goal


def removals(layout: Layout, resolution: Resolution, observed: Observed) -> Documents:
    """The places to empty: of items that departed, of deployments that are gone, and in a full pass of whatever else
    lies there that no link explains."""
    found = {layout.home(item) for item in resolution.departed}
    found |= {place for deployment in resolution.gone for place in layout.plates(deployment)}
    if resolution.full:
        found |= {place for place in observed.views if _is_orphan(layout, place, resolution)}
    return dict.fromkeys(found)


def _is_orphan(layout: Layout, place: Place, resolution: Resolution) -> bool:
    item = layout.item(place)
    if item is not None:
        return item not in resolution.linked.get(item.deployment, ())
    deployment = layout.deployment(place)
    return deployment not in resolution.linked and place in layout.plates(deployment)
