"""Several sources of one deployment are one, or say where they aren't."""

from __future__ import annotations

from syncd.core.model import Key
from syncd.imports.found import Found, Reading, defined
from syncd.imports.sources import together

SECRET = "tell-nobody"


def source(file: str, **passwords: str) -> tuple[str, Found]:
    reading = Reading(file)
    for id_, password in passwords.items():
        reading.take(defined("connection", id_, {"conn_type": "x", "password": password}))
    return file, reading.found()


def test_what_two_have_alike_is_taken_once() -> None:
    found = together([source("a", db="p", lake="p"), source("b", db="p")])

    assert found.definitions.keys() == {Key("connection", "db"), Key("connection", "lake")}
    assert found.problems == ()


def test_what_two_have_differently_is_told_of_each_that_comes_later_and_taken_from_none() -> None:
    found = together([source("a", db=SECRET), source("b", db="p"), source("c", db=SECRET)])

    assert found.definitions == {}
    assert [str(one.error) for one in found.problems] == [
        f"{file} connections.db: isn't what a has; leave one of the two away" for file in "bc"
    ]


def test_what_each_tells_is_told() -> None:
    reading = Reading("b")
    reading.tell("is no NAME=VALUE")
    reading.note("a pool is left out")
    found = together([source("a", db="p"), ("b", reading.found())])

    assert [one.problem for one in (*found.problems, *found.notes)] == ["is no NAME=VALUE", "a pool is left out"]
