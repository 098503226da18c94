"""One connection or variable to fields: the rules of Airflow's constructor and of `Connection.from_json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from syncd.core.checks import is_mask, problems
from syncd.core.model import KINDS, Fields, Path, port
from syncd.imports import uris

_CONNECTION = KINDS["connection"].fields
_BESIDE = ("conn_id", "uri", "extra_dejson", "team_name")
_NO_OBJECT = "isn't a JSON object", "write one: Airflow 3 imports no other, and in a task no hook finds anything in it"
MASKED = "is masked", "its value isn't in there: export it with its secrets, or set it by hand"


class Unfit(Exception):
    """Why a value can't be taken: each problem with its path and the way out, never with a value."""

    def __init__(self, *found: tuple[Path, str, str]) -> None:
        super().__init__()
        self.problems = found


class Taken(NamedTuple):
    """Fields, and the paths of nulls that were left out of `extra`."""

    fields: Fields
    left_out: tuple[Path, ...] = ()


def connection(raw: Mapping[str, Any], id_: str) -> Taken:
    """A connection as an object of the constructor's arguments; what is null isn't there. Raises Unfit.

    `extra` is an object or the JSON text of one. `conn_type` is named as Airflow names it: `postgresql` is `postgres`,
    and `a-b` is `a_b`, for so `Connection.from_json` reads whatever a secrets backend gives.
    """
    wrong: list[tuple[Path, str, str]] = []
    unknown = raw.keys() - _CONNECTION.keys() - {*_BESIDE}
    wrong += (((name,), "no field of a connection", "Airflow refuses it, too") for name in sorted(unknown))
    if raw.get("conn_id") not in (None, id_):
        wrong.append((("conn_id",), "isn't the id that it stands under", ""))
    if raw.get("team_name"):
        wrong.append((("team_name",), "belongs to one team of its Airflow", "take team_name away to have it for all"))
    given = {name: value for name, value in raw.items() if name in _CONNECTION and value is not None}
    if raw.get("extra_dejson") is not None:
        if raw.get("extra"):
            wrong.append((("extra_dejson",), "stands beside extra", "take one of the two away"))
        given["extra"] = raw["extra_dejson"]
    fields: dict[str, Any] = {}
    left_out: list[Path] = []
    if raw.get("uri"):
        if given.keys() - {"description"}:
            wrong.append((("uri",), "stands beside other fields", "give the URI alone, or the fields alone"))
        fields, given = dict(_uri(raw["uri"], wrong, left_out)), _only(given, "description")
    fields |= _fields(given, wrong, left_out)
    return Taken(_checked("connection", fields, wrong), tuple(left_out))


def written(text: str, id_: str) -> Taken:
    """A connection as AIRFLOW_CONN_* has it: a JSON object, or else a URI. Raises Unfit."""
    text = text.strip()
    if not text.startswith("{"):
        return connection({"uri": text}, id_) if text else connection({}, id_)
    raw = parsed(text)
    if not isinstance(raw, dict):
        raise Unfit(((), "isn't JSON, though it begins with {", ""))
    return connection(raw, id_)


def variable(text: str) -> Fields:
    """A variable as its text. Raises Unfit."""
    return _checked("variable", {"value": text}, [])


def patch(raw: Mapping[str, Any]) -> Taken:
    """Some fields of a connection, as an override has them: the same rules, and none of them must be there."""
    wrong: list[tuple[Path, str, str]] = []
    left_out: list[Path] = []
    fields = _fields({name: value for name, value in raw.items() if value is not None}, wrong, left_out)
    return Taken(_checked("connection", fields, wrong, whole=False), tuple(left_out))


def parsed(text: str) -> Any:
    """JSON as Airflow reads it; None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _uri(text: object, wrong: list[tuple[Path, str, str]], left_out: list[Path]) -> Fields:
    found = uris.fields(text) if isinstance(text, str) else None
    if found is None:
        wrong.append(((), "isn't a URI that Airflow takes", ""))
        return {}
    fields, extra = found
    if fields.get("conn_type"):
        fields["conn_type"] = uris.conn_type(fields["conn_type"])
    if extra:
        fields |= _fields({"extra": extra}, wrong, left_out)
    return fields


def _fields(given: Mapping[str, Any], wrong: list[tuple[Path, str, str]], left_out: list[Path]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in given.items():
        if name == "port":
            fields |= _port(value, wrong)
        elif name == "extra":
            fields |= _extra(value, wrong, left_out)
        elif name == "conn_type" and isinstance(value, str):
            fields[name] = uris.conn_type(value)
        else:
            fields[name] = value
    return fields


def _port(value: object, wrong: list[tuple[Path, str, str]]) -> dict[str, int]:
    if not value or value == "0":  # Airflow takes either for none
        return {}
    try:
        return {"port": port(value)}
    except ValueError as error:
        wrong.append((("port",), str(error), ""))
        return {}


def _extra(value: object, wrong: list[tuple[Path, str, str]], left_out: list[Path]) -> dict[str, Any]:
    """Nothing where it is empty, as Airflow has no `extra` then."""
    if isinstance(value, str):
        if is_mask(value):
            wrong.append((("extra",), *MASKED))
            return {}
        value = parsed(value) if value else {}
    if not isinstance(value, dict):
        wrong.append((("extra",), *_NO_OBJECT))
        return {}
    kept = _without_nulls(value, ("extra",), left_out)
    return {"extra": kept} if kept else {}


def _without_nulls(value: Mapping[str, Any], at: Path, left_out: list[Path]) -> dict[str, Any]:
    kept = {}
    for name, child in value.items():
        if child is None:
            left_out.append((*at, name))
        else:
            kept[name] = _without_nulls(child, (*at, name), left_out) if isinstance(child, dict) else child
    return kept


def _checked(
    kind: str, fields: dict[str, Any], wrong: list[tuple[Path, str, str]], *, whole: bool = True
) -> Mapping[str, Any]:
    row = KINDS[kind]
    known = {path for path, _, _ in wrong}
    wrong += ((path, *_words(path, problem, fields)) for path, problem in problems(kind, fields))
    if whole and not fields.get(row.required) and not row.required_may_be_empty and () not in known:
        wrong.append(((row.required,), "isn't there", "Airflow can't use a connection without it"))
    if wrong:
        raise Unfit(*wrong)
    return {name: fields[name] for name in row.fields if name in fields}


def _words(path: Path, problem: str, fields: Mapping[str, Any]) -> tuple[str, str]:
    value: Any = fields
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return MASKED if _holds_mask(value) else (problem, "")


def _holds_mask(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_mask, value.values()))
    return any(map(_holds_mask, value)) if isinstance(value, list) else isinstance(value, str) and is_mask(value)


def _only(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {name: given[name]} if name in given else {}
