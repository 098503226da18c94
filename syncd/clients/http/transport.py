"""HTTP to one server: connections that are kept, one deadline for a whole call, and nothing that follows a redirect.

`requests` spends 1 ms of a processor on each call, follows redirects with the token, and has a timeout per packet only;
`urllib3` sends again what it was not asked to, and waits as long as a server says.
"""

from __future__ import annotations

import json
import ssl
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from syncd.clients.http.deadlines import Deadlines
from syncd.clients.http.failures import unreached, untrusted
from syncd.clients.http.trust import Remedies, context
from syncd.clients.http.wire import Wire
from syncd.core.errors import SyncError

UNHOLDABLE = "holds a character that no HTTP header can"


@dataclass(frozen=True)
class Address:
    """Where a server is, whom we trust, what we show; `name` is its certificate's, where the url has another."""

    url: str
    ca: str = ""
    certificate: str = ""
    key: str = ""
    verify: bool = True
    name: str = ""


class Answer(NamedTuple):
    """Status, headers in lower case, and the JSON of the body; None where that is empty or no JSON."""

    status: int
    headers: Mapping[str, str]
    body: Any

    def __repr__(self) -> str:
        return f"Answer({self.status})"


def inner(answer: Answer, *path: str) -> Any:
    """What the body of an answer holds at a path; None where that isn't there."""
    found = answer.body
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


class Connections:
    """Calls to one server. Each gives an Answer, whatever its status; threads may share one.

    Raises WaitError where nobody answers in time, FixError where the server isn't the one that is trusted or its files
    can't be used. A call is sent twice only where a kept connection ends without any answer: each of ours may be, as a
    write names its version.
    """

    def __init__(self, address: Address, remedies: Remedies, deadlines: Deadlines) -> None:
        self.address, self.deadlines = address, deadlines
        self._remedies = remedies
        self._idle: deque[Wire] = deque()
        self._parts = urlsplit(address.url)

    def send(self, method: str, path: str, content: Any, headers: Mapping[str, str]) -> Answer:
        """One call; `path` is below the url, quoted; `content` is what the body says, as JSON; None for no body."""
        body = None if content is None else json.dumps(content).encode()
        sent = dict(headers) if body is None else {**headers, "Content-Type": "application/json"}
        failure: SyncError
        try:
            return self._exchange(method, self._parts.path.rstrip("/") + path, body, sent, self.deadlines.next())
        except SyncError as error:
            failure = error.with_traceback(None)
        except ssl.SSLCertVerificationError as error:
            failure = untrusted(self.address.url, error.verify_message, self._remedies.untrusted)
        except (OSError, HTTPException, ValueError) as error:
            failure = unreached(self.address.url, error, self.deadlines.timeout)
        # Raised here: the frames above hold the token and what was sent.
        raise failure

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
        one, parts = self.address, self._parts
        host = parts.hostname or ""
        if parts.scheme == "http":
            http = HTTPConnection(host, parts.port)
        else:
            # Anew for each connection: certificates are rotated on disk while this runs.
            trusted = context(one.ca, one.certificate, one.key, verify=one.verify, remedies=self._remedies)
            http = _Named(host, parts.port, trusted, one.name)
        # No reference to this: what is idle is to be closed as soon as nobody holds it any more.
        wire = Wire(http, parts.netloc, self.deadlines.clock)
        wire.deadline = deadline
        return wire


class _Named(HTTPSConnection):
    """The library's, to a server whose certificate may be for another name than the one it was looked up by."""

    def __init__(self, host: str, port: int | None, trusted: ssl.SSLContext, name: str) -> None:
        super().__init__(host, port, context=trusted)
        self._trusted, self._name = trusted, name or host

    def connect(self) -> None:
        HTTPConnection.connect(self)
        self.sock = self._trusted.wrap_socket(self.sock, server_hostname=self._name)


def _never_arrived(error: BaseException) -> bool:
    # An idle connection that the server closed: nothing of the answer came, and not because of a deadline.
    return isinstance(error, (ConnectionResetError, BrokenPipeError, ConnectionAbortedError))


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except (ValueError, RecursionError):
        return None
