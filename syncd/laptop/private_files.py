"""Files of secrets that a person named: 0600 from the start, whole or as they were, and nothing else is replaced."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from syncd.core.errors import FixError, Reason, SyncError, WaitError

_ENDING = ".syncd~"
"""Of what hasn't its name yet. Who writes it holds its lock, so that what a killed one left can be told from it."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def places(path: Path, names: Mapping[str, str], *, in_folder: bool) -> Mapping[Path, str]:
    """Where each text goes: into this folder, or there where the path says."""
    return {path / name if in_folder else path: text for name, text in names.items()}


def write(texts: Mapping[Path, str], *, make: bool) -> None:
    """Give each file its text, each in one step; `make` the folder that they lie in, where it isn't there.

    Raises SyncError where something else is in the way, or it can't be written; those before it are.
    """
    for folder in {path.parent for path in texts}:
        with _open(folder, make=make) as handle:
            mine = {path.name: text for path, text in texts.items() if path.parent == folder}
            for name in mine:
                _refuse(handle, folder, name)
            _sweep(handle)
            for name, text in mine.items():
                _replace(handle, folder, name, text.encode())


def _replace(handle: int, folder: Path, name: str, content: bytes) -> None:
    try:
        while not _replaced(handle, name, content):
            pass  # another one took ours for what a killed one left
    except OSError as error:
        raise _failure(folder / name, error) from None


def _replaced(handle: int, name: str, content: bytes) -> bool:
    temporary = f".{secrets.token_hex(8)}{_ENDING}"
    file = os.open(temporary, _NEW, 0o600, dir_fd=handle)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.fchmod(file, 0o600)  # whatever the umask took away
        view = memoryview(content)
        while view:
            view = view[os.write(file, view) :]
        try:
            os.rename(temporary, name, src_dir_fd=handle, dst_dir_fd=handle)
        except FileNotFoundError:
            return False
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=handle)
        raise
    finally:
        os.close(file)
    return True


def _refuse(handle: int, folder: Path, name: str) -> None:
    try:
        # `.` and `/` have no name: they are the folder itself.
        mode = os.stat(name or ".", dir_fd=handle, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise _failure(folder / name, error) from None
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a link" if stat.S_ISLNK(mode) else "no plain file"
        raise FixError(Reason.NOT_OWNED, str(folder / name), f"is {what}", "move it away, or name another with --to")


def _sweep(handle: int) -> None:
    """What a killed one left: it holds its lock no more."""
    for name in os.listdir(handle):
        if name.startswith(".") and name.endswith(_ENDING):
            with suppress(OSError):
                file = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=handle)
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(name, dir_fd=handle)
                finally:
                    os.close(file)


@contextmanager
def _open(folder: Path, *, make: bool) -> Iterator[int]:
    try:
        if make:
            with suppress(FileExistsError):
                folder.mkdir(0o700)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _failure(folder, error) from None
    try:
        yield handle
    finally:
        os.close(handle)


def _failure(path: Path, error: OSError) -> SyncError:
    problem = os.strerror(error.errno or errno.EIO)
    if isinstance(error, PermissionError):
        return FixError(Reason.ACCESS_DENIED, str(path), problem, "name a place with --to where you may write")
    if isinstance(error, FileNotFoundError):
        return FixError(Reason.NOT_FOUND, str(path), "the folder that it should lie in isn't there", "make it first")
    if isinstance(error, NotADirectoryError | IsADirectoryError):
        return FixError(Reason.NOT_OWNED, str(path), problem, "move it away, or name another with --to")
    remedy = "make room" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    return WaitError(Reason.UNAVAILABLE, str(path), problem, remedy)
