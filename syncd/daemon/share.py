"""The one lease, shared by the passes of this process; and what each of them is allowed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Event

from sqlalchemy import Connection

from syncd.core.errors import Reason, WaitError
from syncd.registry.lease import Lease

_TURN, _END, _PAUSE = 60, 30, 0.5
"""Seconds that passes may follow one another under one lease; that none begins then, so that those at work may end; and
that others are then given to take it."""

Take = Callable[[], AbstractContextManager[Lease]]
"""Take the lease at once. Raises WaitError where somebody else has it."""


class Share:
    """The lease, taken with the first pass and given back with the last. For one thread."""

    def __init__(self, take: Take, clock: Callable[[], float]) -> None:
        self._take, self._clock = take, clock
        self._held: AbstractContextManager[Lease] | None = None
        self._lease: Lease | None = None
        self._users, self._since, self._again, self._late = 0, 0.0, 0.0, False

    def enter(self) -> Lease | None:
        """For one pass more; None while it is others' turn. Raises WaitError where somebody else has it."""
        now = self._clock()
        if self._lease is not None and not self._lease.held:  # its passes write nothing more, and end when they like
            self._give_back()
        if self._lease is None:
            if now < self._again:
                return None
            held = self._take()
            self._lease = held.__enter__()
            self._held, self._since, self._late = held, now, False
        elif now - self._since > _TURN + _END:
            # One that takes so long has it anyway: the others go on beside it.
            self._since, self._late = now, True
        elif now - self._since > _TURN:
            return None
        self._users += 1
        return self._lease

    def leave(self, lease: Lease) -> None:
        """One pass less, of those under this lease."""
        if lease is not self._lease:
            return
        self._users -= 1
        if self._users == 0:
            if self._late or self._clock() - self._since > _TURN:
                self._again = self._clock() + _PAUSE
            self._give_back()

    def _give_back(self) -> None:
        held, self._held, self._lease, self._users = self._held, None, None, 0
        if held is not None:
            held.__exit__(None, None, None)


@dataclass(frozen=True)
class Permit:
    """A lease for one pass: until its deadline, or until it is called off."""

    lease: Lease
    until: float
    clock: Callable[[], float]
    off: Event

    @property
    def held(self) -> bool:
        """Is what it is a permit under?"""
        return self.lease.held

    def check(self, connection: Connection) -> None:
        """Raises WaitError where nothing more may be written."""
        self._allowed()
        self.lease.check(connection)

    def confirm(self, connection: Connection) -> None:
        """As the lease's: what was written until the end is told. Raises WaitError."""
        self.lease.confirm(connection)

    def begin(self, target: str) -> None:
        """As the lease's. Raises WaitError."""
        self._allowed()
        self.lease.begin(target)

    def _allowed(self) -> None:
        if self.off.is_set():
            raise WaitError(Reason.GAVE_WAY, "pass", "was called off", "the next one goes on")
        if self.clock() > self.until:
            raise WaitError(
                Reason.NOT_SYNCED_YET,
                "pass",
                "took longer than `deadline` allows",
                "the next one goes on; where that isn't enough, raise [daemon] deadline",
            )
