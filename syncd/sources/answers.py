"""Answers of a server, kept for a moment: fewer requests, and something to go on with while it is away."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from syncd.core.errors import FixError, Reason, WaitError

_log = logging.getLogger(__name__)

_QUIET = 1.0
"""Seconds after a failure in which nobody is asked again: a task asks for many connections, one after the other."""

_MOST = 10_000
"""Names that are kept: a server may be asked for any."""

_T = TypeVar("_T")


class Times(NamedTuple):
    """In seconds: for how long an answer is taken for true, and while the server is away."""

    cache_ttl: float
    max_stale: float
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True)
class _Seen(Generic[_T]):
    """What was read last at one moment, and was there at an earlier one already."""

    at: float
    since: float
    version: str
    value: _T | None = field(repr=False)


class Answers(Generic[_T]):
    """By name, as `read` gives them: a version, and a value that is None where nothing is there.

    Where the server can't be reached or fails, what was read up to `max_stale` seconds ago is given, with a WARNING;
    never where it refuses. Safe under threads.
    """

    def __init__(self, read: Callable[[str], tuple[str, _T | None]], times: Times) -> None:
        self._ask = read
        self._times = times
        self._seen: dict[str, _Seen[_T]] = {}
        self._failed: tuple[float, WaitError] | None = None

    def get(self, name: str, after: str | None = None) -> _T | None:
        """The same object as long as its version doesn't change. Raises SyncError.

        What was read of it before the last reading of `after` won't do.
        """
        now = self._times.clock()
        seen = self._seen.get(name)
        kept = seen if seen is not None and (after is None or self._was_read_after(seen, after)) else None
        if kept is not None and now - kept.at < self._times.cache_ttl:
            return kept.value
        failure: WaitError
        try:
            self._refuse_lately_failed(now)
            return self._read(name, now, seen)
        except FixError:
            # Whoever is refused has nothing to go on with, should the server be away next; what is read after another
            # tells of that one alone.
            if after is None:
                self._seen.clear()
            self._seen.pop(name, None)
            raise
        except WaitError as error:
            failure = error
        if failure.reason is Reason.UNAVAILABLE:
            if self._failed is None or self._failed[1] is not failure:
                self._failed = (self._times.clock() + _QUIET, failure)
            if kept is not None and now - kept.at < self._times.max_stale:
                _log.warning("%s; using what was read %.0f s ago", failure, now - kept.at)
                return kept.value
        raise failure.with_traceback(None)

    def _was_read_after(self, seen: _Seen[_T], after: str) -> bool:
        earlier = self._seen.get(after)
        # The other one was there all the while from its first reading on.
        return earlier is not None and seen.at >= earlier.since

    def _refuse_lately_failed(self, now: float) -> None:
        failed = self._failed  # another thread may forget it meanwhile
        if failed is not None and now < failed[0]:
            raise failed[1]

    def _read(self, name: str, now: float, seen: _Seen[_T] | None) -> _T | None:
        version, value = self._ask(name)
        self._failed = None
        if seen is not None and seen.version == version and seen.value == value:
            kept = _Seen(now, seen.since, version, seen.value)
        else:
            kept = _Seen(now, self._times.clock(), version, value)
        if len(self._seen) >= _MOST:
            self._seen.clear()
        self._seen[name] = kept
        return kept.value
