"""One writer of targets at a time, beside a registry that is a file."""

from __future__ import annotations

import errno
import os
import signal
import stat
from pathlib import Path
from typing import Any

import pytest

from syncd.core.errors import FixError, Reason, WaitError
from syncd.registry.lock_file import lease, trace
from tests.registry import processes

REGISTRY = "registry.db"
UNASKED: Any = None
"""In place of a connection: the file says it all."""


def test_a_second_pass_is_told_to_wait_longer(tmp_path: Path) -> None:
    told = r"another pass has been writing for 0\.1 s; wait longer with --wait"
    first, second = lease(tmp_path / REGISTRY, wait=0), lease(tmp_path / REGISTRY, wait=0.1)
    with first, pytest.raises(WaitError, match=told) as caught, second:
        pass
    assert caught.value.reason is Reason.BUSY


def test_it_is_given_back_after_a_pass(tmp_path: Path) -> None:
    with lease(tmp_path / REGISTRY, wait=0):
        pass
    with lease(tmp_path / REGISTRY, wait=0) as taken:
        taken.check(UNASKED)


def test_it_is_given_back_by_a_pass_that_fails(tmp_path: Path) -> None:
    with pytest.raises(LookupError), lease(tmp_path / REGISTRY, wait=0):
        raise LookupError
    with lease(tmp_path / REGISTRY, wait=0):
        pass


def test_what_was_given_back_is_good_for_nothing(tmp_path: Path) -> None:
    with lease(tmp_path / REGISTRY, wait=0) as taken:
        pass
    with pytest.raises(WaitError, match="was given back"):
        taken.check(UNASKED)
    with pytest.raises(WaitError, match="was given back"):
        taken.begin("analytics/files")
    assert trace(tmp_path / REGISTRY, "analytics/files").endswith(":")


def taking(folder: Path) -> tuple[int, int]:
    """A process that takes the lease, tells so, and keeps it; its id, and where it tells."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        with lease(folder / REGISTRY, wait=10):
            os.write(tell, b"taken")
            signal.pause()
    os.close(tell)
    return child, told


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_is_killed_gives_it_back(tmp_path: Path, how: signal.Signals) -> None:
    child, told = taking(tmp_path)
    try:
        assert os.read(told, 5) == b"taken"
        with pytest.raises(WaitError), lease(tmp_path / REGISTRY, wait=0):
            pass
    finally:
        os.kill(child, how)
        os.waitpid(child, 0)
        os.close(told)
    with lease(tmp_path / REGISTRY, wait=0):
        pass


def test_who_waits_gets_it_when_the_other_ends(tmp_path: Path) -> None:
    with lease(tmp_path / REGISTRY, wait=0):
        child, told = taking(tmp_path)
    try:
        assert os.read(told, 5) == b"taken"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(told)


def test_a_lock_file_that_was_deleted_keeps_nobody_waiting_for_it(tmp_path: Path) -> None:
    with lease(tmp_path / REGISTRY, wait=0):
        (tmp_path / f"{REGISTRY}.lock").unlink()
    with lease(tmp_path / REGISTRY, wait=0), pytest.raises(WaitError), lease(tmp_path / REGISTRY, wait=0):
        pass


def test_the_lock_file_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with lease(tmp_path / REGISTRY, wait=0):
            assert stat.S_IMODE((tmp_path / f"{REGISTRY}.lock").stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / f"{REGISTRY}.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FixError) as caught, lease(tmp_path / REGISTRY, wait=0):
        pass
    assert caught.value.reason is Reason.ACCESS_DENIED
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_cannot_be_written_is_refused_with_the_way_out(tmp_path: Path) -> None:
    def taken() -> str:
        with lease(Path(REGISTRY), wait=0):
            return "taken"

    tmp_path.chmod(0o555)
    try:
        answer = processes.as_nobody(taken, tmp_path)
    finally:
        tmp_path.chmod(0o755)
    assert answer.startswith("FixError AccessDenied: registry.db.lock: can't be opened")


def test_a_file_system_without_locks_is_refused_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(handle: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    before = len(list(Path("/proc/self/fd").iterdir()))
    with monkeypatch.context() as patch:
        patch.setattr("fcntl.flock", flock)
        with pytest.raises(FixError, match="can't be locked: No locks available"), lease(tmp_path / REGISTRY, wait=0):
            pass
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_pass_that_writes_leaves_a_trace_and_one_that_does_not_leaves_none(tmp_path: Path) -> None:
    traces = []
    for writes in (False, True, False, True):
        with lease(tmp_path / REGISTRY, wait=0) as taken:
            if writes:
                taken.begin("analytics/files")
                taken.begin("analytics/files")
        traces.append(trace(tmp_path / REGISTRY, "analytics/files"))
    assert len(set(traces)) == 3
    assert traces[1] == traces[2]


def test_targets_have_traces_of_their_own(tmp_path: Path) -> None:
    with lease(tmp_path / REGISTRY, wait=0) as taken:
        taken.begin("analytics/files")
        before = trace(tmp_path / REGISTRY, "analytics/files")
        taken.begin("analytics/other")
    assert trace(tmp_path / REGISTRY, "analytics/files") == before
    assert trace(tmp_path / REGISTRY, "finance/files").endswith(":")


@pytest.mark.parametrize("content", [b"", b"\xff", b"[1]", b'{"analytics/files": "0'])
def test_a_lock_file_with_anything_in_it_does(tmp_path: Path, content: bytes) -> None:
    (tmp_path / f"{REGISTRY}.lock").write_bytes(content)
    assert trace(tmp_path / REGISTRY, "analytics/files").endswith(":")
    with lease(tmp_path / REGISTRY, wait=0) as taken:
        taken.begin("analytics/files")
    assert not trace(tmp_path / REGISTRY, "analytics/files").endswith(":")


def test_a_copy_of_the_lock_file_leaves_another_trace(tmp_path: Path) -> None:
    with lease(tmp_path / REGISTRY, wait=0) as taken:
        taken.begin("analytics/files")
    (tmp_path / "copy.db.lock").write_bytes((tmp_path / f"{REGISTRY}.lock").read_bytes())
    assert trace(tmp_path / "copy.db", "analytics/files") != trace(tmp_path / REGISTRY, "analytics/files")
