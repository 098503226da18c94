"""A command that runs on a copy: it gets our signals, and its end is ours."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from syncd.core.errors import FixError, Reason
from syncd.laptop.signals import handled

_PASSED = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)

_ENDS = (signal.SIGTERM, signal.SIGHUP)

_LOOK = 1.0
"""Seconds between two looks at the registry while it runs."""


def run(command: Sequence[str], environ: Mapping[str, str], meanwhile: Callable[[], None]) -> int:
    """Run it to its end; its exit code, 128 and more where a signal ended it. `meanwhile` is called each second.

    Raises FixError where it can't be started.
    """
    passing = _Passing()
    with handled(_PASSED, passing):
        try:
            child = subprocess.Popen(command, env=dict(environ))  # noqa: S603  the command is the user's own
        except OSError as error:
            raise FixError(
                Reason.REFUSED,
                command[0],
                f"can't be run: {os.strerror(error.errno or 0)}",
                "name a program that is on PATH, or by its path",
            ) from None
        try:
            passing.to(child)
            while True:
                try:
                    code = child.wait(_LOOK)
                except subprocess.TimeoutExpired:
                    meanwhile()
                    continue
                return code if code >= 0 else 128 - code
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Who is told to end here takes away first what it made, as on an interrupt."""
    with handled(_ENDS, _end):
        yield


def _end(number: int, _: object) -> None:
    raise SystemExit(128 + number)


class _Passing:
    """Passes signals to a child; those that come before it is there, afterwards."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []

    def __call__(self, number: int, _: object) -> None:
        if self._child is None:
            self._early.append(number)
        # A terminal tells the whole group by itself.
        elif not (number in (signal.SIGINT, signal.SIGQUIT) and _at_a_terminal()):
            self._child.send_signal(number)

    def to(self, child: subprocess.Popen[bytes]) -> None:
        """It is there."""
        self._child = child
        for number in self._early:
            child.send_signal(number)


def _at_a_terminal() -> bool:
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False
