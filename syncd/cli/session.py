"""What a command works on: installation, registry, workspace. What they need is imported when a command runs."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from syncd.cli.usage import suggestion
from syncd.core.errors import FixError, Reason
from syncd.core.model import Workspace

if TYPE_CHECKING:
    from syncd.installation import Installation
    from syncd.registry.database import Registry


@dataclass(frozen=True)
class Session:
    """An open installation, one of its workspaces, and who is at work."""

    installation: Installation
    registry: Registry
    workspace: str

    def load(self, *, at: int | None = None) -> Workspace:
        """The workspace as it is, or as it was at a revision."""
        from syncd.registry import workspaces

        return workspaces.load(self.registry, self.workspace, at=at)

    def change(self, edit: Callable[[Workspace], Workspace], why: str) -> tuple[Workspace, Workspace]:
        """Before and after an edit, which is a revision."""
        from syncd.registry import workspaces

        return workspaces.change(self.registry, self.workspace, edit, who=who(), now=now(), why=why)

    def unknown_targets(self, names: Iterable[str]) -> tuple[str, ...]:
        """A warning for each target that this installation hasn't."""
        return unknown_targets(self.installation, names)

    def unknown_rules(self, here: Workspace) -> tuple[str, ...]:
        """A warning for each rule of [reveal] that names nothing, unless another workspace may have it."""
        from syncd.registry import workspaces

        reveal = self.installation.reveal
        strange = [rule for rule in (*reveal.allow, *reveal.forbid) if not rule.names_in(here)]
        if not strange or len(workspaces.names(self.registry)) > 1:
            return ()
        return tuple(f"[reveal] in syncd.toml names {rule}, and there is none: it changes nothing" for rule in strange)


def opened() -> tuple[Installation, Registry]:
    """The installation that the environment points at, and its registry. Raises SyncError."""
    from syncd import installation

    here = installation.load(os.environ)
    return here, here.registry()


def start(workspace: str | None) -> Session:
    """Open all, and choose the workspace: the one named, or the only one. Raises SyncError."""
    from syncd.registry import workspaces

    here, registry = opened()
    known = workspaces.names(registry)
    if workspace is not None:
        if workspace not in known:
            raise FixError(
                Reason.NOT_FOUND,
                f"workspace {workspace}",
                f"isn't in this registry; it has {', '.join(known) or 'none'}",
                suggestion(workspace, known) or f"`syncd workspace create {workspace}`",
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


def unknown_targets(installation: Installation, names: Iterable[str]) -> tuple[str, ...]:
    """A warning for each target that the installation hasn't."""
    return tuple(
        f"target {name} isn't in syncd.toml: nothing is written there before an operator adds [targets.{name}]"
        for name in sorted(set(names) - installation.targets.keys())
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
