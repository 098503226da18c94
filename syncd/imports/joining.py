"""What several deployments have today, as definitions: what is equal everywhere is shared, the rest is overridden.

    joined(found)["warehouse"], as one of the deployments gets it  ==  what that deployment had

Overrides stay on links, whatever the environments of the deployments are. A field that one of them has and another
hasn't is null on the other's link, so that it isn't inherited there when somebody shares it one day.
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
    all_fields = [one.fields for one in ones.values()]
    shared: Fields = reduce(_common, all_fields)
    any_of_them: Fields = reduce(_union, all_fields)
    links = {name: _unset(patch(shared, one.fields), one.fields, any_of_them) for name, one in ones.items()}
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


def _union(one: Fields, other: Fields) -> dict[str, Any]:
    """Every name that one of two has, with a value of either: an object where one of them has one."""
    made = dict(one)
    for name, value in other.items():
        mine = one.get(name)
        if isinstance(mine, Mapping) and isinstance(value, Mapping):
            made[name] = _union(mine, value)
        elif not isinstance(mine, Mapping):
            made[name] = value
    return made


def _unset(made: Fields, wanted: Fields, others: Fields) -> dict[str, Any]:
    """A patch with null for what others have and `wanted` hasn't."""
    unset = dict(made)
    for name, value in others.items():
        mine = wanted.get(name)
        if mine is None:
            unset[name] = None
        elif isinstance(mine, Mapping) and isinstance(value, Mapping):
            inner = _unset(made.get(name, {}), mine, value)
            if inner:
                unset[name] = inner
    return unset
