"""`airflow`: effective connections as Airflow's own backends read them; no code of ours runs in that Airflow."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from syncd.core.airflow_form import FORMS
from syncd.core.documents import Document, Documents, Observed, Place, Seal
from syncd.core.errors import FixError, Reason, SyncError
from syncd.core.layouts import removals, wanted
from syncd.core.layouts.layered import deployment_of, folder
from syncd.core.model import KINDS, Item, Path
from syncd.core.resolve import Resolution, Resolved
from syncd.core.secrets import secret_paths

_KIND_OF = {f"{row.plural}.json": name for name, row in KINDS.items()}


@dataclass(frozen=True)
class AirflowFiles:
    """A `connections.json` and a `variables.json` per deployment, for `LocalFilesystemBackend`; a key per id."""

    name: ClassVar = "airflow"
    needs_all: ClassVar = False
    holds_one: ClassVar = False
    tells_withheld: ClassVar = False
    prefix: str

    def home(self, item: Item) -> Place:
        return Place(f"{folder(self.prefix, item.deployment)}/{KINDS[item.kind].plural}.json", item.id)

    def item(self, place: Place) -> Item | None:
        kind = _KIND_OF.get(place.object.rpartition("/")[2], "")
        deployment = self.deployment(place)
        if not kind or not deployment or not KINDS[kind].valid_id(place.key):
            return None
        item = Item(deployment, kind, place.key)
        return item if self.home(item) == place else None

    def stands_for(self, place: Place) -> Item | None:
        return self.item(place)

    def deployment(self, place: Place) -> str:
        return deployment_of(self.prefix, place)

    def plates(self, deployment: str) -> tuple[Place, ...]:
        # Both files, always: LocalFilesystemBackend fails at each lookup where a file that it was told of is missing.
        return tuple(Place(f"{folder(self.prefix, deployment)}/{name}") for name in _KIND_OF)

    def places(self, item: Item) -> frozenset[Place]:
        return frozenset({self.home(item), *self.plates(item.deployment)})

    def documents(self, resolution: Resolution, observed: Observed, seal: Seal) -> Documents:
        empty = Document({})
        plates = {place: empty for deployment in resolution.linked for place in self.plates(deployment)}
        return {**wanted(self, resolution, airflow_document), **plates, **removals(self, resolution, observed)}

    def step(self, goal: Documents, observed: Observed, seal: Seal, hold: Mapping[Place, SyncError]) -> Documents:
        return goal

    def awaiting(self, goal: Documents, missing: Collection[Place]) -> Documents:
        return {}  # who reads this asks no plate

    def others_write(self, deployments: Collection[str], objects: Collection[str]) -> frozenset[str]:
        return frozenset()

    def warnings(self, resolution: Resolution, observed: Observed) -> tuple[str, ...]:
        return ()

    def unholdable(self, resolution: Resolution) -> Mapping[Item, SyncError]:
        return {}


@dataclass(frozen=True)
class AirflowPaths:
    """A path each, for `VaultBackend`: `<prefix>/deployments/<deployment>/connections/<id>`, the id as it is."""

    name: ClassVar = "airflow"
    needs_all: ClassVar = False
    holds_one: ClassVar = False
    tells_withheld: ClassVar = False
    prefix: str

    def home(self, item: Item) -> Place:
        return Place(f"{folder(self.prefix, item.deployment)}/{KINDS[item.kind].plural}/{item.id}")

    def item(self, place: Place) -> Item | None:
        deployment = self.deployment(place)
        parts = place.object[len(folder(self.prefix, deployment)) + 1 :].split("/")
        kind = _KIND_OF.get(f"{parts[0]}.json", "")
        if not deployment or not kind or len(parts) != 2 or not KINDS[kind].valid_id(parts[1]):
            return None
        return None if parts[1] in _NO_NAMES else Item(deployment, kind, parts[1])

    def stands_for(self, place: Place) -> Item | None:
        return self.item(place)

    def deployment(self, place: Place) -> str:
        return deployment_of(self.prefix, place)

    def plates(self, deployment: str) -> tuple[Place, ...]:
        return ()

    def places(self, item: Item) -> frozenset[Place]:
        return frozenset({self.home(item)})

    def documents(self, resolution: Resolution, observed: Observed, seal: Seal) -> Documents:
        return {**wanted(self, resolution, airflow_document), **removals(self, resolution, observed)}

    def step(self, goal: Documents, observed: Observed, seal: Seal, hold: Mapping[Place, SyncError]) -> Documents:
        return goal

    def awaiting(self, goal: Documents, missing: Collection[Place]) -> Documents:
        return {}  # who reads this asks no plate

    def others_write(self, deployments: Collection[str], objects: Collection[str]) -> frozenset[str]:
        return frozenset()

    def warnings(self, resolution: Resolution, observed: Observed) -> tuple[str, ...]:
        return ()

    def unholdable(self, resolution: Resolution) -> Mapping[Item, SyncError]:
        return {
            item: FixError(
                Reason.NOT_HOLDABLE,
                str(item),
                "no path can end in this id",
                "give it an id without a slash, or another",
            )
            for item in resolution.resolved
            if "/" in item.id or item.id in _NO_NAMES
        }


_NO_NAMES = (".", "..")
"""What a path's last part can't be: it would be taken for another path."""


def file_value(place: Place, document: Document) -> Any:
    """What stands under an id in its file: a connection's fields, or a variable's text."""
    return FORMS[_kind(place)].in_file(document.content)


def found_document(place: Place, value: Any, secrets: Iterable[Path] | None) -> Document:
    """The inverse of `file_value`. The rule of what is secret is applied again: the file may have been edited.

    None is for nobody knows: then all of it is secret.
    """
    kind = _kind(place)
    content = FORMS[kind].from_file(value)
    if secrets is None:
        return Document(content, frozenset((name,) for name in content))
    told = frozenset(secrets)
    return Document(content, secret_paths(kind, place.key, content, told) | told)


def found_fields(item: Item, content: Mapping[str, Any], secrets: object) -> Document:
    """What was found as fields. `secrets` are paths as lists; where they are anything else, all of it is secret."""
    if not isinstance(secrets, list) or not all(isinstance(path, list) for path in secrets):
        return Document(content, frozenset((name,) for name in content))
    told = frozenset(tuple(map(str, path)) for path in secrets)
    return Document(content, secret_paths(item.kind, item.id, content, told) | told)


def _kind(place: Place) -> str:
    return _KIND_OF[place.object.rpartition("/")[2]]


def airflow_document(one: Resolved) -> Document:
    """The effective connection or variable, as fields."""
    return Document(FORMS[one.kind].fields(one.effective.fields), one.secret)
