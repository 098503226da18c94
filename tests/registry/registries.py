"""Registries for tests: copies of one that was made once, and workspaces to put into them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from syncd.core.documents import Mark, Observed, Stamp
from syncd.core.model import Definition, Deployment, Fields, Key, Workspace
from syncd.registry import database, encryption, history, workspaces
from syncd.registry.database import Registry
from syncd.registry.lease import lease
from syncd.registry.record import Record

NAME = "analytics"
NOW = "2026-01-01T00:00:00Z"
WHO = "ada"


SQLITE = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
"""For tests of what a file alone has."""


def make(folder: Path, server: str = "") -> None:
    """A registry and its key file, as `syncd init` makes them; where the URL of a server's database is given, there."""
    encryption.make_keys(folder / "keys")
    name(folder, server)
    database.create(url(folder), keys(folder)).engine.dispose()


def name(folder: Path, server: str) -> None:
    """Let this folder's registry be there."""
    if server:
        (folder / "registry.url").write_text(server)


def copy(template: Path, folder: Path) -> None:
    """The same, without the work."""
    for name in ("keys", "registry.db"):
        shutil.copy2(template / name, folder / name)


def url(folder: Path, query: str = "") -> str:
    server = folder / "registry.url"
    if server.exists():
        return server.read_text()
    return f"sqlite:///{folder / 'registry.db'}{query}"


def keys(folder: Path) -> encryption.Keys:
    return encryption.load_keys(folder / "keys", {})


@contextmanager
def opened(folder: Path, query: str = "") -> Iterator[Registry]:
    registry = database.open_registry(url(folder, query), keys(folder))
    try:
        yield registry
    finally:
        registry.engine.dispose()


def connection(id_: str, *, owner: str = "", links: dict[str, Fields] | None = None, **fields: Any) -> Definition:
    """A connection, by default linked to nothing."""
    given = {"conn_type": "postgres", **fields}
    return Definition(Key("connection", id_, owner), given, links=links or {})


def workspace(*definitions: Definition, **deployments: str) -> Workspace:
    """A workspace of these definitions; `etl="dev"` is a deployment, which names the target `files`."""
    made = {name: Deployment(name, environment, ("files",)) for name, environment in deployments.items()}
    return Workspace(NAME, ("dev", "prod"), made, {one.key: one for one in definitions})


def save(
    registry: Registry, after: Workspace, *, why: str = "because", asked: bool = True, name: str = NAME
) -> Workspace:
    """Make the workspace be this, whatever it was."""
    before = workspaces.load(registry, name) if name in workspaces.names(registry) else Workspace(name, revision=0)
    wanted = replace(after, name=name, revision=before.revision)
    return workspaces.save(registry, before, wanted, who=WHO, now=NOW, why=why, asked=asked)


def change(registry: Registry, edit: Callable[[Workspace], Workspace]) -> Workspace:
    return workspaces.change(registry, NAME, edit, who=WHO, now=NOW, why="because")[1]


def rollback(registry: Registry, to: int) -> tuple[Workspace, Workspace]:
    """Before and after."""
    before = workspaces.load(registry, NAME)
    after = history.rolled_back(registry, before, to)
    return before, workspaces.save(registry, before, after, who=WHO, now=NOW, why="rollback")


def on_disk(folder: Path) -> bytes:
    """All that the database's files hold: what a thief of the disk reads."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob("registry.db*")))


def seen(registry: Registry, target: str, *objects: str, revision: int = 1) -> None:
    """Let the record say that these objects of ours lie in a target."""
    stamp = Stamp(Mark(registry.instance, NAME, target, revision), "v1")
    with lease(registry, wait=0) as taken:
        Record(registry, NAME, taken).replace(target, Observed({}, dict.fromkeys(objects, stamp)))
