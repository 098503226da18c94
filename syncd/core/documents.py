"""What lies in a target: documents at places, the envelope they are written in, and views that hold no secret."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from syncd.core.canonical import text
from syncd.core.errors import FixError, Reason, SyncError
from syncd.core.merge import leaves
from syncd.core.model import Path
from syncd.core.secrets import is_secret

FORMAT = 1
NAMEPLATE = "nameplate"
SEALED = "hmac:"
SHARED, VERSION, VERSIONS = "shared", "version", "versions"
"""In `split` a link's document says where its shared part lies, and which version it is itself. A shared part says at
which version each deployment's link was when it was written: who holds an older one reads it again."""

Seal = Callable[[str], str]
"""The keyed digest of a text."""

View = Mapping[Path, str]
"""Every leaf of a document: a plain one as JSON text, a secret as `hmac:<digest>`, which no JSON text begins with."""


class Place(NamedTuple):
    """Where a document lies. The key is empty where an object holds one document."""

    object: str
    key: str = ""

    def __str__(self) -> str:
        return f"{self.object}#{self.key}" if self.key else self.object


class Mark(NamedTuple):
    """Who wrote an object: an instance is one registry; `revision` is that of the object's last write."""

    instance: str
    workspace: str
    target: str
    revision: int

    def same_owner(self, other: Mark | None) -> bool:
        """Do both say that the same registry wrote it, for the same workspace and target?"""
        return other is not None and self[:3] == other[:3]

    def author(self, other: Mark | None) -> str:
        """Who wrote what carries another mark than this, in words."""
        if other is None:
            return "somebody else"
        if other.instance != self.instance:
            return f"registry {other.instance}"
        workspace = "" if other.workspace == self.workspace else f", for workspace {other.workspace}"
        return f"target {other.target} of this registry{workspace}"


class Stamp(NamedTuple):
    """What an object says of itself: its mark, None where it has none of ours; its version, for the next write."""

    mark: Mark | None
    version: str


@dataclass(frozen=True, eq=False)
class Document:
    """The content of one place, and which of its leaves are secret (by topmost path).

    `aside` is written with it, for readers, and is no part of its view: never a difference. `part` is where the
    document lies that a reader merges this one with.
    """

    content: Mapping[str, Any] = field(repr=False)
    secret: frozenset[Path] = frozenset()
    aside: Mapping[str, Any] = field(default_factory=dict)
    part: Place | None = None

    @property
    def written(self) -> Mapping[str, Any]:
        """All that is written of it, but for its mark."""
        return {**self.content, **self.aside} if self.aside else self.content


Documents = Mapping[Place, Document | None]
"""None: removed. A place not named stays as observed."""


@dataclass(frozen=True)
class Observed:
    """What lies in a target, as far as it was looked at.

    A place of an object in `unread`, or below a folder in it, is unknown, not empty.
    """

    views: Mapping[Place, View] = field(default_factory=dict)
    stamps: Mapping[str, Stamp] = field(default_factory=dict)
    unread: Mapping[str, SyncError] = field(default_factory=dict)

    def unread_at(self, name: str) -> SyncError | None:
        """Why an object couldn't be read, or a folder above it; None where it could."""
        while self.unread and name:
            if name in self.unread:
                return self.unread[name]
            name = name.rpartition("/")[0]
        return None

    def updated(self, newer: Observed, objects: frozenset[str]) -> Observed:
        """The same with these objects as `newer` has them: there, gone, or unread."""
        kept = {place: view for place, view in self.views.items() if place.object not in objects}
        stamps = {name: stamp for name, stamp in self.stamps.items() if name not in objects}
        unread = {name: error for name, error in self.unread.items() if name not in objects}
        return Observed({**kept, **newer.views}, {**stamps, **newer.stamps}, {**unread, **newer.unread})


def view(document: Document, seal: Seal) -> View:
    """A document without its secrets: what may be stored, compared and shown."""
    secret = document.secret
    return {
        path: sealed(path, value, seal) if secret and is_secret(path, secret) else text(value)
        for path, value in leaves(document.content)
    }


def sealed(path: Path, value: Any, seal: Seal) -> str:
    """A secret leaf as a view has it: its path is part of it, so that one secret in two places looks like two."""
    return f"{SEALED}{seal(text([*path, value]))}"


def envelope(content: Mapping[str, Any], mark: Mark | None) -> dict[str, Any]:
    """Format, mark, content. Without a mark where the object that holds it carries one for all."""
    return {"format": FORMAT, **({} if mark is None else {"mark": mark._asdict()}), **content}


def encode(document: Document, mark: Mark | None) -> str:
    """The envelope of a document, as text."""
    return json.dumps(envelope(document.written, mark), ensure_ascii=False)


REMOVED = {"removed": True}
"""The content of a tombstone: where an object can't be taken away against a version, this says that it is."""


def is_removed(content: Mapping[str, Any]) -> bool:
    """Is it a tombstone? Of another shape, it is a document like any other."""
    return content.get("removed") is True


def decode(envelope: Mapping[str, Any], subject: str) -> tuple[Mark | None, dict[str, Any]]:
    """The mark and the content of an envelope.

    Raises FixError, naming `subject`, for an envelope that isn't ours or is of a format that this release can't read.
    """
    content = dict(envelope)
    format_ = content.pop("format", None)
    if not isinstance(format_, int) or isinstance(format_, bool):
        raise FixError(Reason.INVALID_DOCUMENT, subject, "is no document of ours: it has no format")
    refuse_newer(format_, subject)
    mark = content.pop("mark", None)
    return read_mark(mark), content


def refuse_newer(format_: object, subject: str) -> None:
    """Raises FixError for a format that this release can't read: what it holds is unknown, and is left alone."""
    if isinstance(format_, int) and format_ > FORMAT:
        raise FixError(
            Reason.NEWER_DOCUMENT,
            subject,
            f"has format {format_}, and this release reads {FORMAT}",
            "upgrade airflow-shared-connections here",
        )


def read_mark(value: object) -> Mark | None:
    """A mark as it was written, or None for anything else."""
    if not isinstance(value, Mapping) or not {*Mark._fields} <= value.keys():
        return None
    mark = Mark(*(value[name] for name in Mark._fields))
    if all(isinstance(part, str) for part in mark[:3]) and type(mark.revision) is int:
        return mark
    return None
