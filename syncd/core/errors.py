"""What can go wrong, in two branches: fix something, or wait.

    SyncError
    ├── FixError       somebody must change something
    │   └── Problems   several at once, all of one file, folder or command
    └── WaitError      the same again later may succeed

A message names the subject, the problem and the way out, and never a value.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from enum import Enum
from pathlib import Path


class Reason(str, Enum):
    """Why an item is as it is: shared by errors, status, plans and JSON output."""

    SYNCED = "Synced"
    INVALID_DEFINITION = "InvalidDefinition"
    INVALID_SETTINGS = "InvalidSettings"
    INVALID_DOCUMENT = "InvalidDocument"
    NEWER_DOCUMENT = "NewerDocument"
    NOT_FOUND = "NotFound"
    NOT_OWNED = "NotOwned"
    NO_NAMEPLATE = "NoNameplate"
    REFERENCE_REFUSED = "ReferenceRefused"
    REFERENCE_UNREADABLE = "ReferenceUnreadable"
    NOT_HOLDABLE = "NotHoldable"
    DELETES_HELD = "DeletesHeld"
    LATER_REVISION = "LaterRevision"
    TARGET_MOVED = "TargetMoved"
    OVERLAP = "Overlap"
    WRONG_KEY = "WrongKey"
    NEWER_REGISTRY = "NewerRegistry"
    ACCESS_DENIED = "AccessDenied"
    UNTRUSTED = "Untrusted"
    REFUSED = "Refused"
    UNAVAILABLE = "Unavailable"
    NOT_SYNCED_YET = "NotSyncedYet"
    CONFLICT = "Conflict"
    BUSY = "Busy"
    GAVE_WAY = "GaveWay"
    WITHHELD = "Withheld"
    INTERNAL = "InternalError"


class SyncError(Exception):
    """A subject, its problem and the way out; `reason` is what programs look at."""

    def __init__(self, reason: Reason, subject: str, problem: str, remedy: str = "") -> None:
        super().__init__(reason, subject, problem, remedy)
        self.reason = reason
        self.subject = subject
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        text = f"{self.subject}: {self.problem}"
        return f"{text}; {self.remedy}" if self.remedy else text


class FixError(SyncError):
    """Somebody must change something: trying again as it is gives the same."""


class WaitError(SyncError):
    """Nothing needs changing: the same again later may succeed."""


class Problems(FixError):
    """All problems of one input, told at once; `str` is one line each."""

    def __init__(self, errors: Sequence[SyncError]) -> None:
        first = errors[0]
        super().__init__(first.reason, first.subject, first.problem, first.remedy)
        self.errors = tuple(errors)

    def __reduce__(self) -> tuple[type[Problems], tuple[tuple[SyncError, ...]]]:
        return type(self), (self.errors,)

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


def origin(error: BaseException) -> str:
    """Where an error was raised, as file and line, for one whose message may hold a value."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"


def mistake(subject: str, error: BaseException) -> FixError:
    """What nobody foresaw. What it says may be a value: its type and where it was are told, and no more."""
    problem = f"a mistake of syncd's own ({type(error).__name__} at {origin(error)})"
    return FixError(Reason.INTERNAL, subject, problem, "please report it")


def document(error: SyncError) -> dict[str, str | None]:
    """An error for programs: in JSON output, and in a log."""
    return {
        "reason": error.reason.value,
        "subject": error.subject,
        "problem": error.problem,
        "remedy": error.remedy or None,
    }
