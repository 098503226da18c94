"""What lies in a namespace, and writes side by side: each Secret alone, and one that fails stops no other."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from syncd.clients.kubernetes.secret import Secret
from syncd.clients.kubernetes.writing import Kubernetes
from syncd.core.documents import Mark, Observed, Place, Seal, Stamp, View, view
from syncd.core.errors import FixError, Reason, SyncError, WaitError
from syncd.core.layouts.kubernetes import LARGEST, Bundled, Labelled
from syncd.core.plan import Write
from syncd.targets.kubernetes.forms import Bundles, Form, Labels, mark_of
from syncd.targets.side_by_side import read_each, write_each


@dataclass(frozen=True)
class KubernetesTarget:
    """The lease makes it one writer at a time; whoever else writes there is met by the version check."""

    name: str
    layout: Bundled | Labelled
    kubernetes: Kubernetes
    namespace: str
    server: str

    @property
    def where(self) -> str:
        return f"{self.server}, namespace {self.namespace}, {self.layout.prefix}, layout {self.layout.name}"

    def observe(self, objects: Collection[str] | None, seal: Seal) -> Observed:
        if objects is None:
            listed = self.kubernetes.secrets(self.namespace)
            seen = {one.name: one for one in listed if self.layout.deployment(Place(one.name))}
            unread: dict[str, SyncError] = {}
        else:
            seen, unread = self._looked(sorted(objects))
        views: dict[Place, View] = {}
        stamps: dict[str, Stamp] = {}
        for name, secret in seen.items():
            mark = mark_of(secret)
            try:
                found = {} if mark is None or _is_emptied(secret) else self.form.found(secret, self.subject(name), seal)
            except FixError as error:  # of a newer release's format
                unread[name] = error
                continue
            stamps[name] = Stamp(mark, secret.version)
            views |= {place: view(document, seal) for place, document in found.items()}
        return Observed(views, stamps, unread)

    def refuses(self, name: str) -> SyncError | None:
        # The list of a namespace that isn't there is an empty one.
        return self.kubernetes.refuses(self.namespace, name)

    def write(self, writes: Sequence[Write], mark: Mark, seal: Seal) -> Mapping[str, Stamp | SyncError | None]:
        return write_each(writes, _Writing(self, mark, seal).write, self.subject)

    @cached_property
    def form(self) -> Form:
        """How documents stand in a Secret."""
        return Labels(self.layout) if isinstance(self.layout, Labelled) else Bundles(self.layout)

    def subject(self, name: str) -> str:
        """How errors name a Secret."""
        return f"secret {self.namespace}/{name}"

    def _looked(self, names: Sequence[str]) -> tuple[dict[str, Secret], dict[str, SyncError]]:
        seen = read_each(names, lambda name: self.kubernetes.secret(self.namespace, name), self.subject)
        unread = {name: one for name, one in seen.items() if isinstance(one, SyncError)}
        if unread and len(unread) == len(seen):
            raise next(iter(unread.values()))
        return {name: one for name, one in seen.items() if isinstance(one, Secret)}, unread


class _Writing:
    """Writes under one mark."""

    def __init__(self, target: KubernetesTarget, mark: Mark, seal: Seal) -> None:
        self._target, self._mark, self._seal = target, mark, seal
        self._kubernetes, self._namespace = target.kubernetes, target.namespace

    def write(self, write: Write) -> Stamp | None:
        """Carry it out; None where nothing is there then. Raises SyncError."""
        if write.expected is None and write.put:
            return self._made(write)
        there = self._kubernetes.secret(self._namespace, write.object)
        if not write.put and not write.drop:
            return None if there is None else Stamp(mark_of(there), there.version)
        if there is None:
            if write.put:
                raise self._conflict(write)
            return None
        self._require_ours(write, there)
        return self._put(write, there)

    def _made(self, write: Write) -> Stamp | None:
        new = self._written(write, Secret(self._namespace, write.object))
        return None if new is None else self._stamped(self._kubernetes.create(self._namespace, new))

    def _put(self, write: Write, there: Secret) -> Stamp | None:
        if there.deleting and write.put:
            raise self._going(there)
        new = self._written(write, there)
        if new is None:
            self._take_away(there)
            return None
        if new.says(there):
            return Stamp(mark_of(there), there.version)
        return self._stamped(self._kubernetes.replace(self._namespace, new))

    def _take_away(self, there: Secret) -> None:
        """As long as somebody's finalizer keeps it, it can be read: what it holds is taken out."""
        if not there.deleting:
            self._kubernetes.delete(self._namespace, there)
        if there.kept.get("finalizers"):
            kept = self._kubernetes.secret(self._namespace, there.name)
            if kept is not None and kept.uid == there.uid and not _is_emptied(kept):
                self._kubernetes.replace(self._namespace, replace(kept, data={}, binary={}))

    def _written(self, write: Write, before: Secret) -> Secret | None:
        new = self._target.form.written(write, before, self._mark, self._seal)
        size = 0 if new is None else new.size
        if size > LARGEST:
            bundled = isinstance(self._target.layout, Bundled)
            raise FixError(
                Reason.NOT_HOLDABLE,
                self._target.subject(write.object),
                f"would hold {size} bytes, and no Secret holds more than {LARGEST}",
                f"double `secrets` of target {self._mark.target}" if bundled else "take out what isn't ours",
            )
        return new

    def _require_ours(self, write: Write, there: Secret) -> None:
        expected, mark = write.expected, mark_of(there)
        adopted = expected is not None and expected.mark is not None and expected.mark.revision == 0
        if expected is None or there.version != expected.version or not (adopted or self._mark.same_owner(mark)):
            raise self._conflict(write)

    def _going(self, there: Secret) -> WaitError:
        keepers = ", ".join(there.kept.get("finalizers", ())) or "nobody"
        return WaitError(
            Reason.REFUSED,
            self._target.subject(there.name),
            f"is being removed, and is kept by the finalizers {keepers}",
            "whoever put them there has to take them off; it is made anew then",
        )

    def _conflict(self, write: Write) -> WaitError:
        return WaitError(
            Reason.CONFLICT, self._target.subject(write.object), "was changed since it was looked at", "sync again"
        )

    def _stamped(self, secret: Secret) -> Stamp:
        return Stamp(self._mark, secret.version)


def _is_emptied(secret: Secret) -> bool:
    """Is it one that goes once its finalizers are off, with nothing in it any more?"""
    return secret.deleting and not secret.data and not secret.binary
