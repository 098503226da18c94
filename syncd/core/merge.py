"""Layers folded into one: JSON Merge Patch (RFC 7396), with the layer that every leaf came from.

Lowest first: definition, environment, link, local. Layers are folded from the lowest up and never combined among
themselves first: merge patches don't compose (unset, then set, is not set).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import NoneType
from typing import Any, NamedTuple

from syncd.core.model import Fields, Path

LAYERS = ("definition", "environment", "link", "local")
"""The order of the merge. A layer of another name belongs to a later format and is an error to a reader."""


_SCALARS = frozenset({str, int, float, bool, NoneType})
"""What needs no asking whether it is a Mapping, which takes ten times as long."""


class Layer(NamedTuple):
    """One step of the merge: its name and its patch."""

    name: str
    fields: Fields

    def __repr__(self) -> str:
        return f"Layer({self.name!r}, …)"


@dataclass(frozen=True)
class Effective:
    """What a deployment gets: the merged fields, without a null, and the layer of each leaf."""

    fields: Mapping[str, Any] = field(repr=False)
    origin: Mapping[Path, str]


def merge(layers: Iterable[Layer]) -> Effective:
    """Fold layers from the lowest up. An empty object is a leaf of its own, as RFC 7396 has it."""
    fields: dict[str, Any] = {}
    origin: dict[Path, str] = {}
    for layer in layers:
        _patch(fields, layer.fields, (), layer.name, origin)
    return Effective(fields, origin)


def trim(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """The effective connection split by where each leaf came from: disjoint layers, without a null.

    Merged, they give what `layers` give, and so with any layer on top: but nothing that an upper layer replaced is
    in them, so that a deployment can't read it.
    """
    layers = [layer for layer in layers if layer.fields]
    if len(layers) == 1 and not _holds_null(layers[0].fields):
        return tuple(layers)
    effective = merge(layers)
    split: dict[str, dict[str, Any]] = {layer.name: {} for layer in layers}
    for path, value in leaves(effective.fields):
        place = split[effective.origin[path]]
        for part in path[:-1]:
            place = place.setdefault(part, {})
        place[path[-1]] = value
    return tuple(Layer(name, part) for name, part in split.items() if part)


def leaves(fields: Mapping[str, Any], at: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every leaf with its path. Lists and empty objects are leaves; so is a null, where a patch holds one."""
    for name, value in fields.items():
        path = (*at, name)
        if type(value) not in _SCALARS and isinstance(value, Mapping) and value:
            yield from leaves(value, path)
        else:
            yield path, value


def _patch(fields: dict[str, Any], patch: Mapping[str, Any], at: Path, layer: str, origin: dict[Path, str]) -> None:
    if at and patch:
        origin.pop(at, None)
    for name, value in patch.items():
        path = (*at, name)
        old = fields.get(name)
        if type(value) not in _SCALARS and isinstance(value, Mapping):
            if not isinstance(old, dict):
                _forget(path, old, origin)
                old = fields[name] = {}
                origin[path] = layer
            empty_since = origin.get(path, layer)
            _patch(old, value, path, layer, origin)
            if not old:
                origin[path] = empty_since
        else:
            _forget(path, old, origin)
            if value is None:
                fields.pop(name, None)
            else:
                fields[name] = value
                origin[path] = layer


def _forget(path: Path, old: object, origin: dict[Path, str]) -> None:
    origin.pop(path, None)
    if isinstance(old, dict):
        for child, value in old.items():
            _forget((*path, child), value, origin)


def _holds_null(patch: Mapping[str, Any]) -> bool:
    return any(value is None for _, value in leaves(patch))
