"""A daemon whose ticks a test makes, by clocks that it moves."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from syncd.daemon.clock import Clock
from syncd.daemon.engine import Daemon
from syncd.daemon.observing import Key
from syncd.daemon.settings import load
from tests.sync.world import NAME, World

FILES = Key(NAME, "files")


class Ticking:
    """`settings` are those of [daemon]."""

    def __init__(self, world: World, **settings: Any) -> None:
        self.world = world
        self.seconds = 1000.0
        self.utc = datetime(2026, 1, 1, tzinfo=timezone.utc)
        self.told: list[logging.LogRecord] = []
        self.configure("daemon", jitter=0, **settings)
        self.daemon = Daemon(
            load(world.environ), world.installation.registry(), who="ada@host", clock=Clock(self._seconds, self._utc)
        )

    def configure(self, table: str, **settings: Any) -> None:
        """Write a table of syncd.toml anew."""
        path = self.world.home / "syncd.toml"
        others = path.read_text().partition(f"[{table}]")[0]
        lines = [f"{name} = {_toml(value)}" for name, value in settings.items()]
        path.write_text("\n".join([others.rstrip(), f"[{table}]", *lines, ""]))

    def reload(self) -> None:
        self.daemon.configure(load(self.world.environ), self.world.installation.registry())

    def tick(self) -> Ticking:
        """One, and the ends of all that it began."""
        self.daemon.tick()
        return self.settled()

    def settled(self) -> Ticking:
        """When all that began has ended."""
        while self.daemon.busy:
            self.daemon.wait(5)
        return self

    def settle(self) -> Ticking:
        """What is due now, and what comes of it."""
        return self.tick().tick()

    def later(self, seconds: float) -> Ticking:
        """Both clocks go on, and a tick."""
        self.seconds += seconds
        self.utc += timedelta(seconds=seconds)
        return self.tick()

    def metrics(self) -> Mapping[str, float]:
        """Each sample that isn't a bucket's, by its name and labels as Prometheus shows them."""
        lines = self.daemon.metrics.text().decode().splitlines()
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#") and "_bucket" not in line)
        return {name: float(value) for name, _, value in pairs}

    def passes(self, target: str = "files") -> int:
        """Those that ended, of each kind and result."""
        wanted = f'target="{target}"'
        found = self.metrics().items()
        return int(sum(value for name, value in found if name.startswith("syncd_passes_total") and wanted in name))

    def _seconds(self) -> float:
        return self.seconds

    def _utc(self) -> datetime:
        return self.utc


def _toml(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()
