"""Copies that follow what changes: when, what is accounted for, and what is told of what is missing from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import pytest

from syncd.cli.copying import Fresh, Registered
from syncd.cli.session import Session, start
from syncd.core.documents import Mark
from syncd.core.errors import FixError, Reason, SyncError, WaitError
from syncd.core.resolve import Resolution
from syncd.installation import Installation
from syncd.laptop.copies import Copy
from syncd.laptop.environment import NOTHING
from tests.cli.runner import Syncd

GONE = FixError(Reason.NOT_FOUND, "deployment d", "isn't there")
AWAY = WaitError(Reason.UNAVAILABLE, "registry", "is away")


class Moving:
    """A source that is never the same for long; `error` is why it can't be had."""

    installation = cast(Installation, None)  # nobody asks for it
    workspace = "analytics"
    error: SyncError | None = None
    seal: Callable[[str], str] = str

    def copy(self) -> Copy:
        if self.error is not None:
            raise self.error
        return Copy("d", Resolution("analytics", 1, True, {}, {}, frozenset(), {}, frozenset()))

    def is_old(self, copy: Copy, age: float) -> bool:
        return True

    def mark(self, copy: Copy) -> Mark:
        return Mark("i", "analytics", "dev", 1)


class Watched:
    """What was told at each look; `missing` is what the next one is without."""

    def __init__(self, capsys: pytest.CaptureFixture[str], missing: Sequence[SyncError] = ()) -> None:
        self.source, self.missing, self._capsys = Moving(), missing, capsys
        self._fresh = Fresh(self.source, lambda copy: self.missing, self.source.copy(), missing)

    def look(self) -> str:
        self._fresh.look()
        return self._capsys.readouterr().err


@pytest.fixture
def session(syncd: Syncd) -> Iterator[Session]:
    made = start(None)
    yield made
    made.registry.engine.dispose()


def test_a_copy_is_old_when_the_registry_has_moved_and_when_references_may_have(syncd: Syncd, session: Session) -> None:
    source = Registered(session, "etl-dev", "dev run", NOTHING)
    copy = source.copy()
    assert not source.is_old(copy, 59)
    assert source.is_old(copy, 61)
    syncd.ok("connection", "update", "warehouse", "host=other")
    assert source.is_old(copy, 1)


def test_what_is_read_again_and_again_is_accounted_for_once(syncd: Syncd, session: Session) -> None:
    source = Registered(session, "etl-dev", "dev run", NOTHING)
    for id_ in ("lake", "queue"):
        syncd.ok("connection", "create", id_, "conn_type=aws", "password=-", "--link", "etl-dev", stdin=b"mine")
        source.copy()
        source.copy()
    accounted = [one["names"] for one in syncd.json("dev", "reveals")["reveals"]]
    assert accounted == [["connection queue"], ["connection lake"]]


def test_what_cannot_be_had_is_told_once_until_it_is_something_else(capsys: pytest.CaptureFixture[str]) -> None:
    watched = Watched(capsys)
    watched.source.error = GONE
    assert "deployment d: isn't there" in watched.look()
    assert watched.look() == ""
    watched.source.error = AWAY
    assert "registry: is away" in watched.look()
    watched.source.error = None
    assert watched.look() == ""
    watched.source.error = AWAY
    assert "registry: is away" in watched.look()


def test_what_begins_to_be_missing_is_told_and_what_was_missing_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    watched = Watched(capsys, [AWAY])
    assert watched.look() == ""
    watched.missing = [AWAY, GONE]
    told = watched.look()
    assert "deployment d: isn't there" in told
    assert "registry" not in told
    watched.missing = []
    assert watched.look() == ""
