"""`airflow`: effective connections as Airflow's own backends read them; no code of ours runs in that Airflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from syncd.core.airflow_form import connection_form
from syncd.core.documents import Document, Documents, Observed, Place, Seal
from syncd.core.errors import SyncError
from syncd.core.layouts import removals
from syncd.core.layouts.layered import folder
from syncd.core.model import KINDS, Item
from syncd.core.resolve import Resolution, Resolved

_KIND_OF = {f"{row.plural}.json": name for name, row in KINDS.items()}


@dataclass(frozen=True)
class AirflowFiles:
    """A `connections.json` and a `variables.json` per deployment, for `LocalFilesystemBackend`; a key per id."""

    prefix: str

    def home(self, item: Item) -> Place:
        return Place(f"{folder(self.prefix, item.deployment)}/{KINDS[item.kind].plural}.json", item.id)

    def item(self, place: Place) -> Item | None:
        kind = _KIND_OF.get(place.object.rpartition("/")[2])
        deployment = self.deployment(place)
        return Item(deployment, kind, place.key) if kind and deployment and KINDS[kind].valid_id(place.key) else None

    def deployment(self, place: Place) -> str:
        start = folder(self.prefix, "")
        return place.object[len(start) :].partition("/")[0] if place.object.startswith(start) else ""

    def nameplate(self, deployment: str) -> None:
        return None

    def places(self, item: Item) -> frozenset[Place]:
        return frozenset({self.home(item)})

    def documents(self, resolution: Resolution, observed: Observed) -> Documents:
        made: dict[int, Document] = {}
        goal: dict[Place, Document | None] = {}
        for item, one in resolution.resolved.items():
            if id(one) not in made:
                made[id(one)] = airflow_document(one)
            goal[self.home(item)] = made[id(one)]
        return goal | removals(self, resolution, observed)

    def step(self, goal: Documents, observed: Observed, seal: Seal) -> Documents:
        return goal

    def unholdable(self, resolution: Resolution) -> Mapping[Item, SyncError]:
        return {}


def airflow_document(one: Resolved) -> Document:
    """The effective connection or variable, as fields."""
    fields = one.effective.fields
    return Document(_FORMS[one.kind](fields), one.secret)


def _variable_form(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"value": fields["value"]}


_FORMS = {"connection": connection_form, "variable": _variable_form}
