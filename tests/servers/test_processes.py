"""What every server's process is promised: it is waited for, says why it failed, and doesn't outlive its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from servers import processes

STARTS_AND_IS_KILLED = """
import os, signal, sys
from pathlib import Path
from servers import processes
log = Path(sys.argv[1])
print(processes.launch(["sleep", "1000"], dict(os.environ), log, folder=log.parent).pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def start(folder: Path, script: str, *, ready: bool = False) -> subprocess.Popen[bytes]:
    return processes.start(["sh", "-c", script], dict(os.environ), folder / "log", lambda: ready)


def lives(pid: int) -> bool:
    try:
        return b") Z " not in (Path("/proc") / str(pid) / "stat").read_bytes()
    except OSError:
        return False


def test_what_ends_before_it_is_ready_says_its_last_lines(tmp_path: Path) -> None:
    with pytest.raises(processes.Failed, match=r"waited for sh to be ready, and it has ended with 3:\n(.|\n)*full$"):
        start(tmp_path, "seq 100; echo the disk is full >&2; exit 3")


def test_what_is_not_ready_in_time_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PATIENCE", 0.3)

    with pytest.raises(processes.Failed, match=r"waited 0\.3 s for sh"):
        start(tmp_path, f"echo $$ >{tmp_path}/pid; exec sleep 1000")

    assert not lives(int((tmp_path / "pid").read_text()))


def test_another_port_is_asked_for_where_one_is_taken_but_not_for_ever(tmp_path: Path) -> None:
    asked = []

    def begin() -> subprocess.Popen[bytes]:
        asked.append(processes.free_port())
        return start(tmp_path, "echo bind: address already in use; exit 1")

    with pytest.raises(processes.PortTaken):
        processes.on_free_ports(begin)
    assert len(asked) == len(set(asked)) == 5


def test_what_does_not_end_when_asked_to_is_killed(tmp_path: Path) -> None:
    process = start(tmp_path, "trap '' INT; while :; do sleep 0.1; done", ready=True)

    processes.end(process, patience=0.1)

    assert process.returncode in (-signal.SIGINT, -signal.SIGKILL)  # it may not have come to its trap


def test_its_log_is_its_owners_alone(tmp_path: Path) -> None:
    processes.end(start(tmp_path, "exec sleep 1000", ready=True))

    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_it_ends_with_its_parent_however_that_ends(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", STARTS_AND_IS_KILLED, tmp_path / "log"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
    )

    assert ended.returncode == -signal.SIGKILL, ended.stderr
    deadline = time.monotonic() + 10
    while lives(int(ended.stdout)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_server_starts_again_where_it_was_stopped_or_has_ended_by_itself(tmp_path: Path) -> None:
    server = processes.Server(["sleep", "1000"], dict(os.environ), tmp_path / "log", lambda: True)
    with pytest.raises(processes.Failed, match="isn't running"):
        server.wait("anything", lambda: True)

    server.start()
    server.start()
    server.send(signal.SIGKILL)
    while server.runs:
        time.sleep(0.01)
    server.start()
    assert server.runs

    server.stop()
    server.stop()
    assert not server.runs
