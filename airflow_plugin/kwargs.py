"""backend_kwargs as a frozen value; what is wrong with them is told by the name of the key, all at once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncd.core.checks import problems
from syncd.core.errors import FixError, Problems, Reason
from syncd.core.layouts.lookup import Address
from syncd.core.model import KINDS, NAME, NAME_LENGTH, Fields, dotted

_NAMES = ("workspace", "deployment", "prefix")
_PATHS = ("path", "local_path")
_OBJECTS = ("local", "next")
_NEEDED = ("workspace", "deployment", "path")
KNOWN = ("workspace", "deployment", "source", "path", "prefix", "local", "local_path", "next")
"""The keys, in the order in which they are shown."""

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
    found = [
        _problem(name, "no such key", f"known are {', '.join(KNOWN)}") for name in sorted(given.keys() - set(KNOWN))
    ]
    texts = {name: value for name, value in given.items() if name in KNOWN and name not in _OBJECTS}
    found += [_problem(name, "is missing", f'set "{name}"') for name in _NEEDED if texts.get(name, "") == ""]
    for name, value in texts.items():
        found += [_problem(name, *problem) for problem in _text_problems(name, value)]
    local = _local(_object(given.get("local", {}), "local", found), found)
    following = _next(_object(given.get("next", {}), "next", found), found)
    if found:
        raise Problems(found)
    address = Address(texts["workspace"], texts["deployment"], texts.get("prefix") or texts["workspace"])
    return Kwargs(address, texts["path"].rstrip("/") or "/", local, texts.get("local_path", "").rstrip("/"), following)


def _text_problems(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(value, str):
        yield "isn't a text", "put it in quotes"
    elif name in _NAMES and value and (len(value) > NAME_LENGTH or not NAME.fullmatch(value)):
        yield "is no name", f"a name is a-z, 0-9 and -, at most {NAME_LENGTH} characters"
    elif "\0" in value:
        yield "holds a NUL", "take it out"
    elif name in _PATHS and value and not Path(value).is_absolute():
        yield "is no absolute path", "Airflow's processes don't all run in the same folder"
    elif name == "source" and value not in _SOURCES:
        yield "is no source of this release", f"known are {', '.join(_SOURCES)}"


def _object(value: Any, name: str, found: list[FixError]) -> Mapping[str, Any]:
    # AIRFLOW__SECRETS__BACKEND_KWARG__LOCAL and the like (Airflow 3.2) arrive as text.
    if isinstance(value, str):
        try:
            value = json.loads(value or "null")
        except ValueError:
            value = ()
    if value is None:
        return {}
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


def _next(given: Mapping[str, Any], found: list[FixError]) -> tuple[str, Mapping[str, Any]] | None:
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
