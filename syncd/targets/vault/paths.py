"""One path of a mount: read, and written on top of the version that was seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncd.core.documents import REMOVED, Document, Mark, Seal, Stamp, envelope, is_removed
from syncd.core.errors import FixError, Reason, SyncError, WaitError
from syncd.core.merge import leaves
from syncd.core.plan import Write
from syncd.targets.vault.marks import Marks, emptied, foreign

if TYPE_CHECKING:
    from syncd.clients.vault.reading import Kept
    from syncd.clients.vault.writing import Vault

_EXACT, _WITH_EXPONENT = 2**53, 1e21
"""Whole numbers up to the first keep every digit; from the second on, Vault writes a number with its exponent."""


@dataclass(frozen=True)
class Paths:
    """The documents of one mount."""

    vault: Vault
    marks: Marks

    def subject(self, name: str) -> str:
        """How errors name a path."""
        return f"{self.vault.mount}/{name}"

    def read(self, name: str, seal: Seal) -> tuple[Stamp, Document | None] | None:
        """Whose it is and what it holds; None where nothing ever was. Raises SyncError."""
        kept = self.vault.read(name)
        if kept is None:
            return None
        mark, document = self._found(name, kept, seal)
        return Stamp(mark, str(kept.version)), document

    def write(self, write: Write, mark: Mark, seal: Seal) -> Stamp | None:
        """Carry it out; None where nothing was there, and nothing was to be put. Raises SyncError."""
        return _Writing(self, mark, seal).write(write)

    def _found(self, name: str, kept: Kept, seal: Seal) -> tuple[Mark | None, Document | None]:
        return self.marks.found(name, self.subject(name), kept, seal)


@dataclass(frozen=True)
class _Writing:
    paths: Paths
    mark: Mark
    seal: Seal

    def write(self, write: Write) -> Stamp | None:
        self._refuse_unholdable(write)
        expected = write.expected if write.put or write.drop else None
        return self._begun(write) if expected is None else self._changed(write, expected)

    def _refuse_unholdable(self, write: Write) -> None:
        self._content(write)
        for document in write.put.values():
            for path, value in leaves(document.content):
                if _changes(value):
                    raise FixError(
                        Reason.NOT_HOLDABLE,
                        self.paths.subject(write.object),
                        f"{'.'.join(path)} holds a number that Vault would change",
                        "write it without a fraction, or as text",
                    )

    def _begun(self, write: Write) -> Stamp | None:
        """What isn't there is made; where nothing is asked for, what is there is told."""
        if not write.put:
            kept = self.paths.vault.read(write.object)
            mark = None if kept is None else self._found(write.object, kept)[0]
            if self.mark.same_owner(mark):
                self._clear(write.object, kept)
            return None if kept is None else Stamp(mark, str(kept.version))
        if not self.paths.marks.beside:
            return self._put(write, 0)
        # A path can be claimed against a version by its content alone: with our mark beside it first, whoever came
        # between would have made a path of ours, and a crash would leave it so. A tombstone says whose it is itself.
        self._version(write.object, envelope(REMOVED, self.mark), 0)
        try:
            return self._put(write, 1)
        except WaitError as error:
            self._leave(write.object, {}, error)
            raise
        except FixError:
            self.paths.vault.destroy(write.object, 1)
            raise

    def _changed(self, write: Write, expected: Stamp) -> Stamp | None:
        """Looked at once more: what a pass knows may be days old, and a path that was purged counts anew from 1."""
        kept = self.paths.vault.read(write.object)
        mark, document = (None, None) if kept is None else self._found(write.object, kept)
        if not write.put and document is None and (kept is None or self.mark.same_owner(mark)):
            self._clear(write.object, kept)
            return None if kept is None else Stamp(mark, str(kept.version))
        adopted = expected.mark is not None and expected.mark.revision == 0
        silent = mark is None and document is None
        if (
            kept is None
            or str(kept.version) != expected.version
            or not (silent or adopted or self.mark.same_owner(mark))
        ):
            subject = self.paths.subject(write.object)
            raise WaitError(Reason.CONFLICT, subject, "was changed since it was looked at", "sync again")
        data, metadata = self._content(write)
        if kept.data == data and metadata in (None, kept.metadata):
            return Stamp(mark, expected.version)
        try:
            return self._put(write, kept.version)
        except WaitError as error:
            self._leave(write.object, kept.metadata, error)
            raise

    def _put(self, write: Write, expected: int) -> Stamp:
        data, metadata = self._content(write)
        if expected:
            # Before the write: from it on no version but the new one can be read.
            self.paths.vault.describe(write.object, metadata)
        version = self._version(write.object, data, expected)
        if not write.put and self.paths.marks.beside:
            self._empty(write.object, version)
        return Stamp(self.mark, str(version))

    def _empty(self, name: str, version: int) -> None:
        """Airflow's own backend stumbles over a tombstone: its path is to look as if it weren't there.

        Our mark stays, and says that nothing of ours is left: what somebody puts there later is theirs.
        """
        self.paths.vault.describe(name, emptied(self.mark, version))
        self.paths.vault.destroy(name, version)

    def _clear(self, name: str, kept: Kept | None) -> None:
        if self.paths.marks.beside and kept is not None and kept.data is not None and is_removed(kept.data):
            self._empty(name, kept.version)

    def _leave(self, name: str, metadata: Mapping[str, str], error: WaitError) -> None:
        """Where somebody wrote before us, it is theirs: without our mark, with as many versions as its mount says."""
        if error.reason is Reason.CONFLICT:
            self.paths.vault.release(name, foreign(metadata))

    def _version(self, name: str, data: Mapping[str, Any], expected: int) -> int:
        """Write it; the version, also where that was done and only its answer was lost."""
        try:
            return self.paths.vault.write(name, data, expected=expected)
        except WaitError as error:
            lost = error
        try:
            kept = self.paths.vault.read(name)
        except SyncError as error:
            # Sent twice, a write that was done is a conflict with itself: nobody knows until it is looked at.
            raise (error if lost.reason is Reason.CONFLICT else lost) from None
        if kept is not None and kept.version == expected + 1 and kept.data == data:
            return kept.version
        raise lost

    def _content(self, write: Write) -> tuple[Mapping[str, Any], Mapping[str, str] | None]:
        return self.paths.marks.content(self.paths.subject(write.object), write.put.get(""), self.mark, self.seal)

    def _found(self, name: str, kept: Kept) -> tuple[Mark | None, Document | None]:
        return self.paths.marks.found(name, self.paths.subject(name), kept, self.seal)


def _changes(value: object) -> bool:
    """Does it hold a number that Vault gives back as another? It keeps 64 bits of each, and 30.0 as 30."""
    if isinstance(value, Mapping):
        return any(map(_changes, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_changes, value))
    if isinstance(value, float):
        return value.is_integer() and abs(value) < _WITH_EXPONENT
    return isinstance(value, int) and abs(value) > _EXACT
