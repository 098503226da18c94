"""A registry per test, copied from one that was made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.registry.database import Registry
from tests.registry import registries


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an empty registry and its key."""
    folder = tmp_path_factory.mktemp("registry")
    registries.make(folder)
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    """A folder with a registry of the test's own."""
    registries.copy(template, tmp_path)
    return tmp_path


@pytest.fixture
def registry(folder: Path) -> Iterator[Registry]:
    with registries.opened(folder) as one:
        yield one
