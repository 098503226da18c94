"""Ids as names: there and back again, one name each, whatever the target makes of capitals."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.ids import decode, encode
from tests import strategies as some

any_id = some.conn_ids | some.variable_keys


@given(any_id)
def test_an_id_round_trips(id_: str) -> None:
    assert decode(encode(id_)) == id_


@given(st.text())
def test_any_text_round_trips(text: str) -> None:
    assert decode(encode(text)) == text


@given(any_id)
def test_a_name_is_of_characters_that_every_target_can_hold(id_: str) -> None:
    assert re.fullmatch(r"[a-z0-9._-]+", encode(id_))


@given(any_id, any_id)
def test_two_ids_never_share_a_name_where_a_file_system_folds_case_or_composes_characters(one: str, two: str) -> None:
    names = [unicodedata.normalize("NFKC", encode(id_)).casefold() for id_ in (one, two)]
    assert (names[0] == names[1]) == (one == two)


@given(any_id)
def test_a_name_is_never_a_folder_of_its_own(id_: str) -> None:
    assert encode(id_) not in (".", "..")


@pytest.mark.parametrize(
    ("id_", "name"),
    [
        ("warehouse_2-x", "warehouse_2-x"),
        ("Lake", ".lake"),
        ("AZ", ".a.z"),
        ("@[`{", ".40.5b.60.7b"),
        (" ~\x7f\x1f", ".20.7e.07f..01f."),
        ("\U0010ffff", ".010ffff."),
        ("a.b", "a.2eb"),
        ("..", ".2e.2e"),
        ("a/b", "a.2fb"),
        ("a b", "a.20b"),
        ("é", ".0e9."),
        ("é9", ".0e9.9"),
        ("\U0001d518", ".01d518."),
    ],
)
def test_how_an_id_is_written(id_: str, name: str) -> None:
    assert encode(id_) == name


@given(st.text("abz09._-AZé", max_size=8))
def test_a_name_that_encode_does_not_give_is_no_id(name: str) -> None:
    """So that a file somebody put there isn't taken for a connection, and two files are never one."""
    try:
        id_ = decode(name)
    except ValueError:
        return
    assert encode(id_) == name


@pytest.mark.parametrize(
    "name", ["A", ".", "..", "a.", ".2", ".61", ".0e9", ".00e9.", ".0110000.", ".041.", "é", "a/b"]
)
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(ValueError, match="not an encoded id"):
        decode(name)
