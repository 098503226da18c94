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
from syncd.targets.vault.marks import Beside, Inside
from syncd.targets.vault.paths import Paths
from syncd.targets.vault.policies import Policies

if TYPE_CHECKING:
    from syncd.clients.vault.writing import Vault

_AT_ONCE = 8
"""Requests: more of them make two cores no faster."""


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
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            if objects is None:
                self.vault.check()
                objects = self._everything(pool)
            names = sorted(objects)
            seen = dict(zip(names, pool.map(lambda name: self._read(name, seal), names), strict=True))
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

    def write(self, writes: Sequence[Write], mark: Mark, seal: Seal) -> Mapping[str, Stamp | SyncError | None]:
        batch = _Batch(self, mark, seal)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return {write.object: one for write, one in zip(writes, pool.map(batch.write, writes), strict=True)}

    def objects(self, name: str) -> _Objects:
        """What reads and writes this object."""
        if isinstance(self.layout, Split) and self.layout.policy_of(Place(name)):
            return self._policies
        return self._paths

    def of_one(self, error: SyncError, name: str) -> bool:
        """Is it about this object, and not about Vault or the login?"""
        return error.subject == self.objects(name).subject(name)

    @cached_property
    def _paths(self) -> Paths:
        marks = Beside(self.layout) if isinstance(self.layout, AirflowPaths) else Inside(self.layout)
        return Paths(self.vault, marks)

    @cached_property
    def _policies(self) -> Policies:
        return Policies(self.vault, self.name, self.layout.prefix)

    def _everything(self, pool: ThreadPoolExecutor) -> list[str]:
        """All objects of this layout below the prefix."""
        deployments = self._folders("deployments")
        names = self._below([f"{self.layout.prefix}/deployments/{name}" for name in deployments], pool)
        plates = {place.object for name in deployments for place in self.layout.plates(name)}
        found = [name for name in names if name in plates or self.layout.item(Place(name)) is not None]
        if isinstance(self.layout, Split):
            tops = [f"{self.layout.prefix}/environments/{name}" for name in self._folders("environments")]
            found += [name for name in self._below(tops, pool) if self.layout.shared_item(Place(name)) is not None]
            found += [self.layout.policy(name).object for name in self._policies.deployments()]
        return found

    def _folders(self, name: str) -> list[str]:
        """The names of the folders in one below the prefix."""
        return [one.rstrip("/") for one in self.vault.names(f"{self.layout.prefix}/{name}") if one.endswith("/")]

    def _below(self, tops: Sequence[str], pool: ThreadPoolExecutor) -> list[str]:
        """What lies in these folders, and in their folder of each kind."""
        folders = [*tops, *(f"{top}/{row.plural}" for top in tops for row in KINDS.values())]
        return [
            f"{folder}/{name}"
            for folder, names in zip(folders, pool.map(self.vault.names, folders), strict=True)
            for name in names
            if not name.endswith("/")
        ]

    def _read(self, name: str, seal: Seal) -> tuple[Stamp, Document | None] | SyncError | None:
        """What is wrong with this object alone is an answer; raised is what is wrong with all of them."""
        try:
            return self.objects(name).read(name, seal)
        except SyncError as error:
            if not self.of_one(error, name):
                raise
            return error


class _Batch:
    """The writes of a batch, each of which stands alone. Once Vault is gone, the rest isn't tried."""

    def __init__(self, target: VaultTarget, mark: Mark, seal: Seal) -> None:
        self._target, self._mark, self._seal = target, mark, seal
        self._gone: SyncError | None = None
        self._failing = 0

    def write(self, write: Write) -> Stamp | SyncError | None:
        if self._gone is not None:
            return self._gone
        try:
            done = self._target.objects(write.object).write(write, self._mark, self._seal)
        except SyncError as error:
            # Of one path alone Vault may fail for ever: only many in a row are all of it.
            self._failing = self._failing + 1 if error.reason is Reason.UNAVAILABLE else 0
            if not self._target.of_one(error, write.object) or self._failing >= _AT_ONCE:
                self._gone = error
            return error
        self._failing = 0
        return done
