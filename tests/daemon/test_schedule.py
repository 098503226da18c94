"""When it is whose turn: no clock is looked at, so that every moment can be had."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.errors import FixError, Reason, SyncError, WaitError
from syncd.daemon.schedule import Ended, Kind, Rhythm, Turn, after, begun, due, fires, hastened, looked

RHYTHM = Rhythm(interval=60, verify=900, backoff=300)
AWAY = WaitError(Reason.UNAVAILABLE, "vault", "doesn't answer")
WRONG = FixError(Reason.ACCESS_DENIED, "vault", "says no")
MIDNIGHT = datetime(2026, 1, 1, tzinfo=timezone.utc)


def middle() -> float:
    return 0.5


def ended(failure: SyncError | None = None, *held: SyncError, kind: Kind = Kind.CHANGED, revision: int = 1) -> Ended:
    return Ended(revision, kind, failure, held)


def turn(*passes: Ended, now: float = 0) -> Turn:
    """After these, all at once."""
    found = Turn()
    for one in passes:
        found = after(found, one, now, RHYTHM, middle)
    return found


VERIFIED = ended(kind=Kind.VERIFY)


# When


def test_the_first_pass_reads_everything_back() -> None:
    assert due(Turn(), 0, 0) is Kind.VERIFY


def test_a_target_in_sync_has_its_turn_after_an_interval() -> None:
    assert [due(turn(VERIFIED), 1, now) for now in (0, 59, 60)] == [None, None, Kind.CHANGED]


def test_a_change_is_due_at_once() -> None:
    assert due(turn(VERIFIED), 2, 0) is Kind.CHANGED


def test_everything_is_read_back_within_the_time_for_that() -> None:
    assert due(turn(VERIFIED), 1, 900) is Kind.VERIFY
    assert due(turn(VERIFIED, ended(), now=0), 1, 900) is Kind.VERIFY


def test_a_change_goes_before_a_verification_and_beside_it() -> None:
    assert due(turn(VERIFIED), 2, 900) is Kind.CHANGED
    assert due(turn(VERIFIED), 2, 900, {Kind.VERIFY}) is Kind.CHANGED
    assert due(turn(VERIFIED), 2, 900, {Kind.CHANGED}) is Kind.VERIFY


@pytest.mark.parametrize("running", [set(Kind), {Kind.VERIFY}, {Kind.CHANGED}])
def test_of_each_kind_one_is_at_work(running: set[Kind]) -> None:
    assert due(turn(VERIFIED), 2, 900, running) not in running
    assert due(turn(VERIFIED), 1, 60, running) is None


def test_what_changes_during_the_first_pass_waits_for_it() -> None:
    assert due(Turn(), 7, 0, {Kind.VERIFY}) is None


# What fails


def test_a_target_that_fails_is_tried_again_after_longer_and_longer() -> None:
    waits = [turn(VERIFIED, *[ended(AWAY)] * times).next for times in range(1, 9)]
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300]


def test_a_target_that_does_not_answer_is_left_in_peace_whatever_changes() -> None:
    away = turn(VERIFIED, ended(AWAY))
    assert [due(away, 2, now) for now in (0, 4.9, 5)] == [None, None, Kind.CHANGED]


def test_a_target_that_says_no_is_tried_at_once_where_definitions_changed() -> None:
    assert due(turn(VERIFIED, ended(WRONG)), 1, 1) is None
    assert due(turn(VERIFIED, ended(WRONG)), 2, 1) is Kind.CHANGED


def test_a_verification_that_failed_is_due_again_and_not_before_its_time() -> None:
    for failure in (AWAY, WRONG):
        failed = turn(ended(failure, kind=Kind.VERIFY))
        assert [due(failed, 1, now) for now in (0, 4.9, 5)] == [None, None, Kind.VERIFY]


def test_items_that_wait_are_tried_again_sooner_than_the_interval_and_never_later() -> None:
    assert turn(VERIFIED, ended(None, AWAY)).next == 5
    assert turn(VERIFIED, *[ended(None, AWAY)] * 9).next == 60


def test_items_that_somebody_must_see_to_are_tried_again_at_the_interval() -> None:
    assert turn(VERIFIED, ended(None, WRONG)).next == 60


def test_one_success_ends_the_waiting() -> None:
    assert turn(*[ended(AWAY)] * 5, VERIFIED) == turn(VERIFIED)


def test_whoever_had_to_give_way_is_due_as_before() -> None:
    busy = WaitError(Reason.GAVE_WAY, "lease", "is somebody else's")
    assert turn(VERIFIED, ended(busy, revision=7)) == turn(VERIFIED)


def test_a_registry_that_is_locked_is_no_giving_way_and_waited_for() -> None:
    assert turn(VERIFIED, ended(WaitError(Reason.BUSY, "registry.db", "is locked"))).failures == 1


@given(st.lists(st.sampled_from([ended(), VERIFIED, ended(AWAY), ended(WRONG), ended(None, AWAY)]), max_size=20))
def test_after_any_pass_the_same_revision_is_not_due_at_once_and_is_some_time(passes: list[Ended]) -> None:
    found = turn(VERIFIED, *passes, now=50)
    assert due(found, 1, 50) is None
    assert due(found, 1, 50 + max(RHYTHM.interval, RHYTHM.backoff)) is not None


@given(st.floats(0, 1, exclude_max=True))
def test_times_are_shorter_by_a_share_at_most_and_never_longer(drawn: float) -> None:
    found = after(Turn(), VERIFIED, 0, RHYTHM._replace(jitter=0.1), lambda: drawn)
    assert 54 <= found.next <= 60
    assert 810 <= found.verify <= 900


# Crontabs


def test_by_a_crontab_nothing_is_due_until_it_fires() -> None:
    waiting = after(Turn(), VERIFIED, 0, RHYTHM._replace(by_cron=True), middle)
    assert due(waiting, 1, 800) is None
    assert due(hastened(waiting, 800), 1, 800) is Kind.CHANGED


def test_by_a_crontab_what_fails_is_tried_again_all_the_same() -> None:
    assert after(turn(VERIFIED), ended(AWAY), 0, RHYTHM._replace(by_cron=True), middle).next == 5
    assert after(turn(VERIFIED), ended(None, AWAY), 0, RHYTHM._replace(by_cron=True), middle).next == 5


def test_what_does_not_answer_is_not_hastened() -> None:
    away = turn(VERIFIED, ended(AWAY))
    assert hastened(away, 0) == away


def test_a_crontab_is_in_utc_whatever_the_machine_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    assert fires("30 4 * * *", MIDNIGHT) == MIDNIGHT + timedelta(hours=4, minutes=30)


@pytest.mark.parametrize("wrong", ["", "* * * *", "61 * * * *", "daily", "* * * * * *"])
def test_what_is_no_crontab_never_fires(wrong: str) -> None:
    assert fires(wrong) is None


def test_a_crontab_fires_once_at_its_time() -> None:
    cron = begun("*/5 * * * *", MIDNIGHT)
    fired = []
    for seconds in range(0, 900, 10):
        cron, now = looked(cron, MIDNIGHT + timedelta(seconds=seconds))
        fired += [seconds] if now else []
    assert fired == [300, 600]


def test_what_was_missed_while_the_machine_slept_is_made_up_for_once() -> None:
    cron, fired = looked(begun("* * * * *", MIDNIGHT), MIDNIGHT + timedelta(days=365))
    assert fired
    assert not looked(cron, MIDNIGHT + timedelta(days=365, seconds=1))[1]


def test_a_clock_that_is_set_back_fires_nothing_twice_and_goes_on() -> None:
    cron, _ = looked(begun("0 * * * *", MIDNIGHT), MIDNIGHT + timedelta(hours=5))
    cron, fired = looked(cron, MIDNIGHT)
    assert not fired
    assert looked(cron, MIDNIGHT + timedelta(hours=1))[1]


@pytest.mark.parametrize(("what", "within"), [(Kind.CHANGED, 1), (Kind.VERIFY, 10)])
def test_of_twenty_that_start_together_a_fifth_at_most_has_its_turn_at_once(what: Kind, within: float) -> None:
    """After an hour; `within` is how long such a pass takes at most, in seconds."""
    random, rhythm = Random(17).random, RHYTHM._replace(jitter=0.1)  # noqa: S311  the same at each run
    begun: list[float] = []
    for _ in range(20):
        one, now = after(Turn(), VERIFIED, 0, rhythm, random), 0.0
        while now < 3600:
            now = min(one.next, one.verify)
            kind = due(one, 1, now)
            assert kind is not None
            one = after(one, ended(kind=kind), now, rhythm, random)
        begun.append(one.next if what is Kind.CHANGED else one.verify)
    assert max(sum(start <= other < start + within for other in begun) for start in begun) <= 4
