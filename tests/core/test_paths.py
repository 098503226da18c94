"""Paths as people write them, canonical text, ports, names of things."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.canonical import plain, text
from syncd.core.model import KINDS, SCHEMES, Item, Reference, Scope, dotted, port, undotted
from tests import strategies as some

paths = st.lists(some.keys, min_size=1, max_size=4).map(tuple)


@given(paths)
def test_a_path_round_trips_through_its_text(path: tuple[str, ...]) -> None:
    assert undotted(dotted(path)) == path


@given(paths, paths)
def test_two_paths_never_share_a_text(one: tuple[str, ...], two: tuple[str, ...]) -> None:
    assert (dotted(one) == dotted(two)) == (one == two)


@pytest.mark.parametrize(
    ("path", "written"),
    [
        (("extra", "sslmode"), "extra.sslmode"),
        (("extra", "spark.driver.memory"), 'extra."spark.driver.memory"'),
        (("extra", 'say "hi"'), 'extra."say \\"hi\\""'),
        (("extra", "C:\\x"), 'extra."C:\\\\x"'),
        (("extra", "a=b"), 'extra."a=b"'),
        (("extra", "a b"), 'extra."a b"'),
    ],
)
def test_a_key_that_could_be_misread_is_quoted(path: tuple[str, ...], written: str) -> None:
    assert dotted(path) == written
    assert undotted(written) == path


def test_a_key_that_needs_no_quotes_may_have_them() -> None:
    assert undotted('"extra"."a"') == ("extra", "a")


@pytest.mark.parametrize(
    "written", ["", ".", "a.", ".a", "a..b", '"', '"a', 'a"b', '""', 'a.""', '"a"b', '"a"\n', '"a\\"']
)
def test_a_text_that_is_no_path_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="a path is parts with a dot between them"):
        undotted(written)


@given(some.json_values)
def test_text_is_json_that_gives_the_value_back(value: Any) -> None:
    assert json.loads(text(value)) == value


@given(some.patches)
def test_text_does_not_depend_on_the_order_of_keys(value: dict[str, Any]) -> None:
    assert text(some.shuffled(value)) == text(value)


def test_values_that_python_holds_for_equal_have_texts_of_their_own() -> None:
    alike: list[Any] = [True, 1, 1.0, "1", "true", "1.0", False, 0, 0.0, -0.0, None, "", [], {}]
    assert len({text(value) for value in alike}) == len(alike)
    assert len({text({"a": [value]}) for value in alike}) == len(alike)


def test_a_reference_in_a_text_is_what_stands_for_it_in_files() -> None:
    reference = Reference("env", "X")
    assert text(reference) == '{"$from":"env:X"}'
    assert text({"a": {"b": reference}}) == '{"a":{"b":{"$from":"env:X"}}}'
    assert plain({"a": reference, "b": [1]}) == {"a": {"$from": "env:X"}, "b": [1]}


@given(st.integers(1, 65535))
def test_a_port_is_a_whole_number_or_its_digits(number: int) -> None:
    assert port(number) == number
    assert port(str(number)) == number


@pytest.mark.parametrize(
    "value", [0, -1, 65536, True, 1.0, None, "", "0", "65536", " 1", "1\n", "1_0", "+1", "\u0661", "123456", [1]]
)
def test_anything_else_is_no_port_and_is_not_shown(value: object) -> None:
    with pytest.raises(ValueError, match=r"^a port is a whole number from 1 to 65535$"):
        port(value)


@given(some.references)
def test_a_reference_round_trips_through_its_text(reference: Reference) -> None:
    assert Reference.parse(str(reference)) == reference


@pytest.mark.parametrize("written", ["", "env", "env:", ":X", "http:X", "ENV:X", "tell-nobody"])
def test_a_text_that_is_no_reference_is_refused_and_not_shown(written: str) -> None:
    with pytest.raises(ValueError, match=r"^a reference is one of env:…, file:…, vault:…$"):
        Reference.parse(written)
    assert SCHEMES == ("env", "file", "vault")


def test_an_item_is_called_by_its_deployment_and_id() -> None:
    assert str(Item("etl-dev", "connection", "warehouse")) == "etl-dev/warehouse"
    assert str(Item("etl-dev", "variable", "region")) == "etl-dev/variable region"


def test_a_scope_without_items_verifies_all() -> None:
    assert Scope().verify
    assert not Scope(items=frozenset()).verify


@given(some.conn_ids)
def test_an_id_that_airflow_allows_is_a_connections_id(id_: str) -> None:
    assert KINDS["connection"].valid_id(id_)


@pytest.mark.parametrize("id_", ["", "a b", "a\n", "a%b", "a@b", "a" * 251, "\ud800"])
def test_any_other_is_none(id_: str) -> None:
    assert not KINDS["connection"].valid_id(id_)


@pytest.mark.parametrize(
    ("key", "valid"), [("a b", True), ("é%@", True), ("", False), ("a\n", False), ("a" * 251, False)]
)
def test_a_variables_key_is_what_can_be_printed(key: str, valid: bool) -> None:
    assert KINDS["variable"].valid_id(key) is valid
