"""What a workspace can't hold: one set of rules for files, CLI and API."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from syncd.core.model import (
    KINDS,
    NAME,
    NAME_LENGTH,
    Definition,
    Fields,
    Key,
    Path,
    Reference,
    Workspace,
    dotted,
    port,
)

_SHORTEST_MASK = 3
DEEPEST = 20
"""How deep an `extra` may be nested."""


class Finding(NamedTuple):
    """What is wrong, and where: a path as the definitions' files have it (`connections.warehouse.links.etl-prod`)."""

    path: Path
    problem: str
    remedy: str = ""


def check(workspace: Workspace) -> Iterator[Finding]:
    """Everything that is wrong with a workspace, in no order."""
    yield from _name((), workspace.name, "workspace")
    for place, name in enumerate(workspace.environments):
        yield from _name(("environments", name), name, "environment")
        if name in workspace.environments[:place]:
            yield Finding(("environments", name), "is named twice")
    for name, deployment in workspace.deployments.items():
        at = ("deployments", name)
        yield from _name(at, name, "deployment")
        if deployment.environment not in workspace.environments:
            yield Finding((*at, "environment"), f"no environment of this workspace; {_there(workspace.environments)}")
        base = workspace.deployments.get(deployment.preview_of)
        if deployment.preview_of and (base is None or base.preview_of):
            yield Finding((*at, "preview_of"), "is no deployment of this workspace, or itself a preview")
    for key, definition in workspace.definitions.items():
        yield from _definition(workspace, key, definition)


def address(key: Key) -> Path:
    """Where the files have a definition."""
    at = (KINDS[key.kind].plural, key.id)
    return ("deployments", key.owner, *at) if key.owner else at


def _definition(workspace: Workspace, key: Key, definition: Definition) -> Iterator[Finding]:
    at = address(key)
    row = KINDS[key.kind]
    if not row.valid_id(key.id):
        yield Finding(at, f"no id of a {key.kind}", f"an id is {row.id_rule}")
    if key.owner and key.owner not in workspace.deployments:
        yield Finding(at, "its deployment isn't there")
    yield from (Finding((*at, *path), problem) for path, problem in problems(key.kind, definition.fields))
    yield from _overrides(workspace, at, definition)
    for name in definition.exclude:
        if name not in workspace.deployments:
            yield Finding((*at, "exclude"), f"{name} is no deployment of this workspace")
        elif name in definition.links:
            yield Finding((*at, "exclude"), f"{name} is linked and excluded at once", "take one of the two away")
    for path in definition.secret_fields:
        if not path or path[0] not in row.fields or (len(path) > 1 and row.fields[path[0]] != "object"):
            yield Finding((*at, "secret_fields"), f"{dotted(path)} is no field of a {key.kind}")


def _overrides(workspace: Workspace, at: Path, definition: Definition) -> Iterator[Finding]:
    if definition.key.owner and (
        definition.environments or definition.links or definition.link_all or definition.exclude
    ):
        yield Finding(at, "a deployment's own definition has no links and no overrides")
    for part, noun, known, patches in (
        ("environments", "environment", workspace.environments, definition.environments),
        ("links", "deployment", workspace.deployments, definition.links),
    ):
        for name, fields in patches.items():
            where = (*at, part, name)
            if name not in known:
                yield Finding(where, f"no {noun} of this workspace; {_there(known)}")
            yield from (Finding((*where, *path), problem) for path, problem in problems(definition.key.kind, fields))


def _name(at: Path, name: str, noun: str) -> Iterator[Finding]:
    article = "an" if noun[0] in "aeiou" else "a"
    if len(name) > NAME_LENGTH or not NAME.fullmatch(name):
        yield Finding(
            at, f"no name that {article} {noun} may have", f"a name is a-z, 0-9 and -, at most {NAME_LENGTH} characters"
        )


def _there(names: Iterable[str]) -> str:
    return f"it has {', '.join(names) or 'none'}"


def problems(kind: str, fields: Fields) -> Iterator[tuple[Path, str]]:
    """Each leaf of a patch that its kind can't hold, with what is wrong: the one check for YAML, CLI and API."""
    row = KINDS[kind]
    for name, value in fields.items():
        if name not in row.fields:
            yield (name,), f"no field of a {kind}; it has {', '.join(row.fields)}"
        elif isinstance(value, Reference) or value is None:
            if row.fields[name] == "object" and value is not None:
                yield (name,), "a reference stands for one value: name the key, as in extra.NAME"
        else:
            yield from _CHECKS[row.fields[name]]((name,), value)


def _text(path: Path, value: object) -> Iterator[tuple[Path, str]]:
    if not isinstance(value, str):
        yield path, "a text is wanted here"
    elif _lone_surrogate(value):
        yield path, "text that UTF-8 can't hold"
    elif is_mask(value):
        yield path, "is a mask and no value: it was copied from some output"


def _port(path: Path, value: object) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, "a whole number is wanted here"
        return
    try:
        port(value)
    except ValueError as error:
        yield path, str(error)


def _object(path: Path, value: object) -> Iterator[tuple[Path, str]]:
    if not isinstance(value, Mapping):
        yield path, "an object (key: value) is wanted here"
        return
    yield from _inside(path, value)


def _inside(path: Path, value: object) -> Iterator[tuple[Path, str]]:
    if len(path) > DEEPEST:
        yield path[:1], f"is nested deeper than {DEEPEST}"
    elif isinstance(value, Mapping):
        for key, child in value.items():
            yield from _entry(path, key, child)
    elif isinstance(value, list):
        for child in value:
            if _holds_reference(child):
                yield path, "a list is one value: no reference inside it"
            else:
                # A part for the list, so that nested lists have an end as well.
                yield from ((path, problem) for _, problem in _inside((*path, "[]"), child))
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, "a number that JSON can't hold"
    elif isinstance(value, str):
        yield from _text(path, value)


def _entry(path: Path, key: object, child: object) -> Iterator[tuple[Path, str]]:
    if not isinstance(key, str) or not key or _lone_surrogate(key):
        yield path, "a key is a text that isn't empty"
    elif key.startswith("$"):
        yield path, "a key can't begin with $: {$from: …} and {$stored: …} stand for values that lie elsewhere"
    elif not isinstance(child, Reference):
        yield from _inside((*path, key), child)


def is_mask(text: str) -> bool:
    """Is this what some output showed in place of a secret?"""
    return len(text) >= _SHORTEST_MASK and set(text) <= {"*", "•"}


def _holds_reference(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_reference(child) for child in value.values())
    return isinstance(value, Reference)


def _lone_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


_CHECKS: Mapping[str, Callable[[Path, object], Iterator[tuple[Path, str]]]] = {
    "text": _text,
    "port": _port,
    "object": _object,
}
