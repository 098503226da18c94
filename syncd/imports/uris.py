"""A connection's URI, read as Airflow 2.11 to 3.3 read it in a task.

What a URI can't tell apart comes out as Airflow has it:

- a host and a schema that aren't written are empty texts; a login that isn't written before `:password@` is one, too;
- a host is in lower case, but for one that holds a `/`;
- `_` and `-` in a connection's type are the same, and `postgresql` is `postgres`;
- there is no description;
- each value of a query is a text (`?pool=5` gives `"5"`): the API server of Airflow 3.3 alone reads JSON there, and no
  task does. What Airflow writes itself is the same for both: it puts anything but texts into `__extra__`;
- of a key that stands twice in a query the last one counts.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

_EXTRA = "__extra__"


def fields(uri: str) -> tuple[dict[str, Any], Any] | None:
    """The fields of a URI but `extra`, and that: an object, or a text that has to be one. None where it is no URI.

    What isn't there is left out. `conn_type` is as it is written.
    """
    try:
        return _fields(uri)
    except ValueError:  # its message would quote the URI
        return None


def conn_type(text: str) -> str:
    """A connection's type as Airflow names it."""
    return "postgres" if text == "postgresql" else text.replace("-", "_")


def _fields(uri: str) -> tuple[dict[str, Any], Any]:
    scheme = urlsplit(uri).scheme
    count = uri.count("://")
    if count > 2:
        raise ValueError
    # Wherever it stands, and as it is written: that is what Airflow does.
    rest = uri.replace(f"{scheme}://", "" if count == 2 else "//")
    if count == 2 and any(mark in rest.split("://", 1)[0] for mark in "@:"):
        raise ValueError
    parts = urlsplit(rest)
    host = _host(parts)
    found = {
        "conn_type": scheme or None,
        "host": f"{parts.scheme}://{host}" if host and count == 2 and parts.scheme else host,
        "login": _unquoted(parts.username),
        "password": _unquoted(parts.password),
        "schema": _unquoted(parts.path[1:]),
        "port": parts.port or None,
    }
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return {name: value for name, value in found.items() if value is not None}, query.get(_EXTRA, query)


def _host(parts: SplitResult) -> str:
    name = unquote(parts.hostname or "")
    if "/" not in name:
        return name
    return unquote(parts.netloc.rpartition("@")[2].partition(":")[0])


def _unquoted(text: str | None) -> str | None:
    return unquote(text) if text else text
