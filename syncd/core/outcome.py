"""What became of each item: one attempt (Outcome), and what is kept of all attempts (Status)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from syncd.core.documents import Place
from syncd.core.errors import Reason, SyncError
from syncd.core.model import Item


class Outcome(NamedTuple):
    """One attempt at one place, in memory. `action` is created, updated, deleted, unchanged or held."""

    place: Place
    item: Item | None
    action: str
    error: SyncError | None = None

    @property
    def reason(self) -> Reason:
        """Synced, or the error's."""
        return Reason.SYNCED if self.error is None else self.error.reason


@dataclass(frozen=True)
class Status:
    """What the registry keeps per item and target. Times are UTC, ISO 8601; `since` is when the reason became so."""

    reason: Reason
    since: str
    last_success: str | None = None
    failures: int = 0
    message: str = ""
    remedy: str = ""


def advance(status: Status | None, outcome: Outcome, now: str) -> Status | None:
    """The next status of an item; None where it is gone. The same status where nothing changed."""
    if outcome.error is None:
        if outcome.action == "deleted":
            return None
        if status is not None and status.reason is Reason.SYNCED and outcome.action == "unchanged":
            return status
        same = status is not None and status.reason is Reason.SYNCED
        return Status(Reason.SYNCED, status.since if status is not None and same else now, last_success=now)
    error = outcome.error
    if status is None:
        return Status(error.reason, now, failures=1, message=f"{error.subject}: {error.problem}", remedy=error.remedy)
    return replace(
        status,
        reason=error.reason,
        since=status.since if status.reason is error.reason else now,
        failures=status.failures + 1,
        message=f"{error.subject}: {error.problem}",
        remedy=error.remedy,
    )


def exit_code(errors: Iterable[SyncError]) -> int:
    """0: done. 1: something failed. 3: the guard held something and nothing failed."""
    reasons = {error.reason for error in errors}
    if not reasons:
        return 0
    return 3 if reasons == {Reason.DELETES_HELD} else 1
