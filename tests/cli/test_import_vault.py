"""`import` of what stock VaultBackend reads: `[D=]vault:TARGET:MOUNT/PATH`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from servers import vault
from syncd.cli import show
from tests.cli.runner import SETTINGS, Syncd

_numbers = count(1)
SECRET = "tell-nobody"
AWAY = '[targets.away]\ntype = "vault"\nurl = "http://127.0.0.1:9"\ntoken_path = "token"\ntimeout = 1\n'

DEV = {"conn_type": "postgres", "host": "dev", "login": "etl", "password": f"{SECRET}-dev", "port": "5432"}
PROD = {**DEV, "host": "prod", "password": f"{SECRET}-prod"}


class Kept:
    """What somebody wrote by hand for stock VaultBackend: two targets, each with a mount that its login may read.

    `old-dev` keeps it below a path of `secret`, which isn't its own mount; `old-prod` in a mount of two segments.
    """

    def __init__(self, syncd: Syncd, server: vault.Vault) -> None:
        number = next(_numbers)
        self.syncd, self.server = syncd, server
        self.dev, self.prod = f"airflow-{number}", f"team-{number}/kv"
        self._done("POST", f"sys/mounts/{self.prod}", {"type": "kv", "options": {"version": "2"}})
        settings = SETTINGS
        for name, mount, below in (("old-dev", "secret", f"{self.dev}/"), ("old-prod", self.prod, "")):
            (syncd.home / f"{name}-token").write_text(self._token(f"{name}-{number}", mount, below))
            own = "other" if mount == "secret" else mount
            settings += (
                f'[targets.{name}]\ntype = "vault"\nurl = "{server.address}"\nmount_point = "{own}"\n'
                f'token_path = "{name}-token"\n'
            )
        (syncd.home / "syncd.toml").write_text(f"{settings}{AWAY}")
        (syncd.home / "token").write_text("a-token")

    def put_dev(self, path: str, **data: Any) -> None:
        self._done("POST", f"secret/data/{self.dev}/{path}", {"data": data})

    def put_prod(self, path: str, **data: Any) -> None:
        self._done("POST", f"{self.prod}/data/{path}", {"data": data})

    def of_dev(self, path: str) -> str:
        return f"vault:old-dev:secret/{self.dev}/{path}"

    def of_prod(self, path: str) -> str:
        return f"vault:old-prod:{self.prod}/{path}"

    def delete_dev(self, path: str) -> None:
        self._done("DELETE", f"secret/data/{self.dev}/{path}", None)

    def _token(self, policy: str, mount: str, below: str) -> str:
        rules = "".join(
            f'path "{mount}/{part}/{below}*" {{ capabilities = ["{right}"] }}\n'
            for part, right in (("data", "read"), ("metadata", "list"))
        )
        self._done("PUT", f"sys/policies/acl/{policy}", {"policy": rules})
        login = {"policies": [policy], "no_default_policy": True}
        token: str = self._done("POST", "auth/token/create", login)["auth"]["client_token"]
        return token

    def _done(self, method: str, path: str, body: Any) -> Any:
        answer = self.server.call(method, path, body)
        assert answer.status < 300, answer
        return answer.body


@pytest.fixture
def kept(syncd: Syncd, vault_server: vault.Vault) -> Iterator[Kept]:
    kept = Kept(syncd, vault_server)
    yield kept
    vault_server.call("DELETE", f"sys/mounts/{kept.prod}")


@pytest.mark.vault
def test_what_two_vaults_have_alike_is_shared_and_the_rest_is_overridden(kept: Kept) -> None:
    syncd = kept.syncd
    kept.put_dev("connections/db", **DEV)
    kept.put_prod("connections/db", **PROD)
    kept.put_prod("connections/lake", conn_uri=f"aws://key:{SECRET}@")
    kept.put_prod("variables/tier", value="gold")
    sources = [f"etl-dev={kept.of_dev('connections')}"]
    sources += [f"etl-prod={kept.of_prod(path)}" for path in ("connections", "variables")]
    result = syncd.ok("import", *sources, "--yes")

    assert "+ connection db, linked to etl-dev (host, password); etl-prod (host, password)" in result.out
    assert "+ connection lake, linked to etl-prod" in result.out
    assert "+ variable tier, linked to etl-prod" in result.out
    assert "4 new, 0 the same, 0 different, 0 not importable" in result.out
    assert syncd.fields("connection", "show", "db") == {"conn_type": "postgres", "login": "etl", "port": 5432}
    assert syncd.fields("explain", "etl-dev", "db")["host"] == "dev"
    assert syncd.fields("explain", "etl-prod", "db")["host"] == "prod"
    assert syncd.fields("variable", "show", "tier") == {"value": "gold"}
    again = syncd.ok("import", *sources)
    assert "0 new, 4 the same" in again.out
    assert SECRET not in result.said + again.said


@pytest.mark.vault
def test_a_vault_is_joined_with_a_file(kept: Kept, folder: Path) -> None:
    kept.put_prod("connections/db", **PROD)
    (folder / "dev.json").write_text(json.dumps({"db": DEV}))
    result = kept.syncd.ok("import", "etl-dev=dev.json", f"etl-prod={kept.of_prod('connections')}", "-f", "json", "-y")

    assert "+ connection db, linked to etl-dev (host, password); etl-prod (host, password)" in result.out


@pytest.mark.vault
def test_whatever_stock_vault_backend_reads_is_taken(kept: Kept) -> None:
    syncd = kept.syncd
    kept.put_dev("connections/by-uri", conn_uri="postgres://u:p%40w@h:5432/db?sslmode=require")
    kept.put_dev("connections/by-fields", conn_type="aws", login="key", password="pw", port="1", extra={"a": "b"})
    kept.put_dev("connections/team/nested", conn_type="x")
    kept.put_dev("connections/broken", conn_type="x", hots=SECRET)
    kept.put_dev("connections/gone", conn_type="x")
    kept.delete_dev("connections/gone")
    kept.put_dev("variables/tier", value="gold")
    paths = ("connections", "variables/")
    result = syncd("import", *(f"etl-dev={kept.of_dev(path)}" for path in paths), "--yes")

    assert result.code == 1
    assert "4 new, 0 the same, 0 different, 1 not importable" in result.out
    assert f"✗ {kept.of_dev('connections')} connections.broken.hots: no field of a connection" in result.said
    assert SECRET not in result.said
    assert syncd.fields("explain", "etl-dev", "by-uri") == {
        "conn_type": "postgres",
        "host": "h",
        "login": "u",
        "password": "(secret)",
        "schema": "db",
        "port": 5432,
        "extra.sslmode": "require",
    }
    assert syncd.fields("explain", "etl-dev", "by-fields")["port"] == 1
    assert syncd.fields("connection", "show", "team/nested") == {"conn_type": "x"}
    assert syncd.fields("variable", "show", "tier") == {"value": "gold"}
    assert syncd("connection", "show", "gone").code == 1


@pytest.mark.vault
def test_without_a_deployment_what_a_vault_has_is_linked_to_nothing(kept: Kept) -> None:
    kept.put_prod("connections/db", **PROD)
    kept.syncd.ok("import", kept.of_prod("connections"), "--yes")

    assert kept.syncd.json("connection", "show", "db")["linked_to"] == []


@pytest.mark.vault
def test_an_id_that_two_paths_of_a_deployment_have_differently_is_taken_from_neither(kept: Kept) -> None:
    kept.put_prod("common/db", **DEV)
    kept.put_prod("connections/db", **PROD)
    common, own = kept.of_prod("common"), kept.of_prod("connections")
    result = kept.syncd("import", f"etl-prod={common}", f"etl-prod={own}", "--yes")

    assert result.code == 1
    assert f"{own} connections.db: isn't what {common} has → leave one of the two away" in result.said


@pytest.mark.vault
def test_what_is_wrong_with_several_is_told_at_once_and_nothing_is_imported(kept: Kept) -> None:
    kept.put_prod("connections/db", **PROD)
    sources = [
        "etl-dev=nowhere.json",
        kept.of_dev("nowhere"),
        "vault:old-dev:secret/elsewhere",
        "vault:old-prod:nomount/airflow",
        "vault:away:secret/airflow",
        "vault:files:secret/airflow",
        f"etl-prod={kept.of_prod('connections')}",
    ]
    result = kept.syncd("import", *sources, "--yes")

    assert result.code == 1
    assert "nowhere.json: isn't there" in result.said
    assert f"{kept.of_dev('nowhere')}: nothing lies there" in result.said
    assert "target old-dev: secret/elsewhere/: Vault refuses it" in result.said
    assert "let this login list secret/metadata/elsewhere/* and read secret/data/elsewhere/*" in result.said
    assert "target old-prod: nomount/airflow/: Vault refuses it" in result.said
    assert "target away: http://127.0.0.1:9: refuses the connection" in result.said
    assert "target files: is no target of type vault" in result.said
    assert len(kept.syncd.json("history")["revisions"]) == 1


def test_which_vault_is_read_is_shown_to_whoever_watches(syncd: Syncd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show.err, "_force_terminal", True)
    monkeypatch.setattr(show.err, "is_interactive", True)
    (syncd.home / "syncd.toml").write_text(f"{SETTINGS}{AWAY}")
    (syncd.home / "token").write_text("a-token")

    assert "reading vault:away:secret/connections" in syncd("import", "vault:away:secret/connections").err


def test_a_vault_that_is_away_is_told_once(syncd: Syncd) -> None:
    (syncd.home / "syncd.toml").write_text(f"{SETTINGS}{AWAY}")
    (syncd.home / "token").write_text("a-token")
    result = syncd("import", "etl-dev=vault:away:secret/connections", "etl-dev=vault:away:secret/variables")

    assert result.code == 1
    assert result.said.count("target away: ") == 1


@pytest.mark.parametrize("target", ["nowhere", "files"])
def test_a_target_that_is_no_vault_is_told_once(syncd: Syncd, target: str) -> None:
    result = syncd("import", f"vault:{target}:secret/connections", f"vault:{target}:secret/variables")

    assert result.code == 1
    assert result.said.count(f"target {target}: is") == 1


def test_a_target_of_other_workspaces_is_refused(syncd: Syncd) -> None:
    (syncd.home / "syncd.toml").write_text(f'{SETTINGS}{AWAY}workspaces = ["others"]\n')
    result = syncd("import", "vault:away:secret/connections")

    assert result.code == 1
    assert (
        "target away: isn't for workspace analytics → an operator can add it: [targets.away] workspaces" in result.said
    )


MALFORMED = [
    "vault:",
    f"vault:{SECRET}",
    f"vault:old:{SECRET}",
    f"vault:old:/{SECRET}/",
    f"vault::{SECRET}/connections",
    f"vault:Old.{SECRET}:secret/connections",
    f"vault:https://u:{SECRET}@vault:8200/secret/connections",
    f"vault:old:?{SECRET}/connections",
]


@pytest.mark.parametrize("source", [*MALFORMED, *(f"etl-dev={one}" for one in MALFORMED)])
def test_a_source_that_is_malformed_names_the_form_and_not_itself(syncd: Syncd, source: str) -> None:
    result = syncd("import", "dev.json", source)

    assert result.code == 2
    assert "[D=]vault:TARGET:MOUNT/PATH" in result.said
    assert SECRET not in result.said


def test_a_file_of_such_a_name_can_be_given(syncd: Syncd, folder: Path) -> None:
    (folder / "vault:old").write_text(json.dumps({"db": DEV}))

    assert "+ connection db, linked to etl-dev" in syncd.ok("import", "etl-dev=./vault:old", "--yes").out
