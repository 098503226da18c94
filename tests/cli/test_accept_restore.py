"""What `syncd target accept-restore` asks about and what it then does come of one look at the target."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.cli.runner import Syncd
from tests.targets.processes import in_child


@pytest.mark.parametrize("restored", [True, False])
def test_the_target_is_looked_at_once(syncd: Syncd, folder: Path, restored: bool) -> None:
    shutil.copytree(syncd.home, folder / "backup")
    syncd.ok("connection", "update", "warehouse", "port=5433")
    syncd.ok("sync")
    if restored:
        for path in syncd.home.glob("registry.db*"):
            path.unlink()
        shutil.copytree(folder / "backup", syncd.home, dirs_exist_ok=True)

    assert in_child(lambda: _read(syncd, "scratch")) == 1
    assert ("restore accepted" in syncd.ok("history").said) is restored


def _read(syncd: Syncd, name: str) -> int:
    """How often a document is opened. In a child alone: an audit hook stays for as long as the process."""
    opened: list[object] = []

    def watch(event: str, args: tuple[object, ...]) -> None:
        if event == "open" and Path(str(args[0])).name == name:
            opened.append(args[0])

    sys.addaudithook(watch)
    syncd.ok("target", "accept-restore", "files", "--yes")
    return len(opened)
