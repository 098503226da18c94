"""The targets that the contract is held against: a new one adds a line to TRIALS."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from syncd.core.layouts.airflow import AirflowFiles
from syncd.core.layouts.layered import Layered
from syncd.core.ports import Target
from syncd.targets.directory import DirectoryTarget


class Trial(Protocol):
    """A target, empty at first, and what is done to it behind its back."""

    @property
    def target(self) -> Target:
        """Named `files`, for the workspace `analytics`."""

    def held(self) -> Mapping[str, object]:
        """All that lies there and what tells a write of it: the same again where nothing was written."""

    def put_foreign(self, object_: str) -> None:
        """Put something there that no syncd wrote."""

    def spoil(self, object_: str) -> None:
        """Make an object that is there unreadable."""

    def cut_off(self) -> None:
        """Put the target as a whole out of reach."""


@dataclass(frozen=True)
class DirectoryTrial:
    """A folder that isn't there at first."""

    target: DirectoryTarget

    def held(self) -> Mapping[str, object]:
        return snapshot(Path(self.target.root))

    def put_foreign(self, object_: str) -> None:
        path = Path(self.target.root, object_)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"somebody": "else"}', "utf-8")

    def spoil(self, object_: str) -> None:
        path = Path(self.target.root, object_)
        path.unlink()
        os.mkfifo(path)

    def cut_off(self) -> None:
        volume = Path(self.target.root).parent
        volume.rename(volume.with_name("unmounted"))


def snapshot(root: Path) -> dict[str, object]:
    """Every file and folder with its mode, owner, time and content."""
    found: dict[str, object] = {}
    for path in [root, *root.rglob("*")] if root.exists() else ():
        status = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else None
        when = status.st_mtime_ns if path.is_file() else 0
        found[str(path.relative_to(root))] = (oct(status.st_mode), status.st_uid, status.st_gid, when, content)
    return found


def directory(layout: Layered | AirflowFiles, folder: Path) -> DirectoryTrial:
    """In a volume of its own."""
    volume = folder / "volume"
    volume.mkdir(parents=True)
    return DirectoryTrial(DirectoryTarget("files", layout, str(volume / "shared")))


TRIALS: Mapping[str, Callable[[Path], Trial]] = {
    "directory, layered": lambda folder: directory(Layered("analytics"), folder),
    "directory, airflow": lambda folder: directory(AirflowFiles("analytics"), folder),
}
"""Each makes a trial anew; it may use the folder."""
