"""Airflow's own chain of backends with ours in it, as each kind of process makes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow")
from airflow.secrets import BaseSecretsBackend

from tests.airflow.documents import SECRET, WAREHOUSE, Shared
from tests.airflow.processes import BACKEND
from tests.airflow.releases import (
    CHAIN_STOPS,
    CONNECTION_CLASSES,
    KWARG_VARIABLES,
    SERVER_CHAIN_IN_SDK,
    TASK_SDK,
    WORKERS_SECTION,
)

pytestmark = pytest.mark.airflow


class ByValue(BaseSecretsBackend):  # type: ignore[misc]
    """A backend that knows connections as texts, as most do."""

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        return '{"conn_type": "http"}' if conn_id == "by-value" else None


Look = Callable[[str], Any]
Configure = Callable[..., None]

CHAINS = {
    "database": True,  # scheduler, servers, commands; before 3.0 tasks as well
    "worker": TASK_SDK,  # tasks, parsing, triggers
    "server": SERVER_CHAIN_IN_SDK,  # a hook inside a server
}


@pytest.fixture(params=[name for name, there in CHAINS.items() if there])
def chain(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A kind of process, which this one is for a test."""
    name: str = request.param
    if name == "server":
        monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    return name


@pytest.fixture
def look(chain: str) -> Look:
    """Airflow's own lookup of a connection."""
    if chain == "database":
        from airflow.models.connection import Connection

        return Connection.get_connection_from_secrets  # type: ignore[no-any-return]
    from airflow.sdk import Connection as SDKConnection

    return SDKConnection.get  # type: ignore[no-any-return]


@pytest.fixture
def read(chain: str) -> Look:
    """Airflow's own lookup of a variable."""
    if chain == "database":
        from airflow.models.variable import Variable

        return Variable.get_variable_from_secrets  # type: ignore[no-any-return]
    from airflow.sdk import Variable as SDKVariable

    return SDKVariable.get  # type: ignore[no-any-return]


@pytest.fixture
def local_files(tmp_path: Path) -> dict[str, Any]:
    """`next` as Airflow's own LocalFilesystemBackend."""
    connections, variables = tmp_path / "connections.json", tmp_path / "variables.json"
    connections.write_text(
        json.dumps({name: {"conn_type": "http", "host": "next"} for name in ("legacy", "warehouse")})
    )
    variables.write_text(json.dumps({"legacy": "next", "region": "next"}))
    return {
        "backend": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
        "backend_kwargs": {"connections_file_path": str(connections), "variables_file_path": str(variables)},
    }


def test_what_is_linked_comes_before_the_environment(
    look: Look, read: Look, shared: Shared, configured: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "http://environment")
    monkeypatch.setenv("AIRFLOW_VAR_REGION", "environment")
    configured(shared.kwargs())

    assert look("warehouse").host == "dev.warehouse"
    assert read("region") == "eu-west-1"


def test_what_is_not_linked_is_asked_of_the_environment(
    look: Look, read: Look, shared: Shared, configured: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_THEIRS", "http://environment")
    monkeypatch.setenv("AIRFLOW_VAR_THEIRS", "environment")
    configured(shared.kwargs())

    assert look("theirs").host == "environment"
    assert read("theirs") == "environment"


def test_what_is_nowhere_is_not_defined(look: Look, shared: Shared, configured: Configure, database: Path) -> None:
    configured(shared.kwargs())

    with pytest.raises(Exception, match=r"isn't defined|SUPERVISOR_COMMS"):
        look("nonesuch")


def test_an_empty_variable_is_found(read: Look, shared: Shared, configured: Configure) -> None:
    configured(shared.kwargs())

    assert read("empty") == ""


def test_every_field_arrives(look: Look, shared: Shared, configured: Configure) -> None:
    configured(shared.kwargs())
    found = look("warehouse")

    names = ("conn_type", "host", "login", "password", "port", "schema")
    assert {name: getattr(found, name) for name in names} == {name: WAREHOUSE[name] for name in names}
    assert found.extra_dejson == WAREHOUSE["extra"]


def test_the_connection_is_of_the_class_of_its_process(
    look: Look, chain: str, shared: Shared, configured: Configure
) -> None:
    configured(shared.kwargs())
    found = type(look("warehouse")).__module__

    assert found == ("airflow.sdk.definitions.connection" if _of_sdk(chain) else "airflow.models.connection")


def test_a_mistyped_deployment_is_never_answered_by_the_environment_where_the_chain_can_be_stopped(
    look: Look,
    shared: Shared,
    configured: Configure,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "http://trap")
    configured(shared.kwargs(deployment="etl-dve"))

    if CHAIN_STOPS:
        with pytest.raises(PermissionError, match="has no nameplate"):
            look("warehouse")
    else:
        assert look("warehouse").host == "trap"
        assert "this Airflow asks its other backends all the same" in caplog.text
    assert "deployments/etl-dve/nameplate" in caplog.text


def test_a_variable_of_a_mistyped_deployment_neither(
    read: Look,
    shared: Shared,
    configured: Configure,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_REGION", "trap")
    configured(shared.kwargs(deployment="etl-dve"))

    if CHAIN_STOPS:
        with pytest.raises(PermissionError, match="has no nameplate"):
            read("region")
    else:
        assert read("region") == "trap"
        assert "this Airflow asks its other backends all the same" in caplog.text


def test_what_airflow_logs_of_an_error_holds_no_value(
    look: Look,
    shared: Shared,
    configured: Configure,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    shared.file("connections/torn").write_text(f'{{"format": 1, "{SECRET}-torn')
    configured(shared.kwargs(local={"connections": {"torn": {"password": f"{SECRET}-local"}}}))

    with pytest.raises(Exception, match=r"torn|SUPERVISOR_COMMS"):
        look("torn")

    shown = caplog.text + "".join(capfd.readouterr())
    assert "is no JSON object" in shown
    assert SECRET not in shown


def test_next_is_asked_before_the_environment_for_what_is_not_linked(
    look: Look,
    read: Look,
    shared: Shared,
    configured: Configure,
    local_files: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LEGACY", "http://environment")
    monkeypatch.setenv("AIRFLOW_VAR_LEGACY", "environment")
    configured(shared.kwargs(next=local_files))

    assert look("legacy").host == "next"
    assert read("legacy") == "next"


def test_next_is_not_asked_for_what_is_linked(
    look: Look, read: Look, shared: Shared, configured: Configure, local_files: Any
) -> None:
    configured(shared.kwargs(next=local_files))

    assert look("warehouse").host == "dev.warehouse"
    assert read("region") == "eu-west-1"


def test_what_next_has_not_is_asked_of_the_environment(
    look: Look, shared: Shared, configured: Configure, local_files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FALLBACK", "http://environment")
    configured(shared.kwargs(next=local_files))

    assert look("fallback").host == "environment"


def test_next_may_be_ours_for_another_workspace(look: Look, shared: Shared, configured: Configure) -> None:
    configured(shared.kwargs(next={"backend": BACKEND, "backend_kwargs": shared.kwargs(deployment="etl-prod")}))

    assert look("theirs").password == f"{SECRET}-theirs"


def test_a_next_that_cannot_be_made_is_an_error_of_its_own(
    look: Look, shared: Shared, configured: Configure, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_NONESUCH", "http://trap")
    configured(shared.kwargs(next={"backend": "no.such.Backend", "backend_kwargs": {"token": f"{SECRET}-next"}}))

    if CHAIN_STOPS:
        with pytest.raises(PermissionError):
            look("nonesuch")
    else:
        assert look("nonesuch").host == "trap"
    assert "backend_kwargs: next: no.such.Backend can't be made: ModuleNotFoundError" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.skipif(not CONNECTION_CLASSES, reason="this Airflow has one class of connections for backends")
def test_next_gives_connections_of_the_class_of_its_process(
    look: Look, chain: str, shared: Shared, configured: Configure
) -> None:
    configured(shared.kwargs(next={"backend": f"{__name__}.ByValue"}))

    found = type(look("by-value")).__module__
    assert found == ("airflow.sdk.definitions.connection" if _of_sdk(chain) else "airflow.models.connection")


def test_the_metadata_database_is_asked_last(shared: Shared, configured: Configure, database: Path) -> None:
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    with create_session() as session:
        session.query(Connection).filter(Connection.conn_id.in_(["stored", "warehouse"])).delete()
        session.add_all(Connection(conn_id=name, conn_type="http", host="stored") for name in ("stored", "warehouse"))
    configured(shared.kwargs())

    assert Connection.get_connection_from_secrets("stored").host == "stored"
    assert Connection.get_connection_from_secrets("warehouse").host == "dev.warehouse"


@pytest.mark.skipif(not WORKERS_SECTION, reason="this Airflow has no section for workers")
@pytest.mark.parametrize("chain", ["worker"], indirect=True)
def test_tasks_may_have_a_deployment_of_their_own(
    look: Look, chain: str, shared: Shared, configured: Configure
) -> None:
    configured(shared.kwargs(deployment="api"))
    configured(shared.kwargs(deployment="etl-prod"), section="WORKERS__", prefix="SECRETS_")

    assert look("theirs").password == f"{SECRET}-theirs"


@pytest.mark.skipif(not KWARG_VARIABLES, reason="this Airflow has no variable for a single key")
def test_a_key_may_come_from_a_variable_of_its_own(
    look: Look, shared: Shared, configured: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(shared.kwargs(deployment="overridden"))
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND_KWARG__DEPLOYMENT", "etl-dev")
    local = json.dumps({"connections": {"warehouse": {"port": 1}}})
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND_KWARG__LOCAL", local)

    assert look("warehouse").port == 1


def _of_sdk(chain: str) -> bool:
    return CONNECTION_CLASSES and chain != "database"
