"""Two daemons that share a registry in PostgreSQL."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers import postgresql
from syncd.core.errors import WaitError
from tests.daemon.replicas import edit, within
from tests.daemon.test_process import Run
from tests.sync.world import WAREHOUSE, World, document

pytestmark = [pytest.mark.postgresql, pytest.mark.slow]


@pytest.fixture
def runs(shared: World, tmp_path: Path) -> Iterator[tuple[Run, Run]]:
    """Two daemons, up."""
    first, second = made = Run(shared), Run(shared)
    try:
        for one in made:
            one.port = int(str(one.until("syncd runs")["listen"]).rpartition(":")[2])
        within(30, lambda: shared.path(document("etl", WAREHOUSE)).exists())
        yield first, second
    finally:
        for one in made:
            one.process.kill()
            one.process.communicate()


def written(world: World, host: str) -> bool:
    return host in world.path(document("etl", WAREHOUSE)).read_text()


def test_an_edit_is_written_while_both_run_and_when_one_was_killed(shared: World, runs: tuple[Run, Run]) -> None:
    for number in range(3):
        edit(shared, f"host-{number}")
        within(5, lambda number=number: written(shared, f"host-{number}"))  # type: ignore[misc]
    runs[0].process.send_signal(signal.SIGKILL)
    runs[0].process.wait(10)
    edit(shared, "after")
    within(20, lambda: written(shared, "after"))
    assert runs[1].get("/livez")[0] == 200
    assert runs[1].ends() == 0


def test_a_database_that_starts_anew_ends_no_daemon(
    shared: World, runs: tuple[Run, Run], server: postgresql.Postgresql
) -> None:
    server.crash()
    with pytest.raises(WaitError):
        edit(shared, "while-it-is-away")
    time.sleep(1)
    server.start()
    edit(shared, "back")
    within(30, lambda: written(shared, "back"))
    for one in runs:
        within(30, lambda one=one: one.get("/readyz")[0] == 200)  # type: ignore[misc]
        assert one.ends() == 0
        assert server.password not in "".join(one.lines)
        assert "Traceback" not in "".join(one.lines)
