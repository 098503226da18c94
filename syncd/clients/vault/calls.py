"""Calls with a token, and with patience: what every use of a Vault goes through."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from syncd.clients.http.patience import Patience
from syncd.clients.http.transport import Answer, inner
from syncd.clients.vault.failures import failed
from syncd.clients.vault.login import Login, Session
from syncd.clients.vault.transport import Server, Transport
from syncd.core.errors import SyncError


class Calls:
    """Calls of one login; one that is refused is tried once more with another token, where there is one."""

    def __init__(self, server: Server, login: Login) -> None:
        self._transport = Transport(server)
        self._session = Session(self._transport, login)
        self._patience = Patience()

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
        """Again where Vault asks for fewer requests."""
        seconds = self._transport.server.patience
        return self._patience.ask(lambda: self._transport.request(method, url, content, token=token), seconds)


def failure(answer: Answer, subject: str) -> SyncError:
    """What an answer says that is no success."""
    return failed(answer.status, inner(answer, "errors"), subject)
