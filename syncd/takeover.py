"""Taking over what lies in a target: what another registry wrote there, and what a restored one doesn't know of."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from syncd import passes
from syncd.core.documents import Mark, Observed, Seal, Stamp
from syncd.core.errors import Reason, SyncError
from syncd.core.plan import Write
from syncd.core.ports import Standing, Target
from syncd.installation import Installation
from syncd.registry import workspaces
from syncd.registry.database import Registry
from syncd.registry.record import Record
from syncd.registry.scope import scope
from syncd.sync import prepare


def standing(installation: Installation, registry: Registry, workspace: str, name: str) -> Standing:
    """Where a target stands by its settings, and the latest revision of ours that lies there, 0 where none does."""
    target = passes.opened(installation, registry, workspace, name)
    return _standing(target, target.observe(None, registry.seal), _mine(registry, workspace, name))


def restored(installation: Installation, registry: Registry, workspace: str, name: str) -> tuple[Standing, bool]:
    """Where a target stands, and does it hold what this registry didn't write, though it says so? Of one look."""
    target = passes.opened(installation, registry, workspace, name)
    seen, mine = target.observe(None, registry.seal), _mine(registry, workspace, name)
    here, read = workspaces.load(registry, workspace), installation.read()
    behind = False
    try:
        prepare(
            here,
            _Seen(target, seen),
            Record(registry, workspace),
            read,
            mark=mine._replace(revision=here.revision),
            seal=registry.seal,
            scope=scope(registry, here, name, read, verify=True),
        )
    except SyncError as error:
        behind = error.reason is Reason.LATER_REVISION
    return _standing(target, seen, mine), behind


def adoptable(
    installation: Installation, registry: Registry, workspace: str, name: str
) -> Mapping[str, tuple[str, str]]:
    """What another registry wrote for this workspace and target, and whatever stands where a document is to go.

    By object: its version, and who wrote it, in words.
    """
    (planned,) = passes.plan(installation, registry, workspace, [name], verify=True)
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


class _Seen:
    """A target as it was when it was looked at, to plan with."""

    def __init__(self, target: Target, seen: Observed) -> None:
        self.name, self.where, self.layout = target.name, target.where, target.layout
        self._seen = seen

    def observe(self, objects: Collection[str] | None, seal: Seal) -> Observed:
        return self._seen

    def write(self, writes: Sequence[Write], mark: Mark, seal: Seal) -> Mapping[str, Stamp | SyncError | None]:
        raise NotImplementedError


def _standing(target: Target, seen: Observed, mine: Mark) -> Standing:
    ours = (stamp.mark.revision for stamp in seen.stamps.values() if stamp.mark and mine.same_owner(stamp.mark))
    return Standing(target.where, max(ours, default=0))


def _mine(registry: Registry, workspace: str, name: str) -> Mark:
    return Mark(registry.instance, workspace, name, 0)
