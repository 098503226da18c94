"""A plan is data: what would change, what is held back and why, and the writes that it comes to."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from syncd.core.canonical import text
from syncd.core.documents import SEALED, Document, Documents, Mark, Observed, Place, Seal, Stamp, View, sealed, view
from syncd.core.errors import FixError, Reason, SyncError
from syncd.core.model import Item
from syncd.core.secrets import is_secret


class Change(NamedTuple):
    """One place, before and after; None is a document that isn't there."""

    place: Place
    before: View | None
    after: View | None


@dataclass(frozen=True)
class Plan:
    """The changes of a pass, sorted by place, and the places that it must not write, each with its error.

    It holds views, so it can't hold a secret.
    """

    changes: tuple[Change, ...]
    hold: Mapping[Place, SyncError] = field(default_factory=dict)
    target: str = field(default="", compare=False)
    deletes: tuple[Change, ...] = ()
    """Those that the guard holds back."""

    @property
    def digest(self) -> str:
        """What a person confirms: the deletes held back, by target, place and what would go. Twelve hex digits."""
        if not self.deletes:
            return ""
        told = [
            [*change.place, sorted([*path, leaf] for path, leaf in (change.before or {}).items())]
            for change in self.deletes
        ]
        return hashlib.sha256(text([self.target, told]).encode()).hexdigest()[:12]


class Write(NamedTuple):
    """One step of a target: in one object, documents to put and keys to drop, against the version that was seen.

    `expected` is None where the object must not be there. In memory only: its repr shows places.
    """

    object: str
    expected: Stamp | None
    put: Mapping[str, Document]
    drop: frozenset[str]

    def __repr__(self) -> str:
        return f"Write({self.object!r}, put={sorted(self.put)}, drop={sorted(self.drop)})"

    @property
    def places(self) -> tuple[Place, ...]:
        """Every place that it writes."""
        return tuple(Place(self.object, key) for key in sorted(self.put.keys() | self.drop))


def compare(desired: Documents, observed: Observed, *, mark: Mark, seal: Seal, hold: Mapping[Place, SyncError]) -> Plan:
    """What differs. A place of an object that couldn't be read is held, and so is one of an object that isn't ours."""
    held = dict(hold)
    changes = []
    views: dict[Document, View] = {}
    for place in sorted(desired):
        document = desired[place]
        before = observed.views.get(place)
        if document is not None and document not in views:
            views[document] = view(document, seal)
        after = None if document is None else views[document]
        if place in held:
            continue
        unread = observed.unread_at(place.object)
        if unread is not None:
            held[place] = unread
            continue
        stamp = observed.stamps.get(place.object)
        foreign = stamp is not None and not mark.same_owner(stamp.mark)
        if foreign and after is not None:
            held[place] = _not_owned(place, stamp, mark)
        elif before != after and not foreign:
            changes.append(Change(place, _veiled(before, document, seal), after))
    return Plan(tuple(changes), held, mark.target)


def _veiled(before: View | None, document: Document | None, seal: Seal) -> View | None:
    # What is a secret now was none when it was written: a person may have said so just now. It isn't shown once more.
    if before is None or document is None or not document.secret:
        return before
    return {
        path: sealed(path, json.loads(shown), seal)
        if not shown.startswith(SEALED) and is_secret(path, document.secret)
        else shown
        for path, shown in before.items()
    }


def guard(
    plan: Plan,
    *,
    of: Mapping[str, int],
    item: Callable[[Place], Item | None],
    deployment: Callable[[Place], str],
    asked: frozenset[Item],
    before: frozenset[Item] = frozenset(),
    accept: str = "",
    share: float = 0.3,
    least: int = 10,
) -> Plan:
    """Hold back deletes that no person's revision asked for: all of a deployment, or too large a share of a target.

    `of` is how many items each deployment has there; `share` counts where there are `least` or more in all. A
    nameplate goes only with its documents. What was held `before` stays so, however little it is of what there is now.
    `accept` is the digest of held deletes that a person has seen and wants.
    """
    deletes = {change.place: item(change.place) for change in plan.changes if change.after is None}
    unasked = [place for place, one in deletes.items() if one is not None and one not in asked]
    total = sum(of.values())
    if total >= least and len({deletes[place] for place in unasked}) > share * total:
        held = set(unasked)
    else:
        per_deployment = Counter(one.deployment for one in {*deletes.values()} if one is not None)
        emptied = {name for name, count in per_deployment.items() if count >= of.get(name, 0)}
        held = {place for place in unasked if deployment(place) in emptied}
    held |= {place for place in unasked if deletes[place] in before}
    if not held:
        return plan
    kept = {deployment(place) for place in held}
    held |= {place for place, one in deletes.items() if one is None and deployment(place) in kept}
    guarded = replace(
        plan,
        changes=tuple(change for change in plan.changes if change.place not in held),
        hold={**plan.hold, **{place: _held_delete(place) for place in held}},
        deletes=tuple(change for change in plan.changes if change.place in held),
    )
    return plan if accept == guarded.digest else guarded


def writes(plan: Plan, desired: Documents, observed: Observed) -> tuple[Write, ...]:
    """The changes as writes, one per object.

    The deepest first: a nameplate comes after the documents that it speaks for.
    """
    by_object: dict[str, list[Place]] = {}
    for change in plan.changes:
        by_object.setdefault(change.place.object, []).append(change.place)
    return tuple(
        Write(
            name,
            observed.stamps.get(name),
            {place.key: document for place in by_object[name] if (document := desired[place]) is not None},
            frozenset(place.key for place in by_object[name] if desired[place] is None),
        )
        for name in sorted(by_object, key=lambda name: (-name.count("/"), name))
    )


def _not_owned(place: Place, stamp: Stamp | None, mark: Mark) -> SyncError:
    return FixError(
        Reason.NOT_OWNED,
        place.object,
        f"lies there already and was written by {mark.author(stamp.mark if stamp else None)}",
        f"move it away, or take it over with `syncd target adopt {mark.target}`",
    )


def _held_delete(place: Place) -> SyncError:
    return FixError(
        Reason.DELETES_HELD,
        str(place),
        "would be deleted, with so much else that it may be a mistake",
        "look at `syncd plan`; then `syncd sync --accept-deletes DIGEST`, or link it again",
    )
