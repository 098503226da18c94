"""What one pass came to, and how its target stands since: no value of a definition is in it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from syncd.core.errors import Reason, SyncError, document
from syncd.daemon.schedule import Ended, Kind
from syncd.passes import Pass
from syncd.registry import status
from syncd.registry.database import Registry
from syncd.registry.record import Record
from syncd.registry.status import Lag


class Key(NamedTuple):
    """A target, as one workspace has it."""

    workspace: str
    target: str

    def __str__(self) -> str:
        return f"{self.workspace}/{self.target}"


class Standing(NamedTuple):
    """How a target stands: the items that it holds, those that aren't in sync by reason, and how far it is behind."""

    items: int
    wrong: Mapping[Reason, int]
    lag: Lag


class Look(NamedTuple):
    """A pass that began `at` (UTC, ISO 8601) and took `seconds`. `actions` counts what was written, by its kind.

    `standing` is None where the registry couldn't be asked any more.
    """

    key: Key
    kind: Kind
    revision: int
    at: str
    seconds: float
    actions: Mapping[str, int]
    held: tuple[SyncError, ...]
    failure: SyncError | None
    standing: Standing | None = None

    @property
    def ended(self) -> Ended:
        """As the schedule has it."""
        return Ended(self.revision, self.kind, self.failure, self.held)


def look(registry: Registry, key: Key, kind: Kind, found: Pass, at: str, seconds: float) -> Look:
    """What a pass came to, and how its target stands."""
    actions = Counter(one.action for one in found.outcomes if one.error is None and one.action != "unchanged")
    held = tuple(one.error for one in found.outcomes if one.error is not None)
    told = Look(key, kind, found.revision, at, seconds, actions, held, found.error)
    try:
        items = sum(Record(registry, key.workspace).counts(key.target).values())
        wrong = Counter(status.failing(registry, *key).values())
        return told._replace(standing=Standing(items, wrong, status.lag(registry, *key)))
    except SyncError:
        return told


class News(NamedTuple):
    """A line for the log; fields are plain values."""

    level: int
    message: str
    fields: Mapping[str, Any]


def news(before: Look | None, now: Look) -> tuple[News, ...]:
    """What is worth a line after a pass: what it wrote, and what has begun or ceased to be wrong since the last one."""
    key = now.key._asdict()
    was = _wrong(before) if before else {}
    wrong = _wrong(now)
    level = logging.INFO if now.actions else logging.DEBUG
    counts = {"kind": now.kind.value, "revision": now.revision, "seconds": round(now.seconds, 3), **now.actions}
    begun = [
        News(logging.WARNING, "can't be synced" if now.failure else "not in sync", {**key, **told, "places": places})
        for text, (told, places) in wrong.items()
        if text not in was
    ]
    ended = [News(logging.INFO, "in sync again", key)] if was and not wrong else []
    return (News(level, "pass", {**key, **counts}), *begun, *ended)


def _wrong(look: Look) -> Mapping[str, tuple[Mapping[str, Any], int]]:
    """What is wrong, each once with how many places it stops; a cause of its own for each place stays one each."""
    errors = (look.failure,) if look.failure else look.held
    counts = Counter(map(str, errors))
    return {str(error): (document(error), counts[str(error)]) for error in errors}
