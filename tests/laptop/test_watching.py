"""Who watches until a signal says to stop."""

from __future__ import annotations

import os
import signal

import pytest

from syncd.laptop.watching import until_told


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_and_what_is_ignored_does_not(number: signal.Signals) -> None:
    looks: list[int] = []

    def look() -> None:
        looks.append(0)
        os.kill(os.getpid(), signal.SIGHUP if len(looks) == 1 else number)

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if number != signal.SIGHUP else signal.SIG_DFL)
    try:
        until_told(look)
        assert len(looks) == (1 if number == signal.SIGHUP else 2)
    finally:
        signal.signal(signal.SIGHUP, before)
