"""A SYNCD_HOME with one workspace in it, and passes over it; runs in the daemon's environment."""

from __future__ import annotations

import os
from pathlib import Path

from syncd import installation, passes
from syncd.core.model import Workspace
from syncd.registry import database, encryption, workspaces

NOW = "2026-01-01T00:00:00Z"


def make(home: Path, settings: str, workspace: Workspace) -> None:
    """What `syncd init` and `syncd apply` come to."""
    home.mkdir()
    (home / "syncd.toml").write_text(settings)
    made = _loaded(home)
    encryption.write_keys(made.key_file, [encryption.new_key()])
    registry = database.create(made.url, encryption.load_keys(made.key_file, made.environ))
    empty = workspaces.create(registry, workspace.name, who="bench", now=NOW, environments=workspace.environments)
    save(registry, empty, workspace)


def save(registry: database.Registry, before: Workspace, after: Workspace) -> Workspace:
    """The workspace as it is now, whatever revision `after` says."""
    return workspaces.save(registry, before, after, who="bench", now=NOW, why="bench")


def opened(home: Path) -> tuple[installation.Installation, database.Registry]:
    """What every command begins with."""
    found = _loaded(home)
    return found, found.registry()


def sync(home: Path, workspace: str, *, verify: bool = False) -> dict[str, int]:
    """`syncd sync`, from reading the settings on: how many places were created, updated, unchanged.

    Raises RuntimeError where not all went well.
    """
    found, registry = opened(home)
    counted: dict[str, int] = {}
    for one in passes.sync(found, registry, workspace, (), verify=verify, wait=1, now=NOW):
        if one.error is not None:
            raise RuntimeError(str(one.error))
        for outcome in one.outcomes:
            if outcome.error is not None:
                raise RuntimeError(str(outcome.error))
            counted[outcome.action] = counted.get(outcome.action, 0) + 1
    return counted


def _loaded(home: Path) -> installation.Installation:
    return installation.load({**os.environ, "SYNCD_HOME": str(home)})
