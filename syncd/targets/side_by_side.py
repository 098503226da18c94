"""A server's objects, read and written side by side: each stands alone, and one that fails stops no other.

What is wrong with one object alone is an answer, and its error is about that object; any other is about the server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from syncd.core.documents import Stamp
from syncd.core.errors import Reason, SyncError
from syncd.core.plan import Write

AT_ONCE = 8
"""Requests: more of them make two cores no faster."""

_T = TypeVar("_T")


def read_each(
    names: Sequence[str], read: Callable[[str], _T], subject: Callable[[str], str]
) -> dict[str, _T | SyncError]:
    """What each holds. Raises SyncError where it is about the server."""

    def one(name: str) -> _T | SyncError:
        try:
            return read(name)
        except SyncError as error:
            if error.subject != subject(name):
                raise
            return error.with_traceback(None)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(names, pool.map(one, names), strict=True))


def write_each(
    writes: Sequence[Write], write: Callable[[Write], Stamp | None], subject: Callable[[str], str]
) -> Mapping[str, Stamp | SyncError | None]:
    """What became of each. Once the server is gone, the rest isn't tried."""
    batch = _Batch(write, subject)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {write.object: one for write, one in zip(writes, pool.map(batch.write, writes), strict=True)}


class _Batch:
    def __init__(self, write: Callable[[Write], Stamp | None], subject: Callable[[str], str]) -> None:
        self._write, self._subject = write, subject
        self._gone: SyncError | None = None
        self._failing = 0

    def write(self, write: Write) -> Stamp | SyncError | None:
        if self._gone is not None:
            return self._gone
        try:
            done = self._write(write)
        except SyncError as error:
            # Of one object alone the server may fail for ever: only many in a row are all of it.
            self._failing = self._failing + 1 if error.reason is Reason.UNAVAILABLE else 0
            if error.subject != self._subject(write.object) or self._failing >= AT_ONCE:
                self._gone = error
            return error.with_traceback(None)
        self._failing = 0
        return done
