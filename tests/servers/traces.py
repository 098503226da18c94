"""What a server may leave behind, and mustn't."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def listens(address: str) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", int(address.rpartition(":")[2]))) == 0


def at_work(folder: Path) -> Iterator[int]:
    """Processes that were told of this folder."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is another user's
            if str(folder).encode() in (process / "environ").read_bytes():
                yield int(process.name)


def assert_ends_with_its_parent(script: str, scratch: Path) -> None:
    """The script starts one, prints its address, and is killed."""
    path = os.pathsep.join(filter(None, sys.path))
    started = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
    )

    assert started.returncode == -signal.SIGKILL, started.stderr
    deadline = time.monotonic() + 10
    while listens(started.stdout.strip()) or any(at_work(scratch)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
