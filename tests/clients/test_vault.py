"""What the client of Vault promises: no answer is taken for another, nothing goes elsewhere, all of it in time."""

from __future__ import annotations

import json
import time
import traceback
from base64 import urlsafe_b64encode as encoded
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from servers import vault as servers
from servers.certificates import Authority
from servers.processes import free_port
from syncd.clients.http.wire import LARGEST
from syncd.clients.vault.login import Credential, Login, Session, login
from syncd.clients.vault.transport import Server, Transport
from syncd.clients.vault.writing import Vault
from syncd.core.errors import FixError, Reason, SyncError, WaitError
from tests.clients.calling import READ, TOKEN, client
from tests.clients.fake_server import Drip, Fault, FaultyServer, Pass, Request, Said, cut, faulty, in_turn, passes, says
from tests.clients.quiet import SENTINEL, raised

CALLS: dict[str, Callable[[Vault], object]] = {
    "read": lambda vault: vault.read("a/b"),
    "write": lambda vault: vault.write("a/b", {"password": SENTINEL}, expected=2),
    "describe": lambda vault: vault.describe("a/b", {"owner": "us"}),
    "release": lambda vault: vault.release("a/b"),
    "destroy": lambda vault: vault.destroy("a/b", 2),
    "names": lambda vault: vault.names("a"),
    "check": lambda vault: vault.check(),
}
each_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
_names = count()


def fresh(word: str) -> str:
    """A name that no other test has."""
    return f"{word}-{next(_names)}"


@pytest.fixture
def root(vault_server: servers.Vault) -> Callable[..., Any]:
    """Calls as root that succeed."""

    def call(method: str, path: str, body: Any = None) -> Any:
        answer = vault_server.call(method, path, body)
        assert answer.status in (200, 204), answer
        return answer.body

    return call


@pytest.fixture
def role(root: Callable[..., Any]) -> tuple[str, Login]:
    """An AppRole of its own, and how to log in with it; it may do all below `secret/clients/`."""
    name = fresh("approle")
    rules = 'path "secret/+/clients/*" { capabilities = ["create", "read", "update", "delete", "list"] }'
    root("PUT", f"sys/policies/acl/{name}", {"policy": rules})
    root("POST", f"sys/auth/{name}", {"type": "approle"})
    root("POST", f"auth/{name}/role/etl", {"token_policies": [name], "token_ttl": "60s", "token_max_ttl": "1h"})
    role_id = root("GET", f"auth/{name}/role/etl/role-id")["data"]["role_id"]
    secret_id = root("POST", f"auth/{name}/role/etl/secret-id")["data"]["secret_id"]
    return name, Login("approle", Credential(secret_id), role_id, name)


# What an answer is taken for


@each_call
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_error_and_nothing_goes_elsewhere(call: Callable[[Vault], object], status: int) -> None:
    with (
        faulty(says(200, READ)) as elsewhere,
        faulty(says(status, b"", Location=f"{elsewhere.address}/v1/secret/data/a/b")) as here,
    ):
        error = raised(lambda: call(client(here.address)))
        assert "another address" in str(error)
        assert (len(here.requests), elsewhere.requests) == (1, [])


STRANGE: dict[str, Fault] = {
    "HTML": says(200, b"<html>log in</html>"),
    "an empty object": says(200, {}),
    "a list": says(200, []),
    "JSON that ends early": says(200, json.dumps(READ).encode()[:40]),
    "nothing": says(200),
    "a success of another kind": says(202, READ),
    "somebody else's 404": says(404, b"<html>no such page</html>"),
    "an empty 404": says(404),
    "a 404 that is an object": says(404, {}),
    "too deep": says(200, b"[" * 100_000),
}


@each_call
@pytest.mark.parametrize("strange", STRANGE.values(), ids=STRANGE)
def test_what_is_not_vaults_is_an_error_and_never_absent_or_done(
    call: Callable[[Vault], object], strange: Fault
) -> None:
    with faulty(strange) as server:
        assert isinstance(raised(lambda: call(client(server.address))), SyncError)


@pytest.mark.parametrize("call", [CALLS[name] for name in ("read", "write", "names", "check")])
def test_no_content_is_an_error_where_content_was_asked_for(call: Callable[[Vault], object]) -> None:
    with faulty(says(204)) as server:
        assert raised(lambda: call(client(server.address))).reason is Reason.UNAVAILABLE


@pytest.mark.parametrize("strange", STRANGE.values(), ids=STRANGE)
def test_a_login_that_is_not_vaults_answer_is_an_error(strange: Fault) -> None:
    with faulty(strange) as server:
        entered = Login("approle", Credential(SENTINEL), "role")
        assert isinstance(raised(lambda: client(server.address, entered).read("a")), SyncError)


@pytest.mark.parametrize("version", [2, 4, "3", True, None])
def test_a_write_is_done_only_where_its_own_version_is_told(version: object) -> None:
    with faulty(says(200, {"data": {"version": version}})) as server:
        assert isinstance(raised(lambda: CALLS["write"](client(server.address))), WaitError)


def test_a_body_that_has_no_end_is_an_error() -> None:
    with faulty(says(200, b" " * (LARGEST + 1))) as server:
        assert raised(lambda: client(server.address).read("a")).reason is Reason.UNAVAILABLE


STATUSES = {
    400: (FixError, Reason.REFUSED),
    403: (FixError, Reason.ACCESS_DENIED),
    405: (FixError, Reason.INVALID_SETTINGS),
    412: (WaitError, Reason.UNAVAILABLE),
    413: (FixError, Reason.NOT_HOLDABLE),
    429: (WaitError, Reason.UNAVAILABLE),
    472: (WaitError, Reason.UNAVAILABLE),
    473: (WaitError, Reason.UNAVAILABLE),
    500: (WaitError, Reason.UNAVAILABLE),
    501: (WaitError, Reason.UNAVAILABLE),
    502: (WaitError, Reason.UNAVAILABLE),
    503: (WaitError, Reason.UNAVAILABLE),
    504: (WaitError, Reason.UNAVAILABLE),
}


@each_call
@pytest.mark.parametrize("status", STATUSES)
def test_an_error_is_of_its_kind_and_repeats_nothing(call: Callable[[Vault], object], status: int) -> None:
    def echo(request: Request, _: Pass) -> Said:
        told = [request.content.decode(), *request.headers.values()]
        return Said(status, json.dumps({"errors": told, "data": told}).encode())

    with faulty(echo) as server:
        error = raised(lambda: call(client(server.address)))
    assert (type(error), error.reason) == STATUSES[status] or (status == 403 and error.reason is Reason.ACCESS_DENIED)
    told = "".join(traceback.format_exception(error)) + repr(error) + str(error)
    assert SENTINEL not in told


def test_a_version_that_is_not_the_one_expected_is_a_conflict() -> None:
    told = {"errors": ["check-and-set parameter did not match the current version"]}
    with faulty(says(400, told)) as server:
        assert raised(lambda: CALLS["write"](client(server.address))).reason is Reason.CONFLICT


def test_nothing_shows_a_secret() -> None:
    with faulty(says(200, {"data": {"data": {"a": SENTINEL}, "metadata": {"version": 1}}})) as server:
        entered = Login("approle", Credential(SENTINEL), "role")
        vault = client(server.address)
        shown = [vault, vault.server, entered, entered.credential, vault.read("a"), Transport(vault.server)]
        answer = Transport(vault.server).request("get", "/v1/a")
        assert SENTINEL not in repr([*shown, answer, str(answer)])


# Time


DRIPS = {
    "a body": Drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{", b" "),
    "headers": Drip(b"HTTP/1.1 200 OK\r\nA: ", b"x"),
    "one header after another": Drip(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"),
    "a body in chunks": Drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "nothing but a promise": Drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "silence": Drip(b"", b""),
}


@pytest.mark.parametrize("drip", DRIPS.values(), ids=DRIPS)
def test_a_server_that_drips_ends_at_the_deadline(drip: Drip) -> None:
    def fault(_: Request, __: Pass) -> Said:
        raise drip

    with faulty(fault) as server:
        began = time.monotonic()
        error = raised(lambda: client(server.address, timeout=0.3).read("a"))
        assert time.monotonic() - began < 2
    assert isinstance(error, WaitError)


@pytest.mark.slow
def test_where_fewer_requests_are_asked_for_it_waits_that_long() -> None:
    with faulty(in_turn(says(429, Retry_After="1"), says(200, READ))) as server:
        began = time.monotonic()
        assert client(server.address, patience=3).read("a") is not None
        assert 1 <= time.monotonic() - began < 3


@pytest.mark.parametrize("after", ["3600", "9" * 400])
def test_a_wait_that_is_too_long_is_not_begun(after: str) -> None:
    with faulty(says(429, Retry_After=after)) as server:
        began = time.monotonic()
        assert isinstance(raised(lambda: client(server.address, patience=2).read("a")), WaitError)
        assert time.monotonic() - began < 1
        assert len(server.requests) == 1


@pytest.mark.slow
@pytest.mark.parametrize("after", ["soon", "-1", "", "Wed, 21 Oct 2015 07:28:00 GMT", "1.5", "\xb2"])
def test_a_wait_that_nobody_understands_is_a_short_one_and_ends(after: str) -> None:
    with faulty(says(429, Retry_After=after)) as server:
        began = time.monotonic()
        assert isinstance(raised(lambda: client(server.address, patience=0.8).read("a")), WaitError)
        assert time.monotonic() - began < 3
        assert len(server.requests) == 2


# Connections


def test_no_proxy_and_no_password_of_the_environment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
        monkeypatch.setenv(name.upper(), f"http://127.0.0.1:{free_port()}")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("VAULT_TOKEN", "another")
    monkeypatch.setenv("VAULT_NAMESPACE", "another")
    with faulty(says(200, READ)) as server:
        client(server.address).read("a")
        (request,) = server.requests
    assert "Authorization" not in request.headers
    assert "X-Vault-Namespace" not in request.headers
    assert request.headers["X-Vault-Token"] == TOKEN


def test_the_namespace_goes_with_each_call() -> None:
    with faulty(says(200, READ)) as server:
        client(server.address, namespace="team/etl").read("a")
        assert server.requests[0].headers["X-Vault-Namespace"] == "team/etl"


def test_a_connection_is_kept() -> None:
    with faulty(says(200, READ)) as server:
        vault = client(server.address)
        for _ in range(5):
            vault.read("a")
        assert server.connections == 1


def test_a_connection_that_was_closed_while_idle_is_no_error() -> None:
    with faulty(lambda _, __: Said(200, json.dumps(READ).encode(), closes=True)) as server:
        vault = client(server.address)
        for _ in range(5):
            assert vault.read("a") is not None


def test_an_answer_that_closes_its_connection_is_read_to_its_end() -> None:
    with faulty(says(200, {**READ, "padding": "x" * 200_000}, Connection="close")) as server:
        vault = client(server.address)
        assert vault.read("a") == vault.read("a") is not None


def test_a_first_connection_that_is_cut_is_not_tried_again() -> None:
    with faulty(cut) as server:
        assert isinstance(raised(lambda: CALLS["write"](client(server.address))), WaitError)
        assert len(server.requests) == 1


def test_an_address_that_nobody_is_at_is_told() -> None:
    assert "refuses the connection" in str(raised(lambda: client(f"http://127.0.0.1:{free_port()}").read("a")))
    assert "resolved" in str(raised(lambda: client("http://nobody.invalid:1").read("a")))


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[FaultyServer, Path, Authority]]:
    """One with a certificate for 127.0.0.1, its authority's file, and that authority."""
    authority = Authority.make()
    authority.write(tmp_path / "ca.pem")
    authority.issue(tmp_path / "server.pem", tmp_path / "server.key")
    with faulty(says(200, READ), tls=(tmp_path / "server.pem", tmp_path / "server.key")) as server:
        yield server, tmp_path / "ca.pem", authority


def test_an_authority_of_ones_own_is_trusted(secure: tuple[FaultyServer, Path, Authority]) -> None:
    server, ca, _ = secure
    assert client(server.address, ca=str(ca)).read("a") is not None


@pytest.mark.parametrize("named", [True, False], ids=["another authority", "none"])
def test_a_server_that_no_authority_of_ours_knows_gets_no_token(
    secure: tuple[FaultyServer, Path, Authority], tmp_path: Path, named: bool
) -> None:
    other = tmp_path / "other.pem"
    Authority.make().write(other)
    error = raised(lambda: client(secure[0].address, ca=str(other) if named else "").read("a"))
    assert (type(error), error.reason) == (FixError, Reason.UNTRUSTED)
    assert secure[0].requests == []


def test_a_server_with_another_ones_certificate_gets_no_token(tmp_path: Path) -> None:
    authority = Authority.make()
    authority.write(tmp_path / "ca.pem")
    authority.issue(tmp_path / "server.pem", tmp_path / "server.key")
    tls = (tmp_path / "server.pem", tmp_path / "server.key")
    with faulty(says(200, READ), host="127.0.0.2", tls=tls) as server:
        error = raised(lambda: client(server.address, ca=str(tmp_path / "ca.pem")).read("a"))
        assert error.reason is Reason.UNTRUSTED
        assert server.requests == []


def test_an_authority_that_is_replaced_on_disk_is_trusted_from_then_on(
    secure: tuple[FaultyServer, Path, Authority], tmp_path: Path
) -> None:
    ca = tmp_path / "trusted.pem"
    Authority.make().write(ca)
    vault = client(secure[0].address, ca=str(ca))
    raised(lambda: vault.read("a"))
    secure[2].write(ca)
    assert vault.read("a") is not None


def test_where_the_server_asks_for_a_certificate_the_one_of_the_settings_is_shown(tmp_path: Path) -> None:
    authority = Authority.make()
    authority.write(tmp_path / "ca.pem")
    authority.issue(tmp_path / "server.pem", tmp_path / "server.key")
    _issue_for_a_client(authority, tmp_path / "client.pem", tmp_path / "client.key")
    tls = (tmp_path / "server.pem", tmp_path / "server.key")
    with faulty(says(200, READ), tls=tls, clients=tmp_path / "ca.pem") as server:
        vault = client(
            server.address,
            ca=str(tmp_path / "ca.pem"),
            certificate=str(tmp_path / "client.pem"),
            key=str(tmp_path / "client.key"),
        )
        assert vault.read("a") is not None
        stranger = client(server.address, ca=str(tmp_path / "ca.pem"))
        assert isinstance(raised(lambda: stranger.read("a")), SyncError)
        assert len(server.requests) == 1


# Logins, scripted


def entry(token: str = "t", life: int = 60, *, renewable: bool = True) -> dict[str, Any]:
    return {"auth": {"client_token": token, "lease_duration": life, "renewable": renewable}}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def session(server: FaultyServer, clock: Clock) -> Session:
    return Session(Transport(Server(server.address, timeout=5)), Login("approle", Credential("s"), "role"), clock)


def test_a_token_is_renewed_at_two_thirds_of_its_life() -> None:
    clock = Clock()
    with faulty(says(200, entry())) as server:
        one = session(server, clock)
        one.token()
        clock.now = 39
        one.token()
        assert len(server.requests) == 1
        for clock.now in (41, 79, 82):
            one.token()
        assert [request.path for request in server.requests[1:]] == ["/v1/auth/token/renew-self"] * 2
        assert server.logins() == 1


RENEWALS: dict[str, Fault] = {
    "refused": says(403, {"errors": ["permission denied"]}),
    "failing": says(500),
    "HTML": says(200, b"<html>"),
    "a list": says(200, []),
    "no lease": says(200, {"auth": {"client_token": "t"}}),
    "a life that shrinks": says(200, entry(life=20)),
    "a life that is no number": says(200, {"auth": {"client_token": "t", "lease_duration": "x", "renewable": True}}),
}


@pytest.mark.parametrize("renewal", RENEWALS.values(), ids=RENEWALS)
def test_where_a_token_is_not_renewed_as_it_was_another_is_had(renewal: Fault) -> None:
    clock = Clock()
    with faulty(in_turn(says(200, entry("one")), renewal, says(200, entry("two")))) as server:
        one = session(server, clock)
        assert one.token() == "one"
        clock.now = 41
        assert one.token() == "two"
        assert server.logins() == 2


def test_a_token_that_is_not_renewable_is_followed_by_another_in_time() -> None:
    clock = Clock()
    with faulty(in_turn(says(200, entry("one", renewable=False)), says(200, entry("two")))) as server:
        one = session(server, clock)
        one.token()
        clock.now = 41
        assert one.token() == "two"


def test_a_token_without_an_end_is_never_renewed() -> None:
    clock = Clock()
    with faulty(says(200, entry(life=0))) as server:
        one = session(server, clock)
        one.token()
        clock.now = 1e9
        one.token()
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 403, 429, 500, 503])
def test_a_login_that_fails_is_tried_once_in_five_seconds_however_many_ask(status: int) -> None:
    clock = Clock()
    with faulty(says(status, {"errors": [SENTINEL]})) as server:
        one = session(server, clock)
        with ThreadPoolExecutor(8) as pool:
            errors = list(pool.map(lambda _: raised(one.token), range(16)))
        assert server.logins() == 1
        assert {error.reason for error in errors} == {
            Reason.ACCESS_DENIED if status in (400, 403) else Reason.UNAVAILABLE
        }
        assert SENTINEL not in repr(errors)
        clock.now = 5.1
        raised(one.token)
        assert server.logins() == 2


def test_whoever_waits_for_the_login_of_another_thread_waits_no_longer_than_its_own_deadline() -> None:
    clock, arrived, go = Clock(), Event(), Event()

    def hangs(_: Request, __: Pass) -> Said:
        arrived.set()
        go.wait()
        return Said(200, json.dumps(entry()).encode())

    with faulty(hangs) as server, ThreadPoolExecutor(1) as pool:
        transport = Transport(Server(server.address, timeout=30), clock)
        one = Session(transport, Login("approle", Credential("s"), "role"), clock)
        try:
            with transport.within():
                clock.now = 29.9
                other = pool.submit(one.token)
                arrived.wait()
                error = raised(one.token)
            assert (type(error), error.reason) == (WaitError, Reason.UNAVAILABLE)
            assert "doesn't answer within 30 s" in str(error)
            with transport.within():
                clock.now = 100
                assert raised(lambda: one.another("refused")).reason is Reason.UNAVAILABLE
            assert not other.done()
        finally:
            clock.now = 30
            go.set()
        assert other.result() == one.token() == "t"
        assert server.logins() == 1


def test_a_path_that_is_denied_costs_one_login_a_minute() -> None:
    clock = Clock()
    tokens = count()
    with faulty(lambda _, __: Said(200, json.dumps(entry(f"t{next(tokens)}", 3600)).encode())) as server:
        one = session(server, clock)
        for _ in range(5):
            one.another(one.token())
        assert server.logins() == 2
        clock.now = 61
        one.another(one.token())
        assert server.logins() == 3


@pytest.mark.parametrize(
    ("given", "setting"),
    [
        ({}, "token_path"),
        ({"auth_type": "approle"}, "role_id"),
        ({"auth_type": "approle", "role_id": "r"}, "secret_id_path"),
        ({"auth_type": "jwt", "jwt_token_path": "p"}, "jwt_role"),
        ({"auth_type": "kubernetes"}, "kubernetes_role"),
        ({"auth_type": "ldap"}, "auth_type"),
    ],
)
def test_what_a_login_lacks_is_named(given: dict[str, str], setting: str) -> None:
    error = raised(lambda: login("targets.vault.", given))
    assert (error.reason, error.subject) == (Reason.INVALID_SETTINGS, f"targets.vault.{setting}")


def test_a_file_that_logs_in_and_is_empty_is_named(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("\n")
    vault = client("http://127.0.0.1:1", Login("token", Credential(path=str(path))))
    assert raised(lambda: vault.read("a")).subject == str(path)


# Logins, at a real Vault


@pytest.mark.vault
def test_approle_logs_in(vault_server: servers.Vault, role: tuple[str, Login]) -> None:
    vault, path = client(vault_server.address, role[1]), fresh("clients/approle")
    assert vault.read(path) is None
    assert vault.write(path, {"a": "b"}, expected=0) == 1
    kept = vault.read(path)
    assert kept is not None
    assert (kept.data, kept.version) == ({"a": "b"}, 1)


@pytest.mark.vault
def test_jwt_logs_in(vault_server: servers.Vault, root: Callable[..., Any], tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    mount = fresh("jwt")
    root("POST", f"sys/auth/{mount}", {"type": "jwt"})
    root("POST", f"auth/{mount}/config", {"jwt_validation_pubkeys": [public.decode()]})
    role = {"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["syncd"], "token_policies": ["default"]}
    root("POST", f"auth/{mount}/role/etl", role)
    path = tmp_path / "jwt"
    now = int(time.time())
    path.write_text(_signed(key, {"sub": "etl", "aud": "syncd", "iat": now, "exp": now + 60}))
    entered = login(
        "t", {"auth_type": "jwt", "jwt_role": "etl", "jwt_token_path": str(path), "auth_mount_point": mount}
    )
    denied = raised(lambda: client(vault_server.address, entered).read("clients/jwt"))
    assert denied.subject == "secret/clients/jwt"  # logged in, and without a right

    path.write_text(_signed(key, {"sub": "etl", "aud": "another", "iat": now, "exp": now + 60}))
    refused = raised(lambda: client(vault_server.address, entered).read("clients/jwt"))
    assert refused.subject == f"login jwt at auth/{mount}"


@pytest.mark.vault
def test_wrong_credentials_are_told_with_the_login_they_are_for(
    vault_server: servers.Vault, role: tuple[str, Login]
) -> None:
    wrong = replace(role[1], credential=Credential(SENTINEL))
    error = raised(lambda: client(vault_server.address, wrong).read("clients/a"))
    assert (error.reason, error.subject) == (Reason.ACCESS_DENIED, f"login approle at auth/{role[0]}")
    assert SENTINEL not in "".join(traceback.format_exception(error))


@pytest.mark.vault
def test_a_tokens_file_is_followed_where_it_is_replaced(
    vault_server: servers.Vault, root: Callable[..., Any], tmp_path: Path
) -> None:
    path, next_one = tmp_path / "token", tmp_path / "next"
    tokens = [root("POST", "auth/token/create")["auth"]["client_token"] for _ in range(2)]
    path.write_text(f"{tokens[0]}\n")
    vault = client(vault_server.address, Login("token", Credential(path=str(path))))
    vault.names("clients")
    root("POST", "auth/token/revoke", {"token": tokens[0]})
    assert raised(lambda: vault.names("clients")).reason is Reason.ACCESS_DENIED
    next_one.write_text(tokens[1])
    next_one.rename(path)
    vault.names("clients")


@pytest.mark.vault
def test_eight_threads_whose_token_was_revoked_log_in_once_more(
    vault_server: servers.Vault, root: Callable[..., Any], role: tuple[str, Login]
) -> None:
    with faulty(behind=vault_server.address) as server:
        vault, path = client(server.address, role[1]), fresh("clients/revoked")
        vault.write(path, {"a": "b"}, expected=0)
        root("POST", "auth/token/revoke", {"token": server.requests[-1].headers["X-Vault-Token"]})
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: vault.read(path), range(32)))
        assert all(found)
        assert server.logins() == 2


@pytest.mark.vault
def test_a_path_that_a_policy_denies_costs_one_login(vault_server: servers.Vault, role: tuple[str, Login]) -> None:
    with faulty(behind=vault_server.address) as server:
        vault = client(server.address, role[1])
        with ThreadPoolExecutor(8) as pool:
            errors = list(pool.map(lambda _: raised(lambda: vault.read("elsewhere/a")), range(16)))
        assert {error.subject for error in errors} == {"secret/elsewhere/a"}
        assert server.logins() == 2


@pytest.mark.vault
def test_a_real_token_is_renewed_and_stays_the_same(vault_server: servers.Vault, role: tuple[str, Login]) -> None:
    clock = Clock()
    with faulty(behind=vault_server.address) as server:
        one = Session(Transport(Server(server.address)), role[1], clock)
        token = one.token()
        clock.now = 41
        assert one.token() == token
        assert [request.path for request in server.requests[1:]] == ["/v1/auth/token/renew-self"]


# A real mount


@pytest.mark.vault
def test_a_path_that_never_was_is_absent_and_an_emptied_one_tells_its_version(
    vault_server: servers.Vault, root: Callable[..., Any]
) -> None:
    vault, path = client(vault_server.address, Login("token", Credential(vault_server.root_token))), fresh("clients/x")
    assert (vault.read(path), vault.names(path)) == (None, ())
    vault.describe(path, {"owner": "us"})
    assert vault.read(path) is None  # metadata without a version
    vault.write(path, {"a": "b"}, expected=0)
    root("DELETE", f"secret/data/{path}")
    deleted = vault.read(path)
    vault.destroy(path, 1)
    assert deleted == vault.read(path)
    assert deleted is not None
    assert (deleted.data, deleted.version, deleted.metadata) == (None, 1, {"owner": "us"})


@pytest.mark.vault
def test_a_mount_that_is_not_there_is_never_taken_for_an_empty_one(
    vault_server: servers.Vault, root: Callable[..., Any]
) -> None:
    entered = Login("token", Credential(vault_server.root_token))
    for call in ("read", "write", "describe", "names", "check"):
        assert isinstance(raised(lambda: CALLS[call](client(vault_server.address, entered, "nowhere"))), FixError)  # noqa: B023
    old, other = fresh("old"), fresh("transit")
    root("POST", f"sys/mounts/{old}", {"type": "kv", "options": {"version": "1"}})
    root("POST", f"sys/mounts/{other}", {"type": "transit"})
    assert "KV version 1" in str(raised(client(vault_server.address, entered, old).check))
    assert "another secrets engine" in str(raised(client(vault_server.address, entered, other).check))
    client(vault_server.address, entered).check()


@pytest.mark.vault
def test_eight_threads_share_one_vault(vault_server: servers.Vault, role: tuple[str, Login]) -> None:
    with faulty(passes, behind=vault_server.address) as server:
        vault, folder = client(server.address, role[1]), fresh("clients/shared")

        def once(number: int) -> object:
            vault.write(f"{folder}/{number}", {"number": number}, expected=0)
            kept = vault.read(f"{folder}/{number}")
            return kept and kept.data

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(once, range(64))) == [{"number": number} for number in range(64)]
        assert server.logins() == 1
        assert server.connections <= 8


def _issue_for_a_client(authority: Authority, certificate: Path, key: Path) -> None:
    own, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "syncd")]))
        .issuer_name(authority.certificate.subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    key.write_bytes(own.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))


def _signed(key: rsa.RSAPrivateKey, claims: dict[str, Any]) -> str:
    parts = [encoded(json.dumps(one).encode()).rstrip(b"=") for one in ({"alg": "RS256", "typ": "JWT"}, claims)]
    signature = key.sign(b".".join(parts), padding.PKCS1v15(), hashes.SHA256())
    return b".".join([*parts, encoded(signature).rstrip(b"=")]).decode()
