"""What becomes of tests whose server can't be had: nobody takes them for passed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


NEEDS = {
    "vault": ("sealed", "no vault 1.15 or later on PATH"),
    "kubernetes": ("anonymous", "no etcd 3.5 or later on PATH"),
}
"""One test of each server, and what it misses."""


def run(server: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """A test that needs the server, where there is none and no Go either."""
    empty = {"PATH": str(folder), "XDG_CACHE_HOME": str(folder), "TMPDIR": str(folder), **environ}
    own = {name: value for name, value in os.environ.items() if name not in ("CI", "KUBEBUILDER_ASSETS")}
    test = [f"tests/servers/test_{server}.py", "-k", NEEDS[server][0]]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *test],
        cwd=ROOT,
        env=own | empty,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("server", NEEDS)
def test_they_are_skipped_and_the_summary_says_which_and_why(tmp_path: Path, server: str) -> None:
    ended = run(server, tmp_path)

    assert ended.returncode == 0, ended.stdout
    _, _, end = ended.stdout.partition(" NOT TESTED ")
    assert f"1 tests did not run: {NEEDS[server][1]}" in end
    assert f"tests/servers/test_{server}.py" in end


@pytest.mark.parametrize("server", NEEDS)
@pytest.mark.parametrize("ci", ["true", "1"])
def test_they_fail_in_ci(tmp_path: Path, ci: str, server: str) -> None:
    ended = run(server, tmp_path, CI=ci)

    assert ended.returncode == 1, ended.stdout
    assert NEEDS[server][1] in ended.stdout
