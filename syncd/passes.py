"""A pass over each target of a workspace: what the CLI, the daemon and the API all run."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial

from syncd.core import changes, previews
from syncd.core.documents import Mark
from syncd.core.errors import FixError, Reason, SyncError, mistake
from syncd.core.model import Workspace
from syncd.core.outcome import Outcome
from syncd.core.ports import Read, Target
from syncd.installation import SETTINGS, Installation
from syncd.registry import record, status, workspaces
from syncd.registry.database import Registry
from syncd.registry.lease import Lease, lease
from syncd.registry.record import Record
from syncd.registry.scope import scope
from syncd.sync import Prepared, Sight, carry_out, prepare
from syncd.sync import look as sighted

_log = logging.getLogger(__name__)

Opener = Callable[[str, str], Target]
"""A target by its name, as a workspace sees it. Raises FixError where it isn't there for this workspace."""

Progress = Callable[[str, int, int], None]
"""Told the target, how many writes are done, and of how many."""


@dataclass(frozen=True)
class Pass:
    """One target's, at a revision: what was prepared and what became of it, or why it couldn't even be looked at."""

    target: str
    revision: int
    prepared: Prepared | None = None
    outcomes: tuple[Outcome, ...] = ()
    error: SyncError | None = None


@dataclass(frozen=True)
class _Shared:
    """What the passes over one workspace's targets have in common."""

    installation: Installation
    registry: Registry
    workspace: Workspace
    read: Read
    overlaps: Mapping[tuple[str, str], FixError]
    verify: bool
    opener: Opener
    expired: frozenset[str] = frozenset()
    sight: Sight | SyncError | None = None


def plan(
    installation: Installation,
    registry: Registry,
    workspace: str,
    names: Collection[str],
    *,
    verify: bool,
    now: str,
) -> tuple[Pass, ...]:
    """What a pass over each target would do; nothing is changed. No names: every target.

    What has expired by `now` goes, as it does in a sync.
    """
    shared = _shared(installation, registry, workspace, verify)
    expired = previews.expired(shared.workspace, now)
    shared = replace(shared, workspace=changes.delete_expired(shared.workspace, now), expired=frozenset(expired))
    return tuple(_planned(shared, name) for name in names or targets(registry, shared.workspace))


def sync(
    installation: Installation,
    registry: Registry,
    workspace: str,
    names: Collection[str],
    *,
    verify: bool,
    wait: float,
    now: str,
    accept: str = "",
    progress: Progress = lambda target, done, total: None,
) -> tuple[Pass, ...]:
    """A pass over each target, one dead target stopping no other. Raises WaitError where the lease can't be had.

    `accept` is the digest of held deletes that a person has seen and wants.
    """
    with lease(registry, wait=wait) as taken:
        team = workspaces.load(registry, workspace)
        if expire(registry, team, now):
            team = workspaces.load(registry, workspace)
        shared = _over(installation, registry, team, verify)
        return tuple(
            _passed(shared, name, taken, now, accept, progress) for name in names or targets(registry, shared.workspace)
        )


def look(
    installation: Installation, registry: Registry, workspace: Workspace, name: str, *, opener: Opener
) -> Sight | SyncError:
    """What lies in a target, for a pass over it that verifies; or why that can't be told. It is what takes long, and
    needs no lease."""
    try:
        shared = replace(_over(installation, registry, workspace, verify=True), opener=opener)
        return sighted(_opened(shared, name), Record(registry, workspace.name), registry.seal)
    except SyncError as error:
        return error
    except Exception as error:  # noqa: BLE001  as in _passed
        return _unexpected(name, error)


def over(
    installation: Installation,
    registry: Registry,
    workspace: Workspace,
    name: str,
    taken: Lease,
    *,
    now: str,
    opener: Opener,
    sight: Sight | SyncError | None = None,
) -> Pass:
    """A pass over one target, under a lease that is held; it verifies where `look` was called before. What goes wrong
    is in the answer."""
    shared = replace(_over(installation, registry, workspace, sight is not None), opener=opener, sight=sight)
    return _passed(shared, name, taken, now, "", lambda target, done, total: None)


def targets(registry: Registry, workspace: Workspace) -> tuple[str, ...]:
    """Those that a deployment names, and those that still hold what a deployment had there."""
    named = {name for deployment in workspace.deployments.values() for name in deployment.targets}
    return tuple(sorted(named.union(record.targets(registry, workspace.name))))


def expire(registry: Registry, workspace: Workspace, now: str) -> tuple[str, ...]:
    """Delete the previews whose time is over, in a revision of its own: their documents go with the next pass.

    Their names. Raises WaitError where somebody changes the workspace meanwhile, and the next pass does it.
    """
    names = previews.expired(workspace, now)
    if names:
        without, why = partial(changes.delete_expired, now=now), f"expired: {', '.join(names)}"
        workspaces.change(registry, workspace.name, without, who="syncd", now=now, why=why)
    return names


def opened(installation: Installation, registry: Registry, workspace: str, name: str) -> Target:
    """A target that may be looked at. Raises SyncError, too where it would write where another target does."""
    return _opened(_shared(installation, registry, workspace, verify=True), name)


def _shared(installation: Installation, registry: Registry, workspace: str, verify: bool) -> _Shared:
    return _over(installation, registry, workspaces.load(registry, workspace), verify)


def _over(installation: Installation, registry: Registry, workspace: Workspace, verify: bool) -> _Shared:
    overlaps = installation.overlaps(workspaces.names(registry))
    # Each is kept to the end: targets of one login share their connections.
    opener = cache(installation.target)
    return _Shared(installation, registry, workspace, installation.read(), overlaps, verify, opener)


def _planned(shared: _Shared, name: str) -> Pass:
    try:
        kept = Record(shared.registry, shared.workspace.name)
        return Pass(name, shared.workspace.revision, _prepared(shared, _opened(shared, name), kept, ""))
    except SyncError as error:
        return Pass(name, shared.workspace.revision, error=error)
    except Exception as error:  # noqa: BLE001  as in _passed: a mistake of ours stops one target, not the others
        return Pass(name, shared.workspace.revision, error=_unexpected(name, error))


def _passed(shared: _Shared, name: str, taken: Lease, now: str, accept: str, progress: Progress) -> Pass:
    prepared = None
    try:
        target = _opened(shared, name)
        kept = Record(shared.registry, shared.workspace.name, taken)
        prepared = _prepared(shared, target, kept, accept)
        outcomes = carry_out(
            prepared,
            target,
            kept,
            mark=_mark(shared, name),
            seal=shared.registry.seal,
            now=now,
            progress=partial(progress, name),
        )
    except SyncError as error:
        failure = error
    except Exception as error:  # noqa: BLE001  the one place: a mistake of ours stops one target, not the others
        failure = _unexpected(name, error)
    else:
        return Pass(name, shared.workspace.revision, prepared, outcomes)
    if failure.reason is not Reason.GAVE_WAY:  # which says nothing of the target: this pass had to give way
        # Where the registry itself can't be written, the caller is told all the same.
        with suppress(SyncError):
            status.failed(shared.registry, shared.workspace.name, name, failure, now)
    return Pass(name, shared.workspace.revision, prepared, error=failure)


def _unexpected(name: str, error: Exception) -> SyncError:
    # Where it happened, and never what it says: that may be a value.
    where = "".join(traceback.format_tb(error.__traceback__))
    _log.error("target %s: %s, at\n%s", name, type(error).__name__, where)
    return mistake(f"target {name}", error)


def _prepared(shared: _Shared, target: Target, kept: Record, accept: str) -> Prepared:
    if isinstance(shared.sight, SyncError):
        raise shared.sight
    return prepare(
        shared.workspace,
        target,
        kept,
        shared.read,
        mark=_mark(shared, target.name),
        seal=shared.registry.seal,
        scope=scope(
            shared.registry,
            shared.workspace,
            target.name,
            shared.read,
            verify=shared.verify,
            expired=shared.expired,
        ),
        accept=accept,
        reveal=shared.installation.reveal,
        sight=shared.sight,
    )


def _opened(shared: _Shared, name: str) -> Target:
    overlap = shared.overlaps.get((name, shared.workspace.name))
    if overlap is not None:
        raise overlap
    there = shared.installation.targets
    if name not in there and name not in targets(shared.registry, shared.workspace):
        problem = f"isn't in {shared.installation.home / SETTINGS}"
        raise FixError(Reason.NOT_FOUND, f"target {name}", problem, f"it has {', '.join(sorted(there)) or 'none'}")
    return shared.opener(name, shared.workspace.name)


def _mark(shared: _Shared, target: str) -> Mark:
    return Mark(shared.registry.instance, shared.workspace.name, target, shared.workspace.revision)
