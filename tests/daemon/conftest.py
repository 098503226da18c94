"""A daemon over a whole installation, with clocks that stand still until a test moves them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.daemon.ticking import Ticking
from tests.sync.conftest import template, tmp_path, world
from tests.sync.world import World

__all__ = ["template", "tmp_path", "world"]


@pytest.fixture
def live(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ticking:
    """A daemon that has made its first passes."""
    return Ticking(world).settle()
