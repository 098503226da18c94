"""`syncd sync` that dies at a write: what it was to write, and how it is killed."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from tests.cli.runner import Syncd, nothing_of_the_developers

SECRET = "tell-nobody"


def definitions(target: str) -> tuple[str, str]:
    """What lies there at first, and what is to: one connection changes, one goes, a variable comes."""
    head = f"""
workspace: analytics
environments: [dev]
deployments: {{etl: {{environment: dev, targets: [{target}]}}}}
connections:
  stays: {{conn_type: http, link_all: true}}
"""
    first = f"""{head}
  changes: {{conn_type: http, password: {SECRET}-1, link_all: true}}
  goes: {{conn_type: http, password: {SECRET}-1, link_all: true}}
"""
    second = f"""{head}
  changes: {{conn_type: http, password: {SECRET}-2, link_all: true}}
variables:
  comes: {{value: x, link_all: true}}
"""
    return first, second


def installed(home: Path, text: str) -> Path:
    """An installation with these definitions in its registry, and no target yet."""
    with pytest.MonkeyPatch.context() as patch:
        nothing_of_the_developers(patch)
        patch.setenv("SYNCD_HOME", str(home))
        syncd = Syncd(home)
        syncd.ok("init")
        syncd.ok("apply", "-f", "-", "--yes", stdin=text.encode())
    return home


def killed_at(
    point: int, syncd: Syncd, sockets: type[socket.socket], is_write: Callable[[bytes], bool], *, after: bool = True
) -> None:
    """Sync, and die at the n-th of these: a write is about to be sent; with `after`, its answer is there, too.

    In a child alone. `sockets` is the class of those that the server is spoken to through.
    """
    points, one, asking = count(1), Lock(), set()
    send, receive = sockets.sendall, sockets.recv_into

    def passed() -> None:
        with one:
            if next(points) == point:
                os.kill(os.getpid(), signal.SIGKILL)

    def sendall(self: socket.socket, data: Any, *rest: Any) -> None:
        if is_write(bytes(data[:200])):
            passed()
            if after:
                asking.add(self)
        send(self, data, *rest)

    def recv_into(self: socket.socket, *where: Any) -> int:
        found = receive(self, *where)
        if self in asking:
            asking.remove(self)
            passed()
        return found

    sockets.sendall, sockets.recv_into = sendall, recv_into  # type: ignore[method-assign,assignment]
    syncd.ok("sync")
