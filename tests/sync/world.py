"""A whole installation for tests: settings, a registry of its own, directories as targets, references to read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from syncd import installation, passes
from syncd.core.documents import Mark
from syncd.core.errors import Reason
from syncd.core.model import Definition, Deployment, Item, Key, Reference, Workspace
from syncd.core.outcome import Status
from syncd.installation import Installation
from syncd.passes import Pass
from syncd.registry import status, workspaces
from syncd.registry.database import Registry
from syncd.registry.lease import lease
from syncd.sync import Sight
from tests.registry import registries
from tests.strategies import SENTINEL

NAME = registries.NAME
SETTINGS = """\
[targets.files]
type = "directory"
path = "out"
{layout}
[targets.other]
type = "directory"
path = "elsewhere"
{layout}
[references]
env = ["WAREHOUSE", "TOKEN"]
"""
LAYERED, AIRFLOW = "", 'layout = "airflow"'
WAREHOUSE, LAKE, REGION = Key("connection", "warehouse"), Key("connection", "Lake"), Key("variable", "region")
PASSWORD = Reference("env", "WAREHOUSE")
BASE = Workspace(
    NAME,
    ("dev", "prod"),
    {
        "etl": Deployment("etl", "dev", ("files",)),
        "bi": Deployment("bi", "prod", ("files",)),
        "ml": Deployment("ml", "prod", ("files",)),
    },
    {
        WAREHOUSE: Definition(
            WAREHOUSE,
            {"conn_type": "postgres", "host": "dev-host", "password": PASSWORD, "extra": {"sslmode": "require"}},
            environments={"prod": {"host": "prod-host"}},
            links={"etl": {}, "bi": {"schema": "finance"}},
        ),
        LAKE: Definition(LAKE, {"conn_type": "aws", "login": "l", "password": SENTINEL}, links={"bi": {}, "ml": {}}),
        REGION: Definition(REGION, {"value": "eu"}, link_all=True),
    },
)


@dataclass
class World:
    """One installation. What it does, `syncd` does."""

    home: Path
    environ: dict[str, str] = field(default_factory=dict)
    passes: int = 0
    opened: Registry | None = None

    @classmethod
    def make(cls, template: Path, home: Path, layout: str = LAYERED, settings: str = SETTINGS) -> World:
        """A new one, with a copy of a registry that was made before."""
        home.mkdir(exist_ok=True)
        registries.copy(template, home)
        (home / "syncd.toml").write_text(settings.replace("{layout}", layout))
        return cls(home, {"SYNCD_HOME": str(home), "WAREHOUSE": f"{SENTINEL}-1", "TOKEN": f"{SENTINEL}-2"})

    @property
    def installation(self) -> Installation:
        return installation.load(self.environ)

    @contextmanager
    def registry(self) -> Iterator[Registry]:
        """The registry, opened when it is first needed."""
        if self.opened is None:
            self.opened = self.installation.registry()
        yield self.opened

    def close(self) -> None:
        """Let go of the registry: its files hold everything, and may be copied or replaced."""
        if self.opened is not None:
            self.opened.engine.dispose()
        self.opened = None

    def save(self, after: Workspace, *, asked: bool = True, name: str = NAME) -> Workspace:
        with self.registry() as registry:
            return registries.save(registry, after, asked=asked, name=name)

    def change(self, edit: Callable[[Workspace], Workspace]) -> Workspace:
        with self.registry() as registry:
            return registries.change(registry, edit)

    def load(self) -> Workspace:
        with self.registry() as registry:
            return workspaces.load(registry, NAME)

    def all(self, *names: str, verify: bool = False, accept: str = "", name: str = NAME) -> dict[str, Pass]:
        """A pass over each target."""
        self.passes += 1
        now = f"2026-01-01T00:00:{self.passes:02d}Z"
        with self.registry() as registry:
            found = passes.sync(self.installation, registry, name, names, verify=verify, wait=5, now=now, accept=accept)
        return {one.target: one for one in found}

    def sync(self, *, verify: bool = False, accept: str = "", name: str = NAME) -> Pass:
        """A pass over the target `files`."""
        return self.all("files", verify=verify, accept=accept, name=name)["files"]

    def look(self) -> Sight:
        """What lies in the target `files`, for a pass that comes later."""
        with self.registry() as registry:
            found = passes.look(self.installation, registry, self.load(), "files", opener=self.installation.target)
        assert isinstance(found, Sight), found
        return found

    def verify(self, sight: Sight) -> Pass:
        """A pass over the target `files` by what was seen of it."""
        with self.registry() as registry, lease(registry, wait=5) as taken:
            opener, now = self.installation.target, "2026-01-01T00:01:00Z"
            return passes.over(
                self.installation, registry, self.load(), "files", taken, now=now, opener=opener, sight=sight
            )

    def plan(self, *, verify: bool = False) -> Pass:
        with self.registry() as registry:
            (found,) = passes.plan(self.installation, registry, NAME, ["files"], verify=verify, now="")
        return found

    def statuses(self, target: str = "files") -> Mapping[Item, Status]:
        with self.registry() as registry:
            return status.statuses(registry, NAME, target)

    def last(self, target: str = "files") -> status.LastPass | None:
        with self.registry() as registry:
            return status.last_pass(registry, NAME, target)

    def behind(self) -> bool:
        last = self.last()
        assert last is not None
        return last.behind_since is not None

    def files(self, folder: str = "out") -> dict[str, bytes]:
        """Every file below a target's root."""
        root = self.home / folder
        return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}

    def stats(self, folder: str = "out") -> dict[str, tuple[int, int]]:
        """When each was written, to the nanosecond, and its inode."""
        root = self.home / folder
        return {
            str(path.relative_to(root)): (path.stat().st_mtime_ns, path.stat().st_ino)
            for path in sorted(root.rglob("*"))
        }

    def path(self, object_: str) -> Path:
        return self.home / "out" / object_

    def copy(self, home: Path) -> World:
        """A copy of the whole installation, with its registry: the targets stay where they are."""
        self.close()
        for one in (self.home / "out", self.home / "elsewhere"):
            one.mkdir(exist_ok=True)
        shutil.copytree(self.home, home, ignore=shutil.ignore_patterns("out", "elsewhere"))
        for name in ("out", "elsewhere"):
            (home / name).symlink_to(self.home / name)
        return World(home, {**self.environ, "SYNCD_HOME": str(home)}, self.passes)


def document(deployment: str, key: Key) -> str:
    """Where a document lies in `layered`."""
    from syncd.core.layouts.layered import Layered

    return Layered(NAME).home(Item(deployment, key.kind, key.id)).object


def nameplate(deployment: str) -> str:
    return f"{NAME}/deployments/{deployment}/nameplate"


def written(one: Pass) -> set[str]:
    """The places that a pass wrote, as people read them."""
    assert one.error is None, one.error
    return {str(outcome.place) for outcome in one.outcomes if outcome.error is None and outcome.action != "unchanged"}


def held(one: Pass) -> dict[str, Reason]:
    """The places that a pass held back or couldn't write, with the reason of each."""
    assert one.error is None, one.error
    return {str(outcome.place): outcome.reason for outcome in one.outcomes if outcome.error is not None}


def refusal(one: Pass) -> Reason:
    """Why a target was left alone as a whole."""
    assert one.error is not None
    assert one.outcomes == ()
    return one.error.reason


def content(world: World, object_: str) -> dict[str, Any]:
    value = json.loads(world.path(object_).read_text())
    assert isinstance(value, dict)
    return value


def foreign(world: World, object_: str, mark: Mark | None = None) -> bytes:
    """A file that somebody else wrote, perhaps another registry."""
    path = world.path(object_)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"format": 1, "mark": mark._asdict(), "x": 1}) if mark else "theirs")
    return path.read_bytes()


def deployments(workspace: Workspace, **targets: tuple[str, ...]) -> Workspace:
    """The same, with these deployments' targets replaced."""
    moved = {name: replace(workspace.deployments[name], targets=some) for name, some in targets.items()}
    return replace(workspace, deployments={**workspace.deployments, **moved})
