"""What a file of definitions is made of: its keys, and what stands under each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from syncd.core.model import KINDS, Definition, Deployment, Key, Kind, Path, undotted
from syncd.definitions.applying import Definitions
from syncd.definitions.nodes import Node, Object
from syncd.definitions.problems import Problem
from syncd.definitions.sheet import Convert, Sheet, Wrong, an_object
from syncd.definitions.values import VALUES, flag, scalar


def contents(root: Node, problems: list[Problem]) -> Definitions:
    """What one file names. The workspace is empty where the file doesn't say it, which is added to `problems`."""
    sheet = Sheet(problems)
    try:
        found = sheet.keyed((), root, _FILE)
    except Wrong as wrong:
        found = {}
        problems.append(Problem(root.location, (), wrong.problem, "begin with `workspace: NAME`"))
    if isinstance(root, Object) and "workspace" not in root.entries:
        problems.append(Problem(root.location, ("workspace",), "isn't named", "every file says `workspace: NAME`"))
    deployments: dict[str, tuple[Deployment, list[Definition]]] = found.get("deployments", {})
    shared = [definition for row in KINDS.values() for definition in found.get(row.plural, {}).values()]
    own = [definition for _, definitions in deployments.values() for definition in definitions]
    for section in ("deployments", *_SECTIONS):
        sheet.locations.pop((section,), None)  # it may stand in other files too, and is no start of what isn't in it
    return Definitions(
        workspace=found.get("workspace", ""),
        environments=found.get("environments"),
        deployments={name: deployment for name, (deployment, _) in deployments.items()},
        definitions={definition.key: definition for definition in shared + own},
        locations=sheet.locations,
    )


def secret_key(row: Kind) -> str:
    """Under which key a definition says what else is secret: one of one field has nothing to choose."""
    return "secret_fields" if len(row.fields) > 1 else "secret"


def _name(_sheet: Sheet, _at: Path, node: Node) -> str:
    found = scalar(node, "a name")
    if found.text and not (found.plain and found.text == "null"):
        return found.text
    raise Wrong("a name is wanted here")


def _names(sheet: Sheet, at: Path, node: Node) -> tuple[str, ...]:
    seen: set[str] = set()

    def once(_sheet: Sheet, path: Path, item: Node) -> str:
        name = _name(sheet, path, item)
        if name in seen:
            raise Wrong("a name stands here twice", "take one of the two away")
        seen.add(name)
        place: Path = (*at, name)
        sheet.locations[place] = item.location
        return name

    return tuple(sheet.items(at, node, once))


def _deployment(sheet: Sheet, at: Path, node: Node) -> tuple[Deployment, list[Definition]]:
    found = sheet.keyed(at, node, _DEPLOYMENT)
    if "environment" not in an_object(node).entries:
        raise Wrong("has no environment", "write `environment: NAME`")
    own = [definition for row in KINDS.values() for definition in found.get(row.plural, {}).values()]
    return Deployment(at[-1], found.get("environment", ""), found.get("targets", ())), own


def _definition(row: Kind, sheet: Sheet, at: Path, node: Node) -> Definition:
    owner = at[1] if at[0] == "deployments" else ""
    found = sheet.keyed(at, node, _OWN[row.name] if owner else _SHARED[row.name])
    return Definition(
        key=Key(row.name, at[-1], owner),
        fields={name: found[name] for name in row.fields if name in found},
        secret_fields=found.get(secret_key(row), frozenset()),
        environments={name: patch for name, patch in found.get("environments", {}).items() if patch},
        links=found.get("links", {}),
        link_all=found.get("link_all", False),
        exclude=frozenset(found.get("exclude", ())),
    )


def _secret_fields(sheet: Sheet, at: Path, node: Node) -> frozenset[Path]:
    def path(_sheet: Sheet, _at: Path, item: Node) -> Path:
        try:
            return undotted(scalar(item, "a field").text)
        except ValueError as error:
            raise Wrong(str(error)) from None

    return frozenset(sheet.items(at, node, path))


def _secret(row: Kind, sheet: Sheet, at: Path, node: Node) -> frozenset[Path]:
    return frozenset((name,) for name in row.fields) if flag(sheet, at, node) else frozenset()


def _keyed(known: Mapping[str, Convert[Any]], sheet: Sheet, at: Path, node: Node) -> dict[str, Any]:
    return sheet.keyed(at, node, known)


def _each(convert: Convert[Any], sheet: Sheet, at: Path, node: Node) -> dict[str, Any]:
    return sheet.each(at, node, convert)


def _of_owner(row: Kind) -> dict[str, Convert[Any]]:
    secret: Convert[Any] = _secret_fields if secret_key(row) == "secret_fields" else partial(_secret, row)
    return {**_fields(row), secret_key(row): secret}


def _of_all(row: Kind) -> dict[str, Convert[Any]]:
    patches: Convert[Any] = partial(_each, partial(_keyed, _fields(row)))
    return {**_of_owner(row), "environments": patches, "links": patches, "link_all": flag, "exclude": _names}


def _fields(row: Kind) -> dict[str, Convert[Any]]:
    return {name: VALUES[type_] for name, type_ in row.fields.items()}


_OWN = {name: _of_owner(row) for name, row in KINDS.items()}
_SHARED = {name: _of_all(row) for name, row in KINDS.items()}
_SECTIONS = {row.plural: partial(_each, partial(_definition, row)) for row in KINDS.values()}
_DEPLOYMENT: Mapping[str, Convert[Any]] = {"environment": _name, "targets": _names, **_SECTIONS}
_FILE: Mapping[str, Convert[Any]] = {
    "workspace": _name,
    "environments": _names,
    "deployments": partial(_each, _deployment),
    **_SECTIONS,
}
