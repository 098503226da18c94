"""`airflow_settings.yaml`, from which the Astro CLI fills a local Airflow by `airflow connections add`.

It knows no description, and takes an empty text for none: neither is in the file. It puts each text into a command
between single quotes, and the name of a variable without any; what that would tear apart is left out, as a shell would
run the rest of it. `conn_extra` is JSON text, as keys of a YAML object may lose their capitals on the way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from syncd.core.airflow_form import FORMS
from syncd.core.errors import SyncError
from syncd.core.model import Item
from syncd.exports import json_text
from syncd.exports.rendered import Items, Rendered, unfit
from syncd.exports.yaml_text import dumped

FILE = "airflow_settings.yaml"

_FIELDS = {
    "conn_type": "conn_type",
    "host": "conn_host",
    "schema": "conn_schema",
    "login": "conn_login",
    "password": "conn_password",
    "port": "conn_port",
    "extra": "conn_extra",
}
_BARE = re.compile(r"[A-Za-z0-9_./:@%+,][A-Za-z0-9_./:@%+,-]*")
_REMEDY = "export it as json, yaml or directory"


def render(items: Items) -> Rendered:
    """One file with its three sections; there are no pools in it."""
    sections: dict[str, list[dict[str, Any]]] = {"connections": [], "variables": [], "pools": []}
    left_out: dict[Item, SyncError] = {}
    for item, fields in items:
        section, entry = _ENTRIES[item.kind](item, FORMS[item.kind].fields(fields))
        problem = _problem(entry)
        if problem:
            left_out[item] = unfit(item, problem, _REMEDY)
        else:
            sections[section].append(entry)
    return Rendered({FILE: dumped({"airflow": sections})}, left_out)


def _connection(item: Item, fields: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    entry: dict[str, Any] = {"conn_id": item.id}
    for name, key in _FIELDS.items():
        if fields.get(name):
            entry[key] = json_text.dumped(fields[name]) if name == "extra" else fields[name]
    return "connections", entry


def _variable(item: Item, fields: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    return "variables", {"variable_name": item.id, "variable_value": fields["value"]}


_ENTRIES = {"connection": _connection, "variable": _variable}


def _problem(entry: Mapping[str, Any]) -> str:
    torn = sorted(key for key, value in entry.items() if isinstance(value, str) and ("'" in value or "\0" in value))
    if torn:
        return f"has a single quote in {', '.join(torn)}, which the Astro CLI can't pass on"
    if any(isinstance(value, str) and value.startswith("-") for value in entry.values()):
        return "has a text that begins with a dash, which the Astro CLI passes on as an option"
    if entry.get("variable_value") == "":
        return "is empty, which the Astro CLI passes over"
    if not _BARE.fullmatch(entry.get("variable_name", "x")):
        return "has a name that the Astro CLI can't pass on"
    return ""
