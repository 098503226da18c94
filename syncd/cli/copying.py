"""Copies of a deployment for `dev`: accounted for before anybody sees them, and followed as the registry changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncd.cli import show
from syncd.cli.session import Session, now, who
from syncd.core.documents import Mark
from syncd.core.errors import SyncError
from syncd.core.model import Item

if TYPE_CHECKING:
    from syncd.laptop.copies import Copy
    from syncd.laptop.environment import Given

_AGAIN = 60
"""Seconds until references are read again."""


@dataclass
class Source:
    """Where copies of a deployment come from, and `how` they leave, for the audit record.

    `revealed` are the items whose secrets were accounted for; `elsewhere` is what this machine says itself, and where.
    """

    session: Session
    deployment: str
    how: str
    given: Given | None = None
    revealed: frozenset[str] = frozenset()
    elsewhere: Mapping[Item, str] = field(default_factory=dict)

    def copy(self) -> Copy:
        """As the deployment is now, less what this machine says itself; accounted for before anybody sees it."""
        from syncd.laptop.copies import copy
        from syncd.registry.reveals import Revealed, note

        installation, registry = self.session.installation, self.session.registry
        found = copy(self.session.load(), self.deployment, installation.reveal, installation.read())
        self.elsewhere = self.given.items(found.items) if self.given is not None else {}
        found = found.less(frozenset(self.elsewhere))
        new = tuple(name for name in found.revealed if name not in self.revealed)
        if new:
            note(registry, self.session.workspace, Revealed(self.deployment, now(), who(), self.how, new))
            self.revealed |= frozenset(new)
        return found

    def mark(self, copy: Copy) -> Mark:
        """Whose a document of this copy is, where it lies in a folder."""
        return Mark(self.session.registry.instance, self.session.workspace, "dev", copy.resolution.revision)


class Fresh:
    """Copies written anew as the registry moves, and each minute, as what references name may have."""

    def __init__(self, source: Source, put: Callable[[Copy], None]) -> None:
        self._source, self._put = source, put
        self._revision, self._at = -1, 0.0

    def write(self, copy: Copy) -> None:
        """This one, whatever was written before it."""
        self._put(copy)
        self._revision, self._at = copy.resolution.revision, time.monotonic()

    def look(self) -> None:
        """Write what changed, in the registry or at references. What can't be had is told, and tried again."""
        from syncd.registry import workspaces

        session = self._source.session
        try:
            revision = workspaces.revisions(session.registry).get(session.workspace)
            if revision != self._revision or time.monotonic() - self._at > _AGAIN:
                self.write(self._source.copy())
        except SyncError as error:
            show.errors([error])
            self._at = time.monotonic()
