"""URIs and JSON: what Airflow makes of them, and what it can't."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.airflow_form import connection_json
from syncd.imports import uris
from syncd.imports.values import Unfit, connection, variable, written
from tests.imports.test_joining import connections
from tests.strategies import texts

SECRET = "tell-nobody"

URIS = {
    "postgresql://u:p%40s@h:5432/db?sslmode=require": {
        "conn_type": "postgres",
        "host": "h",
        "login": "u",
        "password": "p@s",
        "schema": "db",
        "port": 5432,
        "extra": {"sslmode": "require"},
    },
    "aws://AK:se%2Fcret@/?region_name=eu": {
        "conn_type": "aws",
        "host": "",
        "login": "AK",
        "password": "se/cret",
        "schema": "",
        "extra": {"region_name": "eu"},
    },
    "google-cloud-platform://?__extra__=%7B%22a%22%3A+%7B%22b%22%3A+1%7D%7D": {
        "conn_type": "google_cloud_platform",
        "host": "",
        "schema": "",
        "extra": {"a": {"b": 1}},
    },
    "http://https://u:p@example.com:8080/": {
        "conn_type": "http",
        "host": "https://example.com",
        "login": "u",
        "password": "p",
        "schema": "",
        "port": 8080,
    },
    "http://:@h": {"conn_type": "http", "host": "h", "login": "", "password": "", "schema": ""},
    "http://u@h": {"conn_type": "http", "host": "h", "login": "u", "schema": ""},
    "http://H.Example": {"conn_type": "http", "host": "h.example", "schema": ""},
    "http://%2Fcloudsql%2FProject": {"conn_type": "http", "host": "/cloudsql/Project", "schema": ""},
    "redis://[::1]:6379/1": {"conn_type": "redis", "host": "::1", "schema": "1", "port": 6379},
    "redis://%3A%3A1:6379": {"conn_type": "redis", "host": "::1", "schema": "", "port": 6379},
    "x://h?a=1&a=2&b=": {"conn_type": "x", "host": "h", "schema": "", "extra": {"a": "2", "b": ""}},
    "x://@:0": {"conn_type": "x", "host": "", "login": "", "schema": ""},
}


@pytest.mark.parametrize("uri", URIS)
def test_a_uri_is_what_airflow_makes_of_it(uri: str) -> None:
    assert written(uri, "x").fields == URIS[uri]


@pytest.mark.parametrize(
    "text",
    [
        f"//u:{SECRET}@h",
        f"{SECRET}",
        f"a://b://c://{SECRET}",
        f"a://u:{SECRET}@b://c",
        f"x://u:{SECRET}@h:99999",
        f"x://u:{SECRET}@[h",
        f"x://h?__extra__={SECRET}",
        f"x://h?__extra__=[1]&b={SECRET}",
        f'{{"conn_type": "{SECRET}"',
        f'{{"password": "{SECRET}"}}',
        f'{{"conn_type": "x", "port": "{SECRET}"}}',
        f'{{"conn_type": "x", "extra": "{SECRET}"}}',
        f'{{"conn_type": "x", "extra": ["{SECRET}"]}}',
        f'{{"conn_type": "x", "password": ["{SECRET}"]}}',
        f'{{"conn_type": "x", "hots": "{SECRET}"}}',
        f'{{"conn_type": "x", "uri": "x://{SECRET}"}}',
        f'{{"conn_type": "x", "conn_id": "{SECRET}"}}',
        "",
    ],
)
def test_what_airflow_doesnt_take_is_refused_without_a_value(text: str) -> None:
    with pytest.raises(Unfit) as refused:
        written(text, "x")

    assert refused.value.problems
    assert SECRET not in repr(refused.value.problems)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "raw",
    [
        {"conn_type": "x", "password": "***"},
        {"conn_type": "x", "password": "**********"},
        {"conn_type": "x", "extra": {"token": "***"}},
        {"conn_type": "x", "extra": {"a": ["b", {"c": "***"}]}},
        {"conn_type": "x", "extra": "***"},
        {"uri": "x://u:***@h"},
    ],
)
def test_a_masked_value_is_refused_as_masked(raw: dict[str, Any]) -> None:
    with pytest.raises(Unfit) as refused:
        connection(raw, "x")

    assert [problem for _, problem, _ in refused.value.problems] == ["is masked"]


def test_all_problems_of_a_connection_are_told_at_once() -> None:
    with pytest.raises(Unfit) as refused:
        connection({"conn_type": "", "port": "x", "extra": "y", "hots": "z"}, "x")

    assert {path for path, _, _ in refused.value.problems} == {("conn_type",), ("port",), ("extra",), ("hots",)}


@pytest.mark.parametrize("port", ["5432", 5432])
def test_a_port_may_be_text(port: object) -> None:
    assert connection({"conn_type": "x", "port": port}, "x").fields["port"] == 5432


@pytest.mark.parametrize("port", [None, "", "0", 0])
def test_no_port_is_none(port: object) -> None:
    assert connection({"conn_type": "x", "port": port}, "x").fields == {"conn_type": "x"}


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({"extra": {"a": 1}, "extra_dejson": {"b": 1}}, "extra_dejson"),
        ({"team_name": "a-team"}, "team_name"),
        ({"conn_id": "y"}, "conn_id"),
        ({"uri": "x://h"}, "uri"),
    ],
)
def test_what_says_two_things_at_once_or_is_somebody_elses_is_refused(raw: dict[str, Any], path: str) -> None:
    with pytest.raises(Unfit) as refused:
        connection({"conn_type": "x", **raw}, "x")

    assert [path for path, _, _ in refused.value.problems] == [(path,)]


def test_extra_may_stand_under_the_name_that_an_export_of_old_has_for_it() -> None:
    taken = connection({"conn_type": "x", "extra": "", "extra_dejson": {"a": 1}, "conn_id": "x"}, "x")

    assert taken.fields == {"conn_type": "x", "extra": {"a": 1}}


@pytest.mark.parametrize("empty", [None, "", "{}", {}])
def test_an_empty_extra_is_none(empty: object) -> None:
    assert connection({"conn_type": "x", "extra": empty}, "x").fields == {"conn_type": "x"}


def test_a_null_in_extra_is_left_out_and_told() -> None:
    taken = connection({"conn_type": "x", "extra": '{"a": null, "b": {"c": null, "d": [null]}}'}, "x")

    assert taken.fields["extra"] == {"b": {"d": [None]}}
    assert taken.left_out == (("extra", "a"), ("extra", "b", "c"))


def test_a_null_in_the_extra_of_a_uri_is_told_too() -> None:
    taken = written(f"x://?{urlencode({'__extra__': json.dumps({'a': None, 'b': 1})})}", "x")

    assert taken.fields["extra"] == {"b": 1}
    assert taken.left_out == (("extra", "a"),)


def test_a_type_is_named_as_airflow_names_it() -> None:
    assert connection({"conn_type": "google-cloud-platform"}, "x").fields == {"conn_type": "google_cloud_platform"}


def test_a_variable_may_be_empty_and_not_masked() -> None:
    assert variable("") == {"value": ""}
    with pytest.raises(Unfit):
        variable("***")


@given(connections, st.booleans())
def test_json_comes_back_whatever_form_extra_has(fields: dict[str, Any], as_text: bool) -> None:
    raw = {**dict.fromkeys(["host", "login", "password"]), **fields, "port": str(fields.get("port", ""))}
    if as_text and "extra" in raw:
        raw["extra"] = json.dumps(raw["extra"])

    assert json.loads(connection_json(connection(raw, "x").fields)) == json.loads(connection_json(fields))
    assert written(json.dumps(raw), "x").fields == fields


_hosts = st.sampled_from(["", "h", "::1", "db.internal", "é"])


@given(texts, texts, texts, _hosts, st.sampled_from([None, 1, 65535]), st.dictionaries(texts, texts, max_size=3))
def test_a_uri_comes_back(
    login: str, password: str, schema: str, host: str, port: int | None, extra: dict[str, str]
) -> None:
    authority = f"{quote(login, '')}:{quote(password, '')}@{quote(host, '')}" + (f":{port}" if port else "")
    found = uris.fields(f"a-b://{authority}/{quote(schema, '')}?{urlencode(extra)}")

    ours = {"conn_type": "a-b", "login": login, "password": password, "schema": schema, "host": host}
    assert found == ({**ours, **({"port": port} if port else {})}, extra)


@given(st.text(max_size=30) | st.text('a:/@[]?=&%{}"\\', max_size=30))
def test_no_text_breaks_it(text: str) -> None:
    with suppress(Unfit):
        assert written(text, "x").fields["conn_type"]
