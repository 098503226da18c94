r"""A dotenv file of `AIRFLOW_CONN_*` and `AIRFLOW_VAR_*` that three readers read alike.

They differ in what they make of quotes, and each of them changes something silently:

- A shell (`set -a; . file`) takes `'…'` as it is. In `"…"`, `$` and a backquote are replaced, and a backslash goes
  before `\`, `"`, `$` and a backquote.
- python-dotenv replaces `${NAME}` wherever it stands. In `'…'`, `\\` and `\'` are one character; in `"…"`, so is a
  backslash before any of `\'"abfnrtv`, and `\$` isn't. A CR is read as a newline.
- Docker Compose (compose-go 2) takes `'…'` as it is but for `\'`, which is one character. In `"…"`, a backslash before
  any of `abcfnrtv$"\` or a zero is an escape, and `$` is replaced. A CR before a newline goes.

What is the same for all of them is used, and nothing else:

- a connection is JSON in single quotes, in which every character that anybody could take for something is `\uXXXX`;
- a variable is in single quotes where these change nothing; else in double quotes, with `\\` and `\"` as the only
  escapes, where it has no `$` and no backquote; else it is left out;
- so is what has a name that a shell doesn't take, such as that of an id with a dash.

Two others read another form. `docker run --env-file` knows no quotes. `LocalFilesystemBackend` takes a `.env` for
lines `conn_id=URI` without quotes, and would find nothing here that it is asked for: the forms `json` and `yaml` are
for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from syncd.core.airflow_form import FORMS, connection_form
from syncd.core.errors import SyncError
from syncd.core.model import Item
from syncd.exports import json_text, names
from syncd.exports.rendered import Items, Rendered, unfit

FILE = ".env"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REMEDY = "export it as json, yaml or directory"


def render(items: Items) -> Rendered:
    """One file, a line each; but a variable's newlines are newlines."""
    lines: list[str] = []
    left_out: dict[Item, SyncError] = {}
    taken: dict[str, Item] = {}
    for item, fields in items:
        name = names.variable(item)
        value = _connection(fields) if item.kind == "connection" else _variable(fields)
        problem = _problem(item, fields, name, value)
        if name in taken:
            problem = f"has the same name in an environment as {taken[name].id}"
        if problem or value is None:
            left_out[item] = unfit(item, problem, _REMEDY)
            continue
        taken[name] = item
        lines.append(f"{name}={value}\n")
    return Rendered({FILE: "".join(lines)}, left_out)


def quoted(text: str) -> str | None:
    """A text as all three read it; None where they don't agree on any way to write it."""
    if any(trouble in text for trouble in ("\r", "\0", "${")):
        return None
    if "'" not in text and "\\\\" not in text and not text.endswith("\\"):
        return f"'{text}'"
    if "$" in text or "`" in text:
        return None
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _connection(fields: Mapping[str, Any]) -> str:
    return f"'{json_text.dumped(connection_form(fields))}'"


def _variable(fields: Mapping[str, Any]) -> str | None:
    return quoted(FORMS["variable"].text(fields))


def _problem(item: Item, fields: Mapping[str, Any], name: str, value: str | None) -> str:
    if _NAME.fullmatch(name) is None:
        return "has an id that is no name in a shell"
    if item.kind == "variable" and value is None and "\0" not in fields["value"]:
        return "holds quotes, $ or a carriage return that readers of dotenv take for different things"
    return names.problem(name, FORMS["variable"].text(fields) if item.kind == "variable" else value or "")
