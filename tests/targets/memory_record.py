"""A record in memory, as the port says one behaves; kept in a file where a process is to die."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from syncd.core.documents import Observed
from syncd.core.layouts import Layout
from syncd.core.model import Reference
from syncd.core.outcome import Outcome
from syncd.core.ports import Record, Standing


@dataclass
class MemoryRecord:
    """Of one target. With `path`, each commit is kept there."""

    layout: Layout
    path: Path | None = None
    known: Observed = field(default_factory=Observed)
    intents: set[str] = field(default_factory=set)
    stood: Standing | None = None
    adoptions: dict[str, str] = field(default_factory=dict)

    def observed(self, target: str, objects: Collection[str]) -> Observed:
        return Observed(
            {place: view for place, view in self.known.views.items() if place.object in objects},
            {name: stamp for name, stamp in self.known.stamps.items() if name in objects},
        )

    def objects(self, target: str) -> frozenset[str]:
        return frozenset(self.known.stamps)

    def versions(self, target: str) -> Mapping[str, str]:
        return {name: stamp.version for name, stamp in self.known.stamps.items()}

    def revisions(self, target: str) -> Mapping[str, int]:
        return {name: stamp.mark.revision for name, stamp in self.known.stamps.items() if stamp.mark is not None}

    def standing(self, target: str) -> Standing | None:
        return self.stood

    def counts(self, target: str) -> Mapping[str, int]:
        return Counter(item.deployment for place in self.known.views if (item := self.layout.item(place)))

    def unsettled(self, target: str) -> frozenset[str]:
        return frozenset(self.intents)

    def adopted(self, target: str) -> Mapping[str, str]:
        return self.adoptions

    def replace(self, target: str, observed: Observed) -> None:
        unread = observed.unread.keys()
        self.known = Observed(
            {**{place: view for place, view in self.known.views.items() if place.object in unread}, **observed.views},
            {**{name: stamp for name, stamp in self.known.stamps.items() if name in unread}, **observed.stamps},
        )
        self._commit()

    def intend(self, target: str, objects: Collection[str], standing: Standing) -> None:
        self.stood = standing
        self.intents.update(objects)
        self._commit()

    def settle(self, target: str, observed: Observed, objects: frozenset[str]) -> None:
        self.known = self.known.updated(observed, objects)
        self.intents -= objects
        self._commit()

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
        self._commit()

    def _commit(self) -> None:
        if self.path is not None:
            self.path.write_bytes(pickle.dumps((self.known, self.intents, self.stood)))

    @classmethod
    def kept(cls, layout: Layout, path: Path) -> MemoryRecord:
        """What a process before this one kept."""
        if not path.exists():
            return cls(layout, path)
        return cls(layout, path, *pickle.loads(path.read_bytes()))  # noqa: S301  this test's own file


_KEPT_BY_THE_PROTOCOL: type[Record] = MemoryRecord
