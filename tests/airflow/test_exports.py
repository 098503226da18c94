"""What `syncd dev export` writes, read by Airflow's own backends: no code of ours runs there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.airflow
pytest.importorskip("airflow")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.core.model import Item
from syncd.exports import dotenv
from syncd.exports.formats import FORMATS
from tests.exports.reading import by_shell

AWKWARD = "'\"\\$`\n\r\t #=:{}%é🙂\u2028\x85\ufeff\x7f\x01"
IDS = ["warehouse", "Lake/1", "team:db", "a.b-c_d#(!)", "A", "a", "_"]
VALUES = [
    "",
    " ",
    "null",
    "yes",
    "5",
    "0123",
    "0o14",
    "1_000",
    "12:30",
    '{"a": 1}',
    "[1]",
    "é\n🔑",
    "---",
    "=",
    AWKWARD,
]
KEY = "-----BEGIN KEY-----\n" + "aB3/+\n" * 11_000
FULL = {
    "conn_type": "postgres",
    "description": "Ä warehouse",
    "host": "db.internal",
    "login": "yes",
    "password": AWKWARD,
    "schema": "0o14",
    "port": 5432,
    "extra": {"sslmode": "require", "deep": {"list": [1, None, "é", {"a": False}]}, "x.y": "", "none": "null"},
}
FIELDS = ("conn_type", "description", "host", "login", "password", "schema", "port")
ITEMS: list[tuple[Item, dict[str, Any]]] = [
    *((Item("d", "connection", id_), FULL) for id_ in IDS),
    (Item("d", "connection", "bare"), {"conn_type": "fs"}),
    (Item("d", "connection", "key"), {"conn_type": "ssh", "extra": {"private_key": KEY}}),
    *((Item("d", "variable", f"v {number}"), {"value": value}) for number, value in enumerate(VALUES)),
    (Item("d", "variable", "key"), {"value": KEY}),
]


def backend(folder: Path, ending: str) -> Any:
    from airflow.secrets.local_filesystem import LocalFilesystemBackend

    return LocalFilesystemBackend(
        connections_file_path=str(folder / f"connections.{ending}"),
        variables_file_path=str(folder / f"variables.{ending}"),
    )


def written(folder: Path, name: str, items: list[tuple[Item, dict[str, Any]]]) -> Any:
    for file, text in FORMATS[name].render(items).files.items():
        (folder / file).write_text(text, encoding="ascii")
    return backend(folder, name)


@pytest.mark.parametrize("name", ["json", "yaml"])
def test_local_filesystem_backend_finds_all_of_it(tmp_path: Path, name: str) -> None:
    reader = written(tmp_path, name, ITEMS)
    for id_ in IDS:
        found = reader.get_connection(id_)
        assert {field: getattr(found, field) for field in FIELDS} == {field: FULL[field] for field in FIELDS}
        assert found.extra_dejson == FULL["extra"]
    assert reader.get_connection("bare").conn_type == "fs"
    assert reader.get_connection("key").extra_dejson == {"private_key": KEY}
    assert [reader.get_variable(f"v {number}") for number in range(len(VALUES))] == VALUES
    assert reader.get_variable("key") == KEY
    assert reader.get_connection("absent") is reader.get_variable("absent") is None


texts = st.text(st.sampled_from(AWKWARD), max_size=8) | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["json", "yaml"]), texts, texts, st.dictionaries(texts, texts, max_size=2))
def test_any_text_is_what_it_was(tmp_path: Path, name: str, password: str, value: str, extra: dict[str, str]) -> None:
    fields = {"conn_type": "http", "password": password, "extra": extra}
    items: list[tuple[Item, dict[str, Any]]] = [
        (Item("d", "connection", "c"), fields),
        (Item("d", "variable", "v"), {"value": value}),
    ]
    reader = written(tmp_path, name, items)
    found = reader.get_connection("c")
    assert (found.password or "", found.extra_dejson, reader.get_variable("v")) == (password, extra, value)


def test_a_dotenv_file_in_the_environment_is_what_airflow_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.secrets.environment_variables import EnvironmentVariablesBackend

    rendered = dotenv.render(ITEMS)
    (tmp_path / ".env").write_text(rendered.files[".env"], newline="")
    for name, value in by_shell(tmp_path / ".env").items():
        monkeypatch.setitem(os.environ, name, value)
    reader = EnvironmentVariablesBackend()
    found = reader.get_connection("warehouse")
    assert {field: getattr(found, field) for field in FIELDS} == {field: FULL[field] for field in FIELDS}
    assert found.extra_dejson == FULL["extra"]
    assert reader.get_connection("key").extra_dejson == {"private_key": KEY}
    assert reader.get_variable("key") == KEY


def test_a_dotenv_file_is_none_of_local_filesystem_backends(tmp_path: Path) -> None:
    """It takes a `.env` for lines `conn_id=URI` without quotes: json and yaml are for it, as `dotenv` says."""
    text = dotenv.render([(Item("d", "connection", "c"), {"conn_type": "http", "host": "h"})]).files[".env"]
    (tmp_path / "connections.env").write_text(text)
    assert backend(tmp_path, "env").get_connection("c") is None
