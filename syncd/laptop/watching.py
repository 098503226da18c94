"""Doing something over and over until a signal says to stop."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable

from syncd.laptop.signals import handled

_ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_LOOK = 1.0
"""Seconds between two looks."""


def until_told(look: Callable[[], None]) -> None:
    """Call it each second; what is under way when a signal comes is brought to its end."""
    reading, writing = os.pipe()
    try:
        with handled(_ENDS, lambda *_: _told(writing)):
            while not select.select([reading], [], [], _LOOK)[0]:
                look()
    finally:
        os.close(reading)
        os.close(writing)


def _told(writing: int) -> None:
    os.write(writing, b"\0")
