"""What a lookup gives: the layers that were synced for this deployment, merged, and nothing else."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("airflow")
from syncd.core.model import Key
from tests.airflow.documents import SECRET, WAREHOUSE, Shared, connection, sample, variable

pytestmark = pytest.mark.airflow


def found(backend: Any, conn_id: str) -> Any:
    """What Airflow is given for a connection, as an object."""
    value = backend.get_conn_value(conn_id)
    return None if value is None else json.loads(value)


@pytest.fixture
def ours(backend: type[Any], shared: Shared) -> Any:
    """The backend of `etl-dev`."""
    return backend(**shared.kwargs())


def test_a_connection_is_its_layers_merged(ours: Any) -> None:
    assert found(ours, "warehouse") == WAREHOUSE


def test_another_deployment_gets_its_own_environment(backend: type[Any], shared: Shared) -> None:
    theirs = found(backend(**shared.kwargs(deployment="etl-prod")), "warehouse")

    assert (theirs["host"], theirs["schema"], theirs["password"]) == ("warehouse", "public", f"{SECRET}-prod")


def test_airflow_reads_the_value_as_a_connection(ours: Any) -> None:
    read = ours.get_connection("warehouse")

    assert (read.conn_id, read.host, read.port, read.password) == ("warehouse", "dev.warehouse", 5432, f"{SECRET}-pw")
    assert read.extra_dejson == WAREHOUSE["extra"]


def test_a_variable_is_its_text(ours: Any) -> None:
    assert ours.get_variable("region") == "eu-west-1"


def test_what_is_linked_to_another_deployment_is_not_there(ours: Any) -> None:
    assert ours.get_conn_value("theirs") is None
    assert ours.get_connection("theirs") is None
    assert ours.get_variable("theirs") is None


def test_a_connection_is_no_variable(ours: Any) -> None:
    assert ours.get_variable("warehouse") is None
    assert ours.get_conn_value("region") is None


def test_an_empty_text_is_a_value_and_what_is_absent_is_not_there(ours: Any) -> None:
    lake = found(ours, "Lake/é")

    assert lake["login"] == ""
    assert lake.keys() == {"conn_type", "login", "description"}
    assert ours.get_variable("empty") == ""


@pytest.mark.parametrize("id_", ["Lake/é", "LAKE/é", "lake/é"])
def test_ids_that_differ_in_case_are_different(ours: Any, id_: str) -> None:
    assert (ours.get_conn_value(id_) is not None) == (id_ == "Lake/é")


@pytest.mark.parametrize(
    "id_", ["", ".", "..", "../connections/warehouse", "a\0b", "a" * 5000, "Ä" * 200, "\ud800", None, 7]
)
def test_an_id_that_nothing_can_have_is_not_linked(ours: Any, id_: Any) -> None:
    assert ours.get_conn_value(id_) is None
    assert ours.get_connection(id_) is None
    assert ours.get_variable(id_) is None


def test_airflows_own_configuration_is_never_ours(ours: Any, shared: Shared) -> None:
    shared.put(variable("sql_alchemy_conn", "sqlite://"))

    assert ours.get_config("sql_alchemy_conn") is None


def test_a_lookup_sees_a_change_at_the_next_call(ours: Any, shared: Shared) -> None:
    for host in ("one", "two", "three"):  # of the same size, twice
        shared.put(connection("moving", host=host))

        assert found(ours, "moving")["host"] == host


def test_a_file_swapped_for_another_of_the_same_size_and_times_is_read_again(ours: Any, shared: Shared) -> None:
    shared.put(connection("moving", host="aaa"))
    file = shared.file("connections/moving")
    content, times = file.read_bytes(), file.stat()

    for host in (b"bbb", b"ccc", b"ddd", b"eee") * 50:
        for _ in range(2):  # the second may be given the inode of the file before the first
            other = file.with_name("other")
            other.write_bytes(content.replace(b"aaa", host))
            os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
            other.replace(file)
        assert found(ours, "moving")["host"] == host.decode()


def test_a_lookup_of_what_has_not_changed_reads_no_file(ours: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    later = time.time_ns() + 10**9
    monkeypatch.setattr(time, "time_ns", lambda: later)
    value = ours.get_conn_value("warehouse")

    monkeypatch.setattr("syncd.sources.directory.open", None, raising=False)

    assert ours.get_conn_value("warehouse") is value


def test_what_is_removed_is_not_linked_at_the_next_call(ours: Any, shared: Shared) -> None:
    assert ours.get_conn_value("warehouse") is not None

    shared.drop(Key("connection", "warehouse"))

    assert ours.get_conn_value("warehouse") is None


def test_what_is_unlinked_is_not_linked_at_the_next_call(ours: Any, shared: Shared) -> None:
    assert ours.get_conn_value("warehouse") is not None

    warehouse = shared.workspace.definitions[Key("connection", "warehouse")]
    shared.put(replace(warehouse, links={"etl-prod": {}}))

    assert ours.get_conn_value("warehouse") is None


def test_the_prefix_says_where_the_documents_lie(backend: type[Any], tmp_path: Any) -> None:
    shared = Shared(tmp_path / "prefixed", sample(), prefix="elsewhere").sync()

    assert found(backend(**shared.kwargs(prefix="elsewhere")), "warehouse") == WAREHOUSE


def test_a_team_gets_what_its_deployment_gets(ours: Any) -> None:
    assert json.loads(ours.get_conn_value("warehouse", team_name="red")) == WAREHOUSE
    assert ours.get_connection("warehouse", team_name="red").host == "dev.warehouse"
    assert ours.get_variable("region", team_name="red") == "eu-west-1"


def test_each_lookup_gives_a_connection_of_its_own(ours: Any) -> None:
    first = ours.get_connection("warehouse")
    first.host = "changed by a hook"

    assert ours.get_connection("warehouse").host == "dev.warehouse"
