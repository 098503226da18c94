"""The backend where what deployments share lies once: two reads of one revision, or an error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow")
from servers import vault
from syncd.core.model import Definition, Key
from tests.airflow.documents import SECRET, sample
from tests.airflow.releases import CHAIN_STOPS
from tests.airflow.vaults import Audit, Vaulted, audited, done

pytestmark = [pytest.mark.airflow, pytest.mark.vault]

_numbers = count(1)
CRM = Definition(
    Key("connection", "crm"),
    {"conn_type": "http", "host": "crm", "password": f"{SECRET}-crm"},
    links={"etl-dev": {"login": "etl"}, "etl-prod": {}},
)
FOUND = {**CRM.fields, "login": "etl"}


@pytest.fixture
def vaulted(vault_server: vault.Vault) -> Vaulted:
    """The sample workspace, of which `etl-dev` shares what it can, and a connection whose link adds something."""
    made = Vaulted(vault_server, sample(), f"shared{next(_numbers)}", "split")
    made.put(CRM)
    return made


@pytest.fixture
def ours(backend: type[Any], vaulted: Vaulted) -> Any:
    """The backend of `etl-dev`."""
    return backend(**vaulted.kwargs(token=vaulted.token()))


@pytest.fixture
def audit(vault_server: vault.Vault, vaulted: Vaulted, tmp_path: Path) -> Iterator[Audit]:
    """What Vault is asked from now on."""
    with audited(vault_server, tmp_path / "audit.log"):
        yield Audit(tmp_path / "audit.log", vaulted.prefix)


def found(backend: Any, conn_id: str = "crm") -> Any:
    value = backend.get_conn_value(conn_id)
    return None if value is None else json.loads(value)


def told(backend: Any) -> str:
    """The error of a lookup, which stops the chain where it can be stopped."""
    with pytest.raises(Exception, match="can't be had") as raised:
        backend.get_conn_value("crm")
    if CHAIN_STOPS:
        assert raised.type.__name__ == "AirflowSecretsBackendAccessDenied"
    return str(raised.value)


def shared(vaulted: Vaulted) -> str:
    """Where the shared part lies that the link names."""
    return str(vaulted.read("connections/crm")["shared"])


def test_a_connection_is_its_link_over_what_its_environment_shares(ours: Any, vaulted: Vaulted) -> None:
    assert "definition" not in vaulted.read("connections/crm")["layers"]
    assert found(ours) == FOUND
    assert ours.get_variable("region") == "eu-west-1"
    assert found(ours, "Lake/é")["description"] == "é"


def test_a_hit_is_two_reads(ours: Any, vaulted: Vaulted, audit: Audit) -> None:
    part = shared(vaulted)
    audit.forget()

    assert found(ours) == FOUND

    assert audit.asked() == ["crm", part.rpartition("/")[2]]


def test_what_is_kept_is_kept_of_both(backend: type[Any], vaulted: Vaulted, audit: Audit) -> None:
    ours = backend(**vaulted.kwargs(token=vaulted.token(), cache_ttl=60))
    assert found(ours) == FOUND
    audit.forget()

    assert found(ours) == FOUND

    assert audit.asked() == []


def test_a_rotation_of_what_is_shared_is_seen_at_the_next_lookup(ours: Any, vaulted: Vaulted) -> None:
    assert found(ours) == FOUND
    link = vaulted.read("connections/crm")
    vaulted.put(replace(CRM, fields={**CRM.fields, "password": "rotated"}))

    assert found(ours) == {**FOUND, "password": "rotated"}
    assert vaulted.read("connections/crm") == link


def gone(vaulted: Vaulted) -> None:
    done(vaulted.server, "DELETE", f"{vaulted.mount}/metadata/{shared(vaulted)}")


def deleted(vaulted: Vaulted) -> None:
    done(vaulted.server, "DELETE", f"{vaulted.mount}/data/{shared(vaulted)}")


def refused(vaulted: Vaulted) -> None:
    done(vaulted.server, "DELETE", f"sys/policies/acl/airflow_files_{vaulted.prefix}_etl-dev_shared")


def another_workspaces(vaulted: Vaulted) -> None:
    path = f"{vaulted.mount}/data/{shared(vaulted)}"
    there = done(vaulted.server, "GET", path)["data"]["data"]
    data = {**there, "mark": {**there["mark"], "workspace": "finance"}}
    done(vaulted.server, "POST", path, {"data": data})


def elsewhere(vaulted: Vaulted) -> None:
    """The link names what is no shared part of its id."""
    there = vaulted.read("connections/crm")
    vaulted.write("connections/crm", {**there, "shared": f"{vaulted.prefix}/environments/../x/connections/crm"})


def no_text(vaulted: Vaulted) -> None:
    vaulted.write("connections/crm", {**vaulted.read("connections/crm"), "shared": 1})


BROKEN: dict[Callable[[Vaulted], None], str] = {
    gone: "isn't there",
    deleted: "was deleted by somebody",
    refused: "Vault refuses it; grant it to this login",
    another_workspaces: "is of another workspace",
    elsewhere: "its shared can't be read",
    no_text: "its shared can't be read",
}


@pytest.mark.parametrize("how", BROKEN, ids=lambda how: how.__name__)
def test_where_the_shared_part_cannot_be_had_it_is_an_error_and_never_half_a_connection(
    ours: Any, vaulted: Vaulted, how: Callable[[Vaulted], None]
) -> None:
    assert found(ours) == FOUND
    how(vaulted)

    assert BROKEN[how] in told(ours)


def test_whoever_holds_an_older_link_than_the_shared_part_knows_reads_it_again(ours: Any, vaulted: Vaulted) -> None:
    path = f"{vaulted.mount}/data/{shared(vaulted)}"
    there = done(vaulted.server, "GET", path)["data"]["data"]
    done(vaulted.server, "POST", path, {"data": {**there, "versions": {"etl-dev": 99}}})

    assert found(ours) == FOUND  # it is as it was: both lie there at once
