"""Edits, drawn by Hypothesis: one at a time, of what is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from syncd.core.model import KINDS, Definition, Deployment, Fields, Key, Reference, Workspace
from tests import strategies as some

TARGETS = (("files",), ("files",), ("other",), ("files", "other"))


def sound(workspace: Workspace) -> Workspace:
    """The same, but that all of it can be had: its references give something, and no override takes what is needed."""
    return replace(workspace, definitions={key: _sound(one) for key, one in workspace.definitions.items()})


@st.composite
def edited(draw: st.DrawFn, workspace: Workspace) -> Workspace:
    """The workspace after one edit of one thing; a sixth of what is written can't be had."""
    edit = draw(st.sampled_from(_EDITS))
    return _whole(edit(draw, workspace))


def _fields(draw: st.DrawFn, here: Workspace) -> Workspace:
    def new(one: Definition) -> Definition:
        return replace(one, fields=draw(_patches(one.key)), secret_fields=draw(some.secret_fields(one.key.kind)))

    return _one(draw, here, new)


def _environment(draw: st.DrawFn, here: Workspace) -> Workspace:
    name = draw(st.sampled_from(here.environments))
    return _one(draw, here, lambda one: replace(one, environments=_turned(draw, one, one.environments, name)))


def _link(draw: st.DrawFn, here: Workspace) -> Workspace:
    name = draw(st.sampled_from(sorted(here.deployments) or some.DEPLOYMENTS))
    return _one(draw, here, lambda one: replace(one, links=_turned(draw, one, one.links, name)))


def _link_all(draw: st.DrawFn, here: Workspace) -> Workspace:
    return _one(draw, here, lambda one: replace(one, link_all=not one.link_all))


def _exclude(draw: st.DrawFn, here: Workspace) -> Workspace:
    name = draw(st.sampled_from(some.DEPLOYMENTS))
    return _one(draw, here, lambda one: replace(one, exclude=one.exclude ^ {name}))


def _definition(draw: st.DrawFn, here: Workspace) -> Workspace:
    key = draw(st.sampled_from(some.KEYS))
    others = {old: one for old, one in here.definitions.items() if old != key}
    if key in here.definitions:
        return replace(here, definitions=others)
    return replace(here, definitions={**others, key: _perhaps_sound(draw, draw(some.definitions(key)))})


def _deployment(draw: st.DrawFn, here: Workspace) -> Workspace:
    name = draw(st.sampled_from(some.DEPLOYMENTS))
    others = {old: one for old, one in here.deployments.items() if old != name}
    if name in here.deployments and draw(st.booleans()):
        return replace(here, deployments=others)
    made = Deployment(name, draw(st.sampled_from(here.environments)), draw(st.sampled_from(TARGETS)))
    return replace(here, deployments={**others, name: made})


_EDITS: tuple[Callable[[st.DrawFn, Workspace], Workspace], ...] = (
    _link,
    _link,
    _environment,
    _fields,
    _link_all,
    _exclude,
    _definition,
    _deployment,
)


def _one(draw: st.DrawFn, here: Workspace, change: Callable[[Definition], Definition]) -> Workspace:
    if not here.definitions:
        return here
    key = draw(st.sampled_from(sorted(here.definitions)))
    return replace(here, definitions={**here.definitions, key: _perhaps_sound(draw, change(here.definitions[key]))})


def _turned(draw: st.DrawFn, one: Definition, patches: Mapping[str, Fields], name: str) -> Mapping[str, Fields]:
    others = {other: patch for other, patch in patches.items() if other != name}
    if name in patches and draw(st.integers(0, 3)) == 0:
        return others
    return {**others, name: draw(_patches(one.key))}


def _patches(key: Key) -> st.SearchStrategy[dict[str, Any]]:
    # Most say something: a patch of nothing changes nothing, and an edit of it shows nothing.
    told = st.sampled_from("abc").map(lambda value: {_TOLD[key.kind]: value})
    return st.builds(lambda one, other: {**one, **other}, some.fields(key.kind), told) | st.just({})


_TOLD = {"connection": "login", "variable": "value"}


def _perhaps_sound(draw: st.DrawFn, one: Definition) -> Definition:
    return one if draw(st.integers(0, 5)) == 5 else _sound(one)


def _sound(one: Definition) -> Definition:
    required = KINDS[one.key.kind].required
    return replace(
        one,
        fields={required: "postgres", **_allowed(_without(one.fields, required))},
        environments={name: _allowed(_without(patch, required)) for name, patch in one.environments.items()},
        links={name: _allowed(_without(patch, required)) for name, patch in one.links.items()},
    )


def _allowed(patch: Any) -> Any:
    if isinstance(patch, Reference):
        return Reference("env", "WAREHOUSE" if patch.scheme == "env" else "TOKEN")
    return {name: _allowed(value) for name, value in patch.items()} if isinstance(patch, dict) else patch


def _without(patch: Fields, name: str) -> dict[str, Any]:
    """Without this field, where it says nothing."""
    return {field: value for field, value in patch.items() if field != name or value}


def _whole(here: Workspace) -> Workspace:
    """Without what names a deployment that isn't there, as `syncd deployment delete` leaves it."""
    kept = [one for key, one in here.definitions.items() if not key.owner or key.owner in here.deployments]
    return replace(here, definitions={one.key: _within(one, here.deployments) for one in kept})


def _within(one: Definition, names: Iterable[str]) -> Definition:
    if one.key.owner:
        return Definition(one.key, one.fields, one.secret_fields)
    links = {name: patch for name, patch in one.links.items() if name in names}
    return replace(one, links=links, exclude=frozenset(one.exclude).intersection(names) - links.keys())
