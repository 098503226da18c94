"""What one connection sends, and where the answers of any server that speaks HTTP/1 begin and end."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, RemoteDisconnected

import pytest

from syncd.clients.http.wire import Received, Wire
from tests.clients.quiet import SENTINEL


class Ends:
    """A connection, and the server's end of it."""

    def __init__(self) -> None:
        http = HTTPConnection("vault")
        http.sock, self.server = socket.socketpair()
        self.server.settimeout(5)
        self.wire = Wire(http, "vault:8200", time.monotonic)
        self.wire.deadline = time.monotonic() + 5

    def answers(self, raw: bytes, *, closes: bool = False) -> Received:
        self.server.sendall(raw)
        if closes:
            self.server.shutdown(socket.SHUT_WR)
        return self.wire.ask("GET", "/v1/a", {}, None)


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.wire.close()
    made.server.close()


KEPT = {
    "a length": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "no reason": b"HTTP/1.1 200\r\ncontent-length:2\r\n\r\n{}",
    "bare newlines": b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1;x=y\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
    "chunks with a trailer": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nA: b\r\n\r\n",
    "chunks and a length": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2\r\n{}\r\n0\r\n\r\n",
    "promises before": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "headers that are no text": b"HTTP/1.1 200 \xff\r\nA: \xff\r\nno colon\r\n folded\r\nContent-Length: 2\r\n\r\n{}",
}
CLOSING = {
    "no length": b"HTTP/1.1 200 OK\r\n\r\n{}",
    "a length that is none": b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}",
    "a length below nothing": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
    "it says so": b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\n{}",
    "an old server": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("raw", KEPT.values(), ids=KEPT)
def test_an_answer_ends_where_it_says_and_its_connection_is_kept(ends: Ends, raw: bytes) -> None:
    for _ in range(3):
        found = ends.answers(raw)
        assert (found.status, found.content, found.last) == (200, b"{}", False)


@pytest.mark.parametrize("raw", CLOSING.values(), ids=CLOSING)
def test_an_answer_that_does_not_say_where_it_ends_is_read_to_the_end_of_its_connection(ends: Ends, raw: bytes) -> None:
    found = ends.answers(raw, closes=True)
    assert (found.status, found.content, found.last) == (200, b"{}", True)


@pytest.mark.parametrize("more", ["", "Content-Length: 2\r\n", "Transfer-Encoding: chunked\r\n"])
def test_no_content_has_none_whatever_it_says(ends: Ends, more: str) -> None:
    found = ends.answers(f"HTTP/1.1 204 No Content\r\n{more}\r\n".encode())
    assert (found.status, found.content, found.last) == (204, b"", False)


def test_headers_are_told_in_lower_case_without_what_surrounds_them(ends: Ends) -> None:
    found = ends.answers(b"HTTP/1.1 429 Slow\r\nRetry-After: \t3 \r\nContent-Length: 0\r\n\r\n")
    assert found.headers == {"retry-after": "3", "content-length": "0"}


NO_HTTP = {
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "another version": b"HTTP/2 200\r\n\r\n",
    "no number": b"HTTP/1.1 OK\r\n\r\n",
    "a number too long": b"HTTP/1.1 2000 OK\r\n\r\n",
    "a line without an end": b"HTTP/1.1 200 " + b"x" * 70_000,
    "a header without an end": b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000,
    "headers without an end": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 101,
    "headers that end early": b"HTTP/1.1 200 OK\r\nContent-Length: 2",
    "no chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
    "a chunk that ends early": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}",
    "a body that ends early": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
}


@pytest.mark.parametrize("raw", NO_HTTP.values(), ids=NO_HTTP)
def test_what_is_no_answer_is_an_error_and_not_taken_for_none(ends: Ends, raw: bytes) -> None:
    with pytest.raises((HTTPException, ValueError, ConnectionError)) as caught:
        ends.answers(raw, closes=True)
    assert not isinstance(caught.value, ConnectionResetError)  # which a call is sent again for


def test_a_connection_that_ends_without_a_word_is_told_from_one_that_began_to_answer(ends: Ends) -> None:
    with pytest.raises(RemoteDisconnected):
        ends.answers(b"", closes=True)


def test_a_call_is_what_the_library_would_send(ends: Ends) -> None:
    ends.server.sendall(KEPT["a length"])
    ends.wire.ask("POST", "/v1/a%20b", {"X-Vault-Token": "t", "Content-Type": "application/json"}, b'{"a": 1}')
    assert ends.server.recv(4096).decode().split("\r\n") == [
        "POST /v1/a%20b HTTP/1.1",
        "Host: vault:8200",
        "X-Vault-Token: t",
        "Content-Type: application/json",
        "Content-Length: 8",
        "",
        '{"a": 1}',
    ]


@pytest.mark.parametrize("path", ["/v1/a b", "/v1/a\r\nX: y", "/v1/ä", "/v1/a\0"])
@pytest.mark.parametrize("header", ["", "a\r\nX: y", "ä"])
def test_nothing_is_sent_that_would_be_read_as_something_else(ends: Ends, path: str, header: str) -> None:
    with pytest.raises(ValueError, match="no HTTP"):
        ends.wire.ask("GET", path, {"X-Vault-Token": header}, None)
    ends.server.setblocking(False)
    with pytest.raises(BlockingIOError):
        ends.server.recv(1)


def test_an_answer_shows_nothing_of_its_content(ends: Ends) -> None:
    found = ends.answers(f"HTTP/1.1 200 OK\r\nContent-Length: {len(SENTINEL)}\r\n\r\n{SENTINEL}".encode())
    assert SENTINEL not in f"{found} {found!r}"
