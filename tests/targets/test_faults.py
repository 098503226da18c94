"""The table of faults names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_that_the_table_of_faults_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "dev/faults.md").read_text("utf-8")))
    files = (ROOT / "tests").rglob("test_*.py")
    there = {name for path in files for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)}
    assert len(named) > 30
    assert named <= there
