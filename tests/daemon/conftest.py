"""A daemon over a whole installation, with clocks that stand still until a test moves them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from servers import postgresql
from syncd.registry import database
from tests.daemon.ticking import Ticking
from tests.registry import registries
from tests.sync.conftest import template, tmp_path, world
from tests.sync.world import BASE, World

__all__ = ["template", "tmp_path", "world"]


@pytest.fixture
def live(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ticking:
    """A daemon that has made its first passes."""
    return Ticking(world).settle()


@pytest.fixture
def server() -> Iterator[postgresql.Postgresql]:
    """One that may be stopped."""
    with postgresql.running() as one:
        yield one


@pytest.fixture
def shared(server: postgresql.Postgresql, template: Path, tmp_path: Path) -> Iterator[World]:
    """An installation with its registry there."""
    world = World.make(template, tmp_path / "home")
    world.environ["SYNCD_REGISTRY"] = server.url("postgres")
    database.create(server.url("postgres"), registries.keys(world.home)).engine.dispose()
    world.save(BASE)
    yield world
    world.close()
