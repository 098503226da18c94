"""Documents in Vault, as the Vault target writes them: one small read each, kept for a moment."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from syncd.clients.vault.login import Login
from syncd.clients.vault.reading import Reader
from syncd.clients.vault.transport import Server
from syncd.core.documents import NAMEPLATE, Place
from syncd.core.errors import FixError, Reason, WaitError

_log = logging.getLogger(__name__)

_QUIET = 1.0
"""Seconds after a failure in which Vault isn't asked again: a task asks for many connections, one after the other."""

_MOST = 10_000
"""Paths that are kept: a server may be asked for any name."""


@dataclass(frozen=True)
class _Seen:
    """What was read last at one moment, and was there at an earlier one already."""

    at: float
    since: float
    version: int
    envelope: Mapping[str, Any] | None = field(repr=False)


class VaultSource:
    """One mount. What was read is taken for true for `cache_ttl` seconds, what isn't there too.

    Where Vault can't be reached or fails, what was read up to `max_stale` seconds ago is given, with a WARNING; never
    where it refuses. Safe under threads; a forked child needs its own.
    """

    def __init__(
        self,
        server: Server,
        login: Login,
        mount: str,
        *,
        cache_ttl: float,
        max_stale: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vault = Reader(server, login, mount)
        self._cache_ttl, self._max_stale, self._clock = cache_ttl, max_stale, clock
        self._seen: dict[str, _Seen] = {}
        self._failed: tuple[float, WaitError] | None = None

    def within(self) -> AbstractContextManager[None]:
        """All that is read inside has one deadline together."""
        return self._vault.within()

    def path(self, place: Place) -> str:
        """Where a place is, for people."""
        return f"{self._vault.server.url}: {self._vault.mount}/{place.object}"

    def get(self, place: Place, after: Place | None = None) -> Mapping[str, Any] | None:
        if place.key:  # a mounted Secret's: no path of Vault has keys
            return None
        name, now = place.object, self._clock()
        seen = self._seen.get(name)
        kept = seen if seen is not None and (after is None or self._was_read_after(seen, after)) else None
        if kept is not None and now - kept.at < self._cache_ttl:
            return kept.envelope
        failure: WaitError
        try:
            self._refuse_lately_failed(now)
            return self._read(name, now, seen)
        except FixError:
            # Whoever is refused has nothing to go on with, should Vault be away next; a part tells of its link alone.
            if after is None:
                self._seen.clear()
            self._seen.pop(name, None)
            raise
        except WaitError as error:
            failure = error
        if failure.reason is Reason.UNAVAILABLE:
            if self._failed is None or self._failed[1] is not failure:
                self._failed = (self._clock() + _QUIET, failure)
            if kept is not None and now - kept.at < self._max_stale:
                _log.warning("%s; using what was read %.0f s ago", failure, now - kept.at)
                return kept.envelope
        raise failure.with_traceback(None)

    def names(self, folder: str) -> tuple[str, ...]:
        """What lies in a folder; nothing where it isn't there."""
        return self._vault.names(folder) if folder else ()

    def _was_read_after(self, seen: _Seen, after: Place) -> bool:
        earlier = self._seen.get(after.object)
        # The other one was there all the while from its first reading on.
        return earlier is not None and seen.at >= earlier.since

    def _refuse_lately_failed(self, now: float) -> None:
        failed = self._failed  # another thread may forget it meanwhile
        if failed is not None and now < failed[0]:
            raise failed[1]

    def _read(self, name: str, now: float, seen: _Seen | None) -> Mapping[str, Any] | None:
        kept = self._vault.read(name)
        self._failed = None
        if kept is not None and kept.data is None:  # a removal of ours leaves a tombstone
            raise FixError(
                Reason.INVALID_DOCUMENT,
                f"{self._vault.mount}/{name}",
                "was deleted by somebody",
                "let `syncd sync` write it again",
            )
        if kept is None:
            if name.endswith(f"/{NAMEPLATE}"):
                self._vault.check()  # a wrong mount has its own error
            since = seen.since if seen is not None and seen.envelope is None else self._clock()
            self._keep(name, _Seen(now, since, 0, None))
            return None
        # The same object as long as it is the same version: what was made from it is kept.
        same = seen is not None and seen.version == kept.version and seen.envelope == kept.data
        if same and seen is not None:
            self._keep(name, _Seen(now, seen.since, seen.version, seen.envelope))
            return seen.envelope
        self._keep(name, _Seen(now, self._clock(), kept.version, kept.data))
        return kept.data

    def _keep(self, name: str, seen: _Seen) -> None:
        if len(self._seen) >= _MOST:
            self._seen.clear()
        self._seen[name] = seen
