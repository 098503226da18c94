"""`F=V` arguments as values. A secret is never one: it is asked for, read from a file or stdin, or referred to."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path as File
from typing import Any, NamedTuple

import typer

from syncd.core.model import KINDS, Path, Reference, dotted, port, undotted
from syncd.core.secrets import is_secret, secret_paths

LARGEST = 1 << 20
"""Bytes of a value read from a file or stdin."""


class Assigned(NamedTuple):
    """Leaves to set, and those that are secret for no other reason than that they were typed at a hidden prompt."""

    values: dict[Path, Any]
    secret: frozenset[Path]

    def __repr__(self) -> str:
        return f"Assigned({sorted(self.values)})"


def assigned(
    kind: str,
    id_: str,
    given: Sequence[str] | None,
    references: Sequence[str] | None,
    declared: frozenset[Path] = frozenset(),
) -> Assigned:
    """What the arguments say. Raises typer.BadParameter (exit 2) without a value; `declared` are secret fields."""
    values: dict[Path, Any] = {}
    prompted: set[Path] = set()
    for argument in given or ():
        name, equals, text = argument.partition("=")
        path = field_path(kind, name)
        if path in values:
            raise typer.BadParameter(f"{dotted(path)} is given twice")
        if not equals:
            values[path] = _typed(kind, path, typer.prompt(dotted(path), hide_input=True, confirmation_prompt=True))
            if not _secret_by_rule(kind, id_, path, values[path], declared):
                prompted.add(path)
        elif text == "-":
            values[path] = _typed(kind, path, _read("stdin", sys.stdin.buffer.read(LARGEST + 1), dotted(path)))
        elif text.startswith("@") and not text.startswith("@@"):
            values[path] = _typed(kind, path, _read(text[1:], _file(File(text[1:]), dotted(path)), dotted(path)))
        else:
            text = text[1:] if text.startswith("@@") else text
            values[path] = _typed(kind, path, text)
            _refuse_secret(kind, id_, path, values[path], declared)
    for argument in references or ():
        name, equals, text = argument.partition("=")
        path = field_path(kind, name)
        if path in values or not equals:
            raise typer.BadParameter(f"--from wants {dotted(path)}=env:NAME, and once")
        try:
            values[path] = Reference.parse(text)
        except ValueError as error:
            raise typer.BadParameter(f"--from {dotted(path)}: {error}") from None
    return Assigned(values, frozenset(prompted))


def field_path(kind: str, name: str) -> Path:
    """A field's path. Raises typer.BadParameter where the kind has no such field."""
    row = KINDS[kind]
    try:
        path = undotted(name)
    except ValueError as error:
        raise typer.BadParameter(f"{name.partition('=')[0]}: {error}") from None
    if path[0] not in row.fields or (len(path) > 1 and row.fields[path[0]] != "object"):
        raise typer.BadParameter(f"{dotted(path)} is no field of a {kind}; it has {', '.join(row.fields)}")
    return path


def _typed(kind: str, path: Path, text: str) -> Any:
    type_ = KINDS[kind].fields[path[0]]
    if type_ == "port":
        try:
            return port(text)
        except ValueError as error:
            raise typer.BadParameter(f"{dotted(path)}: {error}") from None
    if type_ != "object":
        return text
    value = _json(text)
    if len(path) == 1 and not isinstance(value, dict):
        raise typer.BadParameter(f"{dotted(path)} is an object: name a key, as in {path[0]}.NAME=…, or give JSON")
    if value is None:
        raise typer.BadParameter(f"{dotted(path)} can't hold null: `override null` unsets, --unset removes")
    return value


def _json(text: str) -> Any:
    """As in YAML files: true, false, numbers, and what is written as JSON, are that; all else is text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(value, float) and not math.isfinite(value) else value


def _refuse_secret(kind: str, id_: str, path: Path, value: Any, declared: frozenset[Path]) -> None:
    found = _secret_by_rule(kind, id_, path, value, declared)
    if found:
        one = dotted(path if is_secret(path, found) else min(found))
        raise typer.BadParameter(
            f"{one} is secret, and arguments can be seen by others on this machine: "
            f"give {one} alone to be asked, {one}=- for stdin, {one}=@PATH, or --from {one}=env:NAME"
        )


def _secret_by_rule(kind: str, id_: str, path: Path, value: Any, declared: frozenset[Path]) -> frozenset[Path]:
    nested: Any = value
    for name in reversed(path):
        nested = {name: nested}
    return secret_paths(kind, id_, nested, declared)


def _file(path: File, field: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError:
        raise typer.BadParameter(f"{field}: {path} can't be read") from None


def _read(source: str, content: bytes, field: str) -> str:
    if len(content) > LARGEST:
        raise typer.BadParameter(f"{field}: {source} holds more than {LARGEST} bytes")
    text = content.decode("utf-8", "replace")
    if "\N{REPLACEMENT CHARACTER}" in text and text.encode() != content:
        raise typer.BadParameter(f"{field}: {source} isn't UTF-8")
    return text.removesuffix("\n").removesuffix("\r")
