"""What no HTTP header can hold is told by its name and where it came from, and never sent or shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.clients.vault.login import Credential, Login, login
from syncd.core.errors import FixError, Reason
from tests.clients.calling import READ, client
from tests.clients.fake_server import faulty, says
from tests.clients.quiet import SENTINEL, quiet, raised

UNHOLDABLE = ["a\nb", "a\n b", "a\rb", "a\0b", "a\tb", "a\x7fb", "ä", "ä€", "\ud800"]


@pytest.mark.parametrize("token", UNHOLDABLE)
def test_a_token_that_no_header_can_hold_is_told_and_not_shown(token: str) -> None:
    with faulty(says(200, READ)) as server:
        vault = client(server.address, login("targets.vault.", {"token": f"{SENTINEL}{token}"}))
        error = quiet(raised(lambda: vault.read("a")))
        assert server.requests == []
    assert (type(error), error.reason, error.subject) == (FixError, Reason.INVALID_SETTINGS, "the token for Vault")
    assert "VAULT_TOKEN" in error.remedy


@pytest.mark.parametrize("token", [one for one in UNHOLDABLE if one != "\ud800"])
def test_a_token_that_no_header_can_hold_is_told_with_its_file(token: str, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(f"{SENTINEL}{token}\n".encode())
    with faulty(says(200, READ)) as server:
        vault = client(server.address, Login("token", Credential(path=str(path))))
        error = quiet(raised(lambda: vault.read("a")))
        assert server.requests == []
    assert (type(error), error.subject) == (FixError, str(path))
    assert "token" in str(error)


def test_a_tokens_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(b"\xff\xfe" + SENTINEL.encode())
    vault = client("http://127.0.0.1:1", Login("token", Credential(path=str(path))))
    assert quiet(raised(lambda: vault.read("a"))).subject == str(path)


@pytest.mark.parametrize("end", ["\n", "\r\n", " \n\n"])
def test_a_token_may_end_in_a_newline(end: str, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(f"a-token{end}".encode())
    with faulty(says(200, READ)) as server:
        for credential in (Credential(path=str(path)), Credential(f"a-token{end}")):
            assert client(server.address, Login("token", credential)).read("a") is not None
        assert [one.headers["X-Vault-Token"] for one in server.requests] == ["a-token"] * 2


@pytest.mark.parametrize("namespace", UNHOLDABLE)
def test_a_namespace_that_no_header_can_hold_is_told(namespace: str) -> None:
    with faulty(says(200, READ)) as server:
        error = quiet(raised(lambda: client(server.address, namespace=f"{SENTINEL}{namespace}").read("a")))
        assert server.requests == []
    assert (type(error), error.reason, error.subject) == (FixError, Reason.INVALID_SETTINGS, "namespace")


@pytest.mark.parametrize("token", ["a\nb", "ä"])
def test_a_login_that_answers_with_a_token_that_no_header_can_hold_is_not_vaults(token: str) -> None:
    told = {"auth": {"client_token": f"{SENTINEL}{token}", "lease_duration": 60, "renewable": True}}
    with faulty(says(200, told)) as server:
        vault = client(server.address, Login("approle", Credential("s"), "role"))
        assert "isn't Vault's" in str(quiet(raised(lambda: vault.read("a"))))
        assert len(server.requests) == 1


def test_a_login_may_be_mounted_at_any_path() -> None:
    with faulty(says(404, {"errors": []})) as server:
        vault = client(server.address, Login("approle", Credential("s"), "role", "team a/é\n"))
        raised(lambda: vault.read("a"))
        assert [one.path for one in server.requests] == ["/v1/auth/team%20a/%C3%A9%0A/login"]
