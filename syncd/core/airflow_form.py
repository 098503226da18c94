"""The one rendering for Airflow: what a secrets backend returns for a connection or a variable, or finds in a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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


def file_text(values: Mapping[str, Any]) -> str:
    """A JSON file of `LocalFilesystemBackend`, an id per line, so that people can compare two of them.

    All ASCII: Airflow reads it in whatever encoding its locale has.
    """
    lines = (f"  {json.dumps(id_)}: {json.dumps(value)}" for id_, value in values.items())
    return "{\n" + ",\n".join(lines) + "\n}\n" if values else "{}\n"


@dataclass(frozen=True)
class Form:
    """A row: how Airflow takes a kind. `text` is what `get_conn_value` and `get_variable` return.

    `fields` are those of an effective one that Airflow takes, `in_file` is what stands for them under the id in a file
    of `LocalFilesystemBackend`, and `from_file` is the inverse, of a file that anybody may have edited. `prefix` stands
    before the id's capitals in the name that an environment has for it.
    """

    text: Callable[[Mapping[str, Any]], str]
    fields: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    in_file: Callable[[Mapping[str, Any]], Any]
    from_file: Callable[[Any], Mapping[str, Any]]
    prefix: str


FORMS: Mapping[str, Form] = {
    "connection": Form(
        text=connection_json,
        fields=connection_form,
        in_file=lambda fields: fields,
        from_file=lambda value: value if isinstance(value, Mapping) else {"value": value},
        prefix="AIRFLOW_CONN_",
    ),
    "variable": Form(
        text=variable_text,
        fields=lambda fields: {"value": fields["value"]},
        in_file=lambda fields: fields["value"],
        from_file=lambda value: {"value": value},
        prefix="AIRFLOW_VAR_",
    ),
}
"""By kind."""
