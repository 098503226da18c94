"""One writer of targets at a time: a lock file beside the registry, held for a pass."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from syncd.core.errors import Reason, WaitError

_POLL = 0.05


class Lease:
    """The right to write, as long as it is held."""

    def __init__(self) -> None:
        self.held = True

    def check(self) -> None:
        """Raises WaitError where it isn't held any more."""
        if not self.held:
            raise WaitError(Reason.BUSY, "lease", "was given back", "sync again")


@contextmanager
def lease(registry: Path, *, wait: float) -> Iterator[Lease]:
    """Take it, waiting at most `wait` seconds. Raises WaitError where another pass holds it for longer.

    The kernel gives it back when the process ends, however it ends.
    """
    path = registry.with_name(f"{registry.name}.lock")
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + wait
        while not _taken(handle):
            if time.monotonic() >= deadline:
                raise WaitError(
                    Reason.BUSY, str(path), f"another pass has been writing for {wait:g} s", "wait longer with --wait"
                )
            time.sleep(_POLL)
        taken = Lease()
        try:
            yield taken
        finally:
            taken.held = False
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
