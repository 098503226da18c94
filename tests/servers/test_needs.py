"""What becomes of tests whose server can't be had: nobody takes them for passed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """A test that needs Vault, where there is none and no Go either."""
    empty = {"PATH": str(folder), "XDG_CACHE_HOME": str(folder), "TMPDIR": str(folder), **environ}
    own = {name: value for name, value in os.environ.items() if name != "CI"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/servers/test_vault.py", "-k", "sealed"],
        cwd=ROOT,
        env=own | empty,
        capture_output=True,
        text=True,
    )


def test_they_are_skipped_and_the_summary_says_which_and_why(tmp_path: Path) -> None:
    ended = run(tmp_path)

    assert ended.returncode == 0, ended.stdout
    _, _, end = ended.stdout.partition(" NOT TESTED ")
    assert "1 tests did not run: no vault 1.15 or later on PATH" in end
    assert "tests/servers/test_vault.py" in end


@pytest.mark.parametrize("ci", ["true", "1"])
def test_they_fail_in_ci(tmp_path: Path, ci: str) -> None:
    ended = run(tmp_path, CI=ci)

    assert ended.returncode == 1, ended.stdout
    assert "no vault 1.15 or later on PATH" in ended.stdout
