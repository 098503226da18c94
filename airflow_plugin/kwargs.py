"""backend_kwargs as a frozen value; what is wrong with them is told by the name of the key, all at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from syncd.core.checks import problems
from syncd.core.errors import FixError, Problems, Reason
from syncd.core.layouts.lookup import Address
from syncd.core.model import KINDS, NAME, NAME_LENGTH, Fields, dotted

_OBJECTS = ("local", "next")
_KNOWN = ("workspace", "deployment", "source", "path", "prefix", "local", "local_path", "next")
_SOURCES = ("directory",)


@dataclass(frozen=True)
class Kwargs:
    """What `backend_kwargs` say. `local` is by kind and id; `next` is a class path and its own kwargs."""

    address: Address
    path: str
    local: Mapping[tuple[str, str], Fields] = field(default_factory=dict, repr=False)
    local_path: str = ""
    next: tuple[str, Mapping[str, Any]] | None = field(default=None, repr=False)


def parse(given: Mapping[str, Any]) -> Kwargs:
    """Raises Problems with one error per key, never with a value."""
    if not given:
        raise Problems(
            [
                _problem(
                    "backend_kwargs",
                    "nothing is set",
                    "Airflow takes JSON that it can't read for nothing at all: check that it is one JSON object",
                )
            ]
        )
    found: list[FixError] = [
        _problem(name, "no such key", f"known are {', '.join(_KNOWN)}") for name in given if name not in _KNOWN
    ]
    values = {name: _object(value, name, found) if name in _OBJECTS else value for name, value in given.items()}
    found += [
        _problem(name, "is missing", f'set "{name}"')
        for name in ("workspace", "deployment", "path")
        if not values.get(name)
    ]
    found += [
        _problem(name, "isn't a text", "put it in quotes")
        for name, value in values.items()
        if name not in _OBJECTS and not isinstance(value, str)
    ]
    for name in ("workspace", "deployment"):
        value = values.get(name)
        if isinstance(value, str) and value and (len(value) > NAME_LENGTH or not NAME.fullmatch(value)):
            found.append(_problem(name, "is no name", f"a name is a-z, 0-9 and -, at most {NAME_LENGTH} characters"))
    if values.get("source", "directory") not in _SOURCES:
        found.append(_problem("source", "is no source of this release", f"known are {', '.join(_SOURCES)}"))
    local = _local(values.get("local", {}), found)
    following = _next(values.get("next"), found)
    if found:
        raise Problems(found)
    address = Address(values["workspace"], values["deployment"], values.get("prefix") or values["workspace"])
    return Kwargs(address, values["path"].rstrip("/") or "/", local, values.get("local_path", ""), following)


def _object(value: Any, name: str, found: list[FixError]) -> Any:
    # AIRFLOW__SECRETS__BACKEND_KWARG__LOCAL and the like (Airflow 3.2) arrive as text.
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = None
    if not isinstance(value, dict):
        found.append(_problem(name, "is no JSON object"))
        return {}
    return value


def _local(given: Mapping[str, Any], found: list[FixError]) -> Mapping[tuple[str, str], Fields]:
    kinds = {row.plural: name for name, row in KINDS.items()}
    local: dict[tuple[str, str], Fields] = {}
    for plural, by_id in given.items():
        if plural not in kinds or not isinstance(by_id, dict):
            found.append(_problem(dotted(("local", plural)), "isn't understood", f"known are {', '.join(kinds)}"))
            continue
        for id_, fields in by_id.items():
            at = ("local", plural, id_)
            if not isinstance(fields, dict):
                found.append(_problem(dotted(at), "is no JSON object"))
                continue
            found += [_problem(dotted((*at, *path)), text) for path, text in problems(kinds[plural], fields)]
            local[kinds[plural], id_] = fields
    return local


def _next(given: Any, found: list[FixError]) -> tuple[str, Mapping[str, Any]] | None:
    if not given:
        return None
    backend, kwargs = given.get("backend"), given.get("backend_kwargs", {})
    if (
        not isinstance(backend, str)
        or not isinstance(kwargs, dict)
        or not given.keys() <= {"backend", "backend_kwargs"}
    ):
        found.append(_problem("next", 'is {"backend": CLASS, "backend_kwargs": {…}}'))
        return None
    return backend, kwargs


def _problem(name: str, problem: str, remedy: str = "") -> FixError:
    where = name if name == "backend_kwargs" else f"backend_kwargs: {name}"
    return FixError(Reason.INVALID_SETTINGS, where, problem, remedy)
