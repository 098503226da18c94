"""A daemon that runs for long grows in nothing."""

from __future__ import annotations

import gc
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.ticking import Ticking
from tests.strategies import SENTINEL

PASSES = 10_000
WARM = 500
"""Passes after which whatever is kept, is."""

GROWTH = 2**21
"""Bytes of memory that the allocator may have left lying about."""


def state(live: Ticking) -> tuple[int, int, int, int]:
    """Memory, descriptors, threads, bytes of the registry."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    descriptors = sum(1 for _ in Path("/proc/self/fd").iterdir())
    size = (live.world.home / "registry.db").stat().st_size
    return pages * os.sysconf("SC_PAGE_SIZE"), descriptors, threading.active_count(), size


@pytest.fixture
def _untold() -> Iterator[None]:
    """Whoever runs the tests would keep what is told."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("_untold")
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is looked up in /proc")
def test_ten_thousand_passes_leave_nothing_behind(live: Ticking) -> None:
    before = state(live)
    for number in range(PASSES):
        if number == WARM:
            before = state(live)
        if number % 100 == 0:  # an item that fails, and heals
            live.world.environ["WAREHOUSE"] = f"{SENTINEL}-{number}"
            live.reload()
        if number % 100 == 50:
            del live.world.environ["WAREHOUSE"]
            live.reload()
        live.later(60)
        if number % 100 == 0:
            gc.collect()
    memory, descriptors, threads, size = state(live)
    assert live.passes() > PASSES
    assert memory - before[0] < GROWTH
    assert (descriptors, threads, size) == before[1:]
