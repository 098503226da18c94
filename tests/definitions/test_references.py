"""`{$from: …}`: where a value is read at each pass."""

from __future__ import annotations

import pytest

from syncd.core.model import Key, Reference
from tests.definitions.texts import fields, one, problems, subjects


@pytest.mark.parametrize("field", ["conn_type", "description", "host", "login", "password", "schema", "port"])
def test_any_field_may_be_a_reference(field: str) -> None:
    assert fields(f'{field}: {{$from: "env:NAME"}}') == {field: Reference("env", "NAME")}


def test_so_may_a_variable() -> None:
    variable = Key("variable", "v")
    assert fields("value: {$from: file:/run/secrets/a}", variable) == {"value": Reference("file", "/run/secrets/a")}


def test_so_may_any_key_inside_extra() -> None:
    assert fields("extra: {a: {b: {$from: env:NAME}}}") == {"extra": {"a": {"b": Reference("env", "NAME")}}}


def test_extra_as_a_whole_may_not() -> None:
    (error,) = problems(one("extra: {$from: env:NAME}"))
    assert (error.subject, error.remedy) == ("a.yaml:4:5 connections.c.extra", "name the key, as in extra.NAME")


@pytest.mark.parametrize("items", ["[{$from: env:NAME}]", "[a, {b: {$from: env:NAME}}]", "[[{$stored: true}]]"])
def test_a_list_is_one_value(items: str) -> None:
    (error,) = problems(one(f"extra: {{key: {items}}}"))
    assert error.problem.startswith("a list is one value")


@pytest.mark.parametrize("value", ["NAME", "secret:NAME", '"env:"', "''", "null", "[]", "{a: b}", "", "~"])
def test_what_is_no_reference_is_an_error(value: str) -> None:
    assert subjects(one(f"host: {{$from: {value}}}")) == ["a.yaml:4:5 connections.c.host"]


@pytest.mark.parametrize("object_", ["{$from: env:A, b: c}", "{b: c, $stored: true}", "{$from: env:A, $stored: true}"])
def test_a_key_with_a_dollar_stands_alone(object_: str) -> None:
    (error,) = problems(one(f"extra: {{key: {object_}}}"))
    assert error.problem == "a key that begins with $ stands alone in its object"


def test_another_key_with_a_dollar_is_an_error() -> None:
    (error,) = problems(one("host: {$form: env:NAME}"))
    assert error.remedy == "there are $from and $stored"


@pytest.mark.parametrize("value", ["false", '"true"', "yes", "null", "{}"])
def test_stored_is_true_or_nothing(value: str) -> None:
    (error,) = problems(one(f"host: {{$stored: {value}}}"))
    assert error.remedy == "write {$stored: true}"
