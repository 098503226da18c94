"""What stock VaultBackend reads: a path per id, which holds `conn_uri`, or the fields; a variable's holds `value`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.core.model import Key
from syncd.imports.exports import take_connection, take_variable, take_written
from syncd.imports.found import Found, Reading


def connections(kept: Mapping[str, Mapping[str, Any]], place: str) -> Found:
    """Connections by id; `conn_uri` stands before every other key, as it does in VaultBackend."""
    reading = Reading(place)
    for id_, data in kept.items():
        uri = data.get("conn_uri")
        if isinstance(uri, str) and uri:
            take_written(reading, id_, uri)
        elif uri:
            reading.refuse(Key("connection", id_), "is no text", path=("conn_uri",))
        else:
            take_connection(reading, id_, {name: value for name, value in data.items() if name != "conn_uri"})
    return reading.found()


def variables(kept: Mapping[str, Mapping[str, Any]], place: str) -> Found:
    """Variables by key."""
    reading = Reading(place)
    for key, data in kept.items():
        if isinstance(data.get("value"), str):
            take_variable(reading, key, data["value"])
        else:
            reading.refuse(Key("variable", key), "has no text under `value`", "VaultBackend wants one there")
    return reading.found()
