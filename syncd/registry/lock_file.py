"""The lease beside a registry that is a file: a lock file, held for a pass.

The file also tells which pass wrote last. The registry says it too: where they differ, the registry isn't the one
that wrote last (it was restored, copied or moved), or a pass was cut short.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection

from syncd.core.errors import FixError, Reason, WaitError

_POLL = 0.05
_FULL = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.EIO})
"""Of the machine, which may have room again."""


class FileLease:
    """As `syncd.registry.lease.Lease` has it. It is held until it is given back, or the process ends."""

    def __init__(self, handle: int) -> None:
        self.held = True
        self._handle = handle
        self._begun: set[str] = set()
        self._alone = threading.Lock()

    def begin(self, target: str) -> None:
        with self._alone:
            self._hold()
            if target not in self._begun:
                self._note(target)

    def check(self, connection: Connection) -> None:
        self._hold()

    def confirm(self, connection: Connection) -> None:
        self._hold()

    def end(self) -> None:
        """It is good for nothing from now on."""
        with self._alone:
            self.held = False

    def _hold(self) -> None:
        if not self.held:
            raise WaitError(Reason.GAVE_WAY, "lease", "was given back", "sync again")

    def _note(self, target: str) -> None:
        content = json.dumps({**_noted(self._handle), target: secrets.token_hex(4)}).encode()
        try:
            os.pwrite(self._handle, content, 0)
            os.ftruncate(self._handle, len(content))
            os.fsync(self._handle)
        except OSError as error:
            raise WaitError(Reason.UNAVAILABLE, "lease", f"can't be written: {os.strerror(error.errno or 0)}") from None
        self._begun.add(target)


@contextmanager
def lease(registry: Path, *, wait: float) -> Iterator[FileLease]:
    """Take it, waiting at most `wait` seconds.

    Raises WaitError where another pass holds it for longer, FixError where the lock file can't be made. The kernel
    gives it back when the process ends, however it ends.
    """
    path = _path(registry)
    handle = _taken(path, wait)
    taken = FileLease(handle)
    try:
        yield taken
    finally:
        taken.end()
        # Closing alone would leave it with a process that was forked meanwhile.
        fcntl.flock(handle, fcntl.LOCK_UN)
        os.close(handle)


def trace(registry: Path, target: str) -> str:
    """Which pass wrote to this target last, as the lock file says it; a copy of the file says something else."""
    try:
        handle = os.open(_path(registry), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return f"{os.fstat(handle).st_ino}:{_noted(handle).get(target, '')}"
    finally:
        os.close(handle)


def _path(registry: Path) -> Path:
    return registry.with_name(f"{registry.name}.lock")


def _taken(path: Path, wait: float) -> int:
    deadline = time.monotonic() + wait
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            problem = f"can't be opened: {os.strerror(error.errno or 0)}"
            if error.errno in _FULL:
                raise WaitError(Reason.UNAVAILABLE, str(path), problem, "make room, then sync again") from None
            remedy = "let the user that runs syncd write there"
            raise FixError(Reason.ACCESS_DENIED, str(path), problem, remedy) from None
        locked = False
        try:
            locked = _locked(handle, path)
        except OSError as error:
            raise FixError(
                Reason.ACCESS_DENIED,
                str(path),
                f"can't be locked: {os.strerror(error.errno or 0)}",
                "keep the registry on a file system with locks, or in PostgreSQL",
            ) from None
        finally:
            if not locked:
                os.close(handle)
        if locked:
            return handle
        if time.monotonic() >= deadline:
            raise WaitError(
                Reason.BUSY, str(path), f"another pass has been writing for {wait:g} s", "wait longer with --wait"
            )
        time.sleep(_POLL)


def _locked(handle: int, path: Path) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    # A lock on a file that was deleted meanwhile keeps nobody out.
    with suppress(FileNotFoundError):
        return path.stat().st_ino == os.fstat(handle).st_ino
    return False


def _noted(handle: int) -> Mapping[str, str]:
    try:
        noted = json.loads(os.pread(handle, 1 << 20, 0))
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}
