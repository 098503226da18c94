"""Read references: through the operator's allow-list, once each, and never as a guess."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache, partial
from pathlib import Path
from typing import Any

from syncd.core.errors import FixError, Reason, SyncError, WaitError
from syncd.core.model import Reference

LARGEST = 64 * 1024
"""Bytes of a value: a key or a certificate fits; a log file given by mistake doesn't."""

_OWN = ("SYNCD_*", "VAULT_TOKEN", "VAULT_SECRET_ID", "VAULT_CLIENT_KEY", "KUBECONFIG", "PGPASSWORD")
"""Names of the environment that are never readable: the registry's keys, and what syncd logs in with to its targets."""

_SYSTEM = Path("/proc")
"""Never readable: it holds the environment of this process, and every file that it has open."""


@dataclass(frozen=True)
class Allowed:
    """What definitions may read through the daemon's eyes; nothing unless named.

    `env` are patterns of names; `files` are files or folders; `never` are paths that stay unreadable all the same;
    `base` is the folder that a relative path begins at; `vault` are patterns of MOUNT/PATH.
    """

    env: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    never: tuple[Path, ...] = ()
    base: Path = Path("/")
    vault: tuple[str, ...] = ()


VaultRead = Callable[[str, str], "Mapping[str, Any] | None"]
"""What lies at a path of a mount, None where nothing does. Raises SyncError."""

_Ask = Callable[[str, str], "Mapping[str, Any] | SyncError | None"]
"""The same, which raises nothing."""


def read(
    references: Collection[Reference], allowed: Allowed, environ: Mapping[str, str], vault: VaultRead | None = None
) -> Mapping[Reference, str | SyncError]:
    """The value of each, or why it can't be had. Raises nothing: one that can't be read blocks only who needs it.

    A path of `vault` is read once, however many of its keys are wanted.
    """
    return _read(references, allowed, environ, _asking(vault))


def once(
    allowed: Allowed, environ: Mapping[str, str], vault: VaultRead | None = None
) -> Callable[[Collection[Reference]], Mapping[Reference, str | SyncError]]:
    """A reader that asks for each reference, and each path of `vault`, once for as long as it is kept.

    So a pass sees one state of each, however many targets it is over.
    """
    known: dict[Reference, str | SyncError] = {}
    ask = _asking(vault)

    def read_once(references: Collection[Reference]) -> Mapping[Reference, str | SyncError]:
        known.update(_read([one for one in references if one not in known], allowed, environ, ask))
        return {one: known[one] for one in references}

    return read_once


def _read(
    references: Collection[Reference], allowed: Allowed, environ: Mapping[str, str], ask: _Ask
) -> Mapping[Reference, str | SyncError]:
    resolved = replace(allowed, files=_resolved(allowed.files), never=_resolved(allowed.never))
    schemes = {
        "env": partial(_env, allowed=resolved, environ=environ),
        "file": partial(_file, allowed=resolved),
        "vault": partial(_vault, allowed=resolved, ask=ask),
    }
    return {one: schemes.get(one.scheme, _unknown)(one) for one in dict.fromkeys(references)}


def _env(reference: Reference, allowed: Allowed, environ: Mapping[str, str]) -> str | SyncError:
    name = reference.location
    if not any(fnmatchcase(name, pattern) for pattern in allowed.env):
        return _refused(reference, "env")
    if any(fnmatchcase(name, pattern) for pattern in _OWN):
        problem = "is the name of one of syncd's own credentials, and never readable"
        return FixError(Reason.REFERENCE_REFUSED, str(reference), problem, "give the value another name")
    value = environ.get(name)
    if value is None:
        return _unreadable(reference, "isn't set", f"set {name} where syncd runs")
    # What isn't UTF-8 stands in the environment as lone surrogates, whose bytes are no UTF-8 either.
    return _checked(reference, value.encode("utf-8", "surrogatepass"))


def _file(reference: Reference, allowed: Allowed) -> str | SyncError:
    try:
        path = Path(os.path.realpath(allowed.base / reference.location))
    except ValueError:  # a NUL, or what no name can hold
        return _refused(reference, "files")
    if not _within(path, allowed.files):
        return _refused(reference, "files")
    if _within(path, (*allowed.never, _SYSTEM)):
        return _own(reference)
    try:
        content = _content(path)
    except (FileNotFoundError, NotADirectoryError):
        return _unreadable(reference, "isn't there", "put the file there, or mount it")
    except PermissionError:
        return _unreadable(reference, "can't be read by the user that runs syncd")
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ELOOP):
            return _unreadable(reference, "is no plain file")
        return WaitError(Reason.REFERENCE_UNREADABLE, str(reference), os.strerror(error.errno or errno.EIO))
    text = _checked(reference, content)
    if isinstance(text, SyncError) or not text.endswith("\n"):
        return text
    return text[: -2 if text.endswith("\r\n") else -1] or _empty(reference)


def _unknown(reference: Reference) -> SyncError:
    return _unreadable(reference, f"{reference.scheme}: can't be read by this release")


def _vault(reference: Reference, allowed: Allowed, ask: _Ask) -> str | SyncError:
    where, _, key = reference.location.partition("#")
    if not any(fnmatchcase(where, pattern) for pattern in allowed.vault) or not _PLAIN.fullmatch(where):
        return _refused(reference, "vault")
    mount, _, path = where.partition("/")
    found = ask(mount, path)
    if isinstance(found, SyncError):
        # Whatever it is to whoever looks at that path: to who needs it, a reference that can't be read now.
        problem = f"{found.subject}: {found.problem}"
        if isinstance(found, WaitError):
            return WaitError(Reason.REFERENCE_UNREADABLE, str(reference), problem, found.remedy)
        remedy = f"check the path, and that syncd's login may read {mount}/data/{path}"
        return FixError(Reason.REFERENCE_UNREADABLE, str(reference), problem, remedy)
    if found is None:
        return _unreadable(reference, "isn't there", "write it, or correct the path")
    value = found.get(key)
    if not isinstance(value, str):
        return _unreadable(reference, "has no text under this key", "name one after a #: vault:MOUNT/PATH#KEY")
    return _checked(reference, value.encode("utf-8", "surrogatepass"))


def _asking(vault: VaultRead | None) -> _Ask:
    """Asks for each path once, and for no other where Vault is away: each would wait as long as the first."""
    away: list[SyncError] = []

    @cache
    def ask(mount: str, path: str) -> Mapping[str, Any] | SyncError | None:
        if vault is None:
            problem = "names no target"
            return FixError(Reason.INVALID_SETTINGS, "[references] vault", problem, "name a target of type vault")
        if away:
            return away[0]
        try:
            return vault(mount, path)
        except SyncError as error:
            if error.reason is Reason.UNAVAILABLE:
                away.append(error)
            return error.with_traceback(None)

    return ask


_PLAIN = re.compile(r"[\w@:+-][\w@:+.-]*(/[\w@:+-][\w@:+.-]*)+", re.ASCII)
"""MOUNT/PATH that no server takes for another one: Vault cleans `..`, `//` and a slash at the end away."""


def _content(path: Path) -> bytes:
    """At most one byte more than is allowed. Raises OSError, ENXIO for what is no plain file."""
    handle = _opened(path)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.ENXIO, "no plain file")
        content = b""
        while len(content) <= LARGEST and (part := os.read(handle, LARGEST + 1 - len(content))):
            content += part
        return content
    finally:
        os.close(handle)


def _opened(path: Path) -> int:
    """A path whose links are resolved, opened without following one: what was allowed is what is read."""
    folder = os.open("/", _FOLDER)
    for part in path.parts[1:-1]:
        try:
            inner = os.open(part, _FOLDER, dir_fd=folder)
        finally:
            os.close(folder)
        folder = inner
    try:
        return os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY, dir_fd=folder)
    finally:
        os.close(folder)


# Where there is O_PATH, a folder needs to let pass only, not to be readable.
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW


def _checked(reference: Reference, content: bytes) -> str | SyncError:
    if len(content) > LARGEST:
        return _unreadable(reference, f"is larger than {LARGEST} bytes")
    if not content:
        return _empty(reference)
    if b"\x00" in content:
        return _unreadable(reference, "holds a NUL byte, so it is no text in UTF-8", "save it as UTF-8")
    # Returns instead of raising: a UnicodeDecodeError carries the bytes.
    try:
        return content.decode("utf-8", "strict")
    except UnicodeDecodeError:
        return _unreadable(reference, "isn't UTF-8", "save it as UTF-8")


def _resolved(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    return tuple(Path(os.path.realpath(path)) for path in paths)


def _within(path: Path, files: tuple[Path, ...]) -> bool:
    return any(path.is_relative_to(file) for file in files)


def _unreadable(reference: Reference, problem: str, remedy: str = "") -> SyncError:
    return FixError(Reason.REFERENCE_UNREADABLE, str(reference), problem, remedy)


def _empty(reference: Reference) -> SyncError:
    # More often a mount or a variable that came out empty than a password that is meant to be.
    return _unreadable(reference, "is empty", 'where that is meant, write "" in the definition')


def _refused(reference: Reference, setting: str) -> SyncError:
    return FixError(
        Reason.REFERENCE_REFUSED,
        str(reference),
        "isn't among what definitions may read here",
        f"an operator can allow it: [references] {setting} in syncd.toml",
    )


def _own(reference: Reference) -> SyncError:
    return FixError(Reason.REFERENCE_REFUSED, str(reference), "is syncd's own or the system's, and never readable")
