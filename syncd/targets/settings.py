"""What every `[targets.NAME]` of syncd.toml has in common."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from syncd.core.model import NAME, NAME_LENGTH

TABLE = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True, frozen=True)
"""How a table of syncd.toml is read: an unknown setting is an error, and no error shows what stands there."""


def at(home: Path, path: str) -> Path:
    """Where a path of the settings leads: below syncd.toml's folder, unless it says otherwise."""
    return home / os.path.expanduser(path)  # noqa: PTH111  Path raises where there is no such user


class TargetSettings(BaseModel):
    """A type adds its own fields, and is told by `type`. A relative path is relative to syncd.toml's folder."""

    model_config = TABLE

    layout: str
    """How documents lie in it; a type gives its default."""

    prefix: str | None = Field(default=None, pattern=rf"^({NAME.pattern})$", max_length=NAME_LENGTH)
    """Where a workspace's documents lie in it; None: at the workspace's name."""

    workspaces: list[str] | None = None
    """Which workspaces may name it; None: all."""

    def credentials(self, home: Path) -> tuple[Path, ...]:
        """Files that hold what syncd logs in with: no definition reads them, whatever it may read."""
        return ()
