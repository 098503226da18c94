"""What several deployments have today, as definitions: what is equal everywhere is shared, the rest is overridden.

    joined(found)["warehouse"], as one of the deployments gets it  ==  what that deployment had

Overrides stay on links, whatever the environments of the deployments are. A field that one of them hasn't is shared
with none, so that no link has anything to unset.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

from syncd.core.canonical import text
from syncd.core.model import Definition, Fields, Key
from syncd.imports.found import Definitions


def joined(found: Mapping[str, Definitions]) -> Definitions:
    """One shared definition for each id, linked to the deployments that have it. The deployments are the keys."""
    having: dict[Key, dict[str, Definition]] = {}
    for deployment, definitions in found.items():
        for key, one in definitions.items():
            having.setdefault(key, {})[deployment] = one
    return {key: _together(key, ones) for key, ones in having.items()}


def patch(base: Fields, wanted: Fields) -> dict[str, Any]:
    """The merge patch that makes `wanted`, which holds no null, of `base`: empty where they are the same."""
    made: dict[str, Any] = {name: None for name in base if name not in wanted}
    for name, value in wanted.items():
        old = base.get(name)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            inner = patch(old, value)
            if inner:
                made[name] = inner
        elif old is None or text(old) != text(value):
            made[name] = value
    return made


def _together(key: Key, ones: Mapping[str, Definition]) -> Definition:
    shared: Fields = reduce(_common, (one.fields for one in ones.values()))
    links = {name: patch(shared, one.fields) for name, one in ones.items()}
    secret = frozenset().union(*(one.secret_fields for one in ones.values()))
    return Definition(key, shared, secret, links=links)


def _common(one: Fields, other: Fields) -> dict[str, Any]:
    """What two have alike. Objects that have nothing alike are left to the links."""
    kept: dict[str, Any] = {}
    for name, value in one.items():
        theirs = other.get(name)
        if theirs is None:
            continue
        if text(value) == text(theirs):
            kept[name] = value
        elif isinstance(value, Mapping) and isinstance(theirs, Mapping) and (inner := _common(value, theirs)):
            kept[name] = inner
    return kept
