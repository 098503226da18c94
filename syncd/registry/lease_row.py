"""The lease in PostgreSQL: a row that is kept alive while it is held, and taken over once it has run out.

All times are the database's, so that clocks which differ take nothing from anybody. Beside that a holder has a deadline
of its own: a process that was stopped past it knows at once that it may have lost the lease.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, text

from syncd.core.errors import Reason, SyncError, WaitError
from syncd.registry.database import Registry, brief, reading

LENGTH = 15.0
"""Seconds that it is held for, unless it is kept alive, which is done each third of it."""

_NAME = "targets"
_POLL = 0.1
_JOIN = 2
"""Seconds for who keeps it alive to end; what it does later takes nothing from anybody."""

_TAKE = text(
    "INSERT INTO leases (name, holder, generation, expires)"
    " VALUES (:name, :holder, 1, clock_timestamp() + make_interval(secs => :length))"
    " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, generation = leases.generation + 1,"
    " expires = clock_timestamp() + make_interval(secs => :length)"
    " WHERE leases.holder = '' OR leases.expires <= clock_timestamp()"
    " RETURNING generation"
)
_RENEW = text(
    "UPDATE leases SET expires = clock_timestamp() + make_interval(secs => :length)"
    " WHERE name = :name AND holder = :holder AND generation = :generation AND expires > clock_timestamp()"
)
# Shared, so that a takeover waits until what relies on it is committed, and the passes of one process don't.
_CHECK = text(
    "SELECT 1 FROM leases"
    " WHERE name = :name AND holder = :holder AND generation = :generation AND expires > clock_timestamp() FOR SHARE"
)
_GIVE_BACK = text(
    "UPDATE leases SET holder = '', expires = clock_timestamp()"
    " WHERE name = :name AND holder = :holder AND generation = :generation"
)
_BEGIN = text(
    "INSERT INTO begun (workspace, target, trace) VALUES (:workspace, :target, :trace)"
    " ON CONFLICT (workspace, target) DO UPDATE SET trace = excluded.trace"
)
_BEGUN = text("SELECT trace FROM begun WHERE workspace = :workspace AND target = :target")
_DATABASE = "SELECT oid FROM pg_database WHERE datname = current_database()"
_TIMELINE = "SELECT substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)"


class RowLease:
    """As `syncd.registry.lease.Lease` has it. `deadline` is when it has run out, by this machine's own clock."""

    def __init__(self, registry: Registry, mine: Mapping[str, Any], length: float, deadline: float) -> None:
        self._registry = registry
        self._mine = mine
        self._length = length
        self._deadline = deadline
        self._lost = ""
        self._begun: set[str] = set()
        self._ending = threading.Event()
        self._keeper = threading.Thread(target=self._keep_alive, name="lease", daemon=True)

    def keep(self) -> None:
        """Keep it alive from now on. Raises WaitError where the machine has no thread left for that."""
        try:
            self._keeper.start()
        except RuntimeError:
            problem = "can't be kept alive: no thread can be started"
            raise WaitError(Reason.UNAVAILABLE, "lease", problem, "sync again") from None

    def begin(self, target: str) -> None:
        self._hold()
        if target not in self._begun:
            with brief(self._registry.engine) as connection:
                connection.execute(_BEGIN, {**_split(target), "trace": secrets.token_hex(4)})
                self.check(connection)
            self._begun.add(target)

    def check(self, connection: Connection) -> None:
        self._hold()
        if connection.execute(_CHECK, dict(self._mine)).first() is None:
            self._lost = "was taken over by another pass, or has run out"
            self._hold()

    def confirm(self, connection: Connection) -> None:
        self.check(connection)

    def give_back(self) -> None:
        """Whoever waits may have it. Where the database is away, it runs out instead."""
        self._ending.set()
        if self._keeper.is_alive():
            self._keeper.join(_JOIN)
        self._lost = self._lost or "was given back"
        with suppress(SyncError), brief(self._registry.engine) as connection:
            connection.execute(_GIVE_BACK, dict(self._mine))

    @property
    def held(self) -> bool:
        if not self._lost and time.monotonic() >= self._deadline:
            self._lost = f"has run out: it couldn't be kept alive for {self._length:g} s"
        return not self._lost

    def _hold(self) -> None:
        if not self.held:
            raise WaitError(Reason.GAVE_WAY, "lease", self._lost, "sync again")

    def _keep_alive(self) -> None:
        pause = self._length / 3
        while not self._ending.wait(pause):
            now = time.monotonic()
            if self._lost or now >= self._deadline:
                return
            try:
                kept = self._renewed()
            except SyncError:
                # Again soon, until it has run out: the database may only be starting anew.
                pause = self._length / 15
                continue
            if not kept:
                self._lost = "was taken over by another pass, or has run out"
                return
            self._deadline, pause = now + self._length, self._length / 3

    def _renewed(self) -> bool:
        with brief(self._registry.engine) as connection:
            return connection.execute(_RENEW, {**self._mine, "length": self._length}).rowcount == 1


@contextmanager
def lease(registry: Registry, *, wait: float, length: float = LENGTH) -> Iterator[RowLease]:
    """Take it, waiting at most `wait` seconds. Raises WaitError where it can't be had for longer, or at all."""
    taken = _taken(registry, wait, length)
    try:
        taken.keep()
        yield taken
    finally:
        taken.give_back()


def trace(registry: Registry, target: str) -> str:
    """Which pass began last, in which database."""
    with reading(registry.engine) as connection:
        begun = connection.execute(_BEGUN, _split(target)).scalar()
    return f"{place(registry)}:{begun}"


def place(registry: Registry) -> str:
    """Which database it is: a restored one is another, or another in time.

    It tells of a restore elsewhere, to an earlier moment, and of a standby that took over; of one into the same
    database nothing can, as nothing is left outside of it.
    """
    try:
        return _asked(registry, _DATABASE, _TIMELINE)
    except SyncError:
        # Some services don't let anybody ask for the timeline.
        return _asked(registry, _DATABASE)


def _asked(registry: Registry, *queries: str) -> str:
    with reading(registry.engine) as connection:
        return ":".join(str(connection.exec_driver_sql(query).scalar()) for query in queries)


def _split(target: str) -> Mapping[str, str]:
    workspace, _, name = target.partition("/")
    return {"workspace": workspace, "target": name}


def _taken(registry: Registry, wait: float, length: float) -> RowLease:
    deadline = time.monotonic() + wait
    holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    while True:
        now = time.monotonic()
        generation = _take(registry, {"name": _NAME, "holder": holder, "length": length})
        if generation is not None:
            mine = {"name": _NAME, "holder": holder, "generation": generation}
            return RowLease(registry, mine, length, now + length)
        if time.monotonic() >= deadline:
            raise WaitError(
                Reason.BUSY,
                registry.place,
                f"another pass has been writing for {wait:g} s",
                "wait longer with --wait",
            )
        time.sleep(_POLL)


def _take(registry: Registry, wanted: Mapping[str, Any]) -> int | None:
    try:
        with brief(registry.engine) as connection:
            generation: int | None = connection.execute(_TAKE, dict(wanted)).scalar()
            return generation
    except WaitError as error:
        if error.reason is Reason.BUSY:
            return None  # somebody is about to commit what relies on it
        raise
