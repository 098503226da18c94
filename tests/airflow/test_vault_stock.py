"""The `airflow` layout of a Vault, read by stock VaultBackend: no code of ours runs in that Airflow."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

pytest.importorskip("airflow.providers.hashicorp")
from servers import vault
from syncd.core.documents import Mark
from syncd.core.errors import Reason, SyncError
from syncd.core.model import Definition, Key
from syncd.core.plan import Write
from tests.airflow.documents import connection, sample, variable
from tests.airflow.vaults import MOUNT, Vaulted, done

pytestmark = [pytest.mark.airflow, pytest.mark.vault]

MARK = Mark("registry", "analytics", "files", 2)
_numbers = count(1)
FULL = {
    "description": "Ä warehouse",
    "host": "db.internal",
    "login": "",
    "password": "p@ss:w/o?r#d%41 \"'\n🔑",
    "schema": "analytics",
    "port": 5432,
    "extra": {"sslmode": "require", "deep": {"list": [1, None, "é", {"a": False}]}, "x.y": "", "none": "null"},
}
IDS = ["warehouse", "team:db", "a.b-c_d#(!)", "é", "A", "a", "_", "\\x"]
VALUES = ["", " ", "null", "5", "0123", "true", '{"a": 1}', "[1]", "é\n🔑", "postgres://u:p@h/d", "{{ x }}"]
DEFINITIONS: list[Definition] = [
    *(connection(id_, **FULL) for id_ in IDS),
    connection("bare"),
    *(variable(f"v{number}", value) for number, value in enumerate(VALUES)),
]


@pytest.fixture
def vaulted(vault_server: vault.Vault) -> Vaulted:
    workspace = replace(sample(), definitions={definition.key: definition for definition in DEFINITIONS})
    return Vaulted(vault_server, workspace, f"s{next(_numbers)}", layout="airflow").sync()


@pytest.fixture
def stock(vaulted: Vaulted) -> Any:
    """VaultBackend, with a token that may do what `syncd policies` prints for `etl-dev`."""
    from airflow.providers.hashicorp.secrets.vault import VaultBackend

    at = f"{vaulted.prefix}/deployments/etl-dev"
    return VaultBackend(
        url=vaulted.server.address,
        mount_point=MOUNT,
        connections_path=f"{at}/connections",
        variables_path=f"{at}/variables",
        auth_type="token",
        token=vaulted.token(),
    )


@pytest.mark.parametrize("id_", IDS)
def test_airflow_gets_every_field_of_a_connection(stock: Any, id_: str) -> None:
    found = stock.get_connection(id_)

    assert {name: getattr(found, name) for name in ("conn_type", *FULL) if name != "extra"} | {
        "extra": found.extra_dejson
    } == {"conn_type": "http", **FULL}


def test_airflow_gets_a_connection_that_is_nothing_but_its_type(stock: Any) -> None:
    assert json.loads(stock.get_conn_value("bare")) == {"conn_type": "http"}


@pytest.mark.parametrize(("number", "value"), enumerate(VALUES), ids=map(repr, VALUES))
def test_airflow_gets_a_variable_as_the_text_that_it_is(stock: Any, number: int, value: str) -> None:
    assert stock.get_variable(f"v{number}") == value


def test_what_is_not_linked_is_a_miss(stock: Any) -> None:
    assert (stock.get_connection("nonesuch"), stock.get_variable("nonesuch")) == (None, None)


def test_what_was_removed_is_a_miss_of_which_nothing_is_said(
    stock: Any, vaulted: Vaulted, caplog: pytest.LogCaptureFixture
) -> None:
    assert stock.get_connection("warehouse").host == "db.internal"
    vaulted.drop(Key("connection", "warehouse"))
    vaulted.drop(Key("variable", "v1"))

    assert (stock.get_connection("warehouse"), stock.get_variable("v1")) == (None, None)
    assert [one for one in caplog.records if one.levelno >= logging.WARNING] == []


def test_of_what_was_removed_no_version_can_be_read(vaulted: Vaulted) -> None:
    vaulted.put(connection("warehouse", password="new"))
    vaulted.drop(Key("connection", "warehouse"))

    for version in range(4):
        found = vaulted.server.call("GET", f"{MOUNT}/data/{vaulted.path('connections/warehouse')}?version={version}")
        assert found.status == 404
        assert ((found.body or {}).get("data") or {}).get("data") is None


def test_what_was_removed_keeps_our_mark(vaulted: Vaulted) -> None:
    vaulted.drop(Key("connection", "warehouse"))

    beside = done(vaulted.server, "GET", f"{MOUNT}/metadata/{vaulted.path('connections/warehouse')}")
    assert json.loads(beside["data"]["custom_metadata"]["syncd-mark"])["revision"] == 2


def test_what_comes_back_is_found_again(stock: Any, vaulted: Vaulted) -> None:
    vaulted.drop(Key("connection", "warehouse"))
    vaulted.put(connection("warehouse", host="back"))

    assert stock.get_connection("warehouse").host == "back"


def test_a_rotation_is_seen_at_the_next_lookup(stock: Any, vaulted: Vaulted) -> None:
    vaulted.put(connection("warehouse", password="rotated"))

    assert stock.get_connection("warehouse").password == "rotated"


def test_a_pass_without_change_writes_nothing(vaulted: Vaulted) -> None:
    at = f"{MOUNT}/metadata/{vaulted.path('connections/warehouse')}"
    before = done(vaulted.server, "GET", at)["data"]
    vaulted.sync()

    assert done(vaulted.server, "GET", at)["data"] == before


def test_another_deployments_path_is_refused(stock: Any, vaulted: Vaulted) -> None:
    stock.connections_path = [f"{vaulted.prefix}/deployments/etl-prod/connections"]

    with pytest.raises(Exception, match="Vault Authentication Error"):
        stock.get_connection("warehouse")


def test_what_somebody_wrote_meanwhile_is_not_removed(vaulted: Vaulted) -> None:
    at = vaulted.path("connections/warehouse")
    write = Write(at, vaulted.target.observe([at], str).stamps[at], {}, frozenset({""}))
    vaulted.write("connections/warehouse", {"conn_type": "theirs"})

    (answer,) = vaulted.target.write([write], MARK, str).values()

    assert isinstance(answer, SyncError)
    assert answer.reason is Reason.CONFLICT
    assert vaulted.read("connections/warehouse") == {"conn_type": "theirs"}
