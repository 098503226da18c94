"""Signals while something is at work: heard as it wants, and afterwards as before."""

from __future__ import annotations

import signal
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager


@contextmanager
def handled(numbers: Collection[signal.Signals], handler: Callable[[int, object], None]) -> Iterator[None]:
    """But for what is ignored, under nohup for one: a child ignores it, too."""
    heard = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in heard}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
