"""The daemon's own loop: each tick ends what ended, looks at the registry, and begins what is due.

A pass runs in a thread of its own, so that a target that doesn't answer holds up nobody. All else is done by the one
thread that ticks.
"""

from __future__ import annotations

import logging
import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread

from syncd.core.errors import Reason, SyncError, WaitError, document
from syncd.core.ports import Target
from syncd.daemon import folder
from syncd.daemon.clock import SYSTEM, Clock
from syncd.daemon.folder import FolderEnded
from syncd.daemon.known import Known
from syncd.daemon.metrics import Metrics
from syncd.daemon.observing import Key, Look, news
from syncd.daemon.schedule import Cron, Kind, Rhythm, Turn, after, begun, due, hastened, looked
from syncd.daemon.settings import Configured
from syncd.daemon.share import Permit, Share
from syncd.daemon.work import over
from syncd.installation import Installation
from syncd.registry import status
from syncd.registry.database import Registry
from syncd.registry.lease import Lease, lease

_log = logging.getLogger(__name__)

OVERDUE = 60
"""Seconds after its deadline that a pass is given up: it hangs where nothing can be called off."""

_THREADS = "it is tried again; raise what the machine lets syncd have: tasks, or memory"

_Ended = Look | FolderEnded


@dataclass
class _Running:
    """A pass at work; its permit is asked before each batch of its writes. Settings are those that it began with."""

    permit: Permit
    configured: Configured
    given_up: bool = False


@dataclass
class _Folder:
    """Where the folder of definitions stands; `next` is by the monotonic clock.

    It is `outdated` where what runs began by other settings: what comes of that says nothing of these.
    """

    next: float = 0
    running: bool = False
    outdated: bool = False
    applied: folder.Applied | None = None
    failure: SyncError | None = None


class Daemon:
    """Passes over every target of every workspace, when they are due. Methods are for the thread that ticks."""

    def __init__(self, configured: Configured, registry: Registry, *, who: str, clock: Clock = SYSTEM) -> None:
        self.metrics = Metrics()
        self.begun = False
        """Has every target had a pass, or is another process at it?"""

        self._clock, self._who = clock, who
        self._ticked = clock.seconds()
        self._turns: dict[Key, Turn] = {}
        self._running: dict[tuple[Key, Kind], _Running] = {}
        self._alone: defaultdict[Key, Lock] = defaultdict(Lock)
        self._last: dict[Key, Look] = {}
        # Of a kind that a signal's handler may put something into, whatever it interrupted.
        self._ended: SimpleQueue[_Ended | None] = SimpleQueue()
        self._off = Event()
        self._folder = _Folder()
        self._former: list[Registry] = []
        self._unread: SyncError | None = None
        self._broken: Mapping[str, SyncError] = {}
        self._share = Share(self._take, clock.seconds)
        self._set(configured, Known(configured.installation, registry, self._former.append))

    def configure(self, configured: Configured, registry: Registry) -> None:
        """From now on by these settings and with this registry; passes that run end as they began.

        Raises SyncError where the registry can't be had any more: then all stays as it was.
        """
        known = Known(configured.installation, registry, self._former.append)
        self._former.append(self._known.registry)
        self._set(configured, known)

    def _set(self, configured: Configured, known: Known) -> None:
        self._known, self._configured, settings = known, configured, configured.settings
        self._rhythm = Rhythm(
            settings.interval, settings.verify, settings.backoff, settings.jitter, by_cron=bool(settings.cron)
        )
        self._cron: Cron | None = begun(settings.cron, self._clock.utc()) if settings.cron else None
        self._targets: dict[Key, Target] = {}
        self._folder = _Folder(running=self._folder.running, outdated=self._folder.running)
        self._forget_folders()
        # A pass each, at once: what an interval of other settings said is of no use, and the settings may heal.
        now = self._clock.seconds()
        self._turns = {key: _at_once(turn, now) for key, turn in self._turns.items()}

    @property
    def at_work(self) -> tuple[Key, ...]:
        """The targets of passes that haven't ended."""
        return tuple(key for key, _ in self._running)

    @property
    def busy(self) -> bool:
        """Is there anything that will end?"""
        return bool(self._running) or self._folder.running

    @property
    def stalled(self) -> float:
        """Seconds since the last tick."""
        return self._clock.seconds() - self._ticked

    @property
    def hanging(self) -> tuple[Key, ...]:
        """Passes that nothing is heard of, long after their deadline."""
        return tuple(key for (key, _), one in tuple(self._running.items()) if one.given_up)

    def tick(self) -> None:
        """Never raises SyncError: a registry that can't be had is told, and asked again at the next tick."""
        self._collect(0)
        if not self.busy:
            self._close_former()
        unread: SyncError | None = None
        try:
            self._look()
            self._begin()
        except SyncError as error:
            unread = error
        self._tell_registry(unread)
        self._tell_broken()
        self._ticked = self._clock.seconds()
        self.metrics.ticked(self._clock.utc(), unread, self.at_work, self.hanging)

    def _close_former(self) -> None:
        """Registries that were opened anew: else they are closed when Python finds them."""
        while self._former:
            self._former.pop().engine.dispose()

    def drain(self, grace: float) -> bool:
        """Begin nothing more, and wait for the passes that run; False where some still run after `grace` seconds."""
        self._off.set()
        until = self._clock.seconds() + grace
        while self._running and (left := until - self._clock.seconds()) > 0:
            self._collect(left)
        return not self._running

    def wait(self, seconds: float) -> None:
        """Between ticks: until a pass ends, `wake` is called, or so much time went by."""
        self._collect(seconds)

    def wake(self) -> None:
        """End `wait`. From any thread, and from a signal's handler."""
        self._ended.put(None)

    def _look(self) -> None:
        """Which targets there are, and whether a crontab fired."""
        self._known.look(self._clock.now())
        for key in self._turns.keys() - self._known.targets - set(self.at_work):
            self.metrics.gone(key)
            del self._turns[key]
            self._last.pop(key, None)
            self._alone.pop(key, None)
        self._turns |= {key: Turn() for key in self._known.targets - self._turns.keys()}
        if self._cron is None:
            return
        self._cron, fired = looked(self._cron, self._clock.utc())
        if fired:
            now = self._clock.seconds()
            self._turns = {key: hastened(turn, now) for key, turn in self._turns.items()}
            self._folder.next = now

    def _begin(self) -> None:
        self._begin_folder()
        now = self._clock.seconds()
        ready = [
            # What changed comes first: whoever changed it waits for it.
            (kind is Kind.VERIFY, turn.next, key, kind)
            for key, turn in self._turns.items()
            if (kind := due(turn, self._known.revision(key), now, self._kinds(key))) is not None
        ]
        for _, _, key, kind in sorted(ready)[: max(self._configured.settings.passes - len(self._running), 0)]:
            taken = self._entered()
            if taken is None:
                self.begun = True
                return
            self._begin_pass(key, kind, taken)
        # Where there is nothing to do, it must be known that nothing is defined.
        loaded = self._turns or self._configured.folder is None or self._folder.applied is not None
        self.begun = self.begun or (bool(loaded) and all(key in self._last for key in self._turns))

    def _kinds(self, key: Key) -> frozenset[Kind]:
        """Those of the passes over a target that run."""
        return frozenset(kind for kind in Kind if (key, kind) in self._running)

    def _entered(self) -> Lease | None:
        """The lease for one pass more; None where it is others' turn."""
        try:
            return self._share.enter()
        except WaitError as error:
            if error.reason is not Reason.BUSY:
                raise
            return None

    def _take(self) -> AbstractContextManager[Lease]:
        return lease(self._known.registry, wait=0)

    def _begin_pass(self, key: Key, kind: Kind, taken: Lease) -> None:
        configured, seconds = self._configured, self._clock.seconds
        permit = Permit(taken, seconds() + configured.settings.deadline, seconds, self._off)
        self._running[key, kind] = _Running(permit, configured)
        work = partial(
            over,
            configured.installation,
            self._known.registry,
            self._known.workspace(key),
            key,
            kind,
            permit,
            self._alone[key],
            clock=self._clock,
            opener=partial(_opened, configured.installation, self._targets),
        )
        began = self._clock.now()
        revision = self._known.revision(key)
        self._start(work, f"pass over {key}", lambda error: Look(key, kind, revision, began, 0, {}, (), error))

    def _begin_folder(self) -> None:
        configured, state = self._configured.folder, self._folder
        if configured is None or state.running or self._clock.seconds() < state.next:
            return
        state.running = True
        path, settings = configured
        work = partial(
            folder.applied,
            self._known.registry,
            path,
            state.applied,
            prune=settings.prune,
            who=self._who,
            now=self._clock.now(),
        )
        self._start(work, f"definitions of {path}", lambda error: FolderEnded(None, error))

    def _start(self, work: Callable[[], _Ended], name: str, failed: Callable[[SyncError], _Ended]) -> None:
        """Where the machine has no thread left, it ended as `failed` says."""
        try:
            Thread(target=lambda: self._ended.put(work()), name=name, daemon=True).start()
        except RuntimeError:
            self._ended.put(failed(WaitError(Reason.UNAVAILABLE, name, "no thread can be started", _THREADS)))

    def _collect(self, seconds: float) -> None:
        """All that ended, after waiting so long for the first."""
        with suppress(Empty):
            ended = self._ended.get(timeout=seconds) if seconds > 0 else self._ended.get_nowait()
            while True:
                if isinstance(ended, FolderEnded):
                    self._folder_ended(ended)
                elif ended is not None:
                    self._pass_ended(ended)
                ended = self._ended.get_nowait()
        now = self._clock.seconds()
        for (key, _), running in self._running.items():
            if not running.given_up and now > running.permit.until + OVERDUE:
                # It may write nothing more, and it shall not keep others from it.
                running.given_up = True
                self._share.leave(running.permit.lease)
                _log.error("a pass hangs", extra={"fields": key._asdict()})

    def _pass_ended(self, ended: Look) -> None:
        running, now = self._running.pop((ended.key, ended.kind)), self._clock.seconds()
        if not running.given_up:
            self._share.leave(running.permit.lease)
        turn = after(self._turns.get(ended.key, Turn()), ended.ended, now, self._rhythm, random.random)
        # By settings that are gone meanwhile it says nothing of when the next one is.
        self._turns[ended.key] = turn if running.configured is self._configured else _at_once(turn, now)
        if ended.failure is not None and ended.failure.reason is Reason.GAVE_WAY:
            return
        if ended.failure is not None or ended.actions.get("deleted"):
            self._known.doubt(ended.key)
        self.metrics.ended(ended)
        for one in news(self._last.get(ended.key), ended):
            _log.log(one.level, one.message, extra={"fields": one.fields})
        self._last[ended.key] = ended

    def _folder_ended(self, ended: FolderEnded) -> None:
        before, state = self._folder.failure, self._folder
        if state.outdated:
            self._folder = _Folder()
            self._forget_folders()
            return
        wait = self._rhythm.interval if not self._rhythm.by_cron or ended.failure else float("inf")
        state.running, state.next = False, self._clock.seconds() + wait
        state.applied, state.failure = ended.applied, ended.failure
        self.metrics.folder(ended.failure)
        _tell("definitions", "be applied", before, ended.failure)

    def _forget_folders(self) -> None:
        """Nothing is wrong with a folder that isn't applied any more."""
        folder = self._configured.folder
        if folder is None:
            self.metrics.folder(None)
        with suppress(SyncError):  # it stays in `syncd status`, until the settings are read again
            status.forget_folders(self._known.registry, but=str(folder[0]) if folder else "")

    def _tell_registry(self, unread: SyncError | None) -> None:
        _tell("the registry", "be used", self._unread, unread)
        self._unread = unread

    def _tell_broken(self) -> None:
        before, self._broken = self._broken, self._known.broken
        for name in sorted(before.keys() | self._broken.keys()):
            _tell("a workspace", "be used", before.get(name), self._broken.get(name), workspace=name)


def _tell(what: str, do: str, before: SyncError | None, now: SyncError | None, **about: str) -> None:
    """Once that it can't, and once that it can again."""
    if now is not None and str(now) != str(before):
        _log.warning(f"{what} can't {do}", extra={"fields": {**about, **document(now)}})
    elif now is None and before is not None:
        _log.info(f"{what} can {do} again", extra={"fields": about})


def _at_once(turn: Turn, now: float) -> Turn:
    return turn._replace(next=min(turn.next, now), away=False)


def _opened(installation: Installation, kept: dict[Key, Target], name: str, workspace: str) -> Target:
    """Kept between passes, so that each doesn't log in anew."""
    key = Key(workspace, name)
    if key not in kept:
        kept[key] = installation.target(name, workspace)
    return kept[key]
