"""A daemon whose machine runs out of something: it is told, nothing ends, and what was held up is made up for."""

from __future__ import annotations

import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from syncd.core import changes
from tests.daemon.test_process import Run
from tests.daemon.ticking import Ticking
from tests.sync.world import NAME, WAREHOUSE, World, document

if not hasattr(resource, "prlimit"):
    pytest.skip("limits of another process are Linux's", allow_module_level=True)


@contextmanager
def no_threads() -> Iterator[None]:
    """No more can be started: there is no room for the stack of one."""
    before = threading.stack_size(2**46)
    try:
        yield
    finally:
        threading.stack_size(before)


@contextmanager
def limited(run: Run, what: int, soft: int) -> Iterator[None]:
    """This much of it, and no more, for a process that runs."""
    before = resource.prlimit(run.process.pid, what)
    resource.prlimit(run.process.pid, what, (soft, before[1]))
    try:
        yield
    finally:
        resource.prlimit(run.process.pid, what, before)


def edit(world: World, host: str) -> None:
    world.change(lambda here: changes.link(here, WAREHOUSE, "etl", {("host",): host}))


def is_written(world: World, host: str) -> bool:
    return host in world.path(document("etl", WAREHOUSE)).read_text()


@pytest.fixture
def run(world: World) -> Iterator[Run]:
    made = Run(world, SYNCD_DAEMON_INTERVAL="0.5", SYNCD_DAEMON_BACKOFF="0.5")
    try:
        yield made.started()
    finally:
        made.process.kill()
        made.process.communicate()


# Threads


def test_a_pass_that_gets_no_thread_is_told_and_made_once_there_is_one(live: Ticking) -> None:
    edit(live.world, "waits")
    with no_threads():
        live.tick()
    assert live.metrics()[f'syncd_target_failing{{reason="Unavailable",target="files",workspace="{NAME}"}}'] == 1
    assert not is_written(live.world, "waits")
    live.later(5)
    assert is_written(live.world, "waits")


def test_without_a_thread_for_it_the_lease_is_somebody_elses_to_have(live: Ticking) -> None:
    edit(live.world, "by-another")
    with no_threads():
        live.tick()
    assert not live.daemon.at_work
    live.world.sync()
    assert is_written(live.world, "by-another")


def test_definitions_that_get_no_thread_are_applied_once_there_is_one(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "definitions"
    folder.mkdir()
    (folder / "one.yaml").write_text(f"workspace: {NAME}\nvariables: {{new: {{value: x, links: {{etl: {{}}}}}}}}\n")
    live = Ticking(world)
    live.configure("definitions", path=str(folder))
    live.reload()
    with no_threads():
        live.tick()
    assert live.metrics()["syncd_definitions_error"] == 1
    live.later(60).settle()
    assert live.metrics()["syncd_definitions_error"] == 0
    assert any("variables/new" in name for name in world.files())


# Descriptors


@pytest.mark.slow
@pytest.mark.parametrize("left", [0, 1, 2])
def test_a_process_without_a_descriptor_goes_on_once_there_is_one(run: Run, left: int) -> None:
    used = len(list(Path(f"/proc/{run.process.pid}/fd").iterdir()))
    with limited(run, resource.RLIMIT_NOFILE, used + left):
        edit(run.world, "without")
        told = run.until("the registry can't be used", "can't be synced", "not in sync")
        assert told["reason"] == "Unavailable"
        assert "Too many open files" in told["problem"]
    run.until("the registry can be used again", "in sync again")
    while not is_written(run.world, "without"):
        run.until("pass")
    assert run.get("/livez")[0] == 200
    assert run.ends() == 0


@pytest.mark.slow
def test_settings_that_no_descriptor_is_left_to_read_stay_as_they_were(run: Run) -> None:
    with limited(run, resource.RLIMIT_NOFILE, 3):
        run.process.send_signal(signal.SIGHUP)
        run.until("settings can't be used, and stay as they were")
    edit(run.world, "goes-on")
    while not is_written(run.world, "goes-on"):
        run.until("pass")
    assert run.ends() == 0


@pytest.mark.slow
def test_sixty_four_descriptors_are_enough(run: Run) -> None:
    with limited(run, resource.RLIMIT_NOFILE, 64):
        for number in range(3):
            edit(run.world, f"host-{number}")
            while not is_written(run.world, f"host-{number}"):
                assert run.until("pass")
        run.process.send_signal(signal.SIGHUP)
        run.until("settings were read again")
    assert run.ends() == 0


# Room on the disk


@pytest.mark.slow
def test_a_process_that_can_write_no_file_goes_on_once_it_can(run: Run) -> None:
    with limited(run, resource.RLIMIT_FSIZE, 0):
        edit(run.world, "no-room")
        run.until("can't be synced")
        assert run.get("/livez")[0] == 200
    run.until("in sync again")
    assert is_written(run.world, "no-room")
    assert run.ends() == 0
