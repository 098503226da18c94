"""The same kubeconfigs through both ends of the range of releases that the extra allows."""

from __future__ import annotations

import os
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OLDEST = "kubernetes-33"


def test_the_newest_is_what_all_tests_here_run_with() -> None:
    assert version("kubernetes").partition(".")[0] == "37"


@pytest.mark.slow
def test_the_oldest_gives_the_same_ways_in() -> None:
    made = subprocess.run([ROOT / "dev/env", OLDEST], cwd=ROOT, capture_output=True, text=True, check=False)
    if made.returncode:
        why = f"the package index, for {OLDEST}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"needs a server: {why}")
    env = Path(made.stdout.strip())
    command = [str(env / "bin/pytest"), "-q", "-o", f"cache_dir={env}/pytest_cache", "tests/clients/test_kubeconfig.py"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
    assert "passed" in ran.stdout
