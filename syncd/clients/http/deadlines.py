"""When a call is to be over: its own timeout, or the deadline of all that its thread does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from syncd.clients.http.failures import unreached


class Deadlines:
    """Moments by `clock`; each thread has its own."""

    def __init__(self, timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.timeout = timeout
        self.clock = clock
        self._shared = threading.local()

    @contextmanager
    def within(self) -> Iterator[None]:
        """All calls of this thread inside have one deadline together: the timeout, from now on."""
        before = self._within()
        self._shared.deadline = self.next()
        try:
            yield
        finally:
            self._shared.deadline = before

    def next(self) -> float:
        """That of a call which begins now."""
        return min(self._within(), self.clock() + self.timeout)

    def left(self) -> float:
        """Seconds that a call of this thread would have."""
        return max(0.0, self.next() - self.clock())

    @contextmanager
    def alone(self, lock: threading.Lock, url: str) -> Iterator[None]:
        """As one thread at a time; each waits no longer than a call of its own may take. Raises WaitError."""
        if not lock.acquire(timeout=self.left()):
            raise unreached(url, TimeoutError(), self.timeout)
        try:
            yield
        finally:
            lock.release()

    def _within(self) -> float:
        return getattr(self._shared, "deadline", float("inf"))
