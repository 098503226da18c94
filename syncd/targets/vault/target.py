"""What lies in a Vault, and writes side by side: each object alone, and one that fails stops no other."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from syncd.core.documents import Document, Mark, Observed, Place, Seal, Stamp, View, view
from syncd.core.errors import Reason, SyncError
from syncd.core.layouts.airflow import AirflowPaths
from syncd.core.layouts.layered import Layered
from syncd.core.layouts.split import Split
from syncd.core.model import KINDS
from syncd.core.plan import Write
from syncd.targets.side_by_side import AT_ONCE, read_each, write_each
from syncd.targets.vault.marks import Beside, Inside
from syncd.targets.vault.paths import Paths
from syncd.targets.vault.policies import Policies

if TYPE_CHECKING:
    from syncd.clients.vault.writing import Vault


class _Objects(Protocol):
    """One kind of object. Every method raises SyncError, about `subject` where it is this object's alone."""

    def subject(self, name: str) -> str:
        """How errors name an object."""

    def read(self, name: str, seal: Seal) -> tuple[Stamp, Document | None] | None:
        """Whose it is, and what it holds, None where that was taken away; None where there is none."""

    def write(self, write: Write, mark: Mark, seal: Seal) -> Stamp | None:
        """Carry it out; None where nothing is there."""


@dataclass(frozen=True)
class VaultTarget:
    """The lease makes it one writer at a time; whoever else writes there is met by the version check."""

    name: str
    layout: Layered | Split | AirflowPaths
    vault: Vault

    @property
    def where(self) -> str:
        namespace = f" namespace {self.vault.server.namespace}," if self.vault.server.namespace else ""
        return (
            f"{self.vault.server.url},{namespace} {self.vault.mount}/{self.layout.prefix}/deployments, "
            f"layout {self.layout.name}"
        )

    def observe(self, objects: Collection[str] | None, seal: Seal) -> Observed:
        if objects is None:
            self.vault.check()
            objects = self._everything()
        seen = read_each(sorted(objects), lambda name: self.objects(name).read(name, seal), self._subject)
        failing = [one for one in seen.values() if isinstance(one, SyncError) and one.reason is Reason.UNAVAILABLE]
        if failing and len(failing) == len(seen):
            raise failing[0]
        views: dict[Place, View] = {}
        stamps: dict[str, Stamp] = {}
        unread: dict[str, SyncError] = {}
        for name, one in seen.items():
            if isinstance(one, SyncError):
                unread[name] = one
            elif one is not None:
                stamps[name], document = one
                if document is not None:
                    views[Place(name)] = view(document, seal)
        return Observed(views, stamps, unread)

    def refuses(self, name: str) -> SyncError | None:
        return None  # a look tells

    def write(self, writes: Sequence[Write], mark: Mark, seal: Seal) -> Mapping[str, Stamp | SyncError | None]:
        return write_each(writes, lambda write: self.objects(write.object).write(write, mark, seal), self._subject)

    def objects(self, name: str) -> _Objects:
        """What reads and writes this object."""
        if isinstance(self.layout, Split) and self.layout.policy_of(Place(name)):
            return self._policies
        return self._paths

    def _subject(self, name: str) -> str:
        return self.objects(name).subject(name)

    @cached_property
    def _paths(self) -> Paths:
        marks = Beside(self.layout) if isinstance(self.layout, AirflowPaths) else Inside(self.layout)
        return Paths(self.vault, marks)

    @cached_property
    def _policies(self) -> Policies:
        return Policies(self.vault, self.name, self.layout.prefix)

    def _everything(self) -> list[str]:
        """All objects of this layout below the prefix."""
        deployments = self._folders("deployments")
        names = self._below([f"{self.layout.prefix}/deployments/{name}" for name in deployments])
        plates = {place.object for name in deployments for place in self.layout.plates(name)}
        found = [name for name in names if name in plates or self.layout.item(Place(name)) is not None]
        if isinstance(self.layout, Split):
            tops = [f"{self.layout.prefix}/environments/{name}" for name in self._folders("environments")]
            found += [name for name in self._below(tops) if self.layout.shared_item(Place(name)) is not None]
            found += [self.layout.policy(name).object for name in self._policies.deployments()]
        return found

    def _folders(self, name: str) -> list[str]:
        """The names of the folders in one below the prefix."""
        return [one.rstrip("/") for one in self.vault.names(f"{self.layout.prefix}/{name}") if one.endswith("/")]

    def _below(self, tops: Sequence[str]) -> list[str]:
        """What lies in these folders, and in their folder of each kind."""
        folders = [*tops, *(f"{top}/{row.plural}" for top in tops for row in KINDS.values())]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = list(pool.map(self.vault.names, folders))
        return [
            f"{folder}/{name}"
            for folder, names in zip(folders, found, strict=True)
            for name in names
            if not name.endswith("/")
        ]
