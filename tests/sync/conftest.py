"""A whole installation per test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.registry import registries
from tests.sync.world import AIRFLOW, BASE, LAYERED, World

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an empty registry and its key."""
    folder = tmp_path_factory.mktemp("registry")
    registries.make(folder)
    return folder


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """In memory where there is such a place: each pass flushes its file system, and would wait for everybody's."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)


@pytest.fixture
def world(template: Path, tmp_path: Path) -> World:
    """An installation whose registry holds BASE; nothing was synced yet."""
    made = World.make(template, tmp_path / "home")
    made.save(BASE)
    return made


@pytest.fixture(params=[LAYERED, AIRFLOW], ids=["layered", "airflow"])
def either(template: Path, tmp_path: Path, request: pytest.FixtureRequest) -> World:
    """The same, in each layout."""
    made = World.make(template, tmp_path / "home", request.param)
    made.save(BASE)
    return made
