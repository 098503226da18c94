"""Documents as files: what the directory target writes, or Secrets that the kubelet mounts."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from syncd.core.documents import Place
from syncd.core.errors import FixError, Reason, SyncError, WaitError


class DirectorySource:
    """Files below a root. Each is checked with one `stat` per read, and read again only where it changed.

    The kubelet's `..data` links are followed; a link that leads out of the root is refused.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self._seen: dict[str, tuple[tuple[int, ...], Mapping[str, Any]]] = {}

    def path(self, place: Place) -> str:
        """The file of a place."""
        return "/".join(part for part in (self.root, *place) if part)

    def get(self, place: Place) -> Mapping[str, Any] | None:
        path = self.path(place)
        try:
            version = _version(os.stat(path))
            seen = self._seen.get(path)
            if seen is not None and seen[0] == version:
                return seen[1]
            version, envelope = self._load(path)
        except (FileNotFoundError, NotADirectoryError):
            self._seen.pop(path, None)
            return None
        except OSError as error:
            raise _unreadable(path, error) from None
        if envelope is None:
            raise FixError(Reason.INVALID_DOCUMENT, path, "is no JSON object", "let `syncd sync` write it again")
        self._seen[path] = (version, envelope)
        return envelope

    def _load(self, path: str) -> tuple[tuple[int, ...], Mapping[str, Any] | None]:
        if not os.path.realpath(path).startswith(os.path.realpath(self.root).rstrip("/") + "/"):
            raise FixError(
                Reason.ACCESS_DENIED, path, f"is a link that leads out of {self.root}", "put the file itself there"
            )
        with open(path, "rb") as file:
            version = _version(os.fstat(file.fileno()))
            return version, _parsed(file.read())


def _parsed(content: bytes) -> Mapping[str, Any] | None:
    # Returns instead of raising, so that no traceback holds a frame with the content in its locals.
    try:
        value = json.loads(content)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _version(stat: os.stat_result) -> tuple[int, ...]:
    return (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_size, stat.st_dev)


def _unreadable(path: str, error: OSError) -> SyncError:
    if isinstance(error, PermissionError):
        return FixError(
            Reason.ACCESS_DENIED, path, "can't be read by this user", "see `group` of the target in syncd.toml"
        )
    return WaitError(Reason.UNAVAILABLE, path, f"can't be read: {os.strerror(error.errno or 0)}")
