"""HTTP to one Vault: connections that are kept, one deadline for a whole call, and nothing that follows a redirect.

hvac's own adapter goes through `requests`, which spends 1 ms of a processor on each call, follows redirects with the
token, and has a timeout per packet only.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from syncd.clients.vault.failures import unreached, untrusted
from syncd.clients.vault.trust import context
from syncd.clients.vault.wire import Wire, holdable
from syncd.core.errors import FixError, Reason, SyncError

UNHOLDABLE = "holds a character that no HTTP header can"


@dataclass(frozen=True)
class Server:
    """Where Vault is. `timeout` is in seconds, for one call in all; `patience` too, for how long a call may be put off
    where Vault asks for fewer requests."""

    url: str
    namespace: str = ""
    ca: str = ""
    certificate: str = ""
    key: str = ""
    verify: bool = True
    timeout: float = 30
    patience: float = 0


class Answer(NamedTuple):
    """Status, headers in lower case, and the JSON of the body; None where that is empty or no JSON."""

    status: int
    headers: Mapping[str, str]
    body: Any

    def __repr__(self) -> str:
        return f"Answer({self.status})"


class Transport:
    """Calls to one server. Each gives an Answer, whatever its status; threads may share one.

    Raises WaitError where nobody answers in time, FixError where the server isn't the one that is trusted or the
    settings can't be used. A call is sent twice only where a kept connection ends without any answer: each of ours may
    be, as a write names its version.
    """

    def __init__(self, server: Server, clock: Callable[[], float] = time.monotonic) -> None:
        self.server = server
        self._clock = clock
        self._idle: deque[Wire] = deque()
        self._parts = urlsplit(server.url)
        self._shared = threading.local()

    def request(self, method: str, url: str, content: Any = None, *, token: str = "") -> Answer:
        """One call; `url` is the path from `/v1/` on, quoted; `content` is what the body says, as JSON."""
        body = None if content is None else json.dumps(content).encode()
        path = self._parts.path.rstrip("/") + url
        deadline = self._deadline()
        sent = {"X-Vault-Request": "true"}
        if token:
            sent["X-Vault-Token"] = token
        if not holdable(self.server.namespace):
            raise FixError(Reason.INVALID_SETTINGS, "namespace", UNHOLDABLE, "write it in ASCII, on one line")
        if self.server.namespace:
            sent["X-Vault-Namespace"] = self.server.namespace
        if body is not None:
            sent["Content-Type"] = "application/json"
        failure: SyncError
        try:
            return self._exchange(method, path, body, sent, deadline)
        except SyncError as error:
            failure = error.with_traceback(None)
        except ssl.SSLCertVerificationError as error:
            failure = untrusted(self.server.url, error.verify_message)
        except (OSError, HTTPException, ValueError) as error:
            failure = unreached(self.server.url, error, self.server.timeout)
        # Raised here: the frames above hold the token and what was sent.
        raise failure

    @contextmanager
    def within(self) -> Iterator[None]:
        """All calls of this thread inside have one deadline together: the server's timeout, from now on."""
        before = self._within()
        self._shared.deadline = self._deadline()
        try:
            yield
        finally:
            self._shared.deadline = before

    def left(self) -> float:
        """Seconds that a call of this thread would have."""
        return max(0.0, self._deadline() - self._clock())

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop().close()

    def __del__(self) -> None:
        self.close()

    def _deadline(self) -> float:
        return min(self._within(), self._clock() + self.server.timeout)

    def _within(self) -> float:
        return getattr(self._shared, "deadline", float("inf"))

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], deadline: float
    ) -> Answer:
        wire = self._wire(deadline)
        while True:
            try:
                found = wire.ask(method.upper(), path, headers, body)
            except BaseException as error:
                wire.close()
                if not wire.used or not _never_arrived(error):
                    raise
                # The server had closed what was idle.
                wire = self._fresh(deadline)
                continue
            if found.last:
                wire.close()
            else:
                self._idle.append(wire)
            return Answer(found.status, found.headers, _parsed(found.content))

    def _wire(self, deadline: float) -> Wire:
        try:
            wire = self._idle.pop()
        except IndexError:
            return self._fresh(deadline)
        wire.deadline = deadline
        return wire

    def _fresh(self, deadline: float) -> Wire:
        one, parts = self.server, self._parts
        host = parts.hostname or ""
        if parts.scheme == "http":
            http = HTTPConnection(host, parts.port)
        else:
            # Anew for each connection: certificates are rotated on disk while this runs.
            trusted = context(one.ca, one.certificate, one.key, verify=one.verify)
            http = HTTPSConnection(host, parts.port, context=trusted)
        # No reference to this: what is idle is to be closed as soon as nobody holds it any more.
        wire = Wire(http, parts.netloc, self._clock)
        wire.deadline = deadline
        return wire


def _never_arrived(error: BaseException) -> bool:
    # An idle connection that the server closed: nothing of the answer came, and not because of a deadline.
    return isinstance(error, (ConnectionResetError, BrokenPipeError, ConnectionAbortedError))


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except (ValueError, RecursionError):
        return None
