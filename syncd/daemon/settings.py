"""`[daemon]` and `[definitions]` of syncd.toml; `SYNCD_DAEMON_INTERVAL` and its like win over the former."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, Field, ValidationError
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from syncd import installation
from syncd.core.errors import FixError, Reason, SyncError
from syncd.daemon.schedule import fires
from syncd.installation import Installation, problems_of
from syncd.targets.settings import TABLE

ENVIRONMENT = "SYNCD_DAEMON_"

Seconds = Annotated[float, Field(gt=0, le=86400)]

_LISTEN = r"^$|^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]*):\d{1,5}$"
"""Nothing, or HOST:PORT, where no host is every address."""


def _crontab(text: str) -> str:
    if text and fires(text) is None:
        raise PydanticCustomError("cron", "isn't five fields as in crontab, which fire some time")
    return text


def _address(text: str) -> str:
    if text and int(text.rpartition(":")[2]) > 65535:
        raise PydanticCustomError("listen", "names no port: 65535 is the last")
    return text


class Settings(BaseSettings):
    """Each is in seconds, unless it says something else, and may be given in the environment."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT, extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True
    )

    interval: Seconds = 60
    """Between two passes over a target whose definitions didn't change: references are read again, and what failed is
    tried again. A minute, as a rotated secret is waited for about as long as a pod's mounted Secret takes."""

    cron: Annotated[str, AfterValidator(_crontab)] = ""
    """Instead of `interval`: five fields, in UTC, as in crontab. Empty, as few want quiet hours."""

    jitter: float = Field(default=0.1, ge=0, le=1)
    """The share by which times are shorter at random, so that daemons that start together drift apart. A tenth: enough
    for that, and nobody notices."""

    poll: Annotated[float, Field(ge=0.05, le=3600)] = 0.5
    """Between two looks at the registry's revisions: a change is seen within that time. Half a second: it costs a
    thousandth of a processor."""

    verify: Seconds = 900
    """Within which every document is read back from its target, and drift repaired. A quarter of an hour: reading
    10,000 back takes some seconds."""

    deadline: Seconds = 300
    """Of one pass over one target: then it writes no more, and the next goes on from there. Five minutes: a first
    push of 10,000 documents takes less than one."""

    backoff: Seconds = 300
    """The longest time between two tries at a target that fails; the first is after 5 s, then twice as long each."""

    grace: Seconds = 20
    """From SIGTERM until passes that still write are left behind. Less than the 30 s that Kubernetes gives a pod."""

    passes: int = Field(default=8, ge=1, le=64)
    """How many targets are worked on at once (a number). Eight: they wait for servers, and not for the processor."""

    listen: Annotated[str, Field(pattern=_LISTEN), AfterValidator(_address)] = "127.0.0.1:9595"
    """HOST:PORT of /livez, /readyz and /metrics; empty for none. This machine alone, as metrics name targets; in a
    pod it has to be ":9595", as its kubelet asks from outside."""

    @property
    def address(self) -> tuple[str, int] | None:
        """Where to listen; an empty host is every address."""
        host, _, port = self.listen.rpartition(":")
        return (host.strip("[]"), int(port)) if self.listen else None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings


class FolderSettings(BaseModel):
    """`[definitions]`: a folder that is applied at each pass, as `syncd apply -f` would."""

    model_config = TABLE

    path: str = Field(min_length=1)
    """A file or folder; a relative one begins where syncd.toml is. There is no default: definitions live in the
    registry, unless an operator says otherwise."""

    prune: bool = False
    """Remove what no file names, too. No, as others may define things in the registry; the guard holds back what
    looks like a mistake."""


class Configured(NamedTuple):
    """All that a daemon is told; `folder` is None where definitions come from people alone."""

    installation: Installation
    settings: Settings
    folder: tuple[Path, FolderSettings] | None


def load(environ: Mapping[str, str]) -> Configured:
    """Raises Problems with all that is wrong. The variables of `[daemon]` are read from the process's environment."""
    read, folders = list[Settings](), list[FolderSettings]()

    def tables(content: Mapping[str, Any], path: Path) -> Iterator[SyncError]:
        daemon, definitions = content.get("daemon", {}), content.get("definitions")
        try:
            read.append(Settings(**(daemon if isinstance(daemon, dict) else {})))
        except ValidationError as error:
            yield from _problems(error, path, environ)
        known = {f"{ENVIRONMENT}{name.upper()}" for name in Settings.model_fields}
        for name in sorted(name for name in environ if name.upper().startswith(ENVIRONMENT)):
            if name.upper() not in known:
                yield FixError(Reason.INVALID_SETTINGS, name, "no such setting", "`syncd run --help` names them")
        try:
            folders.extend([FolderSettings.model_validate(definitions)] if isinstance(definitions, dict) else [])
        except ValidationError as error:
            yield from problems_of(error, path, ("definitions",))

    here = installation.load(environ, tables)
    folder = next(((here.home / one.path, one) for one in folders), None)
    return Configured(here, read[0], folder)


def _problems(error: ValidationError, path: Path, environ: Mapping[str, str]) -> Iterator[SyncError]:
    """What stands in the environment is told by its variable."""
    for found in problems_of(error, path, ("daemon",)):
        name = f"{ENVIRONMENT}{found.subject.rpartition('.')[2].upper()}"
        yield FixError(found.reason, name, found.problem, found.remedy) if name in environ else found
