"""`dev/samples/preview.yaml`: what a forge's CI would run, run here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.runner import Syncd

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("processes")]

SAMPLE: dict[Any, Any] = yaml.safe_load((Path(__file__).parents[2] / "dev/samples/preview.yaml").read_text("utf-8"))


def run(job: str, number: int) -> None:
    """A job's commands, for the pull request of this number."""
    given = {name: value.replace("${{ github.event.number }}", str(number)) for name, value in SAMPLE["env"].items()}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for step in SAMPLE["jobs"][job]["steps"]:
        subprocess.run(["bash", "-e", "-c", step["run"]], env={**os.environ, **given, "PATH": path}, check=True)


def test_a_pull_request_has_a_preview_while_it_is_open(syncd: Syncd) -> None:
    run("create", 12)
    run("create", 12)  # a push
    run("create", 13)
    assert [one["name"] for one in syncd.json("preview", "list")["previews"]] == ["pr-12", "pr-13"]
    run("delete", 12)
    (one,) = syncd.json("preview", "list")["previews"]
    assert (one["name"], one["of"], one["environment"]) == ("pr-13", "etl-dev", "dev")


def test_it_is_asked_for_at_each_event_that_counts_and_never_for_a_fork() -> None:
    on = SAMPLE[True]  # YAML 1.1's name for `on`
    assert set(on["pull_request"]["types"]) == {"opened", "reopened", "synchronize", "closed"}
    assert SAMPLE["permissions"] == {}
    for job in SAMPLE["jobs"].values():
        assert "head.repo.full_name == github.repository" in job["if"]
