"""A copy of what a deployment has: read as a pass would, without what is withheld from a laptop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from syncd.core.errors import SyncError
from syncd.core.model import Item, Workspace
from syncd.core.ports import Read
from syncd.core.resolve import Resolution, fill
from syncd.core.reveal import Reveal, copied


@dataclass(frozen=True)
class Copy:
    """`resolution` holds the items of one deployment with their values, but for what is withheld; those that can't be
    had at all are blocked in it. `elsewhere` is what this machine says itself, and where: it isn't in the copy."""

    deployment: str
    resolution: Resolution = field(repr=False)
    elsewhere: Mapping[Item, str] = field(default_factory=dict)

    @property
    def items(self) -> frozenset[Item]:
        """All that the deployment is linked to."""
        return self.resolution.linked.get(self.deployment, frozenset())

    @property
    def complete(self) -> tuple[Item, ...]:
        """The items that nothing is missing from, in order."""
        return tuple(sorted(item for item, one in self.resolution.resolved.items() if not one.withheld))

    @property
    def whole(self) -> Iterator[tuple[Item, Mapping[str, Any]]]:
        """The same, each with its effective fields."""
        return ((item, self.resolution.resolved[item].effective.fields) for item in self.complete)

    @property
    def missing(self) -> Mapping[Item, tuple[SyncError, ...]]:
        """The items that aren't whole, and why."""
        resolved = self.resolution.resolved.items()
        withheld = {item: tuple(gap.error(item) for gap in one.withheld) for item, one in resolved if one.withheld}
        blocked = {item: (error,) for item, error in self.resolution.blocked.items()}
        return dict(sorted({**withheld, **blocked}.items(), key=lambda pair: pair[0]))

    @property
    def errors(self) -> tuple[SyncError, ...]:
        """The same for all of them, one after the other."""
        return tuple(error for errors in self.missing.values() for error in errors)

    @property
    def revealed(self) -> tuple[str, ...]:
        """The items whose secrets it holds, for the audit record."""
        return tuple(
            f"{item.kind} {item.id}"
            for item, one in sorted(self.resolution.resolved.items(), key=lambda pair: pair[0])
            if any(one.secrets)
        )

    def less(self, elsewhere: Mapping[Item, str]) -> Copy:
        """The same without what this machine says itself."""
        return replace(self, resolution=self.resolution.without(elsewhere.keys()), elsewhere=elsewhere)


def copy(workspace: Workspace, deployment: str, reveal: Reveal, read: Read) -> Copy:
    """What a deployment has, as a laptop may have it. What is withheld isn't even read.

    Raises KeyError for a deployment that the workspace hasn't.
    """
    resolution = copied(workspace, deployment, reveal)
    return Copy(deployment, fill(resolution, read(resolution.references)))
