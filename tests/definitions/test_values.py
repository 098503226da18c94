"""What a value in a file means."""

from __future__ import annotations

import pytest

from syncd.core.model import Key
from tests.definitions.texts import extra, fields, one, problems, subjects

pytestmark = pytest.mark.usefixtures("either_yaml")

AS_WRITTEN = (
    *("no", "yes", "on", "Null", "TRUE", "0123", "12:30", "12:30:45", "1_000", "2024-01-01", "0x1F", "0o7", ".5", "1."),
    *("+1", "1e", ".inf", ".nan", "=", "-a", "a:b", "a#b", "x%", "$x", "é", "😀"),
)


@pytest.mark.parametrize("text", [*AS_WRITTEN, "true", "false", "1", "1.50", "1e3"])
def test_a_field_is_the_text_as_written(text: str) -> None:
    assert fields(f"host: {text}") == {"host": text}


@pytest.mark.parametrize("text", AS_WRITTEN)
def test_in_extra_too_where_it_is_no_json(text: str) -> None:
    assert extra(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("0", 0),
        ("-7", -7),
        ("30", 30),
        ("1.50", 1.5),
        ("-1E+3", -1000.0),
    ],
)
def test_in_extra_plain_json_is_typed(text: str, value: object) -> None:
    found = extra(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("text", ["true", "null", "1", "1.5", "", "~"])
def test_a_quoted_value_is_a_text(text: str) -> None:
    assert extra(f'"{text}"') == extra(f"'{text}'") == text
    assert fields(f'host: "{text}"') == {"host": text}


def test_typing_reaches_into_lists_and_objects_of_extra() -> None:
    assert extra('[1, "1", {a: true, b: [null, no]}]') == [1, "1", {"a": True, "b": [None, "no"]}]


def test_keys_are_texts_as_written() -> None:
    assert fields("extra: {1: a, no: b, null: c, 12:30: d, 0x1F: e}") == {
        "extra": {"1": "a", "no": "b", "null": "c", "12:30": "d", "0x1F": "e"}
    }


def test_a_text_of_several_lines_keeps_them() -> None:
    assert fields("host: |\n  a\n   b\n") == {"host": "a\n b\n"}


def test_null_unsets_a_field() -> None:
    assert fields("host: null\nport: null\nextra: null") == {"host": None, "port": None, "extra": None}


@pytest.mark.parametrize("field", ["host:", "port:", "extra:", "extra: {key: }", "extra: {key: [a, {b: }]}"])
def test_an_empty_value_is_an_error(field: str) -> None:
    (error,) = problems(one(field))
    assert (error.problem, error.remedy) == ("is empty", 'write null or ""')


@pytest.mark.parametrize("field", ["host: ~", "extra: {key: ~}", "port: ~"])
def test_a_tilde_is_an_error_that_names_both_meanings(field: str) -> None:
    (error,) = problems(one(field))
    assert error.remedy == 'write null, or "~" for the text'


@pytest.mark.parametrize("text", ["1", "5432", "65535"])
def test_a_port_is_a_whole_number(text: str) -> None:
    assert fields(f"port: {text}") == {"port": int(text)}


@pytest.mark.parametrize("text", ['"5432"', "'1'", "0", "65536", "-1", "0443", "1_0", "1.0", "1e3", "true", "[1]"])
def test_nothing_else_is_a_port(text: str) -> None:
    assert subjects(one(f"port: {text}")) == ["a.yaml:4:5 connections.c.port"]


@pytest.mark.parametrize("text", ["1e999", "-1e999", "9" * 5000])
def test_a_number_that_json_cannot_hold_wants_quotes(text: str) -> None:
    (error,) = problems(one(f"extra: {{key: {text}}}"))
    assert (error.subject, error.remedy) == ("a.yaml:4:13 connections.c.extra.key", "quote it")


@pytest.mark.parametrize("text", ["yes", '"true"', "True", "1", "null", "[]"])
def test_a_flag_is_plain_true_or_false(text: str) -> None:
    variable = Key("variable", "c")
    assert subjects(one(f"link_all: {text}")) == ["a.yaml:4:5 connections.c.link_all"]
    assert subjects(one(f"secret: {text}", variable)) == ["a.yaml:4:5 variables.c.secret"]


@pytest.mark.parametrize("mask", ["***", "**********", "•••", "*•*"])
@pytest.mark.parametrize("place", ["password: {}", "host: {}", "extra: {{key: {}}}", "extra: {{key: [{}]}}"])
def test_a_mask_that_some_output_showed_is_refused(mask: str, place: str) -> None:
    (error,) = problems(one(place.format(f'"{mask}"')))
    assert "is a mask" in error.problem
    assert mask not in str(error)


@pytest.mark.parametrize("text", ["**", "•", "***a", "* * *"])
def test_a_text_that_holds_more_or_less_is_no_mask(text: str) -> None:
    assert fields(f'password: "{text}"') == {"password": text}


def test_extra_as_text_is_an_error_that_says_how_to_write_it() -> None:
    (error,) = problems(one('extra: \'{"sslmode": "require"}\''))
    assert error.problem == "an object (key: value) is wanted here, not a text"
    assert error.remedy == "take the quotes around the JSON away"


def test_json_may_stand_as_it_is() -> None:
    assert fields('extra: {"sslmode": "require", "n": [1, null]}') == {"extra": {"sslmode": "require", "n": [1, None]}}
