"""What a pass asks of its edges: where documents are pushed to, read from, and remembered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from syncd.core.documents import Mark, Observed, Place, Seal, Stamp
from syncd.core.errors import SyncError
from syncd.core.layouts import Layout
from syncd.core.model import Reference
from syncd.core.outcome import Outcome
from syncd.core.plan import Write

Read = Callable[[Collection[Reference]], Mapping[Reference, "str | SyncError"]]
"""Read references once each. A reference that can't be read is an error in the answer; the call itself never raises."""


class Standing(NamedTuple):
    """Where a target's documents lay when it was last written to, and the latest revision written there."""

    where: str
    revision: int


class Target(Protocol):
    """Where documents are pushed to. Holds no state between calls."""

    @property
    def name(self) -> str:
        """As the installation's settings name it."""

    @property
    def where(self) -> str:
        """Where and how its documents lie, for people to read: another text is another place."""

    @property
    def layout(self) -> Layout:
        """How documents lie in it."""

    def observe(self, objects: Collection[str] | None, seal: Seal) -> Observed:
        """Look at these objects, or at all below this workspace's prefix. Changes nothing.

        An object that isn't there is left out; one that can't be read is in `unread`; one that isn't ours has a
        stamp without our mark. Raises WaitError or FixError where the target as a whole can't be reached: missing is
        never unreachable.
        """

    def refuses(self, name: str) -> SyncError | None:
        """Why nothing new can be made there, this object for one, where looking at it doesn't tell. Changes nothing."""

    def write(self, writes: Sequence[Write], mark: Mark, seal: Seal) -> Mapping[str, Stamp | SyncError | None]:
        """Carry out each write, whole or not at all, under this mark; an answer for each object, and never raises.

        A version that a target makes from what an object holds is sealed, as views are: versions are kept, too.

        A Stamp: written. None: the object is gone (its last key was dropped, or it was gone already). An error: as
        it was before; Conflict where it isn't the version expected. Whatever else the object holds stays. Writing
        the same again is harmless. A write with nothing to put or drop changes nothing, clears what an interrupted
        write of this object left behind, and answers with what is there.
        """


class Source(Protocol):
    """What a reader reads one place through."""

    def get(self, place: Place, after: Place | None = None) -> Mapping[str, Any] | None:
        """The envelope there, the same object as long as it doesn't change; None where there is none.

        What was read of it before the last reading of `after` won't do.
        Anything else that goes wrong raises SyncError: unreachable is never absent.
        """

    def names(self, folder: str) -> tuple[str, ...]:
        """What lies in a folder; nothing where it isn't there. Raises SyncError."""


class Record(Protocol):
    """What is known of each target between passes: one workspace's share of it."""

    def observed(self, target: str, objects: Collection[str]) -> Observed:
        """These objects as they were left, or last seen."""

    def objects(self, target: str) -> frozenset[str]:
        """Every object known to lie there, whoever's it is."""

    def revisions(self, target: str) -> Mapping[str, int]:
        """Every object of ours known to lie there, with the revision in its mark."""

    def versions(self, target: str) -> Mapping[str, str]:
        """Every object known to lie there, with the version that it was left at, or last seen."""

    def standing(self, target: str) -> Standing | None:
        """Where it stood; None where it was never written to."""

    def counts(self, target: str) -> Mapping[str, int]:
        """How many items' documents each deployment has there."""

    def unsettled(self, target: str) -> frozenset[str]:
        """Objects with an intent and no success since: a pass ended in between, or a write failed."""

    def adopted(self, target: str) -> Mapping[str, str]:
        """Objects that a person took over, each with the version that they were then."""

    def replace(self, target: str, observed: Observed) -> None:
        """Remember the whole target as it was seen."""

    def intend(self, target: str, objects: Collection[str], standing: Standing) -> None:
        """Commit that these objects are about to change, and where. Raises WaitError where the lease is lost."""

    def settle(self, target: str, observed: Observed, objects: frozenset[str]) -> None:
        """Commit what became of these objects; they are intended no more."""

    def conclude(
        self,
        target: str,
        revision: int,
        outcomes: Sequence[Outcome],
        digests: Mapping[Reference, str],
        now: str,
        *,
        whole: bool,
    ) -> None:
        """Keep each item's status and the references' digests; where nothing failed, the target is at this revision.

        `whole` says that the outcomes are those of every item, and so that any other is gone.
        """
