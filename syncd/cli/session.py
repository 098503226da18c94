"""What a command works on: installation, registry, workspace. Imported when a command runs, not for `--help`."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone

from syncd import installation
from syncd.core.errors import FixError, Reason
from syncd.core.model import Workspace
from syncd.registry import workspaces
from syncd.registry.database import Registry


@dataclass(frozen=True)
class Session:
    """An open installation, one of its workspaces, and who is at work."""

    installation: installation.Installation
    registry: Registry
    workspace: str

    def load(self) -> Workspace:
        """The workspace as it is."""
        return workspaces.load(self.registry, self.workspace)

    def change(self, edit: Callable[[Workspace], Workspace], why: str) -> tuple[Workspace, Workspace]:
        """Before and after an edit, which is a revision."""
        return workspaces.change(self.registry, self.workspace, edit, who=who(), now=now(), why=why)


def opened() -> tuple[installation.Installation, Registry]:
    """The installation that the environment points at, and its registry. Raises SyncError."""
    here = installation.load(os.environ)
    return here, here.registry()


def start(workspace: str | None) -> Session:
    """Open all, and choose the workspace: the one named, or the only one. Raises SyncError."""
    here, registry = opened()
    known = workspaces.names(registry)
    if workspace is not None:
        if workspace not in known:
            raise FixError(
                Reason.NOT_FOUND,
                f"workspace {workspace}",
                f"isn't in this registry; it has {', '.join(known) or 'none'}",
                f"`syncd workspace create {workspace}`",
            )
        return Session(here, registry, workspace)
    if len(known) == 1:
        return Session(here, registry, known[0])
    raise FixError(
        Reason.NOT_FOUND,
        "workspace",
        f"there are several: {', '.join(known)}" if known else "there is none yet",
        "choose with --workspace or SYNCD_WORKSPACE" if known else "`syncd workspace create NAME`, or `syncd apply`",
    )


def who() -> str:
    """Who a revision is by."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def now() -> str:
    """UTC, ISO 8601, whole seconds."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
