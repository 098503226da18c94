"""Copies that follow what changes: what is missing from them is told when it begins to be, and not again and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import pytest

from syncd.cli.copying import Fresh
from syncd.core.documents import Mark
from syncd.core.errors import FixError, Reason, SyncError, WaitError
from syncd.core.resolve import Resolution
from syncd.installation import Installation
from syncd.laptop.copies import Copy

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
