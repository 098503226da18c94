"""What a source reads from, as a test fills it: one class per source, and nothing else in the suite knows which."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from syncd.core.documents import Place
from syncd.core.ports import Source
from syncd.sources.directory import DirectorySource


class Holder(Protocol):
    """Fills, spoils and empties what `source` reads from."""

    @property
    def source(self) -> Source:
        """The source under test."""

    def put(self, place: Place, envelope: Mapping[str, Any]) -> None:
        """Let this lie there, in one step."""

    def spoil(self, place: Place, text: str) -> None:
        """Let something lie there that is no envelope, with this text in it."""

    def close(self, place: Place) -> None:
        """Let something lie there that can't be read."""

    def remove(self, place: Place) -> None:
        """Let nothing lie there."""


class Directory:
    """A tree of files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.source = DirectorySource(str(root))

    def put(self, place: Place, envelope: Mapping[str, Any]) -> None:
        self._write(place, json.dumps(envelope))

    def spoil(self, place: Place, text: str) -> None:
        self._write(place, f'{{"format": 1, "layers": "{text}')

    def close(self, place: Place) -> None:
        self.remove(place)
        path = self.path(place)
        path.symlink_to(path.name)  # root may read whatever has a mode, but not this

    def remove(self, place: Place) -> None:
        self.path(place).unlink(missing_ok=True)

    def path(self, place: Place) -> Path:
        path = Path(self.source.path(place))
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _write(self, place: Place, text: str) -> None:
        partial = self.path(place).with_name("partial~")
        partial.write_text(text)
        partial.replace(self.path(place))


HOLDERS = {"directory": Directory}
"""Each is made with an empty folder of its own. A new source is one class and one line here."""
