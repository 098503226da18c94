"""What a thread of the daemon does. It answers whatever happens: a pass that didn't would never be made again."""

from __future__ import annotations

import logging

from syncd import passes
from syncd.core.errors import FixError, Reason, SyncError, WaitError, origin
from syncd.core.model import Workspace
from syncd.daemon.clock import Clock
from syncd.daemon.observing import Key, Look, look
from syncd.daemon.schedule import Kind
from syncd.installation import Installation
from syncd.passes import Opener
from syncd.registry import workspaces
from syncd.registry.database import Registry
from syncd.registry.lease import Lease
from syncd.registry.record import Record

_log = logging.getLogger(__name__)


def over(
    installation: Installation,
    registry: Registry,
    workspace: Workspace,
    key: Key,
    kind: Kind,
    permit: Lease,
    *,
    clock: Clock,
    opener: Opener,
) -> Look:
    """A pass over one target, and how that stands then."""
    began, at = clock.seconds(), clock.now()
    try:
        _refuse_outdated(registry, workspace, key.target)
        verify = kind is Kind.VERIFY
        found = passes.over(installation, registry, workspace, key.target, permit, verify=verify, now=at, opener=opener)
        return look(registry, key, kind, found, at, clock.seconds() - began)
    except SyncError as error:
        failure = error
    except BaseException as error:  # noqa: BLE001  SystemExit and MemoryError too: the daemon decides when it ends
        failure = mistake(str(key), error)
    return Look(key, kind, workspace.revision, at, clock.seconds() - began, {}, (), failure)


def mistake(subject: str, error: BaseException) -> SyncError:
    """Something that nobody foresaw. What it says may be a value: its type and where it was are told, and no more."""
    what = f"{type(error).__name__} at {origin(error)}"
    _log.error("%s: %s", subject, what)
    return FixError(Reason.INTERNAL, subject, f"a mistake of syncd's own ({what})", "please report it")


def _refuse_outdated(registry: Registry, workspace: Workspace, target: str) -> None:
    """Another process may have had the lease since the workspace was loaded, and written what was changed by then:
    from here that looks like a registry that was restored."""
    standing = Record(registry, workspace.name).standing(target)
    if standing is None or standing.revision <= workspace.revision:
        return
    if workspaces.revisions(registry).get(workspace.name, 0) > workspace.revision:
        raise WaitError(Reason.GAVE_WAY, "pass", "was overtaken by another one", "the next one goes on")
