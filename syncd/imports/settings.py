"""`airflow_settings.yaml`, from which the Astro CLI fills a local Airflow."""

from __future__ import annotations

from typing import Any

from syncd.core.model import Key
from syncd.definitions.nodes import List, Node, Object
from syncd.definitions.problems import Location, Problem, gathered
from syncd.imports.exports import take_connection, take_variable
from syncd.imports.found import Found, Reading
from syncd.imports.objects import value, yaml_object

_FIELDS = {
    "conn_type": "conn_type",
    "conn_host": "host",
    "conn_schema": "schema",
    "conn_login": "login",
    "conn_password": "password",
    "conn_port": "port",
    "conn_extra": "extra",
    "conn_uri": "uri",
}


def settings(text: str, file: str) -> Found:
    """Its connections and variables; entries of which nothing is filled in are passed over. Raises Problems."""
    entries = yaml_object(text, file)
    if entries.problems:
        raise gathered(entries.problems)
    reading, airflow = Reading(file), entries.nodes.get("airflow")
    if not isinstance(airflow, Object):
        raise gathered([Problem(Location(file, 1, 1), ("airflow",), "isn't there", "say which form it is: --format")])
    for name in ("connections", "variables"):
        for at, problem in _unread(airflow, name):
            reading.tell(problem, path=(name,), at=at)
    for at, raw in _entries(airflow, "connections"):
        _connection(reading, at, raw)
    for at, raw in _entries(airflow, "variables"):
        if not isinstance(raw.get("variable_name"), str):
            reading.tell("has no variable_name", path=("variables",), at=at)
        elif not isinstance(raw.get("variable_value"), str):
            reading.refuse(Key("variable", raw["variable_name"]), "has no variable_value", at=at)
        else:
            take_variable(reading, raw["variable_name"], raw["variable_value"], at)
    for at, _ in _entries(airflow, "pools"):
        reading.note("a pool is left out", "pools are no affair of connections", path=("pools",), at=at)
    return reading.found()


def _connection(reading: Reading, at: Location, raw: dict[str, Any]) -> None:
    id_ = raw.pop("conn_id", None)
    if not isinstance(id_, str):
        reading.tell("has no conn_id", path=("connections",), at=at)
        return
    unknown = sorted(raw.keys() - _FIELDS.keys())
    for name in unknown:
        reading.refuse(Key("connection", id_), "no field of a connection", path=(name,), at=at)
    if not unknown:
        fields = {_FIELDS[name]: child for name, child in raw.items()}
        if fields.keys() - {"uri"}:
            fields.pop("uri", None)  # the Astro CLI takes it where no other field is filled in
        take_connection(reading, id_, fields, at)


def _unread(airflow: Object, name: str) -> list[tuple[Location, str]]:
    """What stands there and can't be taken for entries."""
    node = airflow.entries.get(name)
    if node is None or value(node) is None:
        return []
    if not isinstance(node, List):
        return [(node.location, "isn't a list")]
    items = (item for item in node.items if not isinstance(item, Object) and value(item) is not None)
    return [(item.location, "isn't an object") for item in items if item is not None]


def _entries(airflow: Object, name: str) -> list[tuple[Location, dict[str, Any]]]:
    node: Node | None = airflow.entries.get(name)
    if not isinstance(node, List):
        return []
    found = ((item.location, value(item)) for item in node.items if isinstance(item, Object))
    filled = ((at, {key: child for key, child in raw.items() if child is not None}) for at, raw in found)
    # An entry of the file that the Astro CLI makes has an example in its extra, and nothing else.
    return [(at, raw) for at, raw in filled if raw.keys() - {"conn_extra"}]
