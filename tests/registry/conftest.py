"""A registry per test, copied from one that was made once: in SQLite and in PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers import postgresql
from syncd.registry.database import Registry
from tests.registry import registries


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an empty registry and its key."""
    folder = tmp_path_factory.mktemp("registry")
    registries.make(folder)
    return folder


@pytest.fixture(scope="session")
def template_database(
    postgresql_server: postgresql.Postgresql, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, str]]:
    """The same in PostgreSQL: a folder with its key, and the name of its database."""
    folder = tmp_path_factory.mktemp("registry")
    with postgresql_server.database() as name:
        registries.make(folder, postgresql_server.url(name))
        yield folder, name


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def kind(request: pytest.FixtureRequest) -> str:
    """Which database the registry is in."""
    return str(request.param)


@pytest.fixture
def folder(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder with a registry of the test's own."""
    if kind == "sqlite":
        registries.copy(request.getfixturevalue("template"), tmp_path)
        yield tmp_path
        return
    server: postgresql.Postgresql = request.getfixturevalue("postgresql_server")
    made, database = request.getfixturevalue("template_database")
    shutil.copy2(made / "keys", tmp_path / "keys")
    with server.database(template=database) as name:
        registries.name(tmp_path, server.url(name))
        yield tmp_path


@pytest.fixture
def registry(folder: Path) -> Iterator[Registry]:
    with registries.opened(folder) as one:
        yield one
