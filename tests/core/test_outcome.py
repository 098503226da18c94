"""What became of each item: one attempt, and what is kept of all attempts."""

from __future__ import annotations

import pytest

from syncd.core.documents import Place
from syncd.core.errors import FixError, Reason, SyncError, WaitError
from syncd.core.model import Item
from syncd.core.outcome import Outcome, Status, advance, exit_code

PLACE = Place("a")
ITEM = Item("etl-dev", "connection", "warehouse")
BROKEN = FixError(Reason.NOT_OWNED, "a", "is somebody else's", "move it")
DOWN = WaitError(Reason.UNAVAILABLE, "vault", "doesn't answer")


def outcome(action: str, error: SyncError | None = None) -> Outcome:
    return Outcome(PLACE, ITEM, action, error)


SYNCED = Status(Reason.SYNCED, "monday", last_success="monday")
FAILED = Status(Reason.NOT_OWNED, "tuesday", "monday", 1, "a: is somebody else's", "move it")


def test_an_outcome_is_synced_or_its_errors_reason() -> None:
    assert outcome("created").reason is Reason.SYNCED
    assert outcome("held", BROKEN).reason is Reason.NOT_OWNED


@pytest.mark.parametrize("action", ["created", "updated", "unchanged"])
def test_the_first_success_starts_a_status(action: str) -> None:
    assert advance(None, outcome(action), "monday") == SYNCED


def test_the_first_failure_starts_one_too_without_a_success() -> None:
    assert advance(None, outcome("held", BROKEN), "monday") == Status(
        Reason.NOT_OWNED, "monday", None, 1, "a: is somebody else's", "move it"
    )


def test_a_failure_keeps_the_last_success() -> None:
    assert advance(SYNCED, outcome("held", BROKEN), "tuesday") == FAILED


def test_the_same_failure_again_counts_and_is_as_old_as_its_first() -> None:
    again = advance(FAILED, outcome("held", BROKEN), "friday")
    assert again is not None
    assert (again.since, again.failures, again.last_success) == ("tuesday", 2, "monday")


def test_another_failure_counts_on_and_begins_now() -> None:
    other = advance(FAILED, outcome("held", DOWN), "friday")
    assert other == Status(Reason.UNAVAILABLE, "friday", "monday", 2, "vault: doesn't answer", "")


def test_a_success_after_failures_forgets_them() -> None:
    assert advance(FAILED, outcome("updated"), "friday") == Status(Reason.SYNCED, "friday", "friday")


def test_an_item_found_as_it_should_be_after_failures_is_synced() -> None:
    assert advance(FAILED, outcome("unchanged"), "friday") == Status(Reason.SYNCED, "friday", "friday")


def test_where_nothing_changed_the_status_is_the_same_object() -> None:
    """Nothing to write: a pass over ten thousand items costs no row."""
    assert advance(SYNCED, outcome("unchanged"), "friday") is SYNCED


def test_a_write_after_a_success_moves_the_last_success_and_not_since() -> None:
    assert advance(SYNCED, outcome("updated"), "friday") == Status(Reason.SYNCED, "monday", "friday")


@pytest.mark.parametrize("status", [None, SYNCED, FAILED])
def test_an_item_that_was_deleted_has_no_status(status: Status | None) -> None:
    assert advance(status, outcome("deleted"), "friday") is None


def test_a_delete_that_failed_has_one() -> None:
    held = advance(SYNCED, outcome("held", DOWN), "friday")
    assert held is not None
    assert held.reason is Reason.UNAVAILABLE


def error(reason: Reason) -> SyncError:
    return FixError(reason, "a", "p")


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ([], 0),
        ([error(Reason.DELETES_HELD)], 3),
        ([error(Reason.NOT_OWNED)], 1),
        ([error(Reason.NOT_OWNED), error(Reason.DELETES_HELD)], 1),
        ([WaitError(Reason.BUSY, "a", "p")], 1),
    ],
)
def test_an_exit_code_says_done_failed_or_held(errors: list[SyncError], code: int) -> None:
    assert exit_code(errors) == code
