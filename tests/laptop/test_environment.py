"""What a command is told instead of a machine's own settings, and what no environment holds."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest

from syncd.core.merge import Layer
from syncd.core.model import Item
from syncd.core.resolve import Resolution, Resolved
from syncd.laptop import environment
from syncd.laptop.copies import Copy

BACKENDS = ("AIRFLOW__SECRETS__BACKEND", "AIRFLOW__WORKERS__SECRETS_BACKEND")


def copy(*items: tuple[str, str, dict[str, Any]]) -> Copy:
    """Of `d`, with these kinds, ids and fields."""
    resolved = {
        Item("d", kind, id_): Resolved(kind, id_, (Layer("definition", fields),), frozenset())
        for kind, id_, fields in items
    }
    linked = {"d": frozenset(resolved)}
    return Copy("d", Resolution("analytics", 1, True, resolved, {}, frozenset(), linked, frozenset()))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("ending", ["", "_CMD", "_SECRET"])
def test_however_a_backend_is_set_ours_takes_its_place(backend: str, ending: str) -> None:
    theirs = dict.fromkeys((f"{backend}{ending}", f"{backend}_KWARGS{ending}"), "production")
    told = environment.replaced({**theirs, "OTHER": "x"}, "ours", {"path": "/p"})
    assert told.pop("OTHER") == "x"
    assert {told.pop(name) for name in BACKENDS} == {"ours"}
    assert {told.pop(f"{name}_KWARGS") for name in BACKENDS} == {json.dumps({"path": "/p"})}
    assert told == {}


def test_where_no_backend_is_to_be_asked_none_is_set() -> None:
    names = [f"{backend}{ending}" for backend, ending in product(BACKENDS, ("", "_KWARGS"))]
    assert environment.replaced(dict.fromkeys(names, "production"), "", {}) == dict.fromkeys(names, "")


def test_where_both_say_something_the_environment_wins_over_dotenv() -> None:
    given = environment.given({"AIRFLOW_VAR_A": "1"}, {"AIRFLOW_VAR_A": "2", "AIRFLOW_CONN_A": "x://", "OTHER": "3"})
    items = [Item("d", "variable", "a"), Item("d", "connection", "A"), Item("d", "connection", "b")]
    assert list(given.items(items).values()) == ["the environment", ".env"]


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        (("connection", "key", {"conn_type": "ssh", "password": "x" * 131_072}), "is longer than the 128 KiB"),
        (("variable", "key", {"value": "x" * 131_072}), "is longer than the 128 KiB"),
        (("variable", "nul", {"value": "a\0b"}), "has a character that no environment holds"),
        (("variable", "a=b", {"value": "x"}), "has a character that no environment holds"),
    ],
)
def test_what_no_environment_holds_is_left_out_and_told(item: tuple[str, str, dict[str, Any]], problem: str) -> None:
    held, left = environment.variables(copy(item, ("variable", "region", {"value": "eu"})))
    assert held == {"AIRFLOW_VAR_REGION": "eu"}
    ((one, error),) = left.items()
    assert (one.id, problem in str(error)) == (item[1], True)


def test_of_two_with_the_same_name_in_an_environment_the_second_is_left_out_and_told() -> None:
    held, left = environment.variables(copy(("variable", "A", {"value": "1"}), ("variable", "a", {"value": "2"})))
    assert held == {"AIRFLOW_VAR_A": "1"}
    assert [(item.id, str(error)) for item, error in left.items()] == [
        ("a", "d/variable a: has the same name in an environment as A; leave --as env away")
    ]
