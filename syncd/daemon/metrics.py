"""What the daemon knows, for Prometheus. Labels are workspaces, targets and reasons: few, and never a connection."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from syncd.core.errors import Reason, SyncError
from syncd.daemon.observing import Key, Look

_TARGET = ("workspace", "target")
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """Counters and gauges of one daemon. Times are seconds since 1970, UTC, as Prometheus has them."""

    def __init__(self) -> None:
        self._all = CollectorRegistry()
        gauge = partial(Gauge, registry=self._all)
        self._seconds = Histogram(
            "syncd_pass_duration_seconds",
            "How long passes take.",
            (*_TARGET, "kind"),
            registry=self._all,
            buckets=_SECONDS,
        )
        self._passes = Counter(
            "syncd_passes",
            "Passes that ended: done, held (some items), or failed (the target as a whole).",
            (*_TARGET, "result"),
            registry=self._all,
        )
        self._writes = Counter("syncd_writes", "Documents written.", (*_TARGET, "action"), registry=self._all)
        self._success = gauge(
            "syncd_last_success_timestamp_seconds", "When a pass last left nothing to be done.", _TARGET
        )
        self._items = gauge("syncd_items", "Items that a target holds.", _TARGET)
        self._wrong = gauge("syncd_items_out_of_sync", "Items that aren't in sync.", (*_TARGET, "reason"))
        self._behind = gauge(
            "syncd_behind_since_timestamp_seconds", "Since when a target is behind the registry; 0: it isn't.", _TARGET
        )
        self._reached = gauge("syncd_target_revision", "The revision that a target is wholly at.", _TARGET)
        self._failing = gauge(
            "syncd_target_failing", "1 where the last pass over a target couldn't be made.", (*_TARGET, "reason")
        )
        self._revision = gauge("syncd_registry_revision", "The revision that a workspace is at.", ("workspace",))
        self._up = gauge("syncd_registry_up", "1 where the registry could be read at the last tick.")
        self._tick = gauge("syncd_last_tick_timestamp_seconds", "When the daemon last looked at all.")
        self._work = gauge("syncd_passes_at_work", "Passes that haven't ended.")
        self._hanging = gauge("syncd_passes_hanging", "Passes that nothing is heard of since their deadline.")
        self._folder = gauge("syncd_definitions_error", "1 where the folder of definitions can't be applied.")
        self._reload = gauge("syncd_reload_failed", "1 where the last SIGHUP found settings that can't be used.")

    def ended(self, look: Look) -> None:
        """A pass ended."""
        key = look.key
        self._seconds.labels(*key, look.kind.value).observe(look.seconds)
        result = "failed" if look.failure else "held" if look.held else "done"
        self._passes.labels(*key, result).inc()
        for action, count in look.actions.items():
            self._writes.labels(*key, action).inc(count)
        if result == "done":
            self._success.labels(*key).set(_seconds(look.at))
        _now(self._failing, key, {look.failure.reason: 1} if look.failure else {})
        if look.standing is not None:
            lag = look.standing.lag
            self._items.labels(*key).set(look.standing.items)
            _now(self._wrong, key, look.standing.wrong)
            self._reached.labels(*key).set(lag.reached)
            self._behind.labels(*key).set(_seconds(lag.since) if lag.since else 0)
            self._revision.labels(key.workspace).set(lag.revision)

    def gone(self, key: Key) -> None:
        """A target is a workspace's no more."""
        for gauge in (self._success, self._items, self._wrong, self._behind, self._reached, self._failing):
            gauge.remove_by_labels(key._asdict())

    def ticked(
        self, now: datetime, unread: SyncError | None, at_work: Collection[Key], hanging: Collection[Key]
    ) -> None:
        """The daemon looked at all; `unread` is why it couldn't read the registry."""
        self._tick.set(now.timestamp())
        self._up.set(unread is None)
        self._work.set(len(at_work))
        self._hanging.set(len(hanging))

    def folder(self, failure: SyncError | None) -> None:
        """Definitions were applied, or couldn't be."""
        self._folder.set(failure is not None)

    def reloaded(self, *, failed: bool) -> None:
        """Settings were read again."""
        self._reload.set(failed)

    def text(self) -> bytes:
        """All of them, as Prometheus reads it."""
        return generate_latest(self._all)


def _now(gauge: Gauge, key: Key, reasons: Mapping[Reason, int]) -> None:
    """These reasons, and no others any more."""
    gauge.remove_by_labels(key._asdict())
    for reason, count in reasons.items():
        gauge.labels(*key, reason.value).set(count)


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp()
