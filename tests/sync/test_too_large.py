"""A new document that doesn't fit beside others is held alone: what lies there is changed and removed as ever."""

from __future__ import annotations

import json
from typing import Any

import pytest

from syncd.core.documents import Place
from syncd.core.errors import FixError, Reason, WaitError
from syncd.core.layouts.kubernetes import Bundled
from syncd.core.layouts.lookup import Address, lookup
from syncd.core.model import Definition, Item, Scope
from syncd.core.plan import Write
from tests.core.memory import MemoryTarget
from tests.targets.memory_record import MemoryRecord
from tests.targets.passes import connection, finished, planned, push, workspace

LARGEST = 10_000


class Narrow(MemoryTarget):
    """Its objects hold so much and no more."""

    def _write(self, write: Write, mark: Any) -> Any:
        held = self.objects.get(write.object)
        texts = {} if held is None else {key: text for key, text in held.texts.items() if key not in write.drop}
        for key, document in write.put.items():
            texts[key] = self._encoded(Place(write.object, key), document, mark)
        if sum(map(len, texts.values())) > LARGEST:
            return FixError(Reason.NOT_HOLDABLE, write.object, "is larger than it may be", "spread it over more")
        return super()._write(write, mark)


def warehouse(port: int, size: int = 6000) -> Definition:
    """One that takes much of the room."""
    return connection("warehouse", port=port, schema="x" * size)


def port(target: MemoryTarget, id_: str) -> int | None:
    """What a worker finds."""
    (held,) = target.objects.values()

    def get(place: Any, after: Any = None) -> Any:
        return None if place.object or place.key not in held.texts else json.loads(held.texts[place.key])

    found = lookup(get, Address("analytics", "etl", "analytics"), "connection", id_)
    return None if found is None else int(found[0]["layers"]["definition"]["port"])


def item(id_: str) -> Item:
    return Item("etl", "connection", id_)


def filled() -> tuple[Narrow, MemoryRecord]:
    """A target whose only Secret is nearly full."""
    target = Narrow(Bundled("analytics", 1))
    record = MemoryRecord(target.layout)
    one = workspace(warehouse(1), connection("lake", port=1), deployments=["etl"])
    assert not [outcome for outcome in push(one, target, record) if outcome.error]
    return target, record


def test_a_new_one_that_does_not_fit_is_held_by_name_and_the_others_rotate_in_the_same_pass() -> None:
    target, record = filled()
    two = workspace(
        warehouse(2),
        connection("large", port=2, schema="x" * 6000),
        deployments=["etl"],
        revision=2,
    )
    outcomes = push(two, target, record)

    assert {outcome.item: outcome.reason for outcome in outcomes if outcome.error} == {
        item("large"): Reason.NOT_HOLDABLE
    }
    assert {outcome.item: outcome.action for outcome in outcomes if outcome.item and not outcome.error} == {
        item("warehouse"): "updated",
        item("lake"): "deleted",
    }
    assert (port(target, "warehouse"), port(target, "lake")) == (2, None)


def test_a_worker_is_told_that_what_did_not_fit_is_linked() -> None:
    target, record = filled()
    large = connection("large", port=2, schema="x" * 6000)
    kept = warehouse(1), connection("lake", port=1)
    push(workspace(*kept, large, deployments=["etl"], revision=2), target, record)
    with pytest.raises(WaitError, match="could not be synced yet"):
        port(target, "large")


def test_once_there_is_room_what_was_held_is_written_and_the_record_knew_what_lay_there() -> None:
    target, record = filled()
    large = connection("large", port=2, schema="x" * 6000)
    push(
        workspace(warehouse(2), large, deployments=["etl"], revision=2),
        target,
        record,
    )
    small = workspace(connection("warehouse", port=2), large, deployments=["etl"], revision=3)
    prepared = planned(small, target, record, Scope("files", frozenset(map(item, ("warehouse", "large")))))
    outcomes = finished(prepared, small, target, record)

    assert not [outcome for outcome in outcomes if outcome.error]
    assert (port(target, "warehouse"), port(target, "large")) == (2, 2)


def test_one_that_grew_too_large_is_held_with_all_beside_it_and_nothing_is_lost() -> None:
    target, record = filled()
    grown = workspace(
        warehouse(2, size=20_000),
        connection("lake", port=1),
        deployments=["etl"],
        revision=2,
    )
    outcomes = push(grown, target, record)

    assert {outcome.item for outcome in outcomes if outcome.error and outcome.item} == {item("warehouse")}
    assert (port(target, "warehouse"), port(target, "lake")) == (1, 1)
