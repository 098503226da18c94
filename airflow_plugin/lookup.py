"""What a lookup comes to: the document that was synced, the local layer on top, merged and rendered for Airflow.

Airflow throws its backend objects away, on most releases after each lookup: what is worth keeping is kept here, by
configuration, and made anew in a forked child.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_plugin import kwargs as settings
from airflow_plugin.masking import mask
from syncd.core import ids
from syncd.core.airflow_form import TEXT
from syncd.core.checks import problems
from syncd.core.documents import Place
from syncd.core.errors import FixError, Reason
from syncd.core.layouts.lookup import lookup, read
from syncd.core.merge import Effective, Layer, leaves, merge
from syncd.core.model import KINDS, Fields, Path, dotted
from syncd.core.secrets import is_secret, secret_paths
from syncd.sources.directory import DirectorySource


class Lookup:
    """One configuration: its source, and what was rendered from documents that haven't changed since."""

    def __init__(self, given: settings.Kwargs) -> None:
        self.settings = given
        self.source = DirectorySource(given.path)
        self._local = DirectorySource(given.local_path) if given.local_path else None
        self._rendered: dict[tuple[str, str], tuple[Any, Any, str]] = {}
        self._following: Any = None

    def find(self, kind: str, id_: str) -> str | None:
        """What Airflow gets for an id; None where it isn't linked. Raises SyncError for anything else."""
        envelope = lookup(self.source.get, self.settings.address, kind, id_)
        if envelope is None:
            return None
        patch = self._local_file(kind, id_)
        rendered = self._rendered.get((kind, id_))
        if rendered is None or rendered[0] is not envelope or rendered[1] is not patch:
            rendered = self._rendered[kind, id_] = (envelope, patch, self._render(kind, id_, envelope, patch))
        return rendered[2]

    def layers(self, kind: str, id_: str) -> tuple[tuple[Layer, ...], frozenset[Path]] | None:
        """The layers of an id, the local ones on top, and the secret paths of what they merge to; None: not linked."""
        envelope = lookup(self.source.get, self.settings.address, kind, id_)
        return None if envelope is None else self._layers(kind, id_, envelope, self._local_file(kind, id_))

    def following(self) -> Any:
        """The backend that `next` names, made at its first use; None without one."""
        if self._following is None and self.settings.next is not None:
            name, kwargs = self.settings.next
            module, _, attribute = name.rpartition(".")
            self._following = getattr(importlib.import_module(module), attribute)(**kwargs)
        return self._following

    def _render(self, kind: str, id_: str, envelope: Mapping[str, Any], patch: Fields | None) -> str:
        layers, secret = self._layers(kind, id_, envelope, patch)
        effective = merge(layers)
        required = KINDS[kind]
        if required.required not in effective.fields:
            raise FixError(
                Reason.INVALID_DEFINITION, f"{kind} {id_}", f"has no {required.required}", "look at the local layer"
            )
        mask(_masked(kind, effective, secret))
        return TEXT[kind](effective.fields)

    def _layers(
        self, kind: str, id_: str, envelope: Mapping[str, Any], patch: Fields | None
    ) -> tuple[tuple[Layer, ...], frozenset[Path]]:
        found = read(envelope, f"{kind} {id_}")
        local = [fields for fields in (patch, self.settings.local.get((kind, id_))) if fields is not None]
        secret = found.secret.union(*(secret_paths(kind, id_, fields) for fields in local))
        return found.layers + tuple(Layer("local", fields) for fields in local), secret

    def _local_file(self, kind: str, id_: str) -> Fields | None:
        if self._local is None:
            return None
        place = Place(f"{KINDS[kind].plural}/{ids.encode(id_)}.json")
        fields = self._local.get(place)
        for path, problem in problems(kind, fields or {}):
            raise FixError(Reason.INVALID_DEFINITION, self._local.path(place), f"{dotted(path)}: {problem}")
        return fields


def _masked(kind: str, effective: Effective, secret: frozenset[Path]) -> Iterator[str]:
    # Airflow masks a connection's password by itself, and in `extra` only what stands under a telling name.
    for path, value in leaves(effective.fields):
        if path[0] not in KINDS[kind].secret and is_secret(path, secret) and isinstance(value, str):
            yield value


_lookups: dict[str, Lookup] = {}


def for_kwargs(given: Mapping[str, Any]) -> Lookup:
    """The lookup of a configuration, shared by all backend objects of this process. Raises Problems."""
    key = repr(given)
    found = _lookups.get(key)
    if found is None:
        found = _lookups[key] = Lookup(settings.parse(given))
    return found


os.register_at_fork(after_in_child=_lookups.clear)
