"""HTTP/1.1 over a connection that is kept: a call in one piece, and its answer within a deadline.

The library's requests and headers, the latter by its package for mail, cost more than all else of a read.
"""

from __future__ import annotations

import io
import re
import socket
import weakref
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, RemoteDisconnected
from typing import NamedTuple

LARGEST = 64 * 2**20
"""Bytes of an answer: a list of 100,000 names is 5 MB."""

_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: |\r?\n)")
_LONGEST, _MOST = 2**16, 100
"""Bytes of a line, and headers."""


def holdable(text: str) -> bool:
    """Can an HTTP header hold it, and is it read as it was written?"""
    return text.isascii() and text.isprintable()


class Received(NamedTuple):
    """Status, headers in lower case, body; `last` says that the connection can't be used again."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    last: bool

    def __repr__(self) -> str:
        return f"Received({self.status})"


class Wire:
    """One connection, made at its first call. `deadline` is that of the call, by `clock`."""

    def __init__(self, http: HTTPConnection, host: str, clock: Callable[[], float]) -> None:
        self._http, self._host, self._clock = http, host, clock
        # Not by __del__: in a cycle of references nobody knows whether the socket's own end comes first, and warns.
        weakref.finalize(self, http.close)
        self.deadline = 0.0
        self.used = False

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Received:
        """Raises OSError, HTTPException, or ValueError for what is no HTTP; then, and after a last one, close it."""
        if self._http.sock is None:
            self._http.timeout = self._left()
            self._http.connect()
        sock = self._http.sock
        # In one piece: in two, as the library does, it costs a switch to the server and back more.
        sent = _head(method, path, {"Host": self._host, **headers}, body) + (body or b"")
        sock.settimeout(self._left())
        sock.sendall(sent)
        with _Response(_Timed(sock, self._left)) as response:
            response.begin()
            content = response.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ValueError("too large")
        if response.length:
            raise ConnectionError("cut short")
        self.used = True
        return Received(response.status, response.fields, content, response.last)

    def close(self) -> None:
        self._http.close()

    def _left(self) -> float:
        left = self.deadline - self._clock()
        if left <= 0:
            raise TimeoutError
        return left


def _head(method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    if " " in path or not all(map(holdable, lines)):
        raise ValueError("no HTTP")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


class _Response(HTTPResponse):
    """The library's, which knows where a body ends, with the lines before it read here."""

    def __init__(self, timed: _Timed) -> None:
        super().__init__(timed)  # type: ignore[arg-type]  # all that it asks of a socket is a file
        self.fields: Mapping[str, str] = {}
        self.last = True

    def begin(self) -> None:
        version, status = _status(self.fp)
        self.fields = _fields(self.fp)
        while status < 200:  # a promise alone
            version, status = _status(self.fp)
            self.fields = _fields(self.fp)
        self.status, empty = status, status in (204, 304)
        self.chunked = not empty and self.fields.get("transfer-encoding", "").lower() == "chunked"
        self.chunk_left = None
        length = "0" if empty else self.fields.get("content-length", "")
        self.length = int(length) if length.isdecimal() and not self.chunked else None
        closes = version == b"0" or "close" in self.fields.get("connection", "").lower()
        self.last = closes or (self.length is None and not self.chunked)


def _status(file: io.BufferedIOBase) -> tuple[bytes, int]:
    line = file.readline(_LONGEST)
    if not line:
        raise RemoteDisconnected("")
    found = _STATUS.match(line)
    if found is None:
        raise HTTPException
    return found[1], int(found[2])


def _fields(file: io.BufferedIOBase) -> Mapping[str, str]:
    fields: dict[str, str] = {}
    for _ in range(_MOST):
        line = file.readline(_LONGEST)
        if line in (b"\r\n", b"\n"):
            return fields
        if not line.endswith(b"\n"):
            break
        name, _, value = line.decode("latin-1").partition(":")
        fields[name.lower()] = value.strip()
    raise HTTPException


class _Timed(io.RawIOBase):
    """A socket to read from, each time with what is left of the deadline."""

    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self._sock, self._left = sock, left

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # BufferedReader gives no other
        self._sock.settimeout(self._left())
        return self._sock.recv_into(buffer)
