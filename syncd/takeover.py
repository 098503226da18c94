"""Taking over what lies in a target: what another registry wrote there, and what a restored one doesn't know of."""

from __future__ import annotations

from collections.abc import Mapping

from syncd import passes
from syncd.core.documents import Mark, Observed
from syncd.core.errors import Reason
from syncd.core.ports import Standing, Target
from syncd.installation import Installation
from syncd.registry import workspaces
from syncd.registry.database import Registry
from syncd.registry.record import Record
from syncd.sync import later


def standing(installation: Installation, registry: Registry, workspace: str, name: str) -> Standing:
    """Where a target stands by its settings, and the latest revision of ours that lies there, 0 where none does."""
    target = passes.opened(installation, registry, workspace, name)
    return _standing(target, target.observe(None, registry.seal), _mine(registry, workspace, name))


def restored(installation: Installation, registry: Registry, workspace: str, name: str) -> tuple[Standing, bool]:
    """Where a target stands, and does it hold what this registry didn't write, though it says so? Of one look."""
    target = passes.opened(installation, registry, workspace, name)
    seen, mine = target.observe(None, registry.seal), _mine(registry, workspace, name)
    at = mine._replace(revision=workspaces.load(registry, workspace).revision)
    record = Record(registry, workspace)
    newest = later(
        seen,
        at,
        standing=record.standing(name),
        unsettled=record.unsettled(name),
        revisions=record.revisions(name),
    )
    return _standing(target, seen, mine), newest > 0


def adoptable(
    installation: Installation, registry: Registry, workspace: str, name: str
) -> Mapping[str, tuple[str, str]]:
    """What another registry wrote for this workspace and target, and whatever stands where a document is to go.

    By object: its version, and who wrote it, in words.
    """
    # Nothing expires: whatever lies there is looked at, and that is all.
    (planned,) = passes.plan(installation, registry, workspace, [name], verify=True, now="")
    if planned.prepared is None:
        raise planned.error or LookupError(name)
    mine = _mine(registry, workspace, name)
    in_the_way = {
        place.object for place, error in planned.prepared.plan.hold.items() if error.reason is Reason.NOT_OWNED
    }
    return {
        one: (stamp.version, mine.author(stamp.mark))
        for one, stamp in sorted(planned.prepared.observed.stamps.items())
        if not mine.same_owner(stamp.mark)
        and (one in in_the_way or (stamp.mark is not None and stamp.mark[1:3] == mine[1:3]))
    }


def adopt(registry: Registry, workspace: str, name: str, versions: Mapping[str, str]) -> None:
    """Count these objects as ours from the next pass on, as long as they are at these versions."""
    Record(registry, workspace).adopt(name, versions)


def _standing(target: Target, seen: Observed, mine: Mark) -> Standing:
    ours = (stamp.mark.revision for stamp in seen.stamps.values() if stamp.mark and mine.same_owner(stamp.mark))
    return Standing(target.where, max(ours, default=0))


def _mine(registry: Registry, workspace: str, name: str) -> Mark:
    return Mark(registry.instance, workspace, name, 0)
