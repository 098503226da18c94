"""A server that fails as a real one can't be made to: it passes on to a real one, or says what a test has it say."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from syncd.clients.http.trust import Closing

_TICK = 0.02
"""Seconds between two bytes that drip."""


@dataclass(frozen=True)
class Request:
    """One that arrived."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)

    @property
    def is_login(self) -> bool:
        """In to a Vault?"""
        return self.path.startswith("/v1/auth/") and self.path.endswith("/login")


@dataclass(frozen=True)
class Said:
    """An answer. Without a length, its end is that of the connection."""

    status: int
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    closes: bool = False
    """The connection, and without saying so."""


class Cut(Exception):
    """Raised by a fault: the connection is cut, and there is no answer."""


class Drip(Exception):
    """Raised by a fault: these bytes again and again, one at a time, until nobody listens."""

    def __init__(self, start: bytes, again: bytes) -> None:
        super().__init__(start, again)
        self.start, self.again = start, again


Pass = Callable[[], Said]
Fault = Callable[[Request, Pass], Said]
"""What becomes of a request; the second asks the server behind."""


class FaultyServer:
    """`fault` may be set to another at any time; `requests` are those that arrived."""

    def __init__(self, address: str, behind: str, ca: Path | None, fault: Fault) -> None:
        self.address = address
        self.behind = behind
        self.ca = ca
        self.fault = fault
        self.requests: list[Request] = []
        self.connections = 0
        self.over = threading.Event()

    def logins(self) -> int:
        return sum(one.is_login for one in self.requests)

    def passed(self, request: Request) -> Said:
        """What the server behind says."""
        host = urlsplit(self.behind).netloc
        if self.ca is None:
            connection = HTTPConnection(host, timeout=30)
        else:
            context = ssl.create_default_context(cafile=self.ca)
            context.sslsocket_class = Closing
            connection = HTTPSConnection(host, timeout=30, context=context)
        try:
            connection.request(request.method, request.path, request.content, dict(request.headers))
            with connection.getresponse() as answer:
                return Said(answer.status, answer.read(), {"Content-Type": "application/json"})
        except (OSError, HTTPException):  # it is stopped
            raise Cut from None
        finally:
            connection.close()


def passes(_: Request, onward: Pass) -> Said:
    """No fault."""
    return onward()


def says(status: int, body: Any = b"", **headers: str) -> Fault:
    """The same to everybody; what isn't bytes is told as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _, __: Said(status, content, named)


def in_turn(*faults: Fault) -> Fault:
    """One each, and the last for all that come later."""
    left = list(faults)
    return lambda request, onward: (left.pop(0) if len(left) > 1 else left[0])(request, onward)


def cut(_: Request, __: Pass) -> Said:
    """Nothing arrives."""
    raise Cut


def lost(_: Request, onward: Pass) -> Said:
    """It arrives, and its answer doesn't."""
    onward()
    raise Cut


@contextmanager
def faulty(
    fault: Fault = passes,
    *,
    behind: str = "",
    ca: Path | None = None,
    host: str = "127.0.0.1",
    tls: tuple[Path, Path] | None = None,
    clients: Path | None = None,
) -> Iterator[FaultyServer]:
    """`ca` is for the server behind; `tls` is a certificate and its key; `clients` is the authority of its clients."""
    with _Listening((host, 0), _Handler) as server:
        server.faulty = FaultyServer(f"http://{host}:{server.server_port}", behind, ca, fault)
        if tls is not None:
            server.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=clients)
            server.context.sslsocket_class = Closing
            server.context.verify_mode = ssl.CERT_NONE if clients is None else ssl.CERT_REQUIRED
            server.context.load_cert_chain(*tls)
            server.faulty.address = f"https://{host}:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": _TICK})
        thread.start()
        try:
            yield server.faulty
        finally:
            server.faulty.over.set()
            server.shutdown()
            thread.join()
            server.hang_up()


class _Listening(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    faulty: FaultyServer
    context: ssl.SSLContext | None = None

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._open: dict[socket.socket, threading.Thread] = {}

    def finish_request(self, request: Any, client_address: Any) -> None:
        self.faulty.connections += 1
        with suppress(OSError):  # the client went away, or trusts nobody here
            if self.context is not None:
                request = self.context.wrap_socket(request, server_side=True)
            self._open[request] = threading.current_thread()
            try:
                super().finish_request(request, client_address)
            finally:
                del self._open[request]
                request.close()

    def hang_up(self) -> None:
        """On all that a client still holds."""
        for request, thread in list(self._open.items()):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)
            thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one piece: in two, each costs the 40 ms until the first is acknowledged
    server: _Listening

    def _serve(self) -> None:
        faulty = self.server.faulty
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, dict(self.headers.items()), content)
        faulty.requests.append(request)
        try:
            self._say(faulty.fault(request, lambda: faulty.passed(request)))
        except Cut:
            self.close_connection = True
        except Drip as drip:
            self.close_connection = True
            self.wfile.write(drip.start)
            self.wfile.flush()
            while not faulty.over.wait(_TICK):
                self.wfile.write(drip.again)
                self.wfile.flush()

    def _say(self, said: Said) -> None:
        self.send_response_only(said.status)
        for name, value in said.headers.items():
            self.send_header(name, value)
        if said.status != 204 and "Content-Length" not in said.headers:
            self.send_header("Content-Length", str(len(said.content)))
        self.end_headers()
        self.wfile.write(said.content)
        self.close_connection |= said.closes or "Connection" in said.headers

    do_GET = do_POST = do_PUT = do_DELETE = do_LIST = _serve  # noqa: N815  as http.server has them

    def log_message(self, *_: object) -> None:
        pass
