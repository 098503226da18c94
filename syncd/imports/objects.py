"""JSON and YAML texts as one object by id: every problem with its place, a duplicate key included."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from syncd.core.errors import Problems
from syncd.definitions.nodes import List, Node, Object, Scalar, compose
from syncd.definitions.problems import Location, Problem, gathered
from syncd.definitions.values import is_typed

_NULLS = ("", "null", "~")
_NO_OBJECT = (
    "isn't an object by id",
    "say which form it is: --format json, yaml, env, variables, settings or astro; in env, a URI is ID=URI",
)


class _Twice(ValueError):
    """A key stands twice in an object."""


def json_value(text: str, file: str) -> Any:
    """The JSON in a text. Raises Problems.

    Lines before the first that begins an object or a list are passed over: Airflow 3.3 logs to stdout as it exports.
    """
    at = _beginning(text)
    try:
        return json.loads(text[at:], object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        place = at + error.pos
        line, column = text.count("\n", 0, place) + 1, place - text.rfind("\n", 0, place)
        raise _refused(Location(file, line, column), "isn't JSON") from None
    except _Twice:
        raise _refused(
            Location(file), "has an object in which a key stands twice", "take one of the two away"
        ) from None
    except (ValueError, RecursionError):
        raise _refused(Location(file), "holds a number or a nesting that can't be read") from None


def json_object(text: str, file: str) -> Mapping[str, Any]:
    """The JSON object in a text. Raises Problems."""
    value = json_value(text, file)
    if not isinstance(value, dict):
        raise _refused(Location(file, 1, 1), *_NO_OBJECT)
    return value


class Entries(NamedTuple):
    """A YAML object: its nodes by key, where each stands, and the problems of those that can't be read."""

    nodes: Mapping[str, Node]
    location: Mapping[str, Location]
    problems: tuple[Problem, ...]


def yaml_object(text: str, file: str) -> Entries:
    """The YAML object in a text. Raises Problems where it is none, or something outside its entries can't be read."""
    problems: list[Problem] = []
    root = compose(text, file, problems) if text.strip() else Object(Location(file), {})
    if any(not problem.path for problem in problems):
        raise gathered(problems)
    if not isinstance(root, Object):
        raise _refused(Location(file, 1, 1), *_NO_OBJECT)
    broken = {problem.path[0] for problem in problems}
    entries = {name: node for name, node in root.entries.items() if node is not None and name not in broken}
    return Entries(entries, {name: node.location for name, node in entries.items()}, tuple(problems))


def value(node: Node | None, *, typed: bool = False) -> Any:
    """What a node says: a text as it is written, None for an empty or null one.

    `typed` is for what is inside `extra`: there true, false and JSON numbers are what they are in JSON.
    """
    if isinstance(node, Scalar):
        return _scalar(node, typed=typed)
    if isinstance(node, List):
        return [value(item, typed=typed) for item in node.items]
    if node is None:
        return None
    return {name: value(child, typed=typed or name in _OBJECTS) for name, child in node.entries.items()}


_OBJECTS = ("extra", "extra_dejson", "conn_extra")


def _scalar(node: Scalar, *, typed: bool) -> Any:
    if node.plain and node.text in _NULLS:
        return None
    if typed and node.plain and is_typed(node.text):
        try:
            return json.loads(node.text)
        except ValueError:  # a number of more than 4300 digits
            return node.text
    return node.text


def _beginning(text: str) -> int:
    at = 0
    for line in text.splitlines(keepends=True):
        if line.lstrip().startswith(("{", "[")):
            return at
        at += len(line)
    return 0


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Twice
    return made


def _refused(location: Location, problem: str, remedy: str = "") -> Problems:
    return gathered([Problem(location, (), problem, remedy)])
