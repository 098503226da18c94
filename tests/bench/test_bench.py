"""`dev/bench` as a command; what it measures is for people to run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

BENCH = Path(__file__).parents[2] / "dev" / "bench"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BENCH, *arguments], capture_output=True, text=True, timeout=250)


def test_help_names_every_bench() -> None:
    ended = run("--help")

    assert ended.returncode == 0
    assert {"backend", "sync"} <= set(ended.stdout.split())


@pytest.mark.parametrize("arguments", [["nonesuch"], ["sync", "backend"]])
def test_an_unknown_name_is_wrong_usage_and_the_known_are_told(arguments: list[str]) -> None:
    ended = run(*arguments)

    assert ended.returncode == 2
    assert "known are: backend, " in ended.stderr
