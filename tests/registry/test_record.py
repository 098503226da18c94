"""What is known of a target between passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from sqlalchemy import Connection

from syncd.core.documents import Mark, Observed, Place, Stamp, View
from syncd.core.errors import FixError, Reason, SyncError, WaitError
from syncd.core.model import Item, Reference
from syncd.core.outcome import Outcome
from syncd.core.ports import Record as Port
from syncd.core.ports import Standing
from syncd.registry import record as records
from syncd.registry import status
from syncd.registry.database import Registry
from syncd.registry.lease import lease
from syncd.registry.record import Record
from tests.registry.registries import NAME, NOW, save, workspace

_KEPT_BY_THE_PROTOCOL: type[Port] = Record

STANDING = Standing("/srv/shared", 7)
ITEM = Item("etl", "connection", "warehouse")
WAREHOUSE, LAKE = "analytics/deployments/etl/connections/warehouse", "analytics/deployments/etl/connections/lake"
VIEW: View = {
    ("layers", "definition", "host"): '"h"',
    ("layers", "definition", "a.b"): "null",
    ("x", 'say "hi"'): '"é"',
}
PASSWORD, TOKEN = Reference("env", "PASSWORD"), Reference("file", "/run/secrets/token")


@pytest.fixture
def record(registry: Registry) -> Iterator[Record]:
    save(registry, workspace(etl="dev"))
    with lease(registry, wait=0) as taken:
        yield Record(registry, NAME, taken)


class Ending:
    """A lease of a process that is about to end: it is held, and no pass is to begin anything."""

    held = True

    def begin(self, target: str) -> None:
        raise WaitError(Reason.BUSY, "pass", "is to end")

    def check(self, connection: Connection) -> None:
        self.begin("")

    def confirm(self, connection: Connection) -> None:
        pass


def mark(registry: Registry, revision: int = 1) -> Mark:
    return Mark(registry.instance, NAME, "files", revision)


def lying(record: Record, objects: Mapping[str, str], view: View = VIEW) -> Observed:
    """These objects, at these versions, as ours."""
    stamps = {name: Stamp(mark(record.registry), version) for name, version in objects.items()}
    return Observed({Place(name): view for name in objects}, stamps)


def outcome(error: SyncError | None = None, item: Item | None = ITEM, object_: str = WAREHOUSE) -> Outcome:
    return Outcome(Place(object_), item, "updated" if error is None else "held", error)


def conclude(
    record: Record, *outcomes: Outcome, digests: Mapping[Reference, str] | None = None, whole: bool = False
) -> None:
    record.conclude("files", 5, outcomes, digests or {}, NOW, whole=whole)


BUSY = WaitError(Reason.UNAVAILABLE, WAREHOUSE, "no space")
FOREIGN = FixError(Reason.NOT_OWNED, WAREHOUSE, "is somebody else's")
BROKEN = FixError(Reason.REFERENCE_UNREADABLE, "etl/warehouse", "env:PASSWORD isn't set")
HELD = FixError(Reason.DELETES_HELD, WAREHOUSE, "would be deleted")


def test_nothing_is_known_of_a_target_that_no_pass_has_seen(record: Record) -> None:
    assert record.observed("files", [WAREHOUSE]) == Observed()
    assert (record.counts("files"), record.unsettled("files"), record.adopted("files")) == ({}, frozenset(), {})
    assert record.digests("files") == {}


def test_what_was_seen_is_observed_again(record: Record) -> None:
    seen = lying(record, {WAREHOUSE: "v1", LAKE: "v2"})
    record.replace("files", seen)
    assert record.observed("files", [WAREHOUSE, LAKE]) == seen


def test_what_somebody_else_wrote_is_known_as_such(record: Record) -> None:
    other = Mark("another", NAME, "files", 7)
    seen = Observed({}, {WAREHOUSE: Stamp(None, "v1"), LAKE: Stamp(other, "v2")})
    record.replace("files", seen)
    assert record.observed("files", [WAREHOUSE, LAKE]) == seen


def test_a_bundle_is_observed_with_all_its_keys(record: Record) -> None:
    stamps = {"connections.json": Stamp(mark(record.registry), "v1")}
    seen = Observed({Place("connections.json", key): {("host",): f'"{key}"'} for key in ("", "a", "é/x")}, stamps)
    record.replace("files", seen)
    assert record.observed("files", ["connections.json"]) == seen


def test_only_what_is_asked_for_is_observed(record: Record) -> None:
    many = {f"object-{number}": f"v{number}" for number in range(1200)}
    record.replace("files", lying(record, many))
    for some in (["object-7"], list(many)[:600]):
        assert record.observed("files", some) == lying(record, {name: many[name] for name in some})
    assert record.observed("files", []) == Observed()


def test_seeing_again_replaces_what_was_known(record: Record) -> None:
    record.replace("files", lying(record, {WAREHOUSE: "v1", LAKE: "v1"}))
    now = lying(record, {LAKE: "v2"}, {("host",): '"other"'})
    record.replace("files", now)
    assert record.observed("files", [WAREHOUSE, LAKE]) == now


def test_what_could_not_be_read_stays_as_it_was_known(record: Record) -> None:
    before = lying(record, {WAREHOUSE: "v1"})
    record.replace("files", before)
    record.replace("files", Observed(unread={WAREHOUSE: BUSY}))
    assert record.observed("files", [WAREHOUSE]) == before


def test_targets_and_workspaces_are_apart(record: Record) -> None:
    save(record.registry, workspace(etl="dev"), name="finance")
    record.replace("files", lying(record, {WAREHOUSE: "v1"}))
    record.intend("files", [WAREHOUSE], STANDING)
    for other, target in ((record, "other"), (Record(record.registry, "finance", record.lease), "files")):
        assert other.observed(target, [WAREHOUSE]) == Observed()
        assert other.unsettled(target) == frozenset()


def test_where_a_target_stands_is_kept_with_the_intent(record: Record) -> None:
    assert record.standing("files") is None
    record.intend("files", [WAREHOUSE], STANDING)
    assert record.standing("files") == STANDING
    record.intend("files", [LAKE], STANDING._replace(revision=8))
    assert record.standing("files") == STANDING._replace(revision=8)
    assert record.standing("other") is None


def test_an_intent_is_unsettled_until_its_outcome(record: Record) -> None:
    record.intend("files", [WAREHOUSE, LAKE], STANDING)
    assert record.unsettled("files") == {WAREHOUSE, LAKE}
    record.settle("files", lying(record, {WAREHOUSE: "v1"}), frozenset({WAREHOUSE}))
    assert record.unsettled("files") == {LAKE}
    assert record.observed("files", [WAREHOUSE, LAKE]) == lying(record, {WAREHOUSE: "v1"})


def test_intending_twice_is_intending_once(record: Record) -> None:
    for _ in range(2):
        record.intend("files", [WAREHOUSE], STANDING)
    record.settle("files", Observed(), frozenset({WAREHOUSE}))
    assert record.unsettled("files") == frozenset()


def test_what_is_gone_is_known_no_more(record: Record) -> None:
    record.replace("files", lying(record, {WAREHOUSE: "v1"}))
    record.intend("files", [WAREHOUSE], STANDING)
    record.settle("files", Observed(), frozenset({WAREHOUSE}))
    assert record.observed("files", [WAREHOUSE]) == Observed()


def test_nothing_is_intended_without_the_lease(record: Record, registry: Registry) -> None:
    early = replace(record, lease=Ending())
    with pytest.raises(WaitError, match="is to end"):
        early.intend("files", [WAREHOUSE], STANDING)
    with pytest.raises(WaitError, match="is to end"):
        early.replace("files", Observed())
    with pytest.raises(RuntimeError):
        Record(registry, NAME).intend("files", [WAREHOUSE], STANDING)
    assert record.unsettled("files") == frozenset()


def test_what_was_written_is_settled_by_a_pass_that_is_to_end(record: Record) -> None:
    record.intend("files", [WAREHOUSE], STANDING)
    replace(record, lease=Ending()).settle("files", lying(record, {WAREHOUSE: "v1"}), frozenset({WAREHOUSE}))
    assert record.unsettled("files") == frozenset()


def test_an_adoption_lasts_until_the_object_is_written(record: Record) -> None:
    record.adopt("files", {WAREHOUSE: "v1", LAKE: "v1"})
    record.adopt("files", {LAKE: "v2"})
    assert record.adopted("files") == {WAREHOUSE: "v1", LAKE: "v2"}
    record.settle("files", lying(record, {LAKE: "v3"}), frozenset({LAKE}))
    assert record.adopted("files") == {WAREHOUSE: "v1"}


@pytest.mark.parametrize("revision", [None, 0])
def test_an_adoption_outlasts_a_write_that_only_cleared_up(record: Record, revision: int | None) -> None:
    record.adopt("files", {WAREHOUSE: "v1"})
    left = Stamp(None if revision is None else mark(record.registry, revision), "v1")
    record.settle("files", Observed({}, {WAREHOUSE: left}), frozenset({WAREHOUSE}))
    assert record.adopted("files") == {WAREHOUSE: "v1"}
    record.settle("files", Observed(), frozenset({WAREHOUSE}))
    assert record.adopted("files") == {}


def test_items_are_counted_where_a_document_of_theirs_was_ever_written(record: Record) -> None:
    others = [Item("etl", "variable", "region"), Item("bi", "connection", "warehouse")]
    conclude(record, *(outcome(item=item) for item in (ITEM, *others)), outcome(item=None))
    conclude(record, outcome(FOREIGN, Item("etl", "connection", "new")), outcome(BUSY, others[0]))
    assert record.counts("files") == {"etl": 2, "bi": 1}


def test_a_target_is_at_a_revision_once_nothing_failed(record: Record) -> None:
    conclude(record, outcome(), outcome(BUSY, object_=LAKE))
    first = status.last_pass(record.registry, NAME, "files")
    assert first is not None
    assert (first.revision, first.behind_since) == (0, NOW)
    conclude(record, outcome())
    last = status.last_pass(record.registry, NAME, "files")
    assert last is not None
    assert (last.revision, last.behind_since) == (5, None)


@pytest.mark.parametrize("error", [BUSY, FOREIGN])
def test_what_the_target_refused_is_looked_at_again(record: Record, error: SyncError) -> None:
    conclude(record, outcome(error), outcome(object_=LAKE))
    assert record.unsettled("files") == {WAREHOUSE}


@pytest.mark.parametrize("error", [BROKEN, HELD])
def test_what_the_target_has_no_part_in_is_not(record: Record, error: SyncError) -> None:
    conclude(record, outcome(error))
    assert record.unsettled("files") == frozenset()


def test_digests_are_kept_once_nothing_failed(record: Record) -> None:
    conclude(record, outcome(), digests={PASSWORD: "d1", TOKEN: "d1"})
    conclude(record, outcome(), digests={TOKEN: "d2"})
    assert record.digests("files") == {PASSWORD: "d1", TOKEN: "d2"}


def test_a_whole_pass_forgets_the_digests_of_what_is_read_no_more(record: Record) -> None:
    conclude(record, outcome(), digests={PASSWORD: "d1", TOKEN: "d1"})
    conclude(record, outcome(), digests={TOKEN: "d1"}, whole=True)
    assert record.digests("files") == {TOKEN: "d1"}


def test_a_reference_that_moved_in_a_pass_that_failed_counts_as_moved_whatever_it_gives_next(record: Record) -> None:
    """Some of its items have the new value already: one that goes back to what it was is news to them."""
    conclude(record, outcome(), digests={PASSWORD: "d1", TOKEN: "d1"})
    conclude(record, outcome(BUSY), digests={PASSWORD: "d2", TOKEN: "d1"})
    assert record.digests("files") == {PASSWORD: "", TOKEN: "d1"}


def test_a_reference_that_was_never_read_in_a_pass_without_failures_is_not_known(record: Record) -> None:
    conclude(record, outcome(BUSY), digests={PASSWORD: "d1"})
    assert record.digests("files") == {}


def test_a_target_holds_something_while_objects_of_ours_are_known_or_intended_there(record: Record) -> None:
    registry = record.registry
    foreign = Observed({}, {WAREHOUSE: Stamp(None, "v1"), LAKE: Stamp(Mark("another", NAME, "files", 1), "v1")})
    assert records.targets(registry, NAME) == ()
    record.replace("files", foreign)
    assert records.targets(registry, NAME) == ()
    record.replace("files", lying(record, {WAREHOUSE: "v1"}))
    record.intend("other", [LAKE], STANDING)
    assert records.targets(registry, NAME) == ("files", "other")


def test_a_target_that_is_forgotten_was_never_there(record: Record) -> None:
    record.replace("files", lying(record, {WAREHOUSE: "v1"}))
    record.replace("other", lying(record, {WAREHOUSE: "v1"}))
    conclude(record, outcome(), digests={PASSWORD: "d1"})
    records.forget(record.registry, NAME, "files")
    assert record.observed("files", [WAREHOUSE]) == Observed()
    assert record.digests("files") == {}
    assert status.last_pass(record.registry, NAME, "files") is None
    assert records.targets(record.registry, NAME) == ("other",)
