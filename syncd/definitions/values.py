"""What a field's node means: text as written, a port, the JSON of `extra`, a reference, or "keep what is stored"."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

from syncd.core.checks import is_mask
from syncd.core.model import Path, Reference, port
from syncd.definitions.nodes import List, Node, Object, Scalar
from syncd.definitions.sheet import Convert, Sheet, Wrong, an_object


class Stored(Enum):
    """`{$stored: true}`: the value that the registry has at the same place."""

    KEEP = "$stored"


_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS = {"true": True, "false": False, "null": None}


def is_typed(text: str) -> bool:
    """Does this plain text mean something else than itself in `extra`?"""
    return text in _WORDS or _NUMBER.fullmatch(text) is not None


def scalar(node: Node, wanted: str) -> Scalar:
    """A scalar that says something. Raises Wrong for any other node."""
    if not isinstance(node, Scalar):
        raise Wrong(f"{wanted} is wanted here")
    if node.plain and not node.text:
        raise Wrong("is empty", 'write null or ""')
    if node.plain and node.text == "~":
        raise Wrong("~ has no meaning here", 'write null, or "~" for the text')
    if is_mask(node.text):
        raise Wrong("is a mask and no value", "write the value, or {$stored: true} to keep the one in the registry")
    return node


def flag(_sheet: Sheet, _at: Path, node: Node) -> bool:
    """Plain `true` or `false`."""
    if isinstance(node, Scalar) and node.plain and node.text in ("true", "false"):
        return node.text == "true"
    raise Wrong("true or false is wanted here", "write it without quotes")


def _text(_sheet: Sheet, _at: Path, node: Node) -> str | Reference | Stored | None:
    special = _special(node)
    if special is not None:
        return special
    found = scalar(node, "a text")
    return None if _is_null(found) else found.text


def _port(_sheet: Sheet, _at: Path, node: Node) -> int | Reference | Stored | None:
    special = _special(node)
    if special is not None:
        return special
    found = scalar(node, "a port")
    if _is_null(found):
        return None
    if found.plain and not found.text.startswith("0"):
        try:
            return port(found.text)
        except ValueError:
            pass
    raise Wrong("a port is a whole number from 1 to 65535", "write it without quotes")


def _object(sheet: Sheet, at: Path, node: Node) -> dict[str, Any] | Stored | None:
    special = _special(node)
    if isinstance(special, Reference):
        raise Wrong("a reference stands for one value", "name the key, as in extra.NAME")
    if special is not None:
        return special
    if isinstance(node, Scalar):
        if _is_null(scalar(node, "an object")):
            return None
        raise Wrong("an object (key: value) is wanted here, not a text", "take the quotes around the JSON away")
    return sheet.each(at, node, _json)


def _json(sheet: Sheet, at: Path, node: Node) -> Any:
    special = _special(node)
    if special is not None:
        return special
    if isinstance(node, Object):
        return sheet.each(at, node, _json)
    return _json_in_list(sheet, at, node)


def _json_in_list(sheet: Sheet, at: Path, node: Node) -> Any:
    if isinstance(node, Scalar):
        return _typed(scalar(node, "a value"))
    if isinstance(node, List):
        return sheet.items(at, node, _json_in_list)
    if _dollars(node):
        raise Wrong(
            "a list is one value: no $from and no $stored inside it", "write {$stored: true} for the whole list"
        )
    return sheet.each(at, node, _json_in_list)


VALUES: Mapping[str, Convert[Any]] = {"text": _text, "port": _port, "object": _object}
"""By the type of a field, as `core.model.KINDS` has it."""


def _special(node: Node) -> Reference | Stored | None:
    """What an object with a `$`-key stands for; None for any other node."""
    names = _dollars(node)
    if not names:
        return None
    entries = an_object(node).entries
    child = entries[names[0]]
    if len(entries) > 1:
        raise Wrong("a key that begins with $ stands alone in its object")
    if child is None:
        raise Wrong
    if names[0] == "$stored":
        if isinstance(child, Scalar) and child.plain and child.text == "true":
            return Stored.KEEP
        raise Wrong("$stored is true", "write {$stored: true}")
    if names[0] == "$from":
        try:
            return Reference.parse(scalar(child, "a reference").text)
        except ValueError as error:
            raise Wrong(str(error), 'write {$from: "env:NAME"}') from None
    raise Wrong("no such key with $", "there are $from and $stored")


def _dollars(node: Node) -> list[str]:
    return [name for name in node.entries if name.startswith("$")] if isinstance(node, Object) else []


def _is_null(node: Scalar) -> bool:
    return node.plain and node.text == "null"


def _typed(node: Scalar) -> Any:
    if not node.plain or not is_typed(node.text):
        return node.text
    if node.text in _WORDS:
        return _WORDS[node.text]
    try:
        number = json.loads(node.text)
    except ValueError:  # Python reads no whole number of more than 4300 digits
        number = math.inf
    if isinstance(number, float) and not math.isfinite(number):
        raise Wrong("a number that JSON can't hold", "quote it")
    return number
