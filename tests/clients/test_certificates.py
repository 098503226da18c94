"""Files of certificates that can't be used are told by their setting, and never by what is in them."""

from __future__ import annotations

import gc
import os
import select
import socket
import struct
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from servers.certificates import Authority
from syncd.clients.http.trust import Remedies, context
from syncd.core.errors import FixError, Reason
from tests.clients.calling import READ, client
from tests.clients.fake_server import faulty, says
from tests.clients.quiet import SENTINEL, raised


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with `ca.pem`, `client.pem` and `client.key`, and `other.key`, which is another one's."""
    authority = Authority.make()
    authority.write(tmp_path / "ca.pem")
    authority.issue(tmp_path / "client.pem", tmp_path / "client.key")
    authority.issue(tmp_path / "other.pem", tmp_path / "other.key")
    return tmp_path


def missing(path: Path) -> None:
    path.unlink()


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def other(path: Path) -> None:
    path.write_text(f"{SENTINEL}\n")


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def binary(path: Path) -> None:
    path.write_bytes(bytes(range(256)))


def of_another(path: Path) -> None:
    path.write_bytes((path.parent / "other.key").read_bytes())


def locked(path: Path) -> None:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    form, locked = serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(SENTINEL.encode())
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, locked))


NO_CERTIFICATE, NO_KEY = "holds no certificate in PEM", "holds no private key in PEM that opens without a password"
BROKEN: list[tuple[str, Callable[[Path], None], str]] = [
    *[(name, missing, "isn't there") for name in ("ca.pem", "client.pem", "client.key")],
    *[(name, folder, "can't be read: Is a directory") for name in ("ca.pem", "client.pem", "client.key")],
    *[(name, break_, NO_CERTIFICATE) for name in ("ca.pem", "client.pem") for break_ in (empty, other, torn, binary)],
    *[("client.key", break_, NO_KEY) for break_ in (empty, other, torn, binary, locked)],
    ("client.key", of_another, "isn't the key of the certificate"),
]
SETTINGS = {"ca.pem": "verify", "client.pem": "cert", "client.key": "cert"}


@pytest.mark.parametrize(
    ("name", "break_", "problem"), BROKEN, ids=[f"{name} {break_.__name__}" for name, break_, _ in BROKEN]
)
def test_a_file_that_cannot_be_used_is_told_with_its_setting_and_the_way_out(
    files: Path, name: str, break_: Callable[[Path], None], problem: str
) -> None:
    break_(files / name)
    error = raised(lambda: _over_tls(files))
    assert (type(error), error.reason, error.subject) == (FixError, Reason.INVALID_SETTINGS, str(files / name))
    assert problem in error.problem
    assert f"`{SETTINGS[name]}`" in error.remedy
    assert SENTINEL not in "".join(traceback.format_exception(error))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
@pytest.mark.parametrize("name", SETTINGS)
def test_a_file_that_may_not_be_read_is_told(files: Path, name: str) -> None:
    (files / name).chmod(0)
    assert "can't be read: Permission denied" in raised(lambda: _over_tls(files)).problem


def test_a_certificate_and_its_key_may_be_one_file(files: Path) -> None:
    both = files / "both.pem"
    both.write_bytes((files / "client.pem").read_bytes() + (files / "client.key").read_bytes())
    with faulty(says(200, READ), tls=(files / "client.pem", files / "client.key")) as server:
        assert client(server.address, ca=str(files / "ca.pem"), certificate=str(both)).read("a") is not None


def test_a_certificate_without_its_key_is_told(files: Path) -> None:
    error = raised(lambda: client("https://127.0.0.1:1", certificate=str(files / "client.pem")).read("a"))
    assert (error.subject, error.problem) == (str(files / "client.pem"), NO_KEY)


def test_a_file_that_is_put_right_is_taken_at_the_next_call(files: Path) -> None:
    with faulty(says(200, READ), tls=(files / "client.pem", files / "client.key")) as server:
        vault = client(server.address, ca=str(files / "late.pem"))
        raised(lambda: vault.read("a"))
        (files / "ca.pem").rename(files / "late.pem")
        assert vault.read("a") is not None


def test_a_server_that_hangs_up_before_the_handshake_leaves_no_socket_open(files: Path) -> None:
    trusted = context(str(files / "ca.pem"), "", "", verify=True, remedies=Remedies("", "", ""))
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as ours:
        theirs, _ = server.accept()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # its end is a reset
        theirs.close()
        select.select([ours], [], [])
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            with pytest.raises(ConnectionResetError):
                trusted.wrap_socket(ours, server_hostname="localhost")
            gc.collect()
    assert [str(one.message) for one in warned] == []


def _over_tls(files: Path) -> object:
    ca, certificate, key = (str(files / name) for name in SETTINGS)
    # Nobody listens there: what is wrong with a file is told before.
    return client("https://127.0.0.1:1", ca=ca, certificate=certificate, key=key).read("a")
