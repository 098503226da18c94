"""The other forms, read back by our own imports and by YAML's readers; Airflow's own are in `tests/airflow`."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.model import Item, Key
from syncd.exports import file_json, file_yaml, settings
from syncd.exports.formats import FORMATS
from syncd.exports.rendered import Rendered
from syncd.imports.exports import connections_json, connections_yaml
from syncd.imports.settings import settings as settings_read
from tests import strategies as some

AMBIGUOUS = ["yes", "no", "null", "~", "0o14", "1_000", "12:30", "0123", "1e3", ".inf", "2020-01-01", "=", "<<", "- a"]

texts = some.texts | st.sampled_from([*AMBIGUOUS, "🙂", "\x7f\x85\u2028\ufeff", "a\nb", "'", '"', "\\", "#"])
fields = st.fixed_dictionaries(
    {"conn_type": st.sampled_from(["postgres", "http"])},
    optional={
        **dict.fromkeys(("host", "login", "password", "schema"), texts),
        "port": st.integers(1, 65535),
        "extra": st.dictionaries(st.sampled_from(["a", "Key", "yes", "é"]), texts | st.integers(), min_size=1),
    },
)


def connection(fields: dict[str, Any], id_: str = "c") -> tuple[Item, dict[str, Any]]:
    return Item("d", "connection", id_), fields


def variable(value: str, id_: str = "v") -> tuple[Item, dict[str, Any]]:
    return Item("d", "variable", id_), {"value": value}


def only(rendered: Rendered) -> str:
    (text,) = rendered.files.values()
    return text


@given(fields)
def test_json_and_yaml_are_read_back_as_they_were(one: dict[str, Any]) -> None:
    key = Key("connection", "c")
    as_json = file_json.render([connection(one)]).files["connections.json"]
    as_yaml = file_yaml.render([connection(one)]).files["connections.yaml"]
    assert connections_json(as_json, "f").definitions[key].fields == one
    assert connections_yaml(as_yaml, "f").definitions[key].fields == one
    assert as_json.isascii()
    assert as_yaml.isascii()


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_in_yaml_a_text_is_in_quotes_where_anybody_could_take_it_for_something_else(text: str) -> None:
    written = file_yaml.render([variable(text)]).files["variables.yaml"]
    assert written == f'"v": "{text}"\n'


@pytest.mark.parametrize("name", ["json", "yaml"])
def test_both_files_are_there_though_there_is_nothing_in_them(name: str) -> None:
    files = FORMATS[name].render(()).files
    assert {file: yaml.safe_load(text) for file, text in files.items()} == {
        f"connections.{name}": {},
        f"variables.{name}": {},
    }


@given(fields)
def test_settings_are_read_back_as_they_were_or_it_is_listed(one: dict[str, Any]) -> None:
    rendered = settings.render([connection(one)])
    found = settings_read(only(rendered), "f").definitions
    if rendered.left_out:
        assert found == {}
        assert any("'" in str(value) or str(value).startswith("-") for value in one.values())
    else:
        # An empty text is none there.
        assert found[Key("connection", "c")].fields == {name: value for name, value in one.items() if value != ""}


def test_settings_are_as_the_astro_cli_names_them() -> None:
    whole = {
        "conn_type": "postgres",
        "host": "db",
        "login": "u",
        "password": "p",
        "schema": "s",
        "port": 5432,
        "extra": {"sslMode": "it's"},
        "description": "left out",
    }
    read = yaml.safe_load(only(settings.render([connection(whole), variable("x")])))
    (written,) = read["airflow"]["connections"]
    extra = written.pop("conn_extra")
    assert json.loads(extra) == {"sslMode": "it's"}
    assert "'" not in extra
    assert written == {
        "conn_id": "c",
        "conn_type": "postgres",
        "conn_host": "db",
        "conn_schema": "s",
        "conn_login": "u",
        "conn_password": "p",
        "conn_port": 5432,
    }
    assert read["airflow"]["variables"] == [{"variable_name": "v", "variable_value": "x"}]
    assert read["airflow"]["pools"] == []


@pytest.mark.parametrize(
    "item",
    [
        connection({"conn_type": "http", "password": "it's"}),
        connection({"conn_type": "http", "password": "-x"}),
        connection({"conn_type": "http"}, "o'neil"),
        connection({"conn_type": "http", "password": "a\0b"}),
        variable("it's"),
        variable(""),
        variable("x", "a b"),
        variable("x", "$(id)"),
    ],
)
def test_what_the_astro_cli_would_tear_apart_is_left_out(item: tuple[Item, dict[str, Any]]) -> None:
    rendered = settings.render([item])
    assert list(rendered.left_out) == [item[0]]
    assert yaml.safe_load(only(rendered)) == {"airflow": {"connections": [], "variables": [], "pools": []}}
