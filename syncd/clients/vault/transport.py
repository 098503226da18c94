"""HTTP to one Vault: connections that are kept, one deadline for a whole call, and nothing that follows a redirect.

hvac's own adapter goes through `requests`, which spends 1 ms of a processor on each call, follows redirects with the
token, and has a timeout per packet only.
"""

from __future__ import annotations

import io
import json
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from syncd.clients.vault.failures import unreached, untrusted
from syncd.clients.vault.trust import context
from syncd.core.errors import FixError, Reason, SyncError

LARGEST = 64 * 2**20
"""Bytes of an answer: a list of 100,000 names is 5 MB."""

UNHOLDABLE = "holds a character that no HTTP header can"


def holdable(text: str) -> bool:
    """Can an HTTP header hold it, and is it read as it was written?"""
    return text.isascii() and text.isprintable()


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


@dataclass
class _Connection:
    http: HTTPConnection
    deadline: float
    used: bool = False


class Transport:
    """Calls to one server. Each gives an Answer, whatever its status; threads may share one.

    Raises WaitError where nobody answers in time, FixError where the server isn't the one that is trusted. A call is
    sent twice only where a kept connection ends without any answer: each of ours may be, as a write names its version.
    """

    def __init__(self, server: Server, clock: Callable[[], float] = time.monotonic) -> None:
        self.server = server
        self._clock = clock
        self._idle: deque[_Connection] = deque()
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
            self._idle.pop().http.close()

    def __del__(self) -> None:
        self.close()

    def _deadline(self) -> float:
        return min(self._within(), self._clock() + self.server.timeout)

    def _within(self) -> float:
        return getattr(self._shared, "deadline", float("inf"))

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], deadline: float
    ) -> Answer:
        connection = self._connection(deadline)
        while True:
            try:
                answer, keep = self._ask(connection, method.upper(), path, body, headers)
            except BaseException as error:
                connection.http.close()
                if not connection.used or not _never_arrived(error):
                    raise
                # The server had closed what was idle.
                connection = self._fresh(deadline)
                continue
            if keep:
                connection.used = True
                self._idle.append(connection)
            else:
                connection.http.close()
            return answer

    def _ask(
        self, connection: _Connection, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[Answer, bool]:
        http = connection.http
        if http.sock is None:
            http.timeout = _left(self._clock, connection.deadline)
            http.connect()
        http.sock.settimeout(_left(self._clock, connection.deadline))
        http.request(method, path, body, dict(headers))
        with http.getresponse() as response:
            content = response.read(LARGEST + 1)
            if len(content) > LARGEST:
                raise ValueError("too large")
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, _parsed(content)), not response.will_close

    def _connection(self, deadline: float) -> _Connection:
        try:
            connection = self._idle.pop()
        except IndexError:
            return self._fresh(deadline)
        connection.deadline = deadline
        return connection

    def _fresh(self, deadline: float) -> _Connection:
        # No reference to this: what is idle is to be closed as soon as nobody holds it any more.
        host, port, clock = self._parts.hostname or "", self._parts.port, self._clock
        http: HTTPConnection
        if self._parts.scheme == "http":
            http = _Plain(host, port)
        else:
            one = self.server
            # Anew for each connection: certificates are rotated on disk while this runs.
            trusted = context(one.ca, one.certificate, one.key, verify=one.verify)
            http = _Secure(host, port, context=trusted)
        made = _Connection(http, deadline)
        http.response_class = partial(_Response, lambda: _left(clock, made.deadline))  # type: ignore[assignment]  # a factory
        return made


def _left(clock: Callable[[], float], deadline: float) -> float:
    left = deadline - clock()
    if left <= 0:
        raise TimeoutError
    return left


class _Plain(HTTPConnection):
    """Sends a call in one piece: in two, as the library does, it costs a switch to the server and back more."""

    _unsent = b""

    def send(self, data: Any) -> None:
        self._unsent += data

    def getresponse(self) -> HTTPResponse:
        unsent, self._unsent = self._unsent, b""
        self.sock.sendall(unsent)
        return super().getresponse()


class _Secure(_Plain, HTTPSConnection):
    """The same over TLS."""


class _Response(HTTPResponse):
    """An answer that is read within a deadline, however slowly it drips."""

    def __init__(self, left: Callable[[], float], sock: socket.socket, **named: Any) -> None:
        super().__init__(sock, **named)
        self.fp.close()
        self.fp = io.BufferedReader(_Timed(sock, left))


class _Timed(io.RawIOBase):
    """A socket to read from, each time with what is left of the deadline."""

    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        # A file of its own: http.client closes the socket before it reads the body of a last answer.
        self._sock, self._file, self._left = sock, sock.makefile("rb", buffering=0), left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._left())
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


def _never_arrived(error: BaseException) -> bool:
    # An idle connection that the server closed: nothing of the answer came, and not because of a deadline.
    return isinstance(error, (ConnectionResetError, BrokenPipeError, ConnectionAbortedError))


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except (ValueError, RecursionError):
        return None
