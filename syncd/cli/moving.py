"""Reads what is to be imported: files, the environment, and what stock VaultBackend reads in a Vault."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from syncd.cli import show
from syncd.cli.usage import WrongUsage
from syncd.core.addresses import MOUNT
from syncd.core.errors import FixError, Problems, Reason, SyncError, WaitError
from syncd.core.model import NAME
from syncd.imports import astro, kept
from syncd.imports.environment import environ
from syncd.imports.forms import FORMS, told
from syncd.imports.found import Found

if TYPE_CHECKING:
    from syncd.clients.vault.reading import Reader
    from syncd.installation import Installation
    from syncd.targets.settings import TargetSettings

LIMIT = 256 * 2**20
"""Bytes in one file."""

_READERS = 8
_TYPE = "vault"
_SCHEME = f"{_TYPE}:"


class Vault(NamedTuple):
    """What stock VaultBackend reads: the target with its address and login, and mount and path in one text."""

    target: str
    place: str

    def __str__(self) -> str:
        return f"{_SCHEME}{self.target}:{self.place}"


class Given(NamedTuple):
    """One argument: whose it is, empty for what is shared, and a file, or a Vault's place.

    Of files `-` is stdin, and an empty one is where none is named.
    """

    deployment: str
    source: str | Vault

    @property
    def name(self) -> str:
        """By which messages tell it from others."""
        return str(self.source)


def given(argument: str) -> Given:
    """`[DEPLOYMENT=]FILE` or `[DEPLOYMENT=]vault:TARGET:MOUNT/PATH`. Raises WrongUsage.

    A file whose name would be read as something else is `./a=b`, `./vault:a`.
    """
    before, equals, after = argument.partition("=")
    deployment, source = (before, after) if equals and NAME.fullmatch(before) else ("", argument)
    return Given(deployment, _vault(source) if source.startswith(_SCHEME) else source)


def read(arguments: Iterable[Given], form: str | None, vaults: Vaults) -> list[tuple[Given, Found]]:
    """What each of them holds. Raises Problems with all that is wrong with files and places as a whole."""
    found: list[tuple[Given, Found]] = []
    wrong: list[SyncError] = []
    for one in arguments:
        try:
            if isinstance(one.source, Vault):
                with show.busy(f"reading {one.name}"):
                    found.append((one, vaults.read(one.source)))
            else:
                found.append((one, _read(one.source, form, alone=bool(one.deployment))))
        except Problems as problems:
            wrong += problems.errors
        except SyncError as error:
            wrong.append(error)
    if wrong:
        # What is wrong with a target stops all that is read through it, and is told once.
        raise Problems([*{str(error): error for error in wrong}.values()])
    return found


class Vaults:
    """The Vaults of an installation's targets: one login for all of a mount, one wait for one that is away."""

    def __init__(self, installation: Installation, workspace: str) -> None:
        self._installation = installation
        self._workspace = workspace
        self._readers: dict[tuple[str, str], Reader] = {}
        self._away: dict[str, WaitError] = {}

    def read(self, vault: Vault) -> Found:
        """What lies at this place for stock VaultBackend. Raises SyncError."""
        if vault.target in self._away:
            raise self._away[vault.target]
        settings = self._settings(vault.target)
        mount, path = kept.divided(vault.place, str(getattr(settings, "mount_point", "")))
        reader = self._reader(vault.target, settings, mount)
        try:
            lying = _below(reader, path)
        except WaitError as error:
            self._away[vault.target] = away = WaitError(*_through(vault.target, error), error.remedy)
            raise away from None
        except FixError as error:
            refused = error.reason is Reason.ACCESS_DENIED and error.subject.startswith(f"{mount}/")
            # Not what `syncd policies` prints, which is about places of ours.
            remedy = f"let this login list {mount}/metadata/{path}/* and read {mount}/data/{path}/*"
            raise FixError(*_through(vault.target, error), remedy if refused else error.remedy) from None
        if not lying:
            raise FixError(Reason.NOT_FOUND, str(vault), "nothing lies there", "name the path that VaultBackend reads")
        return kept.documents(lying, str(vault))

    def _settings(self, target: str) -> TargetSettings:
        another = "name one that says where that Vault is"
        settings = self._installation.settings(target, self._workspace, another)
        if self._installation.targets[target][0] != _TYPE:
            raise FixError(Reason.INVALID_SETTINGS, f"target {target}", "is no target of type vault", another)
        return settings

    def _reader(self, target: str, settings: TargetSettings, mount: str) -> Reader:
        from syncd.targets import implementation

        if (target, mount) not in self._readers:
            here = self._installation
            reader: Reader = implementation(_TYPE).reader(target, settings, here.home, here.environ, mount)
            self._readers[target, mount] = reader
        return self._readers[target, mount]


def _vault(text: str) -> Vault:
    target, _, place = text.removeprefix(_SCHEME).partition(":")
    parts = [one for one in place.split("/") if one]
    if not (NAME.fullmatch(target) and parts[1:] and MOUNT.fullmatch(parts[0])):
        raise WrongUsage("what a Vault holds is [D=]vault:TARGET:MOUNT/PATH; a file of such a name is ./vault:…")
    return Vault(target, "/".join(parts))


def _read(file: str, form: str | None, *, alone: bool) -> Found:
    if not file:
        return environ(os.environ)
    text = _text(file)
    name = "stdin" if file == "-" else file
    form = form or told(text, name)
    found = FORMS[form](text, name)
    return astro.alone(found, name) if form == "astro" and alone else found


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


def _through(target: str, error: SyncError) -> tuple[Reason, str, str]:
    """Why, of what and what: told with the target, as another may have the same path."""
    return error.reason, f"target {target}: {error.subject}", error.problem


def _below(reader: Reader, path: str) -> Mapping[str, Mapping[str, Any]]:
    ids = sorted(_names(reader, path, ""))
    with ThreadPoolExecutor(_READERS) as readers:
        found = readers.map(reader.read, [f"{path}/{one}" for one in ids])
        return {one: held.data for one, held in zip(ids, found, strict=True) if held is not None and held.data}


def _names(reader: Reader, path: str, below: str) -> Iterator[str]:
    for name in reader.names(f"{path}/{below}".rstrip("/")):
        if name.endswith("/"):
            yield from _names(reader, path, f"{below}{name}")
        else:
            yield f"{below}{name}"
