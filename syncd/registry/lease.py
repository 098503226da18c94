"""One writer of targets at a time: a lease that is taken for a pass and given back after it.

Beside a registry that is a file it is a lock file; in PostgreSQL it is a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from sqlalchemy import Connection

from syncd.registry import lease_row, lock_file
from syncd.registry.database import Registry

LEASE = lease_row.LENGTH
"""Seconds that nobody else may write for, where a holder was cut off; the kernel gives a lock file back at once."""


class Lease(Protocol):
    """The right to write, as long as it is held. Any thread may ask."""

    @property
    def held(self) -> bool:
        """Is it, as far as is known here?"""

    def begin(self, target: str) -> None:
        """Note that a pass is about to write to this target; the first call counts. Raises WaitError."""

    def check(self, connection: Connection) -> None:
        """Before this transaction is committed: what it says is only said by who holds the lease. Raises WaitError."""

    def confirm(self, connection: Connection) -> None:
        """The same for what is settled, which a pass that has to end early still does. Raises WaitError."""


@contextmanager
def lease(registry: Registry, *, wait: float, length: float = LEASE) -> Iterator[Lease]:
    """Take it, waiting at most `wait` seconds.

    Raises WaitError where another pass holds it for longer, SyncError where it can't be taken at all.
    """
    with _taken(registry, wait, length) as taken:
        yield taken


def trace(registry: Registry, target: str) -> str:
    """What the last pass over this target left outside of the registry, or whatever tells that it was restored.

    A copy of the registry, or one that was brought back, says something else.
    """
    if registry.path is None:
        return lease_row.trace(registry, target)
    return lock_file.trace(registry.path, target)


def _taken(registry: Registry, wait: float, length: float) -> AbstractContextManager[Lease]:
    if registry.path is None:
        return lease_row.lease(registry, wait=wait, length=length)
    return lock_file.lease(registry.path, wait=wait)
