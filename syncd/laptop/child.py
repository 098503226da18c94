"""A command that runs on a copy: it gets our signals, and its end is ours."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence

from syncd.core.errors import FixError, Reason

_PASSED = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)

_LOOK = 1.0
"""Seconds between two looks at the registry while it runs."""


def run(command: Sequence[str], environ: Mapping[str, str], meanwhile: Callable[[], None]) -> int:
    """Run it to its end; its exit code, 128 and more where a signal ended it. `meanwhile` is called each second.

    Raises FixError where it can't be started.
    """
    try:
        child = subprocess.Popen(command, env=dict(environ))  # noqa: S603  the command is the user's own
    except OSError as error:
        raise FixError(
            Reason.REFUSED,
            command[0],
            f"can't be run: {os.strerror(error.errno or 0)}",
            "name a program that is on PATH, or by its path",
        ) from None
    before = {number: signal.signal(number, _passing(child)) for number in _PASSED}
    try:
        while True:
            try:
                code = child.wait(_LOOK)
            except subprocess.TimeoutExpired:
                meanwhile()
                continue
            return code if code >= 0 else 128 - code
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if child.poll() is None:
            child.terminate()
            child.wait()


def _passing(child: subprocess.Popen[bytes]) -> Callable[[int, object], None]:
    def passed(number: int, _: object) -> None:
        # A terminal tells the whole group by itself.
        if not (number in (signal.SIGINT, signal.SIGQUIT) and _at_a_terminal()):
            child.send_signal(number)

    return passed


def _at_a_terminal() -> bool:
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False
