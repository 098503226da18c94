"""What is secret: by kind, by name, by where it came from, and by what a person said."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from syncd.core.merge import leaves, merge, trim
from syncd.core.model import Path, Reference
from syncd.core.secrets import SENSITIVE_WORDS, is_secret, secret_paths, sensitive
from tests import strategies as some


def secret(fields: dict[str, Any], declared: set[Path] | None = None) -> frozenset[Path]:
    return secret_paths("connection", "warehouse", fields, declared or set())


def test_a_password_is_secret_and_what_lies_beside_it_is_not() -> None:
    assert secret({"conn_type": "http", "login": "etl", "password": "x", "port": 1}) == {("password",)}


def test_an_empty_password_is_secret_too() -> None:
    """That it is empty is nobody's business either."""
    assert secret({"password": ""}) == {("password",)}


@pytest.mark.parametrize("word", SENSITIVE_WORDS)
def test_a_key_of_extra_that_holds_one_of_airflows_words_is_secret(word: str) -> None:
    assert secret({"extra": {f"my_{word.upper()}_2": "x", "mode": "y"}}) == {("extra", f"my_{word.upper()}_2")}


@pytest.mark.parametrize(("name", "told"), [(" token ", True), ("TOKEN", True), ("toke", False), ("", False)])
def test_a_name_is_compared_as_airflow_compares_it(name: str, told: bool) -> None:
    assert sensitive(name) is told


def test_a_key_of_extra_is_secret_at_any_depth() -> None:
    assert secret({"extra": {"a": {"b": {"token": "x", "c": 1}}}}) == {("extra", "a", "b", "token")}


def test_all_below_a_secret_key_is_secret_whatever_it_is() -> None:
    found = secret({"extra": {"secret": {"a": {"b": "x"}, "token": ["y"]}}})
    assert found == {("extra", "secret")}
    assert is_secret(("extra", "secret", "a", "b"), found)
    assert not is_secret(("extra", "other"), found)
    assert not is_secret(("extra",), found)


@pytest.mark.parametrize(
    "value", [[{"token": "x"}], [1, {"a": {"token": "x"}}], [[{"token": "x"}]], [{"a": [{"token": "x"}]}]]
)
def test_a_list_with_a_secret_key_anywhere_in_it_is_secret_as_a_whole(value: list[Any]) -> None:
    """A list is one value."""
    assert secret({"extra": {"servers": value}}) == {("extra", "servers")}


def test_a_list_without_one_is_not_secret() -> None:
    assert secret({"extra": {"servers": ["token", {"host": "password"}, []]}}) == frozenset()


@pytest.mark.parametrize("path", [("host",), ("extra", "a"), ("extra", "b", "c"), ("conn_type",), ("port",)])
def test_a_value_that_came_by_reference_is_secret_wherever_it_stands(path: Path) -> None:
    fields: Any = Reference("env", "X")
    for part in reversed(path):
        fields = {part: fields}
    assert secret(fields) == {path}


@pytest.mark.parametrize("path", [("host",), ("extra",), ("extra", "a"), ("extra", "b"), ("extra", "b", "c")])
def test_what_a_person_declared_is_secret(path: Path) -> None:
    assert secret({"host": "h", "extra": {"a": 1, "b": {"c": [2]}}}, {path}) == {path}


def test_a_declared_field_that_is_not_there_is_no_secret_path() -> None:
    assert secret({"host": "h", "extra": {"a": "x"}}, {("extra", "a", "b"), ("login",)}) == frozenset()


def test_a_variable_is_secret_where_its_key_says_so_or_a_person_did() -> None:
    assert secret_paths("variable", "api_token", {"value": "x"}) == {("value",)}
    assert secret_paths("variable", "region", {"value": "x"}) == frozenset()
    assert secret_paths("variable", "region", {"value": "x"}, {("value",)}) == {("value",)}


def test_the_id_of_a_connection_tells_nothing() -> None:
    """Airflow masks variables by their keys, not connections by their ids."""
    assert secret_paths("connection", "api_token", {"host": "h"}) == frozenset()


@given(some.layers("connection"), some.secret_fields("connection"))
def test_trimming_hides_no_secret(layers: Any, declared: frozenset[Path]) -> None:
    """A leaf that is secret in the merged fields is secret in the trimmed layer that holds it."""
    effective = merge(layers)
    whole = secret_paths("connection", "x", effective.fields, declared)
    trimmed = frozenset().union(
        *(secret_paths("connection", "x", layer.fields, declared) for layer in trim(layers)), frozenset[Path]()
    )
    for path, _ in leaves(effective.fields):
        assert is_secret(path, trimmed) == is_secret(path, whole)


@pytest.mark.parametrize(
    "fields",
    [
        {"uri": "postgres://etl:hunter2@host"},
        {"extra": '{"token": "hunter2"}'},
        {"host": {"a": "hunter2"}},
        {"host": [{"a": "hunter2"}]},
        {"port": [1]},
    ],
)
def test_what_is_not_as_the_kind_has_it_is_secret(fields: dict[str, Any]) -> None:
    """Somebody edited a target by hand: nobody knows what this is."""
    assert secret(fields) == {(name,) for name in fields}
