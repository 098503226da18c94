"""What a thread of the daemon does. It answers whatever happens: a pass that didn't would never be made again."""

from __future__ import annotations

import logging
from threading import Lock

from syncd import passes
from syncd.core.errors import SyncError, mistake
from syncd.core.model import Workspace
from syncd.daemon.clock import Clock
from syncd.daemon.observing import Key, Look, look
from syncd.daemon.schedule import Kind
from syncd.installation import Installation
from syncd.passes import Opener
from syncd.registry import workspaces
from syncd.registry.database import Registry
from syncd.registry.lease import Lease
from syncd.sync import Sight

_log = logging.getLogger(__name__)


def over(
    installation: Installation,
    registry: Registry,
    workspace: Workspace,
    key: Key,
    kind: Kind,
    permit: Lease,
    alone: Lock,
    *,
    clock: Clock,
    opener: Opener,
) -> Look:
    """A pass over one target, and how that stands then.

    To look at all that lies there may take many times as long as to write a change: passes that write wait for one
    another, and none for a look.
    """
    began, at = clock.seconds(), clock.now()
    name: str = key.target
    sight: Sight | SyncError | None = None
    try:
        if kind is Kind.VERIFY:
            sight = passes.look(installation, registry, workspace, name, opener=opener)
        with alone:
            workspace = _newest(registry, workspace)
            found = passes.over(installation, registry, workspace, name, permit, now=at, opener=opener, sight=sight)
            return look(registry, key, kind, found, at, clock.seconds() - began)
    except SyncError as error:
        failure = error
    except BaseException as error:  # noqa: BLE001  SystemExit and MemoryError too: the daemon decides when it ends
        failure = mistake(str(key), error)
        _log.error("%s", failure)
    return Look(key, kind, workspace.revision, at, clock.seconds() - began, {}, (), failure)


def _newest(registry: Registry, workspace: Workspace) -> Workspace:
    """Another pass may have written since the workspace was loaded, of this process or of another one that had the
    lease: to who doesn't know that revision, it looks like a registry that was restored."""
    if workspaces.revisions(registry).get(workspace.name, workspace.revision) == workspace.revision:
        return workspace
    return workspaces.load(registry, workspace.name)
