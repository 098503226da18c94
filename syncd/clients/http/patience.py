"""A server that asks for fewer requests gets them: as late as it says, and all threads wait together."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from syncd.clients.http.transport import Answer


class Patience:
    """That of all calls to one server."""

    def __init__(self) -> None:
        self._resume = 0.0

    def ask(self, call: Callable[[], Answer], seconds: float) -> Answer:
        """The answer of a call that may be put off for so long; one of status 429 where that doesn't do."""
        until = time.monotonic() + seconds
        while True:
            wait = min(self._resume, until) - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            answer = call()
            pause = _pause(answer)
            if answer.status != 429 or time.monotonic() + pause > until:
                return answer
            self._resume = max(self._resume, time.monotonic() + pause)


def _pause(answer: Answer) -> float:
    """Seconds that a server asks for, in whatever way it does; some, where it doesn't say."""
    told = answer.headers.get("retry-after", "")
    seconds = float(told) if told.isdecimal() else 0.5
    return seconds * random.uniform(1.0, 1.3)  # noqa: S311  so that not all come back at once
