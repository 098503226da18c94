"""Calls with a token, and with patience: what every use of a Vault goes through."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from syncd.clients.vault.failures import failed
from syncd.clients.vault.login import Login, Session
from syncd.clients.vault.transport import Answer, Server, Transport
from syncd.core.errors import SyncError


class Calls:
    """Calls of one login; one that is refused is tried once more with another token, where there is one."""

    def __init__(self, server: Server, login: Login) -> None:
        self._transport = Transport(server)
        self._session = Session(self._transport, login)
        self._resume = 0.0

    def within(self) -> AbstractContextManager[None]:
        """All calls of this thread inside have one deadline together: the server's timeout, from now on."""
        return self._transport.within()

    def request(self, method: str, url: str, content: Any = None) -> Answer:
        """As the transport's, logged in."""
        token = self._session.token()
        answer = self._patiently(method, url, content, token)
        if answer.status == 403 and self._session.another(token):
            answer = self._patiently(method, url, content, self._session.token())
        return answer

    def _patiently(self, method: str, url: str, content: Any, token: str) -> Answer:
        """Again where Vault asks for fewer requests, as late as it says; all threads wait together."""
        until = time.monotonic() + self._transport.server.patience
        while True:
            wait = min(self._resume, until) - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            answer = self._transport.request(method, url, content, token=token)
            pause = _pause(answer)
            if answer.status != 429 or time.monotonic() + pause > until:
                return answer
            self._resume = max(self._resume, time.monotonic() + pause)


def _pause(answer: Answer) -> float:
    """Seconds that Vault asks for, in whatever way it does; some, where it doesn't say."""
    told = answer.headers.get("retry-after", "")
    seconds = float(told) if told.isdecimal() else 0.5
    return seconds * random.uniform(1.0, 1.3)  # noqa: S311  so that not all come back at once


def inner(answer: Answer, *path: str) -> Any:
    """What the body of an answer holds at a path; None where that isn't there."""
    found = answer.body
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def failure(answer: Answer, subject: str) -> SyncError:
    """What an answer says that is no success."""
    return failed(answer.status, inner(answer, "errors"), subject)
