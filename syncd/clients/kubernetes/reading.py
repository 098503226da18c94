"""Reading Secrets: all that a worker needs of an API server, with the standard library alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import quote, urlencode

from syncd.clients.http.deadlines import Deadlines
from syncd.clients.http.patience import Patience
from syncd.clients.http.transport import Answer, inner
from syncd.clients.kubernetes.credentials import Account, Credentials, Held, Session
from syncd.clients.kubernetes.failures import Asked, failed, garbled, is_absent
from syncd.clients.kubernetes.secret import Secret, parsed
from syncd.core.errors import Reason, WaitError

_PAGE = 32
"""Secrets of one answer: each may have 1 MiB, in base64 a third more, and annotations, and all must fit one answer."""

_LISTS = 3
"""Times that a list begins: it is one moment's, and the server keeps a moment for minutes only."""


class Reader:
    """One API server, entered at the first call. Threads may share it; a forked child needs its own.

    `timeout` is in seconds, for one request in all, with what is asked before it and again; `patience` too, for how
    long it may be put off where the server asks for fewer. Every method raises WaitError where the server can't be
    reached or fails, and FixError where it refuses.
    """

    def __init__(
        self,
        credentials: Credentials | None = None,
        *,
        timeout: float = 30,
        patience: float = 20,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deadlines = Deadlines(timeout, clock)
        self._session = Session(credentials or Account(), self._deadlines)
        self._patience = Patience()
        self._seconds = patience

    def within(self) -> AbstractContextManager[None]:
        """All calls of this thread inside have one deadline together: the timeout, from now on."""
        return self._deadlines.within()

    def secret(self, namespace: str, name: str) -> Secret | None:
        """One; None where it isn't there, which a namespace that isn't there can't be told from."""
        asked = Asked(namespace, "get", name)
        answer = self._request("GET", path(namespace, name))
        if is_absent(answer):
            return None
        return one(answer, 200, asked)

    def secrets(self, namespace: str, selector: str = "") -> tuple[Secret, ...]:
        """All of one moment whose labels match, by name."""
        asked = Asked(namespace, "list")
        for _ in range(_LISTS):
            found = self._listed(asked, selector)
            if found is not None:
                return tuple(sorted(found, key=lambda secret: secret.name))
        problem = "change faster than they can be listed"
        raise WaitError(Reason.UNAVAILABLE, asked.subject, problem, "sync again")

    def _listed(self, asked: Asked, selector: str) -> list[Secret] | None:
        """None where the moment that was begun with is forgotten: nothing then says what is there."""
        query = {"limit": str(_PAGE)} | ({"labelSelector": selector} if selector else {})
        found: list[Secret] = []
        while True:
            answer = self._request("GET", f"{path(asked.namespace)}?{urlencode(query)}")
            if answer.status == 410 and "continue" in query:
                return None
            items, more = _page(answer, asked)
            found += items
            if not more:
                return found
            if more == query.get("continue"):  # it would never end
                raise garbled(answer.status, asked.subject)
            query["continue"] = more

    def _request(self, method: str, url: str, content: Any = None) -> Answer:
        with self.within():
            held = self._session.held()
            answer = self._asked(held, method, url, content)
            if answer.status == 401 and (other := self._session.another(held)) is not None:
                answer = self._asked(other, method, url, content)
            return answer

    def _asked(self, held: Held, method: str, url: str, content: Any) -> Answer:
        seconds = min(self._seconds, self._deadlines.left())
        return self._patience.ask(lambda: held.connections.send(method, url, content, held.headers()), seconds)


def path(namespace: str, name: str = "") -> str:
    """Where Secrets are, or one of them."""
    folder = f"/api/v1/namespaces/{quote(namespace, safe='')}/secrets"
    return f"{folder}/{quote(name, safe='')}" if name else folder


def one(answer: Answer, status: int, asked: Asked) -> Secret:
    """The Secret that was asked for. Raises SyncError where the answer is anything else."""
    if answer.status != status:
        raise failed(answer, asked.subject, asked.needs)
    found = parsed(answer.body, asked.namespace, asked.name)
    if found is None:
        raise garbled(answer.status, asked.subject)
    return found


def _page(answer: Answer, asked: Asked) -> tuple[list[Secret], str]:
    """Secrets, and the way to more; the way is empty at the end."""
    if answer.status != 200:
        raise failed(answer, asked.subject, asked.needs)
    items, more = inner(answer, "items") or [], inner(answer, "metadata", "continue") or ""
    if inner(answer, "kind") == "SecretList" and isinstance(items, list) and isinstance(more, str):
        found = [parsed(item, asked.namespace) for item in items]
        secrets = [secret for secret in found if secret is not None]
        if len(secrets) == len(found):
            return secrets, more
    raise garbled(answer.status, asked.subject)
