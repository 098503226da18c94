"""When is which target's turn? Values in, values out: nobody looks at a clock here.

Intervals are by a monotonic clock, so that a clock that is set, or a summer time, moves none of them. Crontabs are by
the time of day, in UTC: whatever was missed is made up for once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import NamedTuple

from syncd.core.errors import Reason, SyncError, WaitError

_FIRST = 5
"""Seconds until the first try after a failure."""

_NEVER = float("inf")

Random = Callable[[], float]
"""Of [0, 1)."""


class Kind(str, Enum):
    """Of a pass: over what changed, or over all that lies in a target."""

    CHANGED = "changed"
    VERIFY = "verify"


class Rhythm(NamedTuple):
    """Seconds between turns, as in the settings; with `by_cron` a crontab says when, and `interval` says nothing."""

    interval: float
    verify: float
    backoff: float
    jitter: float = 0
    by_cron: bool = False


class Turn(NamedTuple):
    """How far one target is. Times are by the monotonic clock.

    `seen` is the revision of its last pass, whatever became of that; `failures` are those in a row. A target that is
    `away` didn't answer: that definitions changed is no reason to ask it again before its time.
    """

    seen: int = -1
    next: float = 0
    verify: float = 0
    failures: int = 0
    away: bool = False


class Ended(NamedTuple):
    """A pass that ended: why it couldn't be made, or the errors of those places that it couldn't bring in sync."""

    revision: int
    kind: Kind
    failure: SyncError | None = None
    held: tuple[SyncError, ...] = ()


def due(turn: Turn, revision: int, now: float, running: Collection[Kind] = ()) -> Kind | None:
    """What is to begin now, beside the passes over this target that run; None where nothing is.

    Of each kind one runs at a time. What changed waits for nothing but the first pass, which reads everything anyway.
    """
    early, changed = now < turn.next, revision != turn.seen
    if early and (turn.away or (not changed and now < turn.verify)):
        return None
    if changed and turn.seen >= 0 and Kind.CHANGED not in running:
        return Kind.CHANGED
    if now >= turn.verify:
        return None if Kind.VERIFY in running else Kind.VERIFY
    return None if running else Kind.CHANGED


def after(turn: Turn, ended: Ended, now: float, rhythm: Rhythm, random: Random) -> Turn:
    """When the next one is, after a pass."""
    if ended.failure is not None and ended.failure.reason is Reason.GAVE_WAY:
        return turn  # somebody else was at work: it was no try at the target
    waits = any(isinstance(error, WaitError) for error in ended.held)
    failures = turn.failures + 1 if ended.failure or waits else 0
    regular = _NEVER if rhythm.by_cron else rhythm.interval
    wait = _backoff(failures, rhythm.backoff) if failures else regular
    if ended.failure is None:  # the target can be worked on
        wait = min(wait, regular)
    following = now + _drifting(wait, rhythm.jitter, random)
    verify = max(turn.verify, following) if ended.failure else turn.verify
    if ended.kind is Kind.VERIFY and ended.failure is None:
        verify = now + _drifting(rhythm.verify, rhythm.jitter, random)
    return Turn(ended.revision, following, verify, failures, isinstance(ended.failure, WaitError))


def hastened(turn: Turn, now: float) -> Turn:
    """Due at once, as a crontab says; one that is away keeps to its own time."""
    return turn if turn.away else turn._replace(next=min(turn.next, now))


class Cron(NamedTuple):
    """Where a crontab stands: what was looked at up to, and when it fires next. Times are UTC."""

    expression: str
    until: datetime
    at: datetime | None


def fires(expression: str, after: datetime = datetime(2000, 1, 1, tzinfo=timezone.utc)) -> datetime | None:
    """The first time after this one; None where there is none, or where it is no crontab."""
    # 72 ms: for those who have one.
    from apscheduler.triggers.cron import CronTrigger

    try:
        trigger = CronTrigger.from_crontab(expression, timezone=timezone.utc)
    except ValueError:
        return None
    found: datetime | None = trigger.get_next_fire_time(None, after + timedelta(microseconds=1))
    return found


def begun(expression: str, now: datetime) -> Cron:
    """A crontab from now on."""
    return Cron(expression, now, fires(expression, now))


def looked(cron: Cron, now: datetime) -> tuple[Cron, bool]:
    """Has it fired since it was looked at last? Once, however often; a clock that was set back fires nothing twice."""
    if cron.at is not None and now >= cron.at:
        return begun(cron.expression, now), True
    return (begun(cron.expression, now) if now < cron.until else cron._replace(until=now)), False


def _backoff(failures: int, longest: float) -> float:
    # The exponent is bounded: a target that is gone for a year fails often.
    return min(longest, _FIRST * 2.0 ** min(failures - 1, 32))


def _drifting(wait: float, jitter: float, random: Random) -> float:
    # Only ever sooner: what is set is a promise.
    return wait * (1 - jitter * random())
