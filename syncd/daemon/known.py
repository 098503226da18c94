"""The registry as the daemon has it: opened anew where that is needed, its workspaces loaded when they moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from syncd import passes
from syncd.core.errors import FixError, Reason, SyncError
from syncd.core.model import Workspace
from syncd.daemon.observing import Key
from syncd.installation import Installation
from syncd.registry import presence, workspaces
from syncd.registry.database import Registry


class Known:
    """What was there at the last look. `targets` are those of all workspaces; `left` is told of a registry that was
    replaced by another.

    Those that are `broken` can't be used, each with why: they stay as they were, and stop no other.
    """

    def __init__(self, installation: Installation, registry: Registry, left: Callable[[Registry], None]) -> None:
        self.registry = registry
        self._left = left
        self.targets: frozenset[Key] = frozenset()
        self.broken: Mapping[str, SyncError] = {}
        self._installation = installation
        self._identity = presence.identity(registry)
        self._workspaces: dict[str, Workspace] = {}
        self._targets: dict[str, frozenset[Key]] = {}

    def look(self, now: str) -> None:
        """`now` is UTC, ISO 8601: previews end at a time of day.

        Raises SyncError where the registry can't be had, or was rotated to a key that isn't here.
        """
        self._check()
        broken: dict[str, SyncError] = {}
        for name, loaded in self._workspaces.items():
            with _apart(name, broken):
                passes.expire(self.registry, loaded, now)
        revisions = workspaces.revisions(self.registry)
        for name, revision in revisions.items():
            known = self._workspaces.get(name)
            if known is None or known.revision != revision:
                with _apart(name, broken):
                    self._workspaces[name] = workspaces.load(self.registry, name)
                    self._targets.pop(name, None)
        for name in self._workspaces.keys() - revisions.keys():
            del self._workspaces[name]
            self._targets.pop(name, None)
        for name in self._workspaces.keys() - self._targets.keys():
            targets = passes.targets(self.registry, self._workspaces[name])
            self._targets[name] = frozenset(Key(name, target) for target in targets)
        self.targets = frozenset().union(*self._targets.values())
        self.broken = broken

    def doubt(self, key: Key) -> None:
        """It may be no target of its workspace's any more: its documents were taken away, or it was forgotten."""
        self._targets.pop(key.workspace, None)

    def workspace(self, key: Key) -> Workspace:
        """The one that has this target."""
        return self._workspaces[key.workspace]

    def revision(self, key: Key) -> int:
        """Of the workspace that has this target; 0 where it is gone."""
        known = self._workspaces.get(key.workspace)
        return known.revision if known else 0

    def _check(self) -> None:
        replaced = presence.identity(self.registry) != self._identity
        try:
            presence.check(self.registry)
        except FixError as error:
            if error.reason is not Reason.WRONG_KEY:
                raise
            replaced = True  # the key file may have the new key by now
        if replaced:
            opened = self._installation.registry()
            self._left(self.registry)
            self.registry = opened
            self._identity = presence.identity(self.registry)
            self._workspaces, self._targets = {}, {}


@contextmanager
def _apart(workspace: str, broken: dict[str, SyncError]) -> Iterator[None]:
    """What is wrong with one workspace; that the registry can't be had is raised."""
    try:
        yield
    except FixError as error:
        broken[workspace] = error
