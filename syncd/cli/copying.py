"""Copies of a deployment for `dev`: where they come from, and how they follow what changes there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from syncd.cli import find, show
from syncd.cli.session import Session, now, who
from syncd.core import previews
from syncd.core.documents import Mark, Seal
from syncd.core.errors import FixError, Reason, SyncError

if TYPE_CHECKING:
    from syncd.installation import Installation
    from syncd.laptop.copies import Copy
    from syncd.laptop.environment import Given

_AGAIN = 60
"""Seconds until references are read again."""


class Source(Protocol):
    """Where copies of one deployment come from: the registry, or a target."""

    @property
    def installation(self) -> Installation:
        """Whose settings say how it is read."""

    @property
    def workspace(self) -> str:
        """The deployment's."""

    @property
    def seal(self) -> Seal:
        """Digests for a folder of copies."""

    def copy(self) -> Copy:
        """As the deployment is now, less what this machine says itself. Raises SyncError."""

    def is_old(self, copy: Copy, age: float) -> bool:
        """Is it time for another one, so many seconds after this one?"""

    def mark(self, copy: Copy) -> Mark:
        """Whose a document of this copy is, where it lies in a folder."""


class Registered:
    """From the registry, each accounted for before anybody sees it; `how` it leaves is for the audit record."""

    def __init__(self, session: Session, deployment: str, how: str, given: Given) -> None:
        self._session, self._deployment, self._how, self._given = session, deployment, how, given
        self._revealed: frozenset[str] = frozenset()
        self._warned = False
        self.installation, self.workspace = session.installation, session.workspace
        self.seal: Seal = session.registry.seal

    def copy(self) -> Copy:
        from syncd.laptop.copies import copy
        from syncd.registry.reveals import Revealed, note

        here, team = self.installation, self._session.load()
        one = find.deployment(team, self._deployment)
        if one.name in previews.expired(team, now()):
            problem, remedy = f"expired at {one.expires}", "make it anew with `syncd preview create`"
            raise FixError(Reason.NOT_FOUND, f"preview {one.name}", problem, remedy)
        if not self._warned:
            show.warnings(self._session.unknown_rules(team))
            self._warned = True
        found = copy(team, self._deployment, here.reveal, here.read())
        found = found.less(self._given.items(found.items))
        new = tuple(name for name in found.revealed if name not in self._revealed)
        if new:
            note(self._session.registry, self.workspace, Revealed(self._deployment, now(), who(), self._how, new))
            self._revealed |= frozenset(new)
        return found

    def is_old(self, copy: Copy, age: float) -> bool:
        from syncd.registry import workspaces

        revision = workspaces.revisions(self._session.registry).get(self.workspace)
        return revision != copy.resolution.revision or age > _AGAIN

    def mark(self, copy: Copy) -> Mark:
        return Mark(self._session.registry.instance, self.workspace, "dev", copy.resolution.revision)


class Fresh:
    """Copies written anew as what they are of moves; the first one is written, and what is missing from it told."""

    def __init__(
        self, source: Source, put: Callable[[Copy], Iterable[SyncError]], written: Copy, missing: Iterable[SyncError]
    ) -> None:
        """`put` writes a copy; what is missing from where it was written to."""
        self._source, self._put = source, put
        self._written, self._at = written, time.monotonic()
        self._told = frozenset(map(str, missing))

    def look(self) -> None:
        """Write what changed. What begins to be missing is told; what can't be had is tried again."""
        missing: Iterable[SyncError]
        try:
            if not self._source.is_old(self._written, time.monotonic() - self._at):
                return
            copy = self._source.copy()
            missing = self._put(copy)
            self._written = copy
        except SyncError as error:
            missing = (error,)
        self._at = time.monotonic()
        by_text = {str(error): error for error in missing}
        show.errors(error for text, error in by_text.items() if text not in self._told)
        self._told = frozenset(by_text)
