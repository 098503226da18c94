"""Documents as files: what the directory target writes, or Secrets that the kubelet mounts."""

from __future__ import annotations

import errno
import json
import os
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from syncd.core.documents import Place
from syncd.core.errors import FixError, Reason, SyncError, WaitError

_TICK = 20_000_000
"""Nanoseconds: two ticks of the slowest kernel clock. Two changes within one leave a file with the same times."""


@dataclass(frozen=True)
class _Seen:
    """A file as it was read. `version` is None where it had changed so lately that its times can't tell."""

    version: tuple[int, ...] | None
    content: bytes = field(repr=False)
    envelope: Mapping[str, Any] = field(repr=False)


class DirectorySource:
    """Files below a root. Each is checked with one `stat` per read, and read again only where it changed.

    The kubelet's `..data` links are followed; a link that leads out of the root is refused. Safe under threads.
    """

    def __init__(self, root: str, mend: str = "let `syncd sync` write it again") -> None:
        self.root = root
        self._mend = mend
        self._seen: dict[str, _Seen] = {}

    def path(self, place: Place) -> str:
        """The file of a place."""
        return "/".join(part for part in (self.root, *place) if part)

    def get(self, place: Place, after: Place | None = None) -> Mapping[str, Any] | None:  # never from before
        path = self.path(place)
        try:
            seen = self._look(path)
        except OSError as error:
            self._seen.pop(path, None)
            if error.errno not in _ABSENT:
                raise _unreadable(path, error) from None
            self._refuse_broken_link(path)
            return None
        if seen is None:
            raise FixError(Reason.INVALID_DOCUMENT, path, "is no JSON object", self._mend)
        self._seen[path] = seen
        return seen.envelope

    def names(self, folder: str) -> tuple[str, ...]:
        """What lies in a folder; nothing where it isn't there."""
        try:
            return tuple(sorted(os.listdir(self.path(Place(folder)))))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise _unreadable(self.path(Place(folder)), error) from None

    def _look(self, path: str) -> _Seen | None:
        try:
            version = _version(os.stat(path))
            seen = self._seen.get(path)
            return seen if seen is not None and seen.version == version else self._read(path, seen)
        except FileNotFoundError:
            if not os.path.islink(path):
                raise
            # The kubelet may have removed the folder that its link led to. By now the link leads to the next one.
            return self._read(path, None)

    def _read(self, path: str, before: _Seen | None) -> _Seen | None:
        """The file, None where it is no JSON object: raised about elsewhere, where no frame holds the content."""
        self._refuse_way_out(path)
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise FixError(Reason.INVALID_DOCUMENT, path, "is no plain file", "move it away")
            content = file.read()
        settled = time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > _TICK
        version = _version(status) if settled else None
        if before is not None and before.content == content:
            return _Seen(version, before.content, before.envelope)
        envelope = _parsed(content)
        return None if envelope is None else _Seen(version, content, envelope)

    def _refuse_way_out(self, path: str) -> None:
        if not os.path.realpath(path).startswith(os.path.realpath(self.root).rstrip("/") + "/"):
            raise FixError(
                Reason.ACCESS_DENIED, path, f"is a link that leads out of {self.root}", "put the file itself there"
            )

    def _refuse_broken_link(self, path: str) -> None:
        # Behind a link may be what isn't mounted now. Only the kubelet's links may lead nowhere, for a moment.
        while len(path) > len(self.root) and not os.path.lexists(path):
            path = os.path.dirname(path)
        if len(path) > len(self.root) and os.path.islink(path):
            self._refuse_way_out(path)


_ABSENT = (errno.ENOENT, errno.ENAMETOOLONG)
"""Not there, or can't be: no file has a name that is too long."""


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe would wait for its writer


def _parsed(content: bytes) -> Mapping[str, Any] | None:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _version(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size, status.st_dev)


def _unreadable(path: str, error: OSError) -> SyncError:
    if isinstance(error, PermissionError):
        return FixError(
            Reason.ACCESS_DENIED,
            path,
            "can't be read by this user",
            "see `group` of the target in syncd.toml, or the mode of the mount",
        )
    return WaitError(Reason.UNAVAILABLE, path, f"can't be read: {os.strerror(error.errno or 0)}")
