"""The one rendering for Airflow: what a secrets backend returns for a connection or a variable."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from syncd.core.model import KINDS


def connection_form(fields: Mapping[str, Any]) -> dict[str, Any]:
    """An effective connection as Airflow's constructor takes it: no null, no unknown key, `extra` an object.

    An unknown key would make the connection "isn't defined". An empty `extra` is left out: Airflow takes it for none.
    """
    return {
        name: fields[name]
        for name, type_ in KINDS["connection"].fields.items()
        if name in fields and (fields[name] or type_ != "object")
    }


def connection_json(fields: Mapping[str, Any]) -> str:
    """An effective connection as the JSON that `Connection.from_json` reads in Airflow 2.11 to 3.3."""
    return json.dumps(connection_form(fields), ensure_ascii=False)


def variable_text(fields: Mapping[str, Any]) -> str:
    """An effective variable as its text."""
    return str(fields["value"])


TEXT: Mapping[str, Callable[[Mapping[str, Any]], str]] = {"connection": connection_json, "variable": variable_text}
"""By kind: what `get_conn_value` and `get_variable` return."""
