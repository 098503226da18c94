"""What every source promises: see `Source` in syncd/core/ports.py."""

from __future__ import annotations

import threading
import traceback
from pathlib import Path
from typing import Any

import pytest

from syncd.core import ids
from syncd.core.documents import Place
from syncd.core.errors import FixError, SyncError
from tests.sources.holders import HOLDERS, Holder

SECRET = "tell-nobody"
FOLDER = "analytics/deployments/etl-dev/connections"
PLACES = {
    "a path": Place(f"{FOLDER}/warehouse"),
    "a key": Place("", "connections.warehouse"),
}
"""In a tree, and flat, as a mounted Secret has it."""

ENVELOPE = {"format": 1, "layers": {"definition": {"conn_type": "http", "password": SECRET}}, "secrets": [["password"]]}


@pytest.fixture(params=HOLDERS)
def holder(request: pytest.FixtureRequest, tmp_path: Path) -> Holder:
    made: Holder = HOLDERS[request.param](tmp_path / "held")
    return made


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Place:
    return PLACES[request.param]


def shown(error: BaseException) -> str:
    """An error with whatever a traceback with locals prints."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def test_what_is_not_there_is_none(holder: Holder, place: Place) -> None:
    assert holder.source.get(place) is None


def test_what_is_there_is_as_it_was_put(holder: Holder, place: Place) -> None:
    holder.put(place, ENVELOPE)

    assert holder.source.get(place) == ENVELOPE


@pytest.mark.parametrize("value", ["", " ", None, 0, False, 1, True, 1.0, [], {}, "null", "é🔑", {"": None}], ids=repr)
def test_a_value_stays_what_it_is(holder: Holder, place: Place, value: Any) -> None:
    holder.put(place, {"value": value})

    found = holder.source.get(place)

    assert found is not None
    assert repr(found["value"]) == repr(value)


def test_what_does_not_change_is_the_same_object(holder: Holder, place: Place) -> None:
    holder.put(place, ENVELOPE)

    first = holder.source.get(place)

    assert first is not None
    assert holder.source.get(place) is first
    assert holder.source.get(place) is first


def test_a_change_is_seen_at_the_next_call(holder: Holder, place: Place) -> None:
    for revision in range(10):  # of the same size
        holder.put(place, {"revision": revision})

        assert holder.source.get(place) == {"revision": revision}


def test_what_is_removed_is_none_at_the_next_call(holder: Holder, place: Place) -> None:
    holder.put(place, ENVELOPE)
    assert holder.source.get(place) == ENVELOPE

    holder.remove(place)

    assert holder.source.get(place) is None


def test_what_comes_back_is_seen(holder: Holder, place: Place) -> None:
    holder.put(place, ENVELOPE)
    assert holder.source.get(place) is not None
    holder.remove(place)
    assert holder.source.get(place) is None

    holder.put(place, {"again": True})

    assert holder.source.get(place) == {"again": True}


def test_what_is_malformed_is_something_to_fix(holder: Holder, place: Place) -> None:
    holder.spoil(place, SECRET)

    with pytest.raises(FixError, match="warehouse"):
        holder.source.get(place)


def test_what_becomes_malformed_is_not_taken_for_what_it_was(holder: Holder, place: Place) -> None:
    holder.put(place, ENVELOPE)
    assert holder.source.get(place) is not None

    holder.spoil(place, SECRET)

    for _ in range(2):
        with pytest.raises(FixError):
            holder.source.get(place)


def test_what_is_mended_is_seen(holder: Holder, place: Place) -> None:
    holder.spoil(place, SECRET)
    with pytest.raises(FixError):
        holder.source.get(place)

    holder.put(place, ENVELOPE)

    assert holder.source.get(place) == ENVELOPE


def test_what_cannot_be_read_is_an_error_and_never_absent(holder: Holder, place: Place) -> None:
    holder.close(place)

    with pytest.raises(SyncError, match="warehouse"):
        holder.source.get(place)


def test_what_can_no_longer_be_read_is_not_taken_for_what_it_was(holder: Holder, place: Place) -> None:
    holder.put(place, ENVELOPE)
    assert holder.source.get(place) is not None

    holder.close(place)

    with pytest.raises(SyncError):
        holder.source.get(place)


def test_no_error_holds_a_value_not_even_in_a_traceback_with_locals(holder: Holder, place: Place) -> None:
    holder.put(place, ENVELOPE)
    assert holder.source.get(place) is not None

    for way in ("spoiled", "closed"):
        if way == "spoiled":
            holder.spoil(place, SECRET)
        else:
            holder.close(place)
        with pytest.raises(SyncError) as raised:
            holder.source.get(place)

        assert "warehouse" in shown(raised.value)
        assert SECRET not in shown(raised.value)


IDS = ["é", "e\N{COMBINING ACUTE ACCENT}", "\N{LATIN SMALL LIGATURE FI}", "Straße", "a b", "a/b", ".", "..", "A", "\\x"]


@pytest.mark.parametrize("id_", [*IDS, "\N{MATHEMATICAL FRAKTUR CAPITAL U}", "\N{RIGHT-TO-LEFT MARK}"], ids=ascii)
def test_any_id_has_a_place_of_its_own(holder: Holder, id_: str) -> None:
    names = ("a", "e", id_)
    for name in names:
        holder.put(Place(f"{FOLDER}/{ids.encode(name)}"), {"id": name})

    assert [holder.source.get(Place(f"{FOLDER}/{ids.encode(name)}")) for name in names] == [
        {"id": name} for name in names
    ]


def test_an_id_that_is_too_long_to_be_there_is_not_there(holder: Holder) -> None:
    assert holder.source.get(Place(f"{FOLDER}/{'a' * 5000}")) is None


def test_one_place_says_nothing_about_another(holder: Holder) -> None:
    holder.spoil(Place(f"{FOLDER}/torn"), SECRET)
    holder.put(Place(f"{FOLDER}/warehouse"), ENVELOPE)

    assert holder.source.get(Place(f"{FOLDER}/warehouse")) == ENVELOPE
    assert holder.source.get(Place(f"{FOLDER}/lake")) is None


def test_threads_see_each_change_whole(holder: Holder, place: Place) -> None:
    holder.put(place, {"one": 0, "two": 0})
    done = threading.Event()
    seen: list[Any] = []

    def read() -> None:
        while not done.is_set():
            seen.append(holder.source.get(place))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        for number in range(1, 50):
            holder.put(place, {"one": number, "two": number})
    finally:
        done.set()
        for thread in threads:
            thread.join()

    assert all(envelope["one"] == envelope["two"] for envelope in seen)
    assert holder.source.get(place) == {"one": 49, "two": 49}
