"""Files below a root, for one writer: a file or folder gets its name when it is whole and has its mode.

Below the root no link is followed, and nothing but plain files is read or replaced.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import takewhile

from syncd.core.errors import FixError, Reason, SyncError, WaitError

LARGEST = 64 * 1024 * 1024
"""Bytes of a file: ten times what all connections of a large deployment come to."""

_TEMPORARY = ".syncd~"
"""What hasn't its name yet, one per folder. No name of ours holds a `~`."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


@dataclass(frozen=True)
class File:
    """A plain file as it was read."""

    content: bytes = field(repr=False)
    mode: int
    gid: int

    def kept_from(self, gid: int | None) -> bool:
        """Can its owner and this group read it, and nobody else? None: its owner alone."""
        return stat.S_IMODE(self.mode) == _mode(gid) and gid in (None, self.gid)


@contextmanager
def root(path: str, *, make: bool = False, gid: int | None = None) -> Iterator[int | None]:
    """The root, open; None where it isn't there and wasn't to be made. It alone may be a link: it is the operator's.

    Raises SyncError where it can't be opened or made, or where not even its parent is there.
    """
    try:
        handle = _root(path, make, gid)
    except OSError as error:
        raise failure(path, error) from None
    try:
        yield handle
    finally:
        if handle is not None:
            os.close(handle)


@contextmanager
def opened(path: str, below: int) -> Iterator[int]:
    """A folder below another one, without following a link. Raises OSError."""
    handle = os.dup(below)
    try:
        for part in path.split("/"):
            inner = os.open(part, _FOLDER, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def listed(folder: int) -> tuple[list[str], list[str]]:
    """The names of what lies in a folder, and of the folders in it: sorted, and only those that could be ours."""
    names: list[str] = []
    folders: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.isascii():
                (folders if entry.is_dir(follow_symlinks=False) else names).append(entry.name)
    return sorted(names), sorted(folders)


def read(folder: int, name: str) -> File | None:
    """A file; None where there is none, or an empty one: that is what a crash of the machine leaves of a new file.

    Raises OSError, for anything but a plain file of a size that it may have, too.
    """
    try:
        handle = os.open(name, _READ, dir_fd=folder)
    except FileNotFoundError:
        return None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.ENXIO, "no plain file")
        if status.st_size > LARGEST:
            raise OSError(errno.EOVERFLOW, "too large")
        content = os.read(handle, status.st_size + 1)
        while len(content) != status.st_size and (more := os.read(handle, LARGEST)):
            content += more
    finally:
        os.close(handle)
    return File(content, status.st_mode, status.st_gid) if content else None


def flush(folder: int) -> None:
    """Bring all that was written to the disk: once for a batch, which costs less than an fsync per file."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "syncfs"):
        os.sync()
    elif libc.syncfs(folder) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def failure(path: str, error: OSError) -> SyncError:
    """What an error of the operating system says to people."""
    problem = os.strerror(error.errno or errno.EIO)
    if isinstance(error, PermissionError):
        return FixError(Reason.ACCESS_DENIED, path, problem, "let the user that runs syncd read and write there")
    if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO):
        return FixError(Reason.NOT_OWNED, path, "a link or something else is in the way", "move it away")
    if error.errno == errno.EOVERFLOW:
        return FixError(Reason.NOT_OWNED, path, f"is larger than {LARGEST} bytes: no file of ours", "move it away")
    if error.errno == errno.ENAMETOOLONG:
        return FixError(Reason.NOT_HOLDABLE, path, problem, "give it a shorter id")
    remedy = "make room" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    return WaitError(Reason.UNAVAILABLE, path, problem, remedy)


def _root(path: str, make: bool, gid: int | None) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        if os.path.islink(path) or not os.path.isdir(os.path.dirname(os.path.abspath(path))):
            problem = "isn't there, and where it should be made isn't either"
            raise WaitError(Reason.UNAVAILABLE, path, problem, "is the volume mounted?") from None
    if not make:
        return None
    os.mkdir(path, 0o700)  # where a crash ends it before the rest, Folder lets the group in at the next write
    if gid is not None:
        os.chown(path, -1, gid)
    os.chmod(path, 0o700 if gid is None else 0o750)
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY)


@dataclass
class _Step:
    name: str
    handle: int
    leave_empty: bool


class Folder:
    """The folder that is written to, and those above it up to the root, open until another one is entered.

    `kept` always stays. A folder below it that is left behind goes, where this made it or took something out of it
    and nothing is in it now. Every method raises OSError.
    """

    def __init__(self, root: int, kept: str, gid: int | None) -> None:
        self._root, self._gid = root, gid
        self._kept = kept.count("/") + 1
        self._steps: list[_Step] = []
        self._path = ""
        self.changed = False
        self._let_in(root)

    def enter(self, path: str, *, make: bool = False) -> bool:
        """Go there, and clear what an interrupted write left. False where it isn't there and isn't to be made."""
        if path == self._path:
            return True
        parts = path.split("/")
        same = (step.name == part for step, part in zip(self._steps, parts, strict=False))
        shared = len(tuple(takewhile(bool, same)))
        self._leave(shared)
        for part in parts[shared:]:
            try:
                self._descend(part)
            except FileNotFoundError:
                self._clear()
                if not make:
                    return False
                self._make(part)
        self._clear()
        self._path = path
        return True

    def close(self) -> None:
        """Leave it."""
        self._leave(0)

    def read(self, name: str) -> File | None:
        """A file in it, as `read` does."""
        return read(self._handle, name)

    def replace(self, name: str, content: bytes, *, lasting: bool = False) -> None:
        """Give a file its content in one step, with mode and group from the start. `lasting`: on the disk before."""
        handle = os.open(_TEMPORARY, _NEW, 0o600, dir_fd=self._handle)
        try:
            try:
                if self._gid is not None:
                    os.fchown(handle, -1, self._gid)
                os.fchmod(handle, _mode(self._gid))
                _write_all(handle, content)
                if lasting:
                    os.fsync(handle)
            finally:
                os.close(handle)
            os.rename(_TEMPORARY, name, src_dir_fd=self._handle, dst_dir_fd=self._handle)
        except OSError:
            with suppress(OSError):
                os.unlink(_TEMPORARY, dir_fd=self._handle)
            raise
        self.changed = True

    def remove(self, name: str) -> None:
        """Nothing where there is no such file."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._handle)
            self._steps[-1].leave_empty = self.changed = True

    @property
    def _handle(self) -> int:
        return self._steps[-1].handle if self._steps else self._root

    def _descend(self, part: str) -> None:
        handle = os.open(part, _FOLDER, dir_fd=self._handle)
        self._steps.append(_Step(part, handle, leave_empty=False))
        self._let_in(handle)

    def _make(self, part: str) -> None:
        here = self._handle
        os.mkdir(_TEMPORARY, 0o700, dir_fd=here)
        if self._gid is not None:
            os.chown(_TEMPORARY, -1, self._gid, dir_fd=here, follow_symlinks=False)
        os.chmod(_TEMPORARY, 0o700 if self._gid is None else 0o750, dir_fd=here)
        os.rename(_TEMPORARY, part, src_dir_fd=here, dst_dir_fd=here)
        self.changed = True
        self._descend(part)
        self._steps[-1].leave_empty = True

    def _let_in(self, handle: int) -> None:
        # A folder as this makes them, from when there was no group or another one. Any other is somebody's choice.
        if self._gid is None:
            return
        status = os.fstat(handle)
        mode = stat.S_IMODE(status.st_mode)
        ours = status.st_uid == os.geteuid() and mode in (0o700, 0o750)
        if ours and (mode, status.st_gid) != (0o750, self._gid):
            os.fchown(handle, -1, self._gid)
            os.fchmod(handle, 0o750)

    def _leave(self, depth: int) -> None:
        self._path = ""
        while len(self._steps) > depth:
            step = self._steps.pop()
            os.close(step.handle)
            if step.leave_empty and len(self._steps) >= self._kept:
                with suppress(OSError):
                    os.rmdir(step.name, dir_fd=self._handle)
                    self._steps[-1].leave_empty = True

    def _clear(self) -> None:
        try:
            os.unlink(_TEMPORARY, dir_fd=self._handle)
        except FileNotFoundError:
            pass
        except IsADirectoryError:
            os.rmdir(_TEMPORARY, dir_fd=self._handle)


def _mode(gid: int | None) -> int:
    return 0o600 if gid is None else 0o640


def _write_all(handle: int, content: bytes) -> None:
    written = os.write(handle, content)
    while written < len(content):
        written += os.write(handle, memoryview(content)[written:])
