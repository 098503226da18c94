"""/livez, /readyz and /metrics, for whoever watches the daemon. None of them depends on a target."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CONTENT_TYPE_LATEST

from syncd.core.errors import FixError, Reason

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

_TIMEOUT = 10
"""Seconds for whoever asks to say what."""


class Answer(NamedTuple):
    """What is said at a path: is it well, and in what words."""

    well: bool
    text: bytes
    type: str = "text/plain; charset=utf-8"


Answers = Mapping[str, Callable[[], Answer]]


@contextmanager
def serving(address: tuple[str, int], answers: Answers) -> Iterator[int]:
    """Answer in threads of their own; the port. Raises FixError where the address can't be listened at."""
    host, port = address
    server_class = _Six if ":" in host else _Server
    try:
        server = make_server(host, port, _application(answers), server_class, _Quiet)
    except (OSError, OverflowError) as error:
        said = getattr(error, "strerror", None) or "no such address"
        problem = f"can't be listened at: {said}"
        remedy = "give [daemon] listen another HOST:PORT, or leave it empty"
        raise FixError(Reason.INVALID_SETTINGS, f"{host}:{port}", problem, remedy) from None
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="health", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _application(answers: Answers) -> Callable[[Mapping[str, Any], StartResponse], Iterable[bytes]]:
    def application(environ: Mapping[str, Any], start: StartResponse) -> Iterable[bytes]:
        answer = answers.get(environ["PATH_INFO"])
        if answer is None:
            start("404 Not Found", [("Content-Type", "text/plain")])
            return ["\n".join(answers).encode() + b"\n"]
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            start("405 Method Not Allowed", [("Allow", "GET, HEAD")])
            return []
        said = answer()
        start("200 OK" if said.well else "503 Service Unavailable", [("Content-Type", said.type)])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [said.text]

    return application


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64

    def server_bind(self) -> None:
        # Without asking a name server for this machine's own name, which may not answer.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever asked went away."""


class _Six(_Server):
    address_family = socket.AF_INET6


class _Quiet(WSGIRequestHandler):
    timeout = _TIMEOUT

    def log_message(self, *_: object) -> None:
        pass


METRICS_TYPE = CONTENT_TYPE_LATEST
