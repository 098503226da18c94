"""Connections and variables in an environment: the process's own, a dotenv file, `airflow connections export` as env.

Airflow looks for `AIRFLOW_CONN_` and the id in capitals, so a name doesn't tell in which case a DAG writes the id:
it is taken in lower case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from syncd.core.airflow_form import FORMS
from syncd.core.model import Key
from syncd.definitions.problems import Location
from syncd.imports.exports import take_variable, take_written
from syncd.imports.found import Found, Reading

_KINDS = {form.prefix: kind for kind, form in FORMS.items()}
_TEAM = re.compile(r"_.+___.+")
_LINE = re.compile(
    r"""[^\S\n]*(?:export[^\S\n]+)?(?P<name>[\w!()\-.:/\\][\w!()\-.:/\\\#]*)[^\S\n]*=[^\S\n]*
        (?: '(?P<single>[^']*)'[^\S\n]*(?:\#[^\n]*)?(?=\n|\Z)
          | "(?P<double>(?:[^"\\]|\\.)*)"[^\S\n]*(?:\#[^\n]*)?(?=\n|\Z)
          | (?P<plain>[^\n]*) )""",
    re.VERBOSE | re.DOTALL,
)
"""A name has no other character than a conn_id may have: one that a text of another form holds is never told."""

_BLANK = re.compile(r"[^\S\n]*(?:#[^\n]*)?(?=\n|\Z)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


class _Line(NamedTuple):
    number: int
    name: str
    text: str


def environ(given: Mapping[str, str]) -> Found:
    """What Airflow finds in this environment."""
    reading = Reading("the environment")
    _take(reading, (_Line(0, name, text) for name, text in sorted(given.items())), "the environment")
    return reading.found()


def dotenv(text: str, file: str) -> Found:
    """A dotenv file of AIRFLOW_CONN_* and AIRFLOW_VAR_*, or else lines `conn_id=URI` as Airflow exports them."""
    reading = Reading(file)
    lines = _lines(reading, text, file)
    if any(line.name.startswith((*_KINDS,)) for line in lines):
        _take(reading, lines, file)
        return reading.found()
    for line in lines:
        at = Location(file, line.number, 1)
        if "://" in line.text or line.text.startswith("{"):
            take_written(reading, line.name, line.text, at)
        else:  # what stands before the = may be a piece of a secret over several lines
            reading.tell("is no AIRFLOW_CONN_*, no AIRFLOW_VAR_* and no conn_id=URI", at=at)
    return reading.found()


def _take(reading: Reading, lines: Iterable[_Line], file: str) -> None:
    for number, name, text in lines:
        prefix = next((one for one in _KINDS if name.startswith(one)), None)
        if prefix is None:
            continue
        id_, kind, at = name.removeprefix(prefix), _KINDS[prefix], Location(file, number, 1 if number else 0)
        if id_ != id_.upper():
            words = "isn't in capitals, so Airflow doesn't find it", "write it in capitals"
            reading.tell(*words, path=(name,), at=at)
        elif _TEAM.fullmatch(id_):
            reading.tell("belongs to one team of its Airflow", path=(name,), at=at)
        elif not text and kind == "connection":
            reading.refuse(Key(kind, id_.lower()), "is empty", at=at)
        elif kind == "connection":
            take_written(reading, id_.lower(), text, at)
        else:
            take_variable(reading, id_.lower(), text, at)


def _lines(reading: Reading, text: str, file: str) -> list[_Line]:
    found, at, number = [], 0, 1
    text = text.replace("\r\n", "\n")
    while at < len(text):
        match = _BLANK.match(text, at) or _LINE.match(text, at)
        if match is None:
            reading.tell("is no NAME=VALUE", at=Location(file, number, 1))
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
        else:
            end = match.end()
            if match.re is _LINE:
                found.append(_Line(number, match["name"], _text(match)))
        number += text.count("\n", at, end) + 1
        at = end + 1
    return found


def _text(match: re.Match[str]) -> str:
    if match["single"] is not None:
        return match["single"]
    if match["double"] is not None:
        return re.sub(r"\\(.)", lambda one: _ESCAPES.get(one[1], one[1]), match["double"], flags=re.DOTALL)
    return match["plain"].rstrip()
