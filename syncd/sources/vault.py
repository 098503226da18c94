"""Documents in Vault, as the Vault target writes them: one small read each."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from syncd.clients.vault.reading import Reader
from syncd.core.documents import NAMEPLATE, Place
from syncd.core.errors import FixError, Reason
from syncd.sources.answers import Answers, Times


class VaultSource:
    """One mount. Safe under threads; a forked child needs its own."""

    def __init__(self, reader: Reader, times: Times) -> None:
        self._vault = reader
        self._answers = Answers(self._read, times)

    def within(self) -> AbstractContextManager[None]:
        """All that is read inside has one deadline together."""
        return self._vault.within()

    def path(self, place: Place) -> str:
        """Where a place is, for people."""
        return f"{self._vault.server.url}: {self._vault.mount}/{place.object}"

    def get(self, place: Place, after: Place | None = None) -> Mapping[str, Any] | None:
        if place.key:  # a mounted Secret's: no path of Vault has keys
            return None
        return self._answers.get(place.object, None if after is None else after.object)

    def names(self, folder: str) -> tuple[str, ...]:
        """What lies in a folder; nothing where it isn't there."""
        return self._vault.names(folder) if folder else ()

    def _read(self, name: str) -> tuple[str, Mapping[str, Any] | None]:
        kept = self._vault.read(name)
        if kept is None:
            if name.endswith(f"/{NAMEPLATE}"):
                self._vault.check()  # a wrong mount has its own error
            return "", None
        if kept.data is None:  # a removal of ours leaves a tombstone
            subject = f"{self._vault.mount}/{name}"
            raise FixError(
                Reason.INVALID_DOCUMENT, subject, "was deleted by somebody", "let `syncd sync` write it again"
            )
        return str(kept.version), kept.data
