"""The local layer: a deployment's own, on top of what is linked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow")
from syncd.core import ids
from tests.airflow.documents import WAREHOUSE, Shared

pytestmark = pytest.mark.airflow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What `local_path` names."""
    for kind in ("connections", "variables"):
        (tmp_path / "local" / kind).mkdir(parents=True)
    return tmp_path / "local"


def put(folder: Path, kind: str, id_: str, fields: Any) -> None:
    (folder / kind / f"{ids.encode(id_)}.json").write_text(json.dumps(fields))


def warehouse(backend: Any) -> Any:
    return json.loads(backend.get_conn_value("warehouse"))


def test_a_field_of_local_wins_and_the_others_stay(backend: type[Any], shared: Shared) -> None:
    ours = backend(**shared.kwargs(local={"connections": {"warehouse": {"host": "localhost"}}}))

    assert warehouse(ours) == {**WAREHOUSE, "host": "localhost"}


def test_extra_merges_by_key(backend: type[Any], shared: Shared) -> None:
    local = {"extra": {"sslmode": None, "options": {"fetch": 1, "tags": ["c"]}}}
    ours = backend(**shared.kwargs(local={"connections": {"warehouse": local}}))

    extra = warehouse(ours)["extra"]
    assert "sslmode" not in extra
    assert extra["options"] == {"fetch": 1, "tags": ["c"]}


def test_null_unsets_and_an_empty_text_is_kept(backend: type[Any], shared: Shared) -> None:
    ours = backend(**shared.kwargs(local={"connections": {"warehouse": {"password": None, "login": ""}}}))

    assert "password" not in warehouse(ours)
    assert warehouse(ours)["login"] == ""


def test_a_variable_of_local_wins(backend: type[Any], shared: Shared) -> None:
    assert backend(**shared.kwargs(local={"variables": {"region": {"value": ""}}})).get_variable("region") == ""


def test_local_links_nothing(backend: type[Any], shared: Shared, folder: Path) -> None:
    whole = {"conn_type": "http", "host": "localhost"}
    put(folder, "connections", "theirs", whole)
    ours = backend(**shared.kwargs(local={"connections": {"theirs": whole}}, local_path=str(folder)))

    assert ours.get_conn_value("theirs") is None


def test_a_file_of_local_path_wins(backend: type[Any], shared: Shared, folder: Path) -> None:
    put(folder, "connections", "Lake/é", {"host": "lake"})
    put(folder, "variables", "region", {"value": "local"})
    ours = backend(**shared.kwargs(local_path=str(folder)))

    assert json.loads(ours.get_conn_value("Lake/é"))["host"] == "lake"
    assert ours.get_variable("region") == "local"


def test_local_wins_over_local_path(backend: type[Any], shared: Shared, folder: Path) -> None:
    put(folder, "connections", "warehouse", {"host": "of the folder", "login": None, "schema": "of the folder"})
    ours = backend(
        **shared.kwargs(
            local={"connections": {"warehouse": {"host": "of the kwargs", "login": "back"}}}, local_path=str(folder)
        )
    )

    assert warehouse(ours) == {
        **WAREHOUSE,
        "host": "of the kwargs",
        "login": "back",
        "schema": "of the folder",
    }


def test_a_change_of_a_local_file_is_seen_at_the_next_call(backend: type[Any], shared: Shared, folder: Path) -> None:
    ours = backend(**shared.kwargs(local_path=str(folder)))
    for host in ("one", "two"):
        put(folder, "connections", "warehouse", {"host": host})

        assert warehouse(ours)["host"] == host

    (folder / "connections" / "warehouse.json").unlink()

    assert warehouse(ours) == WAREHOUSE


def test_a_local_folder_that_is_not_there_is_an_error_and_no_empty_layer(
    backend: type[Any], shared: Shared, tmp_path: Path
) -> None:
    ours = backend(**shared.kwargs(local_path=str(tmp_path / "unmounted")))

    with pytest.raises(Exception, match="backend_kwargs: local_path: is no folder that can be read here"):
        ours.get_conn_value("warehouse")


def test_a_local_file_that_cannot_be_right_is_told_by_its_field(
    backend: type[Any], shared: Shared, folder: Path
) -> None:
    put(folder, "connections", "warehouse", {"hots": "localhost"})
    ours = backend(**shared.kwargs(local_path=str(folder)))

    with pytest.raises(Exception, match=r"local/connections/warehouse\.json: hots: no field of a connection"):
        ours.get_conn_value("warehouse")


def test_a_local_layer_that_takes_the_type_away_is_told(backend: type[Any], shared: Shared) -> None:
    ours = backend(**shared.kwargs(local={"connections": {"warehouse": {"conn_type": None}}}))

    with pytest.raises(Exception, match="connection warehouse: has no conn_type; look at the local layer"):
        ours.get_conn_value("warehouse")
