"""A whole Airflow with our backend: whichever of its processes looks up finds what is linked, and no more."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import Any

import pytest

pytest.importorskip("airflow")
from tests.airflow.documents import SECRET, WAREHOUSE
from tests.airflow.processes import Standalone
from tests.airflow.releases import (
    ASYNC_LOOKUP,
    CHAIN_STOPS,
    LOOKUP_IN_EVENT_LOOP,
    TASK_SDK,
    TEST_ASKS_BACKENDS,
)

pytestmark = [pytest.mark.airflow, pytest.mark.slow]


@pytest.fixture
def task(standalone: Standalone) -> Any:
    """What the task saw."""
    return standalone.record("task")


def test_a_dag_file_finds_a_connection_while_it_is_parsed(standalone: Standalone) -> None:
    assert standalone.record("parse")["warehouse"] == WAREHOUSE


def test_a_task_finds_a_connection(task: Any) -> None:
    assert task["connections"]["warehouse"] == WAREHOUSE


def test_a_task_finds_a_connection_by_an_id_that_no_file_name_could_hold(task: Any) -> None:
    assert task["connections"]["Lake/é"]["conn_type"] == "aws"


def test_a_task_finds_variables_an_empty_one_too(task: Any) -> None:
    assert (task["variables"]["region"], task["variables"]["empty"]) == ("eu-west-1", "")


def test_a_task_finds_nothing_of_another_deployment(task: Any) -> None:
    assert "error" in task["connections"]["theirs"]
    assert "error" in task["variables"]["theirs"]
    assert f"{SECRET}-theirs" not in json.dumps(task)


def test_a_task_finds_what_is_not_linked_in_the_environment(task: Any) -> None:
    assert task["connections"]["fallback"]["host"] == "environment"


@pytest.mark.skipif(not TASK_SDK, reason="this Airflow's tasks have no API server to ask")
def test_the_api_server_answers_a_task_from_its_own_backend(task: Any) -> None:
    assert task["connections"]["central"]["host"] == "central"


def test_a_torn_document_stops_the_chain_where_this_airflow_can_be_stopped(task: Any, standalone: Standalone) -> None:
    found = task["connections"]["torn"]
    if CHAIN_STOPS:
        assert found["error"] == "AirflowSecretsBackendAccessDenied"
    else:
        assert found["host"] == "trap"
    assert "connection 'torn' can't be had" in standalone.log("look", "ALL LOOKED UP")


def test_no_secret_stands_in_the_logs_of_a_task(standalone: Standalone) -> None:
    log = standalone.log("look", "ALL LOOKED UP")

    assert log.count("PRINTED") >= 4
    assert log.count("LOGGED") >= 4
    assert SECRET not in log


def test_a_trigger_finds_a_connection_in_a_thread(standalone: Standalone) -> None:
    assert standalone.record("trigger")["in a thread"] == WAREHOUSE


@pytest.mark.skipif(
    not LOOKUP_IN_EVENT_LOOP, reason="this Airflow can't look up in an event loop, whatever the backend"
)
def test_a_trigger_finds_a_connection_in_its_event_loop(standalone: Standalone) -> None:
    assert standalone.record("trigger")["in the event loop"] == WAREHOUSE


@pytest.mark.skipif(not ASYNC_LOOKUP, reason="this Airflow has no lookup to await")
def test_a_trigger_awaits_a_connection(standalone: Standalone) -> None:
    assert standalone.record("trigger")["awaited"] == WAREHOUSE


def test_a_task_that_waited_for_a_trigger_finds_a_connection(standalone: Standalone) -> None:
    assert standalone.record("resumed")["warehouse"] == WAREHOUSE


def test_no_secret_stands_in_the_logs_of_a_trigger(standalone: Standalone) -> None:
    standalone.record("resumed")

    assert SECRET not in standalone.log("defer", "LOGGED")


def test_what_no_task_asked_for_stands_in_no_log_at_all(standalone: Standalone) -> None:
    standalone.record("resumed")

    shown = standalone.everything()
    assert "torn" in shown
    assert not [name for name in ("torn", "theirs", "prod") if f"{SECRET}-{name}" in shown]


@pytest.mark.skipif(not TEST_ASKS_BACKENDS, reason="this Airflow's test of a connection asks no backend")
def test_the_api_server_tests_a_connection_of_ours(standalone: Standalone) -> None:
    standalone.record("task")

    assert _tested(standalone, "astray") == "Path /nowhere/at/all does not exist."


@pytest.mark.skipif(not TEST_ASKS_BACKENDS, reason="this Airflow's test of a connection asks no backend")
def test_the_api_server_tests_a_connection_that_is_not_there(standalone: Standalone) -> None:
    standalone.record("task")

    assert _tested(standalone, "nonesuch") == "File Path is undefined."


def _tested(standalone: Standalone, conn_id: str) -> Any:
    token = _request(standalone, "/auth/token", None)["access_token"]
    asked = {"connection_id": conn_id, "conn_type": "fs"}
    return _request(standalone, "/api/v2/connections/test", asked, Authorization=f"Bearer {token}")["message"]


def _request(standalone: Standalone, path: str, body: Any, **headers: str) -> Any:
    connection = HTTPConnection("127.0.0.1", int(standalone.port))
    method, text = ("GET", None) if body is None else ("POST", json.dumps(body))
    connection.request(method, path, text, {"Content-Type": "application/json", **headers})
    with connection.getresponse() as answer:
        content = answer.read()
    assert answer.status < 300, content
    return json.loads(content)
