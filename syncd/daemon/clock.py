"""The two clocks: one that only grows, and the time of day, which people set."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from typing import NamedTuple


class Clock(NamedTuple):
    """`seconds` is monotonic; `utc` is the time of day."""

    seconds: Callable[[], float] = time.monotonic
    utc: Callable[[], datetime] = partial(datetime.now, timezone.utc)

    def now(self) -> str:
        """The time of day in ISO 8601, whole seconds."""
        return self.utc().strftime("%Y-%m-%dT%H:%M:%SZ")


SYSTEM = Clock()
