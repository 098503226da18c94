"""References `vault:MOUNT/PATH#KEY` in a real Vault, from definition to document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from servers import vault
from tests.cli.runner import SETTINGS, Syncd

SECRET = "tell-nobody"
_numbers = count(1)


def settings(url: str, references: str) -> str:
    login = f'[targets.vault]\ntype = "vault"\nurl = "{url}"\nmount_point = "airflow"\ntoken_path = "vault-token"\n'
    return f"{SETTINGS}{references}\n{login}"


class Held:
    """What a team keeps in Vault, and a token that may read it."""

    def __init__(self, server: vault.Vault) -> None:
        self.server, self.team = server, f"team-{next(_numbers)}"
        self.done("PUT", f"sys/policies/acl/{self.team}", {"policy": self.rules("read")})
        login = {"policies": [self.team], "no_default_policy": True}
        self.token = self.done("POST", "auth/token/create", login)["auth"]["client_token"]

    def rules(self, capability: str) -> str:
        return f'path "secret/data/{self.team}/*" {{ capabilities = ["{capability}"] }}'

    def put(self, path: str, **data: Any) -> None:
        self.done("POST", f"secret/data/{self.team}/{path}", {"data": data})

    def done(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.server.call(method, path, body)
        assert answer.status < 300, answer
        return answer.body


@pytest.fixture
def held(vault_server: vault.Vault) -> Held:
    held = Held(vault_server)
    held.put("db", user="etl", password=f"{SECRET}-pw", port=5432)
    return held


@pytest.fixture
def referring(syncd: Syncd, held: Held) -> Syncd:
    """etl-dev's `warehouse` takes login and password from Vault, and what it had before was synced."""
    syncd.ok("sync")
    allowed = f'vault = {{target = "vault", paths = ["secret/{held.team}/*"]}}'
    (syncd.home / "syncd.toml").write_text(settings(held.server.address, allowed))
    (syncd.home / "vault-token").write_text(held.token)
    refer(syncd, held, password="db#password", login="db#user")
    return syncd


def refer(syncd: Syncd, held: Held, **fields: str) -> None:
    given = [option for name, at in fields.items() for option in ("--from", f"{name}=vault:secret/{held.team}/{at}")]
    syncd.ok("link", "etl-dev", "warehouse", *given)


def lies(syncd: Syncd) -> Any:
    """The layers of etl-dev's `warehouse`, together."""
    path = syncd.home / "files/analytics/deployments/etl-dev/connections/warehouse"
    layers = json.loads(path.read_text())["layers"]
    return {name: value for layer in layers.values() for name, value in layer.items()}


@pytest.mark.vault
def test_what_vault_holds_is_what_a_deployment_gets(referring: Syncd) -> None:
    referring.ok("sync")

    assert (lies(referring)["login"], lies(referring)["password"]) == ("etl", f"{SECRET}-pw")


@pytest.mark.vault
def test_a_rotation_in_vault_is_seen_at_the_next_pass(referring: Syncd, held: Held) -> None:
    referring.ok("sync")
    held.put("db", user="etl", password=f"{SECRET}-rotated")
    referring.ok("sync")

    assert lies(referring)["password"] == f"{SECRET}-rotated"


@pytest.mark.vault
def test_a_path_is_read_once_in_a_pass_over_all_targets(referring: Syncd, held: Held, audit: Path) -> None:
    refer(referring, held, host="db#user")
    held.put("db", user="etl", password=SECRET)
    referring.ok("deployment", "update", "etl-dev", "-t", "files", "-t", "classic")
    audit.write_text("")
    referring.ok("sync")

    entries = [json.loads(line) for line in audit.read_text().splitlines()]
    asked = [one["request"]["path"] for one in entries if one["type"] == "request"]
    assert asked.count(f"secret/data/{held.team}/db") == 1


@pytest.fixture
def audit(vault_server: vault.Vault, tmp_path: Path) -> Iterator[Path]:
    """What Vault writes down of what it is asked."""
    file = tmp_path / "audit.log"
    device = {"type": "file", "options": {"file_path": str(file)}}
    assert vault_server.call("PUT", f"sys/audit/{tmp_path.name}", device).status == 204
    yield file
    vault_server.call("DELETE", f"sys/audit/{tmp_path.name}")


BROKEN = {
    "a path that isn't there": ({"password": "nowhere#password"}, "isn't there"),
    "a key that isn't there": ({"password": "db#passwort"}, "has no text under this key"),
    "no key": ({"password": "db"}, "has no text under this key"),
    "a number": ({"password": "db#port"}, "has no text under this key"),
    "a path that leads elsewhere": ({"password": "../other/db#password"}, "isn't among what definitions may read"),
    "a path that Vault would decode": ({"password": "%2e%2e/db#password"}, "isn't among what definitions may read"),
}


@pytest.mark.vault
@pytest.mark.parametrize("name", BROKEN)
def test_what_cant_be_had_blocks_its_items_and_keeps_what_lies_there(referring: Syncd, held: Held, name: str) -> None:
    referring.ok("sync")
    before = lies(referring)
    fields, problem = BROKEN[name]
    refer(referring, held, **fields)

    result = referring("sync")

    assert result.code == 1
    assert problem in result.said
    assert SECRET not in result.said
    assert lies(referring) == before


@pytest.mark.vault
def test_a_version_that_was_deleted_is_not_there(referring: Syncd, held: Held) -> None:
    referring.ok("sync")
    before = lies(referring)
    held.done("DELETE", f"secret/data/{held.team}/db")

    assert "isn't there" in referring("sync").said
    assert lies(referring) == before


@pytest.mark.vault
def test_what_vault_refuses_is_told_and_keeps_what_lies_there(referring: Syncd, held: Held) -> None:
    referring.ok("sync")
    before = lies(referring)
    held.done("PUT", f"sys/policies/acl/{held.team}", {"policy": held.rules("deny")})

    result = referring("sync")

    assert result.code == 1
    assert "Vault refuses it" in result.said
    assert lies(referring) == before


@pytest.mark.vault
def test_one_that_cant_be_had_stops_no_other(referring: Syncd, held: Held) -> None:
    refer(referring, held, password="nowhere#password")
    referring.ok("variable", "create", "new", "value=1")
    referring.ok("link", "etl-dev", "new", "--variable")

    assert referring("sync").code == 1
    assert (referring.home / "files/analytics/deployments/etl-dev/variables/new").exists()


@pytest.mark.vault
@pytest.mark.parametrize("command", [("plan",), ("explain", "etl-dev", "warehouse"), ("status",), ("export",)])
def test_no_command_shows_a_value(referring: Syncd, command: tuple[str, ...]) -> None:
    referring.ok("sync")

    assert SECRET not in referring.ok(*command).said


def test_while_vault_is_away_everything_stays_as_it_lies(syncd: Syncd) -> None:
    syncd.ok("sync")
    before = lies(syncd)
    allowed = 'vault = {target = "vault", paths = ["secret/*"]}'
    (syncd.home / "syncd.toml").write_text(settings("http://127.0.0.1:9", allowed))
    (syncd.home / "vault-token").write_text(SECRET)
    syncd.ok("link", "etl-dev", "warehouse", "--from", "password=vault:secret/team/db#password")

    result = syncd("sync")

    assert result.code == 1
    assert "refuses the connection" in result.said
    assert SECRET not in result.said
    assert lies(syncd) == before


# Settings


@pytest.mark.parametrize(
    ("references", "problem"),
    [
        ('vault = {target = "nowhere", paths = ["kv/*"]}', "references.vault.target: is no target of type vault"),
        ('vault = {target = "files", paths = ["kv/*"]}', "references.vault.target: is no target of type vault"),
        ('vault = {target = "", paths = ["kv/*"]}', "references.vault.target: is no target of type vault"),
        ('vault = {paths = ["kv/*"]}', "references.vault.target"),
        ('vault = {target = "vault"}', "references.vault.paths"),
        ('vault = {target = "vault", paths = "kv/*"}', "references.vault.paths"),
        ('vault = {target = "vault", paths = [], keys = []}', "references.vault.keys"),
        ('vault = ["kv/*"]', "references.vault"),
    ],
)
def test_settings_that_are_wrong_are_told_by_their_name(syncd: Syncd, references: str, problem: str) -> None:
    (syncd.home / "syncd.toml").write_text(settings("http://127.0.0.1:9", references))

    result = syncd("plan")

    assert result.code != 0
    assert problem in result.said


def test_a_wrong_target_is_told_with_everything_else(syncd: Syncd) -> None:
    text = settings("http://127.0.0.1:9", 'vault = {target = "nowhere", paths = []}')
    (syncd.home / "syncd.toml").write_text(f'{text}[targets.other]\ntype = "nowhere"\n')

    said = syncd("plan").said

    assert "references.vault.target: is no target of type vault" in said
    assert "targets.other" in said


@pytest.mark.parametrize(
    "login",
    [
        'token_path = "secrets/login"',
        'auth_type = "approle"\nrole_id = "x"\nsecret_id_path = "secrets/login"',
        'auth_type = "jwt"\njwt_role = "x"\njwt_token_path = "secrets/login"',
        'token_path = "x"\ncert = ["x", "secrets/login"]',
    ],
)
def test_what_syncd_logs_in_with_is_never_readable_whatever_is_allowed(syncd: Syncd, login: str) -> None:
    vault_ = f'[targets.vault]\ntype = "vault"\nurl = "http://127.0.0.1:9"\n{login}\n'
    (syncd.home / "syncd.toml").write_text(SETTINGS + vault_)
    (syncd.home / "secrets" / "login").write_text(SECRET)
    syncd.ok("link", "etl-dev", "warehouse", "--from", "password=file:secrets/login")

    result = syncd("sync")

    assert result.code == 1
    assert "file:secrets/login: is syncd's own or the system's, and never readable" in result.said
