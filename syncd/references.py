"""Read references: through the operator's allow-list, once each, and never as a guess."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from syncd.core.errors import FixError, Reason, SyncError, WaitError
from syncd.core.model import Reference

LARGEST = 64 * 1024
"""Bytes of a value: a key or a certificate fits; a log file given by mistake doesn't."""

_OWN = ("SYNCD_*",)


@dataclass(frozen=True)
class Allowed:
    """What definitions may read through the daemon's eyes; nothing unless named.

    `env` are patterns of names; `files` are files or folders; `never` are paths that stay unreadable all the same;
    `base` is the folder that a relative path begins at.
    """

    env: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    never: tuple[Path, ...] = ()
    base: Path = Path("/")


def read(
    references: Collection[Reference], allowed: Allowed, environ: Mapping[str, str]
) -> Mapping[Reference, str | SyncError]:
    """The value of each, or why it can't be had. Raises nothing: one that can't be read blocks only who needs it."""
    return {reference: _SCHEMES[reference.scheme](reference, allowed, environ) for reference in references}


def once(
    allowed: Allowed, environ: Mapping[str, str]
) -> Callable[[Collection[Reference]], Mapping[Reference, str | SyncError]]:
    """A reader that asks for each reference once for as long as it is kept: a pass sees one state of each."""
    known: dict[Reference, str | SyncError] = {}

    def read_once(references: Collection[Reference]) -> Mapping[Reference, str | SyncError]:
        known.update(read([one for one in references if one not in known], allowed, environ))
        return {one: known[one] for one in references}

    return read_once


def _env(reference: Reference, allowed: Allowed, environ: Mapping[str, str]) -> str | SyncError:
    name = reference.location
    if not any(fnmatchcase(name, pattern) for pattern in allowed.env) or any(fnmatchcase(name, own) for own in _OWN):
        return _refused(reference, "env")
    value = environ.get(name)
    if value is None:
        return FixError(Reason.REFERENCE_UNREADABLE, str(reference), "isn't set", f"set {name} where syncd runs")
    if any("\udc80" <= character <= "\udcff" for character in value):
        return FixError(Reason.REFERENCE_UNREADABLE, str(reference), "isn't UTF-8")
    return value


def _file(reference: Reference, allowed: Allowed, environ: Mapping[str, str]) -> str | SyncError:
    try:
        # Links are resolved before the check, and the resolved path is what is read.
        path = (allowed.base / reference.location).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        path = Path(os.path.abspath(allowed.base / reference.location))  # noqa: PTH100  what isn't there can't be resolved strictly
    if not any(path.is_relative_to(file) for file in allowed.files) or any(
        path.is_relative_to(file) for file in allowed.never
    ):
        return _refused(reference, "files")
    try:
        content = _content(path)
    except FileNotFoundError:
        return FixError(Reason.REFERENCE_UNREADABLE, str(reference), "isn't there", "put the file there, or mount it")
    except PermissionError:
        return FixError(Reason.REFERENCE_UNREADABLE, str(reference), "can't be read by the user that runs syncd")
    except OSError as error:
        return WaitError(Reason.REFERENCE_UNREADABLE, str(reference), os.strerror(error.errno or 0))
    if content is None:
        return FixError(Reason.REFERENCE_UNREADABLE, str(reference), f"is no plain file of at most {LARGEST} bytes")
    return _text(reference, content)


def _content(path: Path) -> bytes | None:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        content = b""
        while len(content) <= LARGEST and (part := os.read(handle, LARGEST + 1)):
            content += part
    finally:
        os.close(handle)
    return content if len(content) <= LARGEST else None


def _text(reference: Reference, content: bytes) -> str | SyncError:
    # Returns instead of raising: a UnicodeDecodeError carries the bytes.
    try:
        return content.decode("utf-8", "strict").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        return FixError(Reason.REFERENCE_UNREADABLE, str(reference), "isn't UTF-8")


def _refused(reference: Reference, setting: str) -> SyncError:
    return FixError(
        Reason.REFERENCE_REFUSED,
        str(reference),
        "isn't among what definitions may read here",
        f"an operator can allow it: [references] {setting} in syncd.toml",
    )


_SCHEMES = {"env": _env, "file": _file}
