"""One pass over one target: registry in, documents out.

resolve -> read references -> fill -> layout -> observe -> compare -> guard -> (step -> write -> record) -> outcomes
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from syncd.core.canonical import text
from syncd.core.documents import Documents, Mark, Observed, Place, Seal, Stamp, View
from syncd.core.errors import FixError, Reason, SyncError, WaitError
from syncd.core.layouts import Layout
from syncd.core.model import Item, Reference, Scope, Workspace
from syncd.core.outcome import Outcome
from syncd.core.plan import Change, Plan, Write, compare, guard, writes
from syncd.core.ports import Read, Record, Standing, Target
from syncd.core.resolve import Resolution, Resolved, fill, resolve
from syncd.core.reveal import RULE_ALONE, Reveal, for_previews
from syncd.core.withheld import Withheld

_audit = logging.getLogger("syncd.audit")

Progress = Callable[[int, int], None]

_BATCH = 1000
"""Writes between two commits of the record: what a crash leaves to look at again."""


@dataclass(frozen=True)
class Prepared:
    """What a pass would do. `digests` are those of the references read, an error's reason for one that wasn't."""

    goal: Documents = field(repr=False)
    observed: Observed = field(repr=False)
    unsettled: frozenset[str]
    verified: bool
    plan: Plan
    digests: Mapping[Reference, str]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sight:
    """All that lay in a target when it was looked at; `versions` are those of the record just before."""

    observed: Observed = field(repr=False)
    versions: Mapping[str, str]


def look(target: Target, record: Record, seal: Seal) -> Sight:
    """Look at all of a target, for a pass that verifies: other passes may write to it meanwhile. Changes nothing.

    Raises SyncError where the target can't be looked at.
    """
    versions = record.versions(target.name)
    return Sight(target.observe(None, seal), versions)


def prepare(
    workspace: Workspace,
    target: Target,
    record: Record,
    read: Read,
    *,
    mark: Mark,
    seal: Seal,
    scope: Scope,
    accept: str = "",
    reveal: Reveal = RULE_ALONE,
    sight: Sight | None = None,
) -> Prepared:
    """All of `syncd plan`: changes nothing. `reveal` says what previews may have beside the rule; of what was seen
    already, only that is looked at again which was written since.

    Raises SyncError where the target can't be looked at, or holds a later revision of ours than the registry does.
    """
    layout, standing = target.layout, record.standing(target.name)
    named = [one.name for one in workspace.deployments.values() if target.name in one.targets]
    _refuse_moved(target, standing)
    _refuse_many(target, named)
    unsettled = record.unsettled(target.name)
    if not all(layout.deployment(Place(name)) for name in unsettled):  # what many share: only all of them tell of it
        scope = replace(scope, items=None)
    scope = _with_unsettled(scope, layout, unsettled)
    resolution = resolve(workspace, scope)
    beside = _beside(resolution, layout, unsettled)
    if scope.items is not None and not beside <= scope.items:
        scope = replace(scope, items=scope.items | beside)
        resolution = resolve(workspace, scope)
    resolution = for_previews(workspace, resolution, reveal)
    values = read(resolution.references)
    unfilled, resolution = resolution, fill(resolution, values)
    given_up = _given_up(resolution, unfilled)
    if given_up:
        kept_back = {item: error for item, error in resolution.blocked.items() if item not in given_up}
        resolution = replace(resolution, resolved={**resolution.resolved, **given_up}, blocked=kept_back)
    untold = {} if layout.tells_withheld else _untold(resolution)
    resolution, scope = _departing(resolution, untold.keys()), replace(scope, asked=scope.asked | untold.keys())
    unholdable = layout.unholdable(resolution)
    blocked = {layout.home(item): error for item, error in {**resolution.blocked, **unholdable}.items()}
    if unholdable:
        kept = {item: one for item, one in resolution.resolved.items() if item not in unholdable}
        resolution = replace(resolution, resolved=kept, blocked={**resolution.blocked, **unholdable})

    if scope.verify:
        observed = _brought_up(sight, target, record, seal) if sight is not None else target.observe(None, seal)
    else:
        objects = record.objects(target.name) if layout.needs_all else _objects(layout, resolution, scope)
        unsure = unsettled | layout.others_write(named, objects)
        observed = record.observed(target.name, objects - unsure)
        if unsure:
            observed = observed.updated(target.observe(unsure, seal), unsure)
    observed = _still_ours(observed, record, target.name, mark)
    observed = _adopt(observed, record.adopted(target.name), mark)
    revisions = record.revisions(target.name) if scope.verify else None
    _refuse_later(later(observed, mark, standing=standing, unsettled=unsettled, revisions=revisions), mark)

    goal = layout.documents(resolution, observed, seal)
    owned = _owned(layout, observed, mark) if scope.verify else record.counts(target.name)

    def planned(goal: Documents) -> Plan:
        return guard(
            compare(goal, observed, mark=mark, seal=seal, hold=blocked),
            of=owned,
            item=_taken(layout, goal),
            deployment=layout.deployment,
            asked=scope.asked,
            before=scope.held,
            accept=accept,
        )

    plan = planned(goal)
    # What is known to fail is awaited from the beginning: a nameplate that said otherwise for a moment would be wrong.
    awaiting = layout.awaiting(goal, _missing(goal, observed, plan.hold))
    if awaiting:
        goal = {**goal, **awaiting}
        plan = planned(goal)
    if scope.verify and not observed.stamps:
        plan = _makeable(plan, target)
    lost = (str(one.withheld[0].error(item)) for item, one in given_up.items() if item not in untold)
    warnings = (*untold.values(), *lost, *(layout.warnings(resolution, observed) if scope.verify else ()))
    return Prepared(goal, observed, unsettled, scope.verify, plan, _digests(values, seal), warnings)


def carry_out(
    prepared: Prepared,
    target: Target,
    record: Record,
    *,
    mark: Mark,
    seal: Seal,
    now: str,
    progress: Progress = lambda done, total: None,
) -> tuple[Outcome, ...]:
    """Write what was prepared, in batches: an intent is committed before each, what became of it after it.

    `now` is UTC, ISO 8601; `progress` is told how many writes are done, and of how many. Raises WaitError where the
    lease is lost; what was written until then is recorded.
    """
    observed, writer = prepared.observed, _Writer(target, record, mark, seal, progress, dict(prepared.plan.hold))
    if prepared.verified:
        record.replace(target.name, observed)
    while True:
        desired = target.layout.step(prepared.goal, observed, seal, writer.hold)
        at_once = desired is prepared.goal and not writer.done
        plan = prepared.plan if at_once else compare(desired, observed, mark=mark, seal=seal, hold=writer.hold)
        batch = writes(plan, desired, observed)
        if not writer.done:
            batch += _leftovers(prepared, batch)
        written = writer.write(plan, batch, observed)
        if at_once or not batch:
            break
        for settled, objects in written:
            observed = observed.updated(settled, objects)
    reached = prepared.goal if at_once else {**prepared.goal, **desired}
    if not at_once:
        left = compare(reached, observed, mark=mark, seal=seal, hold=writer.hold)
        writer.hold |= _unfinished(left, reached, writer.hold, target.layout)
    writer.hold |= _resting_on(reached, writer.hold)
    awaiting = target.layout.awaiting(prepared.goal, _missing(prepared.goal, observed, writer.hold))
    plates = {place: document for place, document in awaiting.items() if place not in writer.hold}
    seen = _reached(target, plates, seal) if plates else None
    if seen is not None:
        plan = compare(plates, seen, mark=mark, seal=seal, hold={})
        writer.write(plan, writes(plan, plates, seen), seen)
        prepared = replace(prepared, plan=replace(prepared.plan, changes=(*prepared.plan.changes, *plan.changes)))
    outcomes = tuple(_outcomes(prepared, writer, target.layout))
    gone = _departed(prepared, writer.hold, target.layout)
    record.conclude(target.name, mark.revision, (*outcomes, *gone), prepared.digests, now, whole=prepared.verified)
    return outcomes


@dataclass
class _Writer:
    """The writes of a pass: how many are done, and the places that must not be written, or could not be."""

    target: Target
    record: Record
    mark: Mark
    seal: Seal
    progress: Progress
    hold: dict[Place, SyncError]
    done: int = 0
    written: set[Place] = field(default_factory=set)

    def write(self, plan: Plan, batch: Sequence[Write], observed: Observed) -> list[tuple[Observed, frozenset[str]]]:
        """What objects hold now, part by part. Raises WaitError where the lease is lost."""
        views, there = {change.place: change.after for change in plan.changes}, _by_object(observed)
        standing, total, written = Standing(self.target.where, self.mark.revision), self.done + len(batch), []
        for start in range(0, len(batch), _BATCH):
            part = batch[start : start + _BATCH]
            self.record.intend(self.target.name, [write.object for write in part], standing)
            part, results = self._tried(part, there)
            _account(part, results, self.mark)
            settled, objects = _settled(part, results, views, there)
            self.record.settle(self.target.name, settled, objects)
            written.append((settled, objects))
            self.hold |= _failed(part, results)
            self.written.update(place for write in part if write.object in objects for place in write.places)
            self.done += len(part)
            self.progress(self.done, total)
        return written

    def _tried(
        self, part: Sequence[Write], there: Mapping[str, Mapping[str, View]]
    ) -> tuple[Sequence[Write], Mapping[str, Stamp | SyncError | None]]:
        """What was written, and what came of it. Where one was too large with something new in it, that is held, and
        the rest is written without it."""
        results = self.target.write(part, self.mark, self.seal)
        rest = {write.object: write for write in _without_new(part, results, there)}
        if not rest:
            return part, results
        whole, part = part, tuple(rest.get(write.object, write) for write in part)
        left = {place for write in whole for place in write.places}.difference(*(write.places for write in part))
        self.hold |= {place: error for place in left if isinstance(error := results[place.object], SyncError)}
        return part, {**results, **self.target.write(tuple(rest.values()), self.mark, self.seal)}


def _account(part: Sequence[Write], results: Mapping[str, Stamp | SyncError | None], mark: Mark) -> None:
    """An audit record for each write: what, where, and what became of it. Names alone, never a value."""
    if not _audit.isEnabledFor(logging.INFO):
        return
    for write in part:
        result = results[write.object]
        became = result.reason.value if isinstance(result, SyncError) else "written" if result else "removed"
        fields = {
            **mark._asdict(),
            "object": write.object,
            "put": [key or "document" for key in sorted(write.put)],
            "drop": [key or "document" for key in sorted(write.drop)],
            "version": write.expected.version if write.expected else None,
            "outcome": became,
        }
        _audit.info("write", extra={"fields": fields})


def _reached(target: Target, places: Iterable[Place], seal: Seal) -> Observed | None:
    """What lies there now; None where the target is out of reach by now: the next pass tells."""
    try:
        return target.observe({place.object for place in places}, seal)
    except SyncError:
        return None


def _unfinished(
    left: Plan, goal: Documents, hold: Mapping[Place, SyncError], layout: Layout
) -> Mapping[Place, SyncError]:
    """What no step could write: something that it waits for failed."""
    found: dict[Place, SyncError] = {}
    for place in (change.place for change in left.changes):
        document = goal[place]
        around = (*((document.part,) if document and document.part else ()), *layout.plates(layout.deployment(place)))
        cause = next((hold[one] for one in around if one in hold), None)
        why = f"waits for {cause.subject}, which {cause.problem}" if cause else "waits for what isn't written yet"
        remedy = cause.remedy if cause else "sync again, and see what failed beside it"
        found[place] = WaitError(Reason.NOT_SYNCED_YET, str(place), why, remedy)
    return found


def _resting_on(goal: Documents, hold: Mapping[Place, SyncError]) -> Mapping[Place, SyncError]:
    """The documents whose shared part is held: as they are now, they don't come to what is wanted."""
    return {
        place: hold[document.part]
        for place, document in goal.items()
        if document is not None and document.part is not None and document.part in hold and place not in hold
    }


def _missing(goal: Documents, observed: Observed, hold: Collection[Place]) -> frozenset[Place]:
    """Where a document should lie, and nothing does: it could not be written."""
    return frozenset(place for place in hold if goal.get(place) is not None and place not in observed.views)


def _with_unsettled(scope: Scope, layout: Layout, unsettled: Collection[str]) -> Scope:
    """With the deployments of unsettled objects, whose plates may be among them."""
    deployments = {layout.deployment(Place(name)) for name in unsettled} - {""}
    return replace(scope, deployments=scope.deployments | deployments)


def _beside(resolution: Resolution, layout: Layout, unsettled: Collection[str]) -> frozenset[Item]:
    """Whatever is linked and lies in an unsettled object: it may have gone with what was to change there."""
    linked = (item for items in resolution.linked.values() for item in items) if unsettled else ()
    return frozenset(item for item in linked if layout.home(item).object in unsettled)


def _objects(layout: Layout, resolution: Resolution, scope: Scope) -> frozenset[str]:
    places = {place for item in scope.items or () for place in layout.places(item)}
    for deployment in (*resolution.linked, *resolution.gone):
        places.update(layout.plates(deployment))
    return frozenset(place.object for place in places)


def _still_ours(observed: Observed, record: Record, target: str, mark: Mark) -> Observed:
    """What says nothing of itself, at the version that was ours, is ours: its content was taken away since."""
    silent = {name for name, stamp in observed.stamps.items() if stamp.mark is None} - {
        place.object for place in observed.views
    }
    if not silent:
        return observed
    known = record.observed(target, silent).stamps
    ours = {
        name: known[name]
        for name in silent & known.keys()
        if known[name].version == observed.stamps[name].version and mark.same_owner(known[name].mark)
    }
    return replace(observed, stamps={**observed.stamps, **ours})


def _adopt(observed: Observed, adopted: Mapping[str, str], mark: Mark) -> Observed:
    """Objects that a person took over, as long as they are what that person saw, count as ours, at revision 0.

    Whose they were is a difference, so that they are written and have our mark.
    """
    ours = {
        name: Stamp(mark._replace(revision=0), stamp.version)
        for name, stamp in observed.stamps.items()
        if adopted.get(name) == stamp.version and not mark.same_owner(stamp.mark)
    }
    if not ours:
        return observed
    whose = {name: old.instance if (old := observed.stamps[name].mark) else None for name in ours}
    views = {
        place: {**view, ("mark",): text(whose[place.object])} if place.object in ours else view
        for place, view in observed.views.items()
    }
    return replace(observed, views=views, stamps={**observed.stamps, **ours})


def _refuse_moved(target: Target, standing: Standing | None) -> None:
    """A target that stands elsewhere would leave behind what it wrote, with nobody to remove it."""
    if standing is not None and standing.where != target.where:
        raise FixError(
            Reason.TARGET_MOVED,
            f"target {target.name}",
            f"holds documents in {standing.where}, and its settings now say {target.where}",
            f"put the settings back; or move or remove the documents, then `syncd target accept-move {target.name}`",
        )


def _makeable(plan: Plan, target: Target) -> Plan:
    """Where nothing lies yet, a look doesn't tell whether anything can."""
    made = {change.place for change in plan.changes if change.after is not None}
    error = target.refuses(min(made).object) if made else None
    if error is None:
        return plan
    changes = tuple(change for change in plan.changes if change.place not in made)
    return replace(plan, changes=changes, hold={**plan.hold, **dict.fromkeys(made, error)})


def _refuse_many(target: Target, named: Collection[str]) -> None:
    if target.layout.holds_one and len(named) > 1:
        raise FixError(
            Reason.OVERLAP,
            f"target {target.name}",
            f"is named by {', '.join(sorted(named))}, and what lies there is one deployment's, whoever reads it",
            "give each of them a target of its own, in a place of its own; or take layout layered",
        )


def later(
    observed: Observed,
    mark: Mark,
    *,
    standing: Standing | None,
    unsettled: Collection[str],
    revisions: Mapping[str, int] | None,
) -> int:
    """The latest revision of ours there that this registry never wrote; 0 for none.

    `revisions` are those at which objects of ours were left, where all of the target was looked at; else None.
    """
    latest = 0 if standing is None else standing.revision
    known = None if revisions is None else defaultdict(lambda: latest, revisions)

    def late(name: str, revision: int) -> bool:
        return revision > mark.revision or (known is not None and name not in unsettled and revision > known[name])

    ours = {name: one.mark.revision for name, one in observed.stamps.items() if one.mark and mark.same_owner(one.mark)}
    return max((revision for name, revision in ours.items() if late(name, revision)), default=0)


def _refuse_later(newest: int, mark: Mark) -> None:
    """More than this registry ever wrote there was written by one that this is an older state of, or by a copy."""
    if newest:
        raise FixError(
            Reason.LATER_REVISION,
            f"target {mark.target}",
            f"holds what this registry didn't write, at revision {newest} of workspace {mark.workspace} "
            f"(it is at {mark.revision}): it was restored from a backup, or there is a copy of it",
            f"if this registry is the one that counts: `syncd target accept-restore {mark.target}`",
        )


def _owned(layout: Layout, observed: Observed, mark: Mark) -> Mapping[str, int]:
    """How many items each deployment has documents of ours of."""
    ours = {name for name, stamp in observed.stamps.items() if mark.same_owner(stamp.mark)}
    items = {layout.stands_for(place) for place in observed.views if place.object in ours}
    return Counter(item.deployment for item in items if item is not None)


def _taken(layout: Layout, goal: Documents) -> Callable[[Place], Item | None]:
    """The item that is found no more once the document there is gone; None where it merely moves."""

    def taken(place: Place) -> Item | None:
        item = layout.stands_for(place)
        return None if item is None or goal.get(layout.home(item)) is not None else item

    return taken


def _digests(values: Mapping[Reference, str | SyncError], seal: Seal) -> Mapping[Reference, str]:
    return {
        reference: value.reason.value if isinstance(value, SyncError) else seal(value)
        for reference, value in values.items()
    }


def _leftovers(prepared: Prepared, batch: Sequence[Write]) -> tuple[Write, ...]:
    """Empty writes for what an interrupted pass left and this one wouldn't touch: they clear up, and settle it."""
    touched = {write.object for write in batch}.union(place.object for place in prepared.plan.hold)
    return tuple(
        Write(name, prepared.observed.stamps.get(name), {}, frozenset())
        for name in sorted(prepared.unsettled - touched)
        if prepared.observed.unread_at(name) is None
    )


def _brought_up(sight: Sight, target: Target, record: Record, seal: Seal) -> Observed:
    """What was seen, with what was written since, or may have been, as it is now."""
    before, now = sight.versions, record.versions(target.name)
    moved = {name for name in before.keys() | now.keys() if before.get(name) != now.get(name)}
    again = record.unsettled(target.name).union(moved)
    return sight.observed.updated(target.observe(again, seal), again) if again else sight.observed


def _by_object(observed: Observed) -> Mapping[str, Mapping[str, View]]:
    found: dict[str, dict[str, View]] = {}
    for place, view in observed.views.items():
        found.setdefault(place.object, {})[place.key] = view
    return found


def _given_up(resolution: Resolution, unfilled: Resolution) -> Mapping[Item, Resolved]:
    """What lies there may hold what is withheld by now: where the rest can't be had, nothing stays but why."""
    return {
        item: replace(one, layers=(), secret=frozenset(), withheld=(Withheld((), error.problem, error.remedy),))
        for item, error in resolution.blocked.items()
        if (one := unfilled.resolved.get(item)) is not None and one.withheld
    }


def _untold(resolution: Resolution) -> Mapping[Item, str]:
    """What isn't written, nor stays, as something is withheld from it and no document can say so; with a warning."""
    return {
        item: f"{one.withheld[0].error(item)}; in this layout it isn't there at all"
        for item, one in resolution.resolved.items()
        if one.withheld
    }


def _departing(resolution: Resolution, items: Collection[Item]) -> Resolution:
    """The same as if these weren't linked."""
    if not items:
        return resolution
    return replace(resolution.without(items), departed=resolution.departed.union(items))


def _settled(
    part: Sequence[Write],
    results: Mapping[str, Stamp | SyncError | None],
    views: Mapping[Place, View | None],
    there: Mapping[str, Mapping[str, View]],
) -> tuple[Observed, frozenset[str]]:
    """What the objects whose writes succeeded hold now, and which they are."""
    done = {write.object: write for write in part if not isinstance(results[write.object], SyncError)}
    stamps = {name: stamp for name in done if isinstance(stamp := results[name], Stamp)}
    now: dict[Place, View] = {
        Place(name, key): view
        for name in stamps
        for key, view in there.get(name, {}).items()
        if key not in done[name].drop
    }
    for name in stamps:
        for key in done[name].put:
            view = views[Place(name, key)]
            if view is not None:
                now[Place(name, key)] = view
    return Observed(now, stamps), frozenset(done)


def _without_new(
    part: Sequence[Write],
    results: Mapping[str, Stamp | SyncError | None],
    there: Mapping[str, Mapping[str, View]],
) -> Iterator[Write]:
    """What was too large with something new in it, without that: what lies there changes all the same."""
    for write in part:
        error, keys = results[write.object], there.get(write.object, {})
        put = {key: document for key, document in write.put.items() if key in keys}
        too_large = isinstance(error, SyncError) and error.reason is Reason.NOT_HOLDABLE
        if too_large and put.keys() != write.put.keys() and (put or write.drop):
            yield write._replace(put=put)


def _failed(part: Sequence[Write], results: Mapping[str, Stamp | SyncError | None]) -> Mapping[Place, SyncError]:
    return {
        place: error
        for write in part
        if isinstance(error := results[write.object], SyncError)
        for place in write.places
    }


def _outcomes(prepared: Prepared, writer: _Writer, layout: Layout) -> Iterator[Outcome]:
    actions = {change.place: _action(change) for change in prepared.plan.changes}
    hold = writer.hold
    for place in sorted(prepared.goal.keys() | hold.keys()):
        error = hold.get(place)
        if error is not None:
            yield Outcome(place, layout.item(place), "held", error)
        elif place in writer.written:
            yield Outcome(place, layout.item(place), actions.get(place, "updated"))
        elif prepared.goal[place] is not None:
            yield Outcome(place, layout.item(place), "unchanged")
    told = set(hold.values())
    for name, unread in sorted(prepared.observed.unread.items()):
        if unread not in told:
            yield Outcome(Place(name), layout.item(Place(name)), "held", unread)


def _departed(prepared: Prepared, hold: Mapping[Place, SyncError], layout: Layout) -> Iterator[Outcome]:
    """Of items that aren't linked, and of which nothing lay there: no outcome to show, and an old status to forget."""
    changed = {change.place for change in prepared.plan.changes}
    for place, document in prepared.goal.items():
        if document is None and place not in changed and place not in hold:
            yield Outcome(place, layout.item(place), "deleted")


def _action(change: Change) -> str:
    if change.before is None:
        return "created"
    return "deleted" if change.after is None else "updated"
