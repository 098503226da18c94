"""What stock VaultBackend reads: a path per id, which holds `conn_uri`, or the fields; a variable's holds `value`.

It is told by its path which of the two it looks for. Here the document tells: no connection has a field `value`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.core.model import Key
from syncd.imports.exports import take_connection, take_variable, take_written
from syncd.imports.found import Found, Reading


def documents(kept: Mapping[str, Mapping[str, Any]], place: str) -> Found:
    """Connections and variables by id: a variable is what holds a `value`, and nothing that makes a connection."""
    reading = Reading(place)
    for id_, data in kept.items():
        if "value" in data and not data.keys() & {"conn_uri", "conn_type"}:
            _variable(reading, id_, data["value"])
        else:
            _connection(reading, id_, data)
    return reading.found()


def divided(place: str, mount: str) -> tuple[str, str]:
    """MOUNT/PATH as the two: this mount where the text begins with it, as one may have segments; else the first."""
    if place.startswith(f"{mount}/"):
        return mount, place[len(mount) + 1 :]
    first, _, path = place.partition("/")
    return first, path


def _connection(reading: Reading, id_: str, data: Mapping[str, Any]) -> None:
    """`conn_uri` stands before every other key, as it does in VaultBackend."""
    uri = data.get("conn_uri")
    if isinstance(uri, str) and uri:
        take_written(reading, id_, uri)
    elif uri:
        reading.refuse(Key("connection", id_), "is no text", path=("conn_uri",))
    else:
        take_connection(reading, id_, {name: value for name, value in data.items() if name != "conn_uri"})


def _variable(reading: Reading, key: str, value: object) -> None:
    if isinstance(value, str):
        take_variable(reading, key, value)
    else:
        reading.refuse(Key("variable", key), "has no text under `value`", "VaultBackend wants one there")
