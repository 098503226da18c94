"""Trials of the contract, and word at the end of what this user couldn't test."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from syncd.targets.directory import LAYOUTS, DirectoryTarget
from tests.targets.trials import KUBERNETES_TRIALS, PARAMETERS, TRIALS, VAULT_TRIALS, Trial


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder that everybody may pass through, in memory where that is possible: every batch is flushed."""
    memory = "/dev/shm"
    folder = Path(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else None))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(params=PARAMETERS)
def fresh(request: pytest.FixtureRequest, scratch: Path) -> Callable[[], Trial]:
    """Makes a trial each time it is called."""
    if request.param in VAULT_TRIALS:
        server = request.getfixturevalue("vault_server")
        return lambda: VAULT_TRIALS[request.param](server)
    number = count()
    if request.param in KUBERNETES_TRIALS:
        cluster = request.getfixturevalue("kubernetes_server")
        return lambda: KUBERNETES_TRIALS[request.param](cluster, scratch)
    return lambda: TRIALS[request.param](scratch / str(next(number)))


@pytest.fixture
def trial(fresh: Callable[[], Trial]) -> Trial:
    return fresh()


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def target(layout: str, scratch: Path) -> DirectoryTarget:
    return DirectoryTarget("files", LAYOUTS[layout]("analytics"), str(scratch / "shared"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [report for report in terminalreporter.stats.get("skipped", ()) if "tests/targets/" in report.nodeid]
    for reason in sorted({str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped}):
        terminalreporter.write_line(f"not tested of the directory target: {reason}", yellow=True)
