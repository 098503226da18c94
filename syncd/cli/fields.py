"""`F=V` arguments as values. A secret is never one: it is asked for, read from a file or stdin, or referred to."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from functools import partial
from pathlib import Path as File
from typing import Any, NamedTuple

from syncd.cli import ask
from syncd.cli.usage import WrongUsage, suggestion
from syncd.core.checks import DEEPEST
from syncd.core.model import KINDS, Path, Reference, dotted, port, undotted
from syncd.core.secrets import is_secret, secret_paths

LARGEST = 1 << 20
"""Bytes of a value read from a file or stdin."""


class Assigned(NamedTuple):
    """Leaves to set, and those that are secret for no other reason than that they were typed at a hidden prompt."""

    values: Mapping[Path, Any]
    secret: frozenset[Path] = frozenset()

    def __repr__(self) -> str:
        return f"Assigned({sorted(self.values)})"


class _From(Enum):
    """Where an argument says that its value is."""

    ARGUMENT = "argument"
    FILE = "file"
    STDIN = "stdin"
    PROMPT = "prompt"
    REFERENCE = "reference"


class _Argument(NamedTuple):
    path: Path
    source: _From
    text: str


def assigned(
    kind: str,
    id_: str,
    given: Sequence[str] | None,
    references: Sequence[str] | None,
    declared: frozenset[Path] = frozenset(),
) -> Assigned:
    """What the arguments say; `declared` are fields that are secret.

    Raises WrongUsage, before anything is read and anybody asked; FixError where nobody answers.
    """
    arguments = [_argument(kind, f"field {place}", text) for place, text in enumerate(given or (), start=1)]
    arguments += [_reference(kind, text) for text in references or ()]
    _refuse_twice(arguments)
    values: dict[Path, Any] = dict.fromkeys(one.path for one in arguments)
    for source in _From:
        for one in arguments:
            if one.source is source:
                values[one.path] = _VALUES[source](kind, one)
        if source is _From.ARGUMENT:
            _refuse_secrets(kind, id_, [one for one in arguments if one.source is source], values, declared)
    prompted = frozenset(
        one.path
        for one in arguments
        if one.source is _From.PROMPT and not _secret_by_rule(kind, id_, one.path, values[one.path], declared)
    )
    return Assigned(values, prompted)


def field_path(kind: str, name: str, subject: str = "a field that is named") -> Path:
    """A field's path. Raises WrongUsage where the kind has no such field, without its name: it may be a lost value."""
    row = KINDS[kind]
    try:
        path = undotted(name)
    except ValueError as error:
        raise WrongUsage(f"{subject}: {error}") from None
    if path[0] not in row.fields:
        meant = suggestion(path[0], row.fields) or f"it has {', '.join(row.fields)}"
        raise WrongUsage(f"{subject} is no field of a {kind}; {meant}")
    if len(path) > 1 and row.fields[path[0]] != "object":
        raise WrongUsage(f"{subject}: {path[0]} is one value, with no key inside")
    return path


def _argument(kind: str, subject: str, given: str) -> _Argument:
    name, equals, text = given.partition("=")
    path = field_path(kind, name, subject)
    if not equals:
        if path[1:] or KINDS[kind].fields[path[0]] != "object":
            return _Argument(path, _From.PROMPT, "")
        raise WrongUsage(f"{dotted(path)} is an object: name a key, as in {path[0]}.NAME")
    if text == "-":
        return _Argument(path, _From.STDIN, "")
    if text.startswith("@@"):
        return _Argument(path, _From.ARGUMENT, text[1:])
    return _Argument(path, _From.FILE, text[1:]) if text.startswith("@") else _Argument(path, _From.ARGUMENT, text)


def _reference(kind: str, given: str) -> _Argument:
    name, equals, text = given.partition("=")
    path = field_path(kind, name, "--from")
    if not equals:
        raise WrongUsage(f"--from wants {dotted(path)}=env:NAME, file:PATH or vault:MOUNT/PATH#KEY")
    if len(path) == 1 and KINDS[kind].fields[path[0]] == "object":
        raise WrongUsage(f"--from reads one value: name a key, as in {path[0]}.NAME")
    return _Argument(path, _From.REFERENCE, text)


def _refuse_twice(arguments: Sequence[_Argument]) -> None:
    paths = [one.path for one in arguments]
    for path in paths:
        if paths.count(path) > 1:
            raise WrongUsage(f"{dotted(path)} is given twice")
    stdin = [dotted(one.path) for one in arguments if one.source is _From.STDIN]
    if len(stdin) > 1:
        raise WrongUsage(f"stdin holds one value, and {' and '.join(stdin)} each want it")


def _from_argument(kind: str, one: _Argument) -> Any:
    if KINDS[kind].fields[one.path[0]] != "object":
        return _plain(kind, one.path, one.text)
    try:
        value = _json(one.path, one.text)
    except ValueError:
        # What begins so was meant as JSON: taken as text, a secret inside it would be one no more.
        if one.text.lstrip().startswith(("{", "[")):
            raise WrongUsage(f"{dotted(one.path)} begins like JSON and isn't; a text needs double quotes") from None
        value = one.text
    if len(one.path) == 1 and not isinstance(value, dict):
        raise WrongUsage(f"{dotted(one.path)} is an object: name a key, as in {one.path[0]}.NAME=…, or give JSON")
    if value is None:
        raise WrongUsage(f"{dotted(one.path)} can't hold null: `override null` unsets, --unset removes")
    return value


def _from_file(kind: str, one: _Argument) -> Any:
    try:
        with File(one.text).expanduser().open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        # The path isn't repeated: it may be a password that begins with @.
        said = os.strerror(error.errno or 0)
        raise WrongUsage(f"{dotted(one.path)}=@…: {said}; a text that begins with @ is written @@") from None
    except (RuntimeError, ValueError):
        raise WrongUsage(f"{dotted(one.path)}=@… is no path; a text that begins with @ is written @@") from None
    return _read(kind, one.path, content)


def _from_stdin(kind: str, one: _Argument) -> Any:
    return _read(kind, one.path, sys.stdin.buffer.read(LARGEST + 1))


def _from_prompt(kind: str, one: _Argument) -> Any:
    return _plain(kind, one.path, ask.secret(dotted(one.path)))


def _from_reference(_kind: str, one: _Argument) -> Reference:
    try:
        return Reference.parse(one.text)
    except ValueError as error:
        raise WrongUsage(f"--from {dotted(one.path)}: {error}") from None


_VALUES = {
    _From.ARGUMENT: _from_argument,
    _From.FILE: _from_file,
    _From.STDIN: _from_stdin,
    _From.PROMPT: _from_prompt,
    _From.REFERENCE: _from_reference,
}


def _read(kind: str, path: Path, content: bytes) -> Any:
    """What was read: text without the line's end, never a number made of it; in an object, JSON objects and lists."""
    if len(content) > LARGEST:
        raise WrongUsage(f"{dotted(path)}: what was read is longer than {LARGEST} bytes")
    text = _decoded(content)
    if text is None:
        raise WrongUsage(f"{dotted(path)}: what was read isn't UTF-8")
    if KINDS[kind].fields[path[0]] != "object":
        return _plain(kind, path, text)
    try:
        # A text that is a number stays one, whatever JSON can hold.
        value = _json(path, text) if text.lstrip().startswith(("{", "[")) else None
    except ValueError:
        value = None
    if len(path) == 1 and not isinstance(value, dict):
        raise WrongUsage(f"{dotted(path)}: what was read is no JSON object")
    return value if isinstance(value, (dict, list)) else text


def _decoded(content: bytes) -> str | None:
    # Returns instead of raising: a UnicodeDecodeError carries the bytes.
    try:
        return content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        return None


def _plain(kind: str, path: Path, text: str) -> Any:
    if KINDS[kind].fields[path[0]] != "port":
        return text
    try:
        return port(text)
    except ValueError as error:
        raise WrongUsage(f"{dotted(path)}: {error}") from None


def _json(path: Path, text: str) -> Any:
    """Raises ValueError for what isn't JSON, WrongUsage for what no `extra` can hold."""
    too_deep = WrongUsage(f"{dotted(path)} is nested deeper than {DEEPEST}")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_float=partial(_number, path, float),
            parse_int=partial(_number, path, int),
            parse_constant=_refuse,
        )
    except RecursionError:
        raise too_deep from None
    level = [value]
    for _ in range(DEEPEST):
        level = [child for one in level for child in _children(one)]
    if level:
        raise too_deep
    return value


def _children(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise WrongUsage("a JSON object has a key twice")
    return made


def _number(path: Path, convert: Callable[[str], Any], text: str) -> Any:
    try:
        number = convert(text)
    except ValueError:  # Python reads no whole number of more than 4300 digits
        number = math.inf
    if isinstance(number, float) and not math.isfinite(number):
        raise WrongUsage(f"{dotted(path)}: a number that JSON can't hold: a text needs double quotes")
    return number


def _refuse(_constant: str) -> Any:
    raise ValueError


def _refuse_secrets(
    kind: str, id_: str, arguments: Sequence[_Argument], values: Mapping[Path, Any], declared: frozenset[Path]
) -> None:
    for path in (one.path for one in arguments):
        found = _secret_by_rule(kind, id_, path, values[path], declared)
        if found:
            one = dotted(path if is_secret(path, found) else min(found))
            raise WrongUsage(
                f"{one} is secret, and others on this machine can see arguments: "
                f"give {one} alone to be asked, {one}=- for stdin, {one}=@PATH for a file, or --from {one}=env:NAME"
            )


def _secret_by_rule(kind: str, id_: str, path: Path, value: Any, declared: frozenset[Path]) -> frozenset[Path]:
    nested: Any = value
    for name in reversed(path):
        nested = {name: nested}
    return secret_paths(kind, id_, nested, declared)
