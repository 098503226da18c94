"""A target in memory, as the port says one behaves, and a pass over it without record or guard."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from syncd.core.documents import Document, Documents, Mark, Observed, Place, Stamp, View, decode, encode, view
from syncd.core.errors import FixError, Reason, SyncError, WaitError
from syncd.core.layouts import Layout
from syncd.core.layouts.airflow import AirflowFiles, AirflowPaths, file_value, found_document, found_fields
from syncd.core.layouts.kubernetes import Bundled, Labelled
from syncd.core.layouts.layered import Layered
from syncd.core.model import Scope, Workspace
from syncd.core.plan import Plan, Write, compare, writes
from syncd.core.ports import Target
from syncd.core.resolve import Resolution, fill, resolve
from tests.strategies import values

MARK = Mark("registry-1", "analytics", "files", 1)
FOREIGN = Mark("registry-2", "analytics", "files", 1)
LAYOUTS: tuple[Layout, ...] = (
    Layered("analytics"),
    AirflowFiles("analytics"),
    AirflowPaths("analytics"),
    Bundled("analytics"),
    Labelled("analytics"),
)
NAMES = ("layered", "airflow files", "airflow paths", "bundled", "labelled")
EVERYTHING = Scope("files")


def seal(text: str) -> str:
    """A keyed digest, as a registry has one."""
    return hmac.new(b"key", text.encode(), hashlib.sha256).hexdigest()


@dataclass
class Held:
    """One object: its mark, its version, its keys as they are encoded; beside them what encoding can't tell."""

    mark: Mark | None
    version: int
    texts: dict[str, str]
    secrets: dict[str, list[list[str]]] = field(default_factory=dict)

    @property
    def stamp(self) -> Stamp:
        return Stamp(self.mark, str(self.version))


class MemoryTarget:
    """Objects by name. `unreadable` and `refusing` name those that can't be read or written; `closed` is why no new
    one can be made."""

    def __init__(self, layout: Layout, name: str = "files") -> None:
        self._name = name
        self._layout = layout
        self._version = 0
        self.objects: dict[str, Held] = {}
        self.unreadable: set[str] = set()
        self.refusing: set[str] = set()
        self.closed: SyncError | None = None
        self.written = 0

    @property
    def name(self) -> str:
        return self._name

    @property
    def where(self) -> str:
        return "memory"

    @property
    def layout(self) -> Layout:
        return self._layout

    def observe(self, objects: Collection[str] | None, seal: Any) -> Observed:
        views: dict[Place, View] = {}
        stamps: dict[str, Stamp] = {}
        unread: dict[str, SyncError] = {}
        for name in sorted(self.objects) if objects is None else sorted(objects & self.objects.keys()):
            if name in self.unreadable:
                unread[name] = WaitError(Reason.UNAVAILABLE, name, "doesn't answer")
                continue
            held = self.objects[name]
            stamps[name] = held.stamp
            for key in held.texts if held.mark is not None else ():
                views[Place(name, key)] = view(self.document(Place(name, key)), seal)
        return Observed(views, stamps, unread)

    def refuses(self, name: str) -> SyncError | None:
        return self.closed

    def write(self, writes: Sequence[Write], mark: Mark, seal: Any) -> Mapping[str, Stamp | SyncError | None]:
        return {write.object: self._write(write, mark) for write in writes}

    def document(self, place: Place) -> Document:
        """What lies at a place, decoded."""
        held = self.objects[place.object]
        if isinstance(self.layout, (Layered, Bundled)):
            mark, content = decode(json.loads(held.texts[place.key]), place.object)
            assert mark == (held.mark if isinstance(self.layout, Layered) else None)
            return self.layout.found(place, content)
        value = json.loads(held.texts[place.key])
        if isinstance(self.layout, (AirflowPaths, Labelled)):
            item = self.layout.item(place)
            assert item is not None
            return found_fields(item, value, held.secrets[place.key])
        return found_document(place, value, map(tuple, held.secrets[place.key])) if place.key else Document(value)

    def put_foreign(self, name: str, mark: Mark | None = None) -> None:
        """An object that somebody else wrote."""
        self._version += 1
        self.objects[name] = Held(mark, self._version, {})

    def _write(self, write: Write, mark: Mark) -> Stamp | SyncError | None:
        held = self.objects.get(write.object)
        if write.object in self.refusing:
            return WaitError(Reason.UNAVAILABLE, write.object, "doesn't answer")
        if held is None and not write.put:
            return None
        if (None if held is None else held.stamp.version) != (write.expected and write.expected.version):
            return FixError(Reason.CONFLICT, write.object, "was changed by somebody else in between")
        if held is not None and not write.put and not write.drop:
            return held.stamp
        return self._patched(write, held or Held(mark, 0, {}), mark)

    def _patched(self, write: Write, held: Held, mark: Mark) -> Stamp | None:
        self.written += 1
        self._version += 1
        texts = {key: text for key, text in held.texts.items() if key not in write.drop}
        secrets = {key: paths for key, paths in held.secrets.items() if key not in write.drop}
        for key, document in write.put.items():
            texts[key] = self._encoded(Place(write.object, key), document, mark)
            secrets[key] = sorted(map(list, document.secret))
        if not texts:
            del self.objects[write.object]
            return None
        self.objects[write.object] = Held(mark, self._version, texts, secrets)
        return self.objects[write.object].stamp

    def _encoded(self, place: Place, document: Document, mark: Mark) -> str:
        if isinstance(self.layout, (Layered, Bundled)):
            return encode(document, mark if isinstance(self.layout, Layered) else None)
        in_file = isinstance(self.layout, AirflowFiles) and place.key
        return json.dumps(file_value(place, document) if in_file else document.content)


_KEPT_BY_THE_PROTOCOL: type[Target] = MemoryTarget


@dataclass
class Pass:
    """What a pass went through."""

    resolution: Resolution
    observed: Observed
    goal: Documents
    plan: Plan
    writes: tuple[Write, ...]
    results: Mapping[str, Stamp | SyncError | None] = field(default_factory=dict)

    @property
    def views(self) -> Mapping[Place, View]:
        """The goal, as it would be observed."""
        return {place: view(document, seal) for place, document in self.goal.items() if document is not None}


def plan(
    workspace: Workspace,
    target: MemoryTarget,
    scope: Scope = EVERYTHING,
    given: Mapping[Any, str | SyncError] | None = None,
) -> Pass:
    """A pass without its writes."""
    resolution = resolve(workspace, scope)
    resolution = fill(resolution, values(resolution.references) if given is None else given)
    unholdable = target.layout.unholdable(resolution)
    kept = {item: one for item, one in resolution.resolved.items() if item not in unholdable}
    resolution = replace(resolution, resolved=kept, blocked={**resolution.blocked, **unholdable})
    observed = target.observe(None, seal)
    goal = target.layout.documents(resolution, observed, seal)
    hold = {target.layout.home(item): error for item, error in resolution.blocked.items()}
    planned = compare(goal, observed, mark=MARK, seal=seal, hold=hold)
    return Pass(resolution, observed, goal, planned, writes(planned, goal, observed))


def sync(
    workspace: Workspace,
    target: MemoryTarget,
    scope: Scope = EVERYTHING,
    given: Mapping[Any, str | SyncError] | None = None,
) -> Pass:
    """A pass, written."""
    one = plan(workspace, target, scope, given)
    one.results = target.write(one.writes, MARK._replace(revision=workspace.revision), seal)
    return one
