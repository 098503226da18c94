"""`airflow connections export` in JSON and YAML, and `airflow variables export`: Airflow 2.11 and 3.x alike.

A variable's text that is JSON is exported as what it says, so its spaces and the order of its keys aren't there any
more: it comes back as `airflow variables import` would write it. In 2.11 a text in JSON's quotes has lost them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from syncd.core.model import KINDS, NAME, Key
from syncd.definitions.problems import Location, Problem, gathered
from syncd.imports import values
from syncd.imports.found import Found, Reading, defined
from syncd.imports.objects import json_object, value, yaml_object
from syncd.imports.values import Unfit

_SECTIONS = ("environments", "deployments", *(row.plural for row in KINDS.values()))


def connections_json(text: str, file: str) -> Found:
    """A JSON object of connections by id, each an object or a URI. Raises Problems."""
    reading, entries = Reading(file), json_object(text, file)
    _refuse_definitions(entries, file)
    for id_, raw in entries.items():
        _connection(reading, id_, raw)
    return reading.found()


def connections_yaml(text: str, file: str) -> Found:
    """A YAML object of connections by id, each an object or a URI. Raises Problems."""
    reading, entries = Reading(file), yaml_object(text, file)
    _refuse_definitions({name: value(entries.nodes.get(name)) for name in ("workspace", *_SECTIONS)}, file)
    for problem in entries.problems:
        key, path = Key("connection", problem.path[0]), problem.path[1:]
        reading.refuse(key, problem.problem, problem.remedy, path=path, at=problem.location)
    for id_, node in entries.nodes.items():
        _connection(reading, id_, value(node), at=entries.location[id_])
    return reading.found()


def variables_json(text: str, file: str) -> Found:
    """A JSON object of variables by key. Raises Problems."""
    reading = Reading(file)
    for key, raw in json_object(text, file).items():
        if isinstance(raw, dict) and raw.keys() == {"value", "description"}:  # 3.x, where there is a description
            described, raw = raw["description"], raw["value"]
            if described:
                words = "description is left out", "a variable has none here"
                reading.note(*words, path=("variables", key))
        take_variable(reading, key, raw if isinstance(raw, str) else _text(raw))
    return reading.found()


def is_definitions(entries: Mapping[str, object]) -> bool:
    """Whether an object is a definitions file of ours: no connection is written as a bare name."""
    workspace = entries.get("workspace")
    named = isinstance(workspace, str) and NAME.fullmatch(workspace) is not None
    return named and any(isinstance(entries.get(section), (dict, list)) for section in _SECTIONS)


def take_variable(reading: Reading, key: str, text: str, at: Location | None = None) -> None:
    """A variable as its text, or why it can't be taken."""
    try:
        reading.take(defined("variable", key, values.variable(text)), at=at)
    except Unfit as unfit:
        reading.unfit(Key("variable", key), unfit, at=at)


def take_connection(reading: Reading, id_: str, raw: dict[str, Any], at: Location | None = None) -> None:
    """A connection as an object, or why it can't be taken."""
    try:
        taken = values.connection(raw, id_)
    except Unfit as unfit:
        reading.unfit(Key("connection", id_), unfit, at=at)
    else:
        reading.take(defined("connection", id_, taken.fields), taken.left_out, at=at)


def take_written(reading: Reading, id_: str, text: str, at: Location | None = None) -> None:
    """A connection as a URI or a JSON text, or why it can't be taken."""
    try:
        taken = values.written(text, id_)
    except Unfit as unfit:
        reading.unfit(Key("connection", id_), unfit, at=at)
    else:
        reading.take(defined("connection", id_, taken.fields), taken.left_out, at=at)


def _refuse_definitions(entries: Mapping[str, object], file: str) -> None:
    if is_definitions(entries):
        raise gathered([Problem(Location(file), (), "is a definitions file", "`syncd apply -f FILE` takes it")])


def _connection(reading: Reading, id_: str, raw: object, at: Location | None = None) -> None:
    if isinstance(raw, str):
        take_written(reading, id_, raw, at)
    elif isinstance(raw, dict):
        take_connection(reading, id_, raw, at)
    else:
        reading.refuse(Key("connection", id_), "is no object and no URI", at=at)


def _text(raw: object) -> str:
    return json.dumps(raw, indent=2)  # `Variable.set(serialize_json=True)`, as `airflow variables import` calls it
