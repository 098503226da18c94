"""The installation: `syncd.toml` and the environment, checked whole. It alone opens what a pass needs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from syncd import references
from syncd.core.errors import FixError, Problems, Reason
from syncd.core.model import NAME, NAME_LENGTH, dotted
from syncd.core.ports import Read, Target
from syncd.references import Allowed
from syncd.registry import database, encryption
from syncd.targets import TYPES
from syncd.targets.settings import TargetSettings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SETTINGS = "syncd.toml"
TEMPLATE = """\
# The settings of this installation. What belongs to a workspace (definitions, links) is in the registry.

# [targets.files]                     # the name that deployments give in `targets`
# type = "directory"
# path = "/srv/airflow/shared"        # relative to this file's folder, or absolute
# group = "airflow"                   # readers: 0640/0750 for that group; without it 0600/0700

# [references]                        # what definitions may read through syncd's eyes: nothing unless named here
# env = ["WAREHOUSE_*"]
# files = ["/run/secrets"]
"""


class _References(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True, frozen=True)

    env: list[str] = []
    files: list[str] = []


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True, frozen=True)

    targets: dict[str, dict[str, Any]] = {}
    references: _References = _References()


@dataclass(frozen=True)
class Installation:
    """`home` is SYNCD_HOME; `url` is the registry's; `targets` are settings by name, each with its type."""

    home: Path
    url: str
    targets: Mapping[str, tuple[str, TargetSettings]]
    allowed: Allowed
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
        if name not in self.targets:
            raise FixError(
                Reason.INVALID_SETTINGS,
                f"target {name}",
                f"isn't in {self.home / SETTINGS}",
                f"add [targets.{name}], or take it from the deployments that name it",
            )
        type_, settings = self.targets[name]
        if settings.workspaces is not None and workspace not in settings.workspaces:
            raise FixError(
                Reason.INVALID_SETTINGS,
                f"target {name}",
                f"isn't for workspace {workspace}",
                f"an operator can add it: [targets.{name}] workspaces in {SETTINGS}",
            )
        target: Target = TYPES[type_].opened(name, settings, settings.prefix or workspace, self.home)
        return target

    def overlaps(self, workspaces: tuple[str, ...]) -> Mapping[tuple[str, str], FixError]:
        """Each (target, workspace) that would write where another one does."""
        extents = {
            (name, workspace): (type_, TYPES[type_].extent(settings, settings.prefix or workspace, self.home))
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
        return references.once(self.allowed, self.environ)


def load(environ: Mapping[str, str]) -> Installation:
    """The installation that the environment points at. Raises Problems with every problem of `syncd.toml`."""
    home = Path(environ.get("SYNCD_HOME") or Path.home() / ".syncd").absolute()
    path = home / SETTINGS
    settings = _parsed(path)
    targets, problems = _targets(settings, path)
    if problems:
        raise Problems(problems)
    url = environ.get("SYNCD_REGISTRY") or f"sqlite:///{home / 'registry.db'}"
    allowed = Allowed(
        tuple(settings.references.env),
        tuple((home / file).resolve() for file in settings.references.files),
        (_key_file(home, environ).resolve(), (home / "registry.db").resolve()),
        home,
    )
    return Installation(home, url, targets, allowed, environ)


def _parsed(path: Path) -> _Settings:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise FixError(
            Reason.NOT_FOUND, str(path), "there is no installation here", "`syncd init` makes one, or set SYNCD_HOME"
        ) from None
    except (OSError, UnicodeDecodeError):
        raise FixError(Reason.INVALID_SETTINGS, str(path), "can't be read") from None
    except tomllib.TOMLDecodeError as error:
        where = str(error).rpartition(" (at ")[2].rstrip(")")
        raise FixError(Reason.INVALID_SETTINGS, f"{path} ({where})", "isn't TOML") from None
    try:
        return _Settings.model_validate(content)
    except ValidationError as error:
        raise Problems(list(_problems(error, path, ()))) from None


def _targets(settings: _Settings, path: Path) -> tuple[dict[str, tuple[str, TargetSettings]], list[FixError]]:
    targets: dict[str, tuple[str, TargetSettings]] = {}
    problems: list[FixError] = []
    for name, given in settings.targets.items():
        at = ("targets", name)
        type_ = given.get("type")
        if len(name) > NAME_LENGTH or not NAME.fullmatch(name):
            problems.append(_problem(path, at, "is no name: a-z, 0-9 and -"))
        elif not isinstance(type_, str) or type_ not in TYPES:
            problems.append(_problem(path, (*at, "type"), f"is none of {', '.join(TYPES)}"))
        else:
            module = TYPES[type_]
            try:
                parsed = module.Settings.model_validate({key: value for key, value in given.items() if key != "type"})
            except ValidationError as error:
                problems += _problems(error, path, at)
                continue
            if parsed.layout and parsed.layout not in module.LAYOUTS:
                problems.append(_problem(path, (*at, "layout"), f"is none of {', '.join(module.LAYOUTS)}"))
            targets[name] = (type_, parsed)
    return targets, problems


def _problems(error: ValidationError, path: Path, at: tuple[str, ...]) -> Iterator[FixError]:
    for found in error.errors(include_url=False, include_input=False, include_context=False):
        where = (*at, *(str(part) for part in found["loc"]))
        yield _problem(path, where, "no such setting" if found["type"] == "extra_forbidden" else found["msg"])


def _problem(path: Path, at: tuple[str, ...], problem: str) -> FixError:
    return FixError(Reason.INVALID_SETTINGS, f"{path} {dotted(at)}", problem)


def _key_file(home: Path, environ: Mapping[str, str]) -> Path:
    return Path(environ.get("SYNCD_KEY_FILE") or home / "keys").absolute()


def _within(one: str, other: str) -> bool:
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")
