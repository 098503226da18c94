"""The installation: `syncd.toml` and the environment, checked whole. It alone opens what a pass needs."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from syncd import references
from syncd.core.errors import FixError, Problems, Reason, SyncError
from syncd.core.model import NAME, NAME_LENGTH, dotted, undotted
from syncd.core.ports import Read, Target
from syncd.core.reveal import Reveal, Rule
from syncd.references import Allowed, VaultRead
from syncd.registry import database, encryption
from syncd.targets import TYPES, implementation
from syncd.targets.settings import TABLE, TargetSettings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SETTINGS = "syncd.toml"
_TEMPLATE = """\
# The settings of this installation. What belongs to a workspace (definitions, links) is in the registry.

# [targets.files]                     # the name that deployments give in `targets`
# type = "directory"
# path = "/srv/airflow/shared"        # relative to this file's folder, or absolute
# group = "airflow"                   # readers: 0640/0750 for that group; without it 0600/0700

# [references]                        # what definitions may read through syncd's eyes: nothing unless named here
# env = ["WAREHOUSE_*"]
# files = ["/run/secrets"]
# vault = {target = "vault", paths = ["kv/team/*"]}  # MOUNT/PATH, read with that target's address and login
"""


class _VaultReferences(BaseModel):
    model_config = TABLE

    target: str
    paths: list[str]


class _References(BaseModel):
    model_config = TABLE

    env: list[str] = []
    files: list[str] = []
    vault: _VaultReferences | None = None


class _Rule(BaseModel):
    model_config = TABLE

    environment: str = ""
    connection: str = ""
    variable: str = ""
    field: str = ""
    """Of a connection, as `password` or `extra.token`; all of its secrets where it is left out."""

    @model_validator(mode="after")
    def _names_one(self) -> _Rule:
        if sum(map(bool, (self.environment, self.connection, self.variable))) != 1:
            raise PydanticCustomError("rule", "names one of environment, connection or variable")
        if self.field and not self.connection:
            raise PydanticCustomError("rule", "a `field` is a connection's")
        return self

    @property
    def rule(self) -> Rule:
        """As the rule of what is revealed has it."""
        kind = "connection" if self.connection else "variable"
        if self.environment:
            return Rule(environment=self.environment)
        return Rule("", kind, self.connection or self.variable, undotted(self.field) if self.field else ())


class _Reveal(BaseModel):
    model_config = TABLE

    allow: list[_Rule] = []
    forbid: list[_Rule] = []


class _Settings(BaseModel):
    model_config = TABLE

    targets: dict[str, dict[str, Any]] = {}
    references: _References = _References()
    reveal: _Reveal = _Reveal()
    daemon: dict[str, Any] = {}
    definitions: dict[str, Any] = {}


@dataclass(frozen=True)
class Installation:
    """`home` is SYNCD_HOME; `url` is the registry's, and may hold a password.

    `targets` are settings by name, each with its type.
    """

    home: Path
    url: str = field(repr=False)
    targets: Mapping[str, tuple[str, TargetSettings]]
    allowed: Allowed
    vault: str
    reveal: Reveal
    environ: Mapping[str, str] = field(repr=False)

    @property
    def key_file(self) -> Path:
        """Where the keys are unless SYNCD_KEYS holds them."""
        return _key_file(self.home, self.environ)

    def registry(self) -> database.Registry:
        """Open it. Raises SyncError."""
        return database.open_registry(self.url, encryption.load_keys(self.key_file, self.environ))

    def target(self, name: str, workspace: str) -> Target:
        """A target as one workspace sees it. Raises FixError where it isn't there for this workspace."""
        gone = f"add [targets.{name}], or take it from its deployments; gone for good: `syncd target forget {name}`"
        settings = self.settings(name, workspace, gone)
        target: Target = implementation(self.targets[name][0]).opened(
            name, settings, settings.prefix or workspace, self.home, self.environ
        )
        return target

    def settings(self, name: str, workspace: str, instead: str = "") -> TargetSettings:
        """Those of a target. Raises FixError where it isn't there for this workspace; `instead` is the way out where it
        isn't there at all."""
        if name not in self.targets:
            known = f"it has {', '.join(sorted(self.targets)) or 'none'}"
            problem = f"isn't in {self.home / SETTINGS}"
            raise FixError(Reason.INVALID_SETTINGS, f"target {name}", problem, instead or known)
        _, settings = self.targets[name]
        if settings.workspaces is not None and workspace not in settings.workspaces:
            raise FixError(
                Reason.INVALID_SETTINGS,
                f"target {name}",
                f"isn't for workspace {workspace}",
                f"an operator can add it: [targets.{name}] workspaces in {SETTINGS}",
            )
        return settings

    def overlaps(self, workspaces: tuple[str, ...]) -> Mapping[tuple[str, str], FixError]:
        """Each (target, workspace) that would write where another one does."""
        extents = {
            (name, workspace): (type_, implementation(type_).extent(settings, settings.prefix or workspace, self.home))
            for name, (type_, settings) in self.targets.items()
            for workspace in workspaces
            if settings.workspaces is None or workspace in settings.workspaces
        }
        return {
            one: FixError(
                Reason.OVERLAP,
                f"target {one[0]}",
                f"would write where target {other[0]} does for workspace {other[1]}",
                "give one of them another place or `prefix`, or say which `workspaces` each is for",
            )
            for one, mine in extents.items()
            for other, theirs in extents.items()
            if one != other and mine[0] == theirs[0] and _within(mine[1], theirs[1])
        }

    def read(self) -> Read:
        """Reads references through the allow-list, each once for as long as this function is kept."""
        return references.once(self.allowed, self.environ, self._vault())

    def _vault(self) -> VaultRead | None:
        """Reads with the address and the login of the target that [references] names, one client per mount."""
        type_, settings = self.targets.get(self.vault, ("", None))
        if settings is None:
            return None
        client = cache(partial(implementation(type_).reader, self.vault, settings, self.home, self.environ))

        def read(mount: str, path: str) -> Mapping[str, Any] | None:
            kept = client(mount).read(path)
            return None if kept is None else kept.data

        return read


class Created(NamedTuple):
    """An installation with its registry, and the files that weren't there before."""

    installation: Installation
    registry: database.Registry
    made: tuple[Path, ...]


def create(environ: Mapping[str, str]) -> Created:
    """Make what isn't there of settings, key and registry; a registry never gets a second key. Raises SyncError."""
    home = _home(environ)
    path = home / SETTINGS
    made = []
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(_TEMPLATE, "utf-8")
            made.append(path)
    except OSError as error:
        problem = f"can't be written: {os.strerror(error.errno or 0)}"
        raise FixError(Reason.ACCESS_DENIED, str(path), problem, "name a place that can, as SYNCD_HOME") from None
    here = load(environ)
    if not environ.get(encryption.KEYS_VARIABLE) and not here.key_file.exists():
        if database.exists(here.url):
            raise FixError(
                Reason.WRONG_KEY,
                str(here.key_file),
                "isn't there, and the registry was encrypted with it",
                "restore it; a new key couldn't read what is there",
            )
        if encryption.make_keys(here.key_file):
            made.append(here.key_file)
    registry = database.create(here.url, encryption.load_keys(here.key_file, environ))
    return Created(here, registry, tuple(made))


Tables = Callable[[Mapping[str, Any], Path], Iterable[SyncError]]
"""What is wrong with the tables of syncd.toml that a room of its own reads; its path is there for the messages."""


def load(environ: Mapping[str, str], others: Tables = lambda _, __: ()) -> Installation:
    """The installation that the environment points at. Raises Problems with all that is wrong with it."""
    home = _home(environ)
    path = home / SETTINGS
    content = _content(path)
    settings, problems = _parsed(content, path)
    problems += others(content, path)
    targets = _targets(content.get("targets"), path, problems)
    files = _files(settings.references.files, home, path, problems)
    url = environ.get("SYNCD_REGISTRY") or f"sqlite:///{home / 'registry.db'}"
    vault = settings.references.vault or _VaultReferences(target="", paths=[])
    if settings.references.vault and targets.get(vault.target, ("",))[0] != "vault":
        problems.append(_problem(path, ("references", "vault", "target"), "is no target of type vault"))
    logins = [one for _, target in targets.values() for one in target.credentials(home)]
    try:
        registries = [path for path in (home / "registry.db", database.located(url)) if path is not None]
        never = _never(registries, (_key_file(home, environ), *database.credentials(url), *logins))
    except FixError as error:
        problems.append(error)
    if problems:
        raise Problems(problems)
    allowed = Allowed(tuple(settings.references.env), files, never, home, tuple(vault.paths))
    reveal = Reveal(*(tuple(one.rule for one in rules) for rules in (settings.reveal.allow, settings.reveal.forbid)))
    return Installation(home, url, targets, allowed, vault.target, reveal, environ)


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("SYNCD_HOME") or Path.home() / ".syncd").absolute()


def _content(path: Path) -> Mapping[str, Any]:
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise FixError(Reason.INVALID_SETTINGS, str(path), "is no plain file", "move it away: `syncd init` makes one")
    try:
        content: Mapping[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise FixError(
            Reason.NOT_FOUND, str(path), "there is no installation here", "`syncd init` makes one, or set SYNCD_HOME"
        ) from None
    except (OSError, UnicodeDecodeError):
        raise FixError(
            Reason.INVALID_SETTINGS, str(path), "can't be read", "let the user that runs syncd read it, as UTF-8"
        ) from None
    except (ValueError, RecursionError) as error:  # its own error, and what it doesn't expect
        # Of its text only the place: the rest may quote what stands there.
        where = _TOML_PLACE.search(str(error))
        subject = f"{path} ({where[0]})" if where else str(path)
        raise FixError(Reason.INVALID_SETTINGS, subject, "isn't TOML") from None
    return content


_TOML_PLACE = re.compile(r"line \d+, column \d+")


def _parsed(content: Mapping[str, Any], path: Path) -> tuple[_Settings, list[SyncError]]:
    try:
        return _Settings.model_validate(content), []
    except ValidationError as error:
        return _Settings(), list(problems_of(error, path, ()))


def _files(names: Iterable[str], home: Path, path: Path, problems: list[SyncError]) -> tuple[Path, ...]:
    try:
        return tuple((home / name).resolve() for name in names)
    except (OSError, RuntimeError, ValueError):
        problems.append(_problem(path, ("references", "files"), "names what can't be a file or folder"))
        return ()


def _never(registries: Iterable[Path], credentials: Iterable[Path]) -> tuple[Path, ...]:
    """What no definition reads, whatever is allowed: keys and logins, registry, /proc, which tells the environment."""
    beside = ("", "-wal", "-shm", "-journal", ".lock")
    files = [f"{path.resolve()}{ending}" for path in registries for ending in beside]
    keys = [f"{path}{ending}" for one in credentials for path in (one, one.resolve()) for ending in ("", "~")]
    return tuple(map(Path, dict.fromkeys((*files, *keys, "/proc"))))


def _targets(given_targets: object, path: Path, problems: list[SyncError]) -> dict[str, tuple[str, TargetSettings]]:
    targets: dict[str, tuple[str, TargetSettings]] = {}
    for name, given in given_targets.items() if isinstance(given_targets, dict) else ():
        if not isinstance(given, dict):
            continue  # told already
        at = ("targets", name)
        type_ = given.get("type")
        if len(name) > NAME_LENGTH or not NAME.fullmatch(name):
            problems.append(_problem(path, at, "is no name: a-z, 0-9 and -"))
        elif not isinstance(type_, str) or type_ not in TYPES:
            problems.append(_problem(path, (*at, "type"), f"is none of {', '.join(TYPES)}"))
        else:
            module = implementation(type_)
            try:
                parsed = module.Settings.model_validate({key: value for key, value in given.items() if key != "type"})
            except ValidationError as error:
                problems += problems_of(error, path, at)
                continue
            if parsed.layout not in module.LAYOUTS:
                problems.append(_problem(path, (*at, "layout"), f"is none of {', '.join(module.LAYOUTS)}"))
            targets[name] = (type_, parsed)
    return targets


_SAYS = {"extra_forbidden": "no such setting", "string_pattern_mismatch": "isn't of the form that is wanted here"}
"""What pydantic would say in words of its own, or with a pattern."""


def problems_of(error: ValidationError, path: Path, at: tuple[str, ...]) -> Iterator[FixError]:
    """Each by the name of its setting, below `at` in syncd.toml, and never with what stands there."""
    for found in error.errors(include_url=False, include_input=False, include_context=False):
        where = (*at, *(str(part) for part in found["loc"]))
        yield _problem(path, where, _SAYS.get(found["type"], found["msg"]))


def _problem(path: Path, at: tuple[str, ...], problem: str) -> FixError:
    return FixError(Reason.INVALID_SETTINGS, f"{path} {dotted(at)}", problem)


def _key_file(home: Path, environ: Mapping[str, str]) -> Path:
    return Path(environ.get("SYNCD_KEY_FILE") or home / "keys").absolute()


def _within(one: str, other: str) -> bool:
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")
