"""Whose a path is, and what is secret in it: told in the document, or beside it where it has no room for that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from syncd.core.documents import REMOVED, VERSION, Document, Mark, Place, Seal, decode, envelope, is_removed, read_mark
from syncd.core.errors import FixError, Reason
from syncd.core.layouts.airflow import AirflowPaths, found_fields
from syncd.core.layouts.layered import Layered
from syncd.core.layouts.sharing import EDITED
from syncd.targets.beside import parsed, secrets, told, told_secrets

if TYPE_CHECKING:
    from syncd.clients.vault.reading import Kept

_OURS = "syncd-"
_MARK, _SECRETS, _EMPTIED = f"{_OURS}mark", f"{_OURS}secrets", f"{_OURS}emptied"

_LONGEST, _PARTS = 512, 60
"""Characters of a text in a path's metadata, and how many of them, by Vault's own limits."""

Content = tuple[Mapping[str, Any], "Mapping[str, str] | None"]
"""What is written as a version, and in the path's metadata; None leaves that as it is."""


class Marks(Protocol):
    """How a path says whose it is. `subject` is how errors name it."""

    @property
    def beside(self) -> bool:
        """Is it told in the path's metadata?"""

    def found(self, name: str, subject: str, kept: Kept, seal: Seal) -> tuple[Mark | None, Document | None]:
        """Whose it is, and what it holds: nothing where it was deleted, destroyed, or is a tombstone.

        Raises FixError where it is of a format that this release can't read.
        """

    def content(self, subject: str, document: Document | None, mark: Mark, seal: Seal) -> Content:
        """What is written for a document, or for its removal. Raises FixError where Vault has no room for it."""


@dataclass(frozen=True)
class Inside:
    """In the envelope of the document."""

    layout: Layered
    beside = False

    def found(self, name: str, subject: str, kept: Kept, seal: Seal) -> tuple[Mark | None, Document | None]:
        if kept.data is None:
            return None, None
        try:
            mark, content = decode(kept.data, subject)
        except FixError as error:
            if error.reason is Reason.NEWER_DOCUMENT:
                raise
            return None, Document({})
        if content.get(VERSION, kept.version) != kept.version:  # written again by somebody, just as it was
            content[EDITED] = True
        return mark, None if is_removed(content) else self.layout.found(Place(name), content)

    def content(self, subject: str, document: Document | None, mark: Mark, seal: Seal) -> Content:
        return envelope(REMOVED if document is None else document.written, mark), None


@dataclass(frozen=True)
class Beside:
    """In the path's metadata: what Airflow's own backend reads holds nothing of ours. A tombstone tells it itself."""

    layout: AirflowPaths
    beside = True

    def found(self, name: str, subject: str, kept: Kept, seal: Seal) -> tuple[Mark | None, Document | None]:
        mark, item = read_mark(parsed(kept.metadata.get(_MARK))), self.layout.item(Place(name))
        if kept.data is None:
            return mark, None
        if is_removed(kept.data):
            return _tombstone(kept.data, subject)
        if _EMPTIED in kept.metadata:  # put there since
            return None, Document({})
        if mark is None or item is None:
            return mark, Document({})
        return mark, found_fields(item, kept.data, secrets(_shown_secrets(kept.metadata), kept.data, seal))

    def content(self, subject: str, document: Document | None, mark: Mark, seal: Seal) -> Content:
        marked = {_MARK: told(mark._asdict())}
        if document is None:
            return envelope(REMOVED, mark), marked
        shown = told_secrets(document, seal)
        parts = [shown[start : start + _LONGEST] for start in range(0, len(shown), _LONGEST)]
        if len(parts) > _PARTS:
            raise FixError(
                Reason.NOT_HOLDABLE, subject, "has more secret fields than Vault can be told of", "give `extra` fewer"
            )
        names = (f"{_SECRETS}-{number}" for number in range(len(parts)))
        return document.content, {**marked, **dict(zip(names, parts, strict=True))}


def emptied(mark: Mark, version: int) -> Mapping[str, str]:
    """The metadata of a path whose content was destroyed at this version: what somebody puts there later is theirs."""
    return {_MARK: told(mark._asdict()), _EMPTIED: str(version)}


def foreign(metadata: Mapping[str, str]) -> Mapping[str, str]:
    """The metadata without what is ours."""
    return {key: value for key, value in metadata.items() if not key.startswith(_OURS)}


def _tombstone(data: Mapping[str, Any], subject: str) -> tuple[Mark | None, Document | None]:
    try:
        return decode(data, subject)[0], None
    except FixError as error:
        if error.reason is Reason.NEWER_DOCUMENT:
            raise
        return None, Document({})


def _shown_secrets(metadata: Mapping[str, str]) -> str:
    parts: list[str] = []
    while (part := metadata.get(f"{_SECRETS}-{len(parts)}")) is not None:
        parts.append(part)
    return "".join(parts)
