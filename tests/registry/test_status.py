"""The status of each item, and how far each target is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from syncd.core.documents import Place
from syncd.core.errors import FixError, Reason, SyncError, WaitError
from syncd.core.model import Item
from syncd.core.outcome import Outcome, Status
from syncd.registry import status
from syncd.registry.database import Registry
from syncd.registry.lease import lease
from syncd.registry.record import Record
from tests.registry.registries import NAME, save, workspace

ONE, TWO = Item("etl", "connection", "warehouse"), Item("bi", "variable", "region")
FOREIGN = FixError(Reason.NOT_OWNED, "there", "is somebody else's", "move it away")
BUSY = WaitError(Reason.UNAVAILABLE, "there", "no space")


@pytest.fixture
def record(registry: Registry) -> Iterator[Record]:
    save(registry, workspace(etl="dev"))
    with lease(registry, wait=0) as taken:
        yield Record(registry, NAME, taken)


def conclude(record: Record, now: str, outcomes: dict[Item, SyncError | str | None], *, whole: bool = False) -> None:
    """A pass: each item with its error, or with what was done."""
    made = [
        Outcome(Place(str(item)), item, "held", told)
        if isinstance(told, SyncError)
        else Outcome(Place(str(item)), item, told or "unchanged")
        for item, told in outcomes.items()
    ]
    record.conclude("files", 1, made, {}, now, whole=whole)


def statuses(record: Record) -> dict[Item, Status]:
    return dict(status.statuses(record.registry, NAME, "files"))


def test_a_status_tells_since_when_and_what_to_do(record: Record) -> None:
    conclude(record, "t1", {ONE: "created"})
    conclude(record, "t2", {ONE: FOREIGN})
    conclude(record, "t3", {ONE: FOREIGN})
    found = statuses(record)[ONE]
    assert found == Status(Reason.NOT_OWNED, "t2", "t1", 2, "there: is somebody else's", "move it away")


def test_a_success_ends_the_failures_and_keeps_its_time(record: Record) -> None:
    for now, told in (("t1", BUSY), ("t2", "created"), ("t3", "unchanged")):
        conclude(record, now, {ONE: told})
    assert statuses(record) == {ONE: Status(Reason.SYNCED, "t2", "t2")}


def test_another_reason_is_since_then(record: Record) -> None:
    conclude(record, "t1", {ONE: BUSY})
    conclude(record, "t2", {ONE: FOREIGN})
    assert (statuses(record)[ONE].since, statuses(record)[ONE].failures) == ("t2", 2)


def test_an_item_that_was_deleted_has_no_status(record: Record) -> None:
    conclude(record, "t1", {ONE: "created", TWO: "created"})
    conclude(record, "t2", {ONE: "deleted"})
    assert statuses(record).keys() == {TWO}


def test_a_pass_over_some_items_leaves_the_others(record: Record) -> None:
    conclude(record, "t1", {ONE: BUSY, TWO: "created"})
    before = statuses(record)[ONE]
    conclude(record, "t2", {TWO: "updated"})
    assert statuses(record)[ONE] == before


def test_a_whole_pass_forgets_what_it_did_not_meet(record: Record) -> None:
    conclude(record, "t1", {ONE: BUSY, TWO: "created"})
    conclude(record, "t2", {TWO: "unchanged"}, whole=True)
    assert statuses(record).keys() == {TWO}


def test_what_isnt_in_sync_is_failing(record: Record) -> None:
    conclude(record, "t1", {ONE: BUSY, TWO: "created"})
    assert status.failing(record.registry, NAME, "files") == {ONE: Reason.UNAVAILABLE}


def test_statuses_are_found_by_deployment_and_by_id(record: Record) -> None:
    conclude(record, "t1", {ONE: "created", TWO: "created"})
    assert status.statuses(record.registry, NAME, "files", deployments=["etl"]).keys() == {ONE}
    assert status.statuses(record.registry, NAME, "files", ids=["region"]).keys() == {TWO}


def test_many_statuses_are_advanced_at_once(record: Record) -> None:
    many: dict[Item, SyncError | str | None] = {Item("etl", "variable", f"v{n}"): "created" for n in range(1200)}
    conclude(record, "t1", many)
    conclude(record, "t2", dict.fromkeys(many, BUSY))
    assert {(one.reason, one.failures) for one in statuses(record).values()} == {(Reason.UNAVAILABLE, 1)}
    assert len(statuses(record)) == 1200


def test_a_target_that_falls_behind_tells_since_when(record: Record) -> None:
    seen = []
    for now, told in (("t1", "created"), ("t2", BUSY), ("t3", BUSY), ("t4", "updated")):
        conclude(record, now, {ONE: told})
        last = status.last_pass(record.registry, NAME, "files")
        assert last is not None
        seen.append((last.at, last.behind_since))
    assert seen == [("t1", None), ("t2", "t2"), ("t3", "t2"), ("t4", None)]


def test_a_target_that_no_pass_has_ended_at_has_none(record: Record) -> None:
    assert status.last_pass(record.registry, NAME, "files") is None
    conclude(record, "t1", {})
    assert status.last_pass(record.registry, NAME, "files") is not None


def test_a_target_that_cannot_be_looked_at_tells_why_and_since_when_until_it_can(record: Record) -> None:
    conclude(record, "t1", {ONE: "created"})
    for now in ("t2", "t3"):
        status.failed(record.registry, NAME, "files", BUSY, now)
    failure = status.failure(record.registry, NAME, "files")
    assert failure is not None
    assert (failure.reason, failure.since, failure.failures) == (Reason.UNAVAILABLE, "t2", 2)
    conclude(record, "t4", {ONE: "unchanged"})
    assert status.failure(record.registry, NAME, "files") is None
