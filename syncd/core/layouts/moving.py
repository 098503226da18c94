"""How documents move where a deployment's number of Secrets changes, with no moment in which one can't be found.

They are copied to where they are to lie; then the nameplates say over how many Secrets; then what lies at its old place
goes. As long as any nameplate says the old number, what changes is written to both places.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from syncd.core.documents import NAMEPLATE, Document, Documents, Observed, Place, Seal, view
from syncd.core.layouts.spread import MOST, is_plate

if TYPE_CHECKING:
    from syncd.core.layouts.kubernetes import Bundled


def step(layout: Bundled, goal: Documents, observed: Observed, seal: Seal) -> Documents:
    """What of the goal may be written now: all of it where nothing moves."""
    before = _before(layout, goal, observed)
    elsewhere = dict(_elsewhere(layout, goal, observed))
    homeless = {
        layout.deployment(place)
        for place, (home, wanted) in elsewhere.items()
        if observed.views.get(home) != view(wanted, seal)
    }
    # What lies nowhere else yet as it is to be; and all beside it: whoever reads a nameplate reads what it tells of.
    kept = {place for place in elsewhere if layout.deployment(place) in homeless}
    if homeless:
        goal = {
            place: document
            for place, document in goal.items()
            if place not in kept
            and not (document is None and is_plate(place.key) and layout.deployment(place) in homeless)
        }
    if not before:
        # What was kept for readers in an earlier step is looked for no more.
        copies = elsewhere.keys() - goal.keys() - kept
        return {**goal, **dict.fromkeys(copies)} if copies else goal
    copied = {name for name in before if _is_copied(layout, name, goal, observed, seal)}
    now = {
        place: document
        for place, document in goal.items()
        if layout.deployment(place) not in before
        or layout.item(place) is not None
        or (layout.deployment(place) in copied if document is not None else _is_unlinked(layout, place, goal))
    }
    return {**dict(_kept(layout, before, goal)), **now}


def _before(layout: Bundled, goal: Documents, observed: Observed) -> Mapping[str, Collection[int]]:
    """The deployments of which a nameplate says another number, with all those numbers."""
    found: dict[str, set[int]] = {}
    for place, document in goal.items():
        if place.key == NAMEPLATE and document is not None:
            shown = observed.views.get(place, {}).get(("secrets",), "")
            if _is_number(shown) and int(shown) != layout.secrets:
                found.setdefault(layout.deployment(place), set()).add(int(shown))
    return found


def _is_number(shown: str) -> bool:
    """One that we may have written there: by any other, nobody ever found anything."""
    return shown.isdecimal() and len(shown) <= len(str(MOST)) and 0 < int(shown) <= MOST


def _is_copied(layout: Bundled, deployment: str, goal: Documents, observed: Observed, seal: Seal) -> bool:
    """Does all that can be found now lie where it will be looked for, as it is to be?"""
    items = {item for place in observed.views if (item := layout.stands_for(place)) and item.deployment == deployment}
    for place in map(layout.home, items):
        document = goal.get(place, _AS_IT_IS)
        if document is None:
            continue
        if place not in observed.views:
            return False
        if document is not _AS_IT_IS and observed.views[place] != view(document, seal):
            return False
    return True


_AS_IT_IS = Document({})


def _elsewhere(layout: Bundled, goal: Documents, observed: Observed) -> Iterator[tuple[Place, tuple[Place, Document]]]:
    """What lies where nobody will look for it once all is moved, each with its home and what is wanted there."""
    for place in observed.views:
        item = layout.stands_for(place)
        home = place if item is None else layout.home(item)
        wanted = goal.get(home)
        if home != place and wanted is not None:
            yield place, (home, wanted)


def _is_unlinked(layout: Bundled, place: Place, goal: Documents) -> bool:
    """Is it the document of an item that is to be found no more, wherever it lies?"""
    item = layout.stands_for(place)
    return item is not None and goal.get(layout.home(item)) is None


def _kept(layout: Bundled, before: Mapping[str, Collection[int]], goal: Documents) -> Iterator[tuple[Place, Document]]:
    """Documents where readers still look for them."""
    for place, document in goal.items():
        item = layout.item(place)
        if item is not None and document is not None:
            for secrets in before.get(item.deployment, ()):
                yield layout.at(item, secrets), document
