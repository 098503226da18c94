"""The `airflow` layout of a directory, read by Airflow's own LocalFilesystemBackend: no code of ours runs there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.airflow
pytest.importorskip("airflow")

from syncd.core.layouts.airflow import AirflowFiles
from syncd.core.model import Definition, Key, Workspace
from syncd.targets.directory import DirectoryTarget
from tests.targets.passes import NOTHING, connection, push, variable, workspace

FULL = {
    "description": "Ä warehouse",
    "host": "db.internal",
    "login": "",
    "password": "p@ss:w/o?r#d%41 \"'\n🔑",
    "schema": "analytics",
    "port": 5432,
    "extra": {"sslmode": "require", "deep": {"list": [1, None, "é", {"a": False}]}, "x.y": "", "none": "null"},
}
IDS = ["warehouse", "Lake/1", "team:db", "a.b-c_d#(!)", "é", "A", "a", "_", "\\x"]
VALUES = ["", " ", "null", "5", "0123", "true", '{"a": 1}', "[1]", "é\n🔑", "postgres://u:p@h/d", "{{ x }}"]
BARE = Definition(Key("connection", "bare"), {"conn_type": "fs"}, link_all=True)
SAMPLE = workspace(
    *(connection(id_, **FULL) for id_ in IDS),
    BARE,
    *(variable(f"v {number}", value) for number, value in enumerate(VALUES)),
    deployments=["etl-prod"],
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A deployment's, with the sample pushed to it."""
    return pushed(tmp_path, SAMPLE)


def pushed(tmp_path: Path, workspace: Workspace) -> Path:
    target = DirectoryTarget("files", AirflowFiles("analytics"), str(tmp_path / "shared"))
    assert not [outcome for outcome in push(workspace, target) if outcome.error]
    return tmp_path / "shared/analytics/deployments/etl-prod"


def backend(folder: Path) -> Any:
    from airflow.secrets.local_filesystem import LocalFilesystemBackend

    return LocalFilesystemBackend(
        connections_file_path=str(folder / "connections.json"), variables_file_path=str(folder / "variables.json")
    )


@pytest.mark.parametrize("id_", IDS)
def test_airflow_gets_every_field_of_a_connection(folder: Path, id_: str) -> None:
    found = backend(folder).get_connection(id_)
    assert found.conn_id == id_ or not id_.isascii()  # Airflow 2.11 finds it, and knows no name for it
    assert found.conn_type == "postgres"
    for name in ("description", "host", "login", "password", "schema", "port"):
        assert getattr(found, name) == FULL[name], name
    assert found.extra_dejson == FULL["extra"]


def test_airflow_gets_a_connection_that_is_nothing_but_its_type(folder: Path) -> None:
    found = backend(folder).get_connection("bare")
    assert found.conn_type == "fs"
    assert found.extra_dejson == {}


@pytest.mark.parametrize(("number", "value"), enumerate(VALUES), ids=map(repr, VALUES))
def test_airflow_gets_a_variable_as_the_text_that_it_is(folder: Path, number: int, value: str) -> None:
    assert backend(folder).get_variable(f"v {number}") == value


def test_what_is_not_linked_is_nothing(folder: Path) -> None:
    assert backend(folder).get_connection("absent") is None
    assert backend(folder).get_variable("absent") is None


def test_where_nothing_is_linked_airflow_reads_two_empty_files(tmp_path: Path) -> None:
    empty = backend(pushed(tmp_path, workspace(deployments=["etl-prod"])))
    assert empty.get_connection("warehouse") is None
    assert empty.get_variable("region") is None


def test_a_change_is_seen_at_the_next_lookup(tmp_path: Path) -> None:
    reader = backend(pushed(tmp_path, SAMPLE))
    pushed(tmp_path, workspace(connection("warehouse", host="moved"), deployments=["etl-prod"], revision=2))
    assert reader.get_connection("warehouse").host == "moved"
    assert reader.get_connection("Lake/1") is None


def test_both_files_go_with_the_deployment(tmp_path: Path) -> None:
    folder = pushed(tmp_path, SAMPLE)
    pushed(tmp_path, NOTHING)
    assert not folder.exists()
