"""Processes of servers: each on a port of its own, ready when it is started, and gone when its parent is."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 60
"""Seconds for a server to be ready, on a machine that is busy with something else."""

_PORTS = 5
"""How often a port may have been taken by somebody else, between asking for it and using it."""

# The process becomes the command: a preexec_fn isn't safe beside threads. 1 is PR_SET_PDEATHSIG, Linux's alone; it
# means the thread that starts it, so let that be one that stays.
_WITH_PARENT = """
import ctypes, os, signal, sys
prctl = getattr(ctypes.CDLL(None), "prctl", None)
if prctl is not None:
    prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit("its parent is gone")
os.execvp(sys.argv[2], sys.argv[2:])
"""


class Failed(Exception):
    """A server didn't start, or didn't do what it must."""


class PortTaken(Failed):
    """Somebody else has its port."""


class Server:
    """A command that serves: it can be stopped, and started again as it was. Methods raise Failed.

    `stops_within`: seconds in which it may end by itself; without them it is killed.
    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        log: Path,
        ready: Callable[[], bool],
        *,
        stops_within: float = 0,
    ) -> None:
        self._command, self._environ, self._log, self._ready = command, environ, log, ready
        self._stops_within = stops_within
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Where it isn't running; it is ready when this returns. By a thread that stays: it ends with that."""
        if not self.runs:
            self._process = start(self._command, self._environ, self._log, self._ready)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Where it is running, by this signal; it is over when this returns."""
        if self._process is not None:
            end(self._process, patience=self._stops_within, how=how)
            self._process = None

    def send(self, number: int) -> None:
        """A signal."""
        if self._process is not None:
            self._process.send_signal(number)

    def wait(self, what: str, ready: Callable[[], bool]) -> None:
        """Until it is so."""
        if self._process is None:
            raise Failed(f"waited for {what}, but it isn't running")
        wait_until(ready, what, self._process, self._log)


def free_port() -> int:
    """One that nobody has right now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def on_free_ports(begin: Callable[[], T]) -> T:
    """What `begin` returns; it asks for its ports itself, and anew where PortTaken says that one is gone."""
    for _ in range(_PORTS - 1):
        with suppress(PortTaken):
            return begin()
    return begin()


def start(
    command: Sequence[str], environ: Mapping[str, str], log: Path, ready: Callable[[], bool]
) -> subprocess.Popen[bytes]:
    """A server that is ready. Raises Failed, with the end of its log, and then leaves no process."""
    process = launch(command, environ, log, folder=log.parent)
    try:
        wait_until(ready, f"{Path(command[0]).name} to be ready", process, log)
    except BaseException:
        end(process)
        raise
    return process


def launch(command: Sequence[str], environ: Mapping[str, str], log: Path, *, folder: Path) -> subprocess.Popen[bytes]:
    """A process that ends with this one, however that ends. Its output is in the log, which nobody else may read."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _WITH_PARENT, str(os.getpid()), *command],
            env=environ,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # what it starts itself ends with it, and a terminal's Ctrl-C is for us to pass on
        )
    finally:
        os.close(output)


def environ(home: Path) -> dict[str, str]:
    """A server's: what a developer has set for their own is no part of it."""
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home)}


def wait_until(ready: Callable[[], bool], what: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Ask until it is so; an error in asking is a no. Raises Failed at the deadline, or where the process has ended."""
    deadline = time.monotonic() + PATIENCE
    while True:
        code = process.poll()
        if code is not None:
            last = tail(log)
            failure = PortTaken if "address already in use" in last.lower() else Failed
            raise failure(f"waited for {what}, and it has ended with {code}:\n{last}")
        with suppress(OSError, HTTPException, ValueError):  # nobody listens yet, or somebody else does
            if ready():
                return
        if time.monotonic() > deadline:
            raise Failed(f"waited {PATIENCE} s for {what}:\n{tail(log)}")
        time.sleep(0.02)


def end(process: subprocess.Popen[bytes], *, patience: float = 0, how: signal.Signals = signal.SIGINT) -> None:
    """It is over when this returns. `patience`: seconds in which it may end by itself, once it is asked to."""
    if patience and process.poll() is None:
        os.killpg(process.pid, how)  # by SIGINT PostgreSQL, too, ends without waiting for its clients
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text("utf-8", "replace").splitlines()[-lines:])
