"""Reads what is to be imported: files, the environment, and what stock VaultBackend reads."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from syncd.core.errors import FixError, Problems, Reason, SyncError
from syncd.core.model import NAME, Key
from syncd.definitions.problems import Location, Problem
from syncd.imports import astro, kept
from syncd.imports.environment import environ
from syncd.imports.forms import FORMS, told
from syncd.imports.found import Found, address

if TYPE_CHECKING:
    from syncd.clients.vault.reading import Reader
    from syncd.installation import Installation

LIMIT = 256 * 2**20
"""Bytes in one file."""

_READERS = 8


class Given(NamedTuple):
    """One argument: whose it is, empty for what is shared, and the file: `-` for stdin, empty where none is named."""

    deployment: str
    file: str


class Vault(NamedTuple):
    """Where stock VaultBackend reads: a target's login, another mount if one is named, a path for each kind."""

    target: str
    mount: str
    connections: str
    variables: str


def given(argument: str) -> Given:
    """`[DEPLOYMENT=]FILE`; a file whose name would be read so is `./a=b`."""
    before, equals, after = argument.partition("=")
    return Given(before, after) if equals and NAME.fullmatch(before) else Given("", argument)


def read(arguments: Iterable[Given], form: str | None) -> list[tuple[Given, Found]]:
    """What each of them holds. Raises Problems with all that is wrong with files as a whole."""
    found: list[tuple[Given, Found]] = []
    wrong: list[SyncError] = []
    for one in arguments:
        try:
            found.append((one, _read(one, form)))
        except Problems as problems:
            wrong += problems.errors
        except FixError as error:
            wrong.append(error)
    if wrong:
        raise Problems(wrong)
    return found


def read_vault(installation: Installation, workspace: str, vault: Vault) -> Found:
    """What lies in a Vault for stock VaultBackend. Raises SyncError."""
    from syncd.targets import implementation

    type_, settings = installation.targets.get(vault.target, ("", None))
    subject = f"target {vault.target}"
    if settings is None or type_ != "vault":
        problem = "isn't in syncd.toml" if settings is None else "is no target of type vault"
        raise FixError(Reason.INVALID_SETTINGS, subject, problem, "name one that says where that Vault is")
    if settings.workspaces is not None and workspace not in settings.workspaces:
        raise FixError(Reason.INVALID_SETTINGS, subject, f"isn't for workspace {workspace}")
    mount = vault.mount or str(getattr(settings, "mount_point", ""))
    reader = implementation(type_).reader(vault.target, settings, installation.home, installation.environ, mount)
    parts = []
    for path, take in ((vault.connections, kept.connections), (vault.variables, kept.variables)):
        if path:
            below = path.strip("/")
            place = f"{mount}/{below}"
            parts.append(take(_below(reader, below, place), place))
    return together(("", part) for part in parts)


def together(found: Iterable[tuple[str, Found]]) -> Found:
    """One of several, each with its file. An id that two of them have differently is told, and neither is taken."""
    definitions: dict[Key, Any] = {}
    first: dict[Key, str] = {}
    problems: list[Problem] = []
    notes: list[Problem] = []
    for file, one in found:
        problems += one.problems
        notes += one.notes
        for key, definition in one.definitions.items():
            if key in definitions and definitions[key] != definition:
                words = f"isn't what {first[key]} has", "leave one of the two away"
                problems.append(Problem(Location(file), address(key), *words))
                definitions[key] = None
            definitions.setdefault(key, definition)
            first.setdefault(key, file)
    taken = {key: one for key, one in definitions.items() if one is not None}
    return Found(taken, tuple(problems), tuple(notes))


def _read(one: Given, form: str | None) -> Found:
    if form == "env" and one.file in ("", "-"):
        return environ(os.environ)
    text = _text(one.file)
    name = "stdin" if one.file == "-" else one.file
    form = form or told(text, name)
    found = FORMS[form](text, name)
    return astro.alone(found, name) if form == "astro" and one.deployment else found


def _text(file: str) -> str:
    try:
        if file == "-":
            data = sys.stdin.buffer.read(LIMIT + 1)
        else:
            with Path(file).open("rb") as stream:
                data = stream.read(LIMIT + 1)
    except OSError as error:
        problem = "isn't there" if isinstance(error, FileNotFoundError) else f"can't be read: {error.strerror}"
        reason = Reason.NOT_FOUND if isinstance(error, FileNotFoundError) else Reason.ACCESS_DENIED
        raise FixError(reason, file, problem) from None
    if len(data) > LIMIT:
        raise FixError(Reason.INVALID_DEFINITION, file, f"longer than {LIMIT // 2**20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FixError(Reason.INVALID_DEFINITION, file, "isn't UTF-8", "save it as UTF-8") from None


def _below(reader: Reader, path: str, place: str) -> Mapping[str, Mapping[str, Any]]:
    ids = sorted(_names(reader, path, ""))
    with ThreadPoolExecutor(_READERS) as readers:
        found = readers.map(reader.read, [f"{path}/{one}" for one in ids])
        lying = {one: held.data for one, held in zip(ids, found, strict=True) if held is not None and held.data}
    if not lying:
        raise FixError(Reason.NOT_FOUND, place, "nothing lies there", "name the path that VaultBackend reads")
    return lying


def _names(reader: Reader, path: str, below: str) -> Iterator[str]:
    for name in reader.names(f"{path}/{below}".rstrip("/")):
        if name.endswith("/"):
            yield from _names(reader, path, f"{below}{name}")
        else:
            yield f"{below}{name}"
