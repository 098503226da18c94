"""The one lease that the passes of a process share, and what each of them is allowed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection

from syncd.core.errors import Reason, WaitError
from syncd.daemon.share import Permit, Share
from syncd.registry.lease import Lease

UNASKED: Any = None
"""In place of a connection, which these leases don't ask."""


class Counting:
    """Who has the lease, and how often it was taken."""

    def __init__(self) -> None:
        self.now, self.taken, self.held, self.busy = 0.0, 0, False, False
        self.share = Share(self.take, lambda: self.now)
        self.leases: list[Free] = []

    def entered(self) -> Lease:
        lease = self.share.enter()
        assert lease is not None
        return lease

    @contextmanager
    def take(self) -> Iterator[Lease]:
        if self.busy:
            raise WaitError(Reason.BUSY, "lease", "is somebody else's")
        self.taken, self.held = self.taken + 1, True
        self.leases.append(Free())
        try:
            yield self.leases[-1]
        finally:
            self.held = False


class Free:
    """One that is lost where a test says so."""

    held = True

    def check(self, connection: Connection) -> None: ...

    def confirm(self, connection: Connection) -> None: ...

    def begin(self, target: str) -> None: ...


def test_it_is_taken_with_the_first_and_given_back_with_the_last() -> None:
    one = Counting()
    lease = one.entered()
    assert one.entered() is lease
    one.share.leave(lease)
    assert one.held
    one.share.leave(lease)
    assert not one.held
    assert one.taken == 1


def test_one_that_is_lost_is_taken_anew_and_whoever_was_under_it_takes_nothing_from_the_next() -> None:
    one = Counting()
    before = one.entered()
    one.leases[0].held = False
    after = one.entered()
    assert after is not before
    one.share.leave(before)
    assert one.held
    one.share.leave(after)
    assert (one.held, one.taken) == (False, 2)


def test_while_it_is_somebody_elses_nobody_enters() -> None:
    one = Counting()
    one.busy = True
    with pytest.raises(WaitError):
        one.share.enter()
    one.busy = False
    assert one.share.enter() is not None


def test_passes_that_follow_one_another_let_others_have_it_now_and_then() -> None:
    one = Counting()
    lease = one.entered()
    one.now = 61
    assert one.share.enter() is None
    one.share.leave(lease)
    assert not one.held
    assert one.share.enter() is None
    one.now += 0.6
    assert one.share.enter() is not None


def test_a_pass_that_takes_long_keeps_the_others_waiting_for_half_a_minute_alone() -> None:
    one = Counting()
    lease = one.entered()
    one.now = 89
    assert one.share.enter() is None
    one.now = 91
    assert one.share.enter() is not None
    one.now = 152
    assert one.share.enter() is None
    for _ in range(2):
        one.share.leave(lease)
    assert not one.held
    assert one.share.enter() is None
    assert one.taken == 1


def test_a_pass_may_write_until_its_deadline() -> None:
    one, off = Counting(), threading.Event()
    permit = Permit(Free(), 5, lambda: one.now, off)
    permit.begin("files")
    permit.check(UNASKED)
    one.now = 5.1
    with pytest.raises(WaitError, match="deadline"):
        permit.check(UNASKED)
    with pytest.raises(WaitError, match="deadline"):
        permit.begin("files")
    permit.confirm(UNASKED)


def test_a_pass_may_write_until_it_is_called_off() -> None:
    permit = Permit(Free(), 5, lambda: 0, off := threading.Event())
    off.set()
    with pytest.raises(WaitError) as raised:
        permit.check(UNASKED)
    assert raised.value.reason is Reason.GAVE_WAY
