"""Ids as names that every target can hold: reversible, and distinct where a file system folds case.

`a-z 0-9 _ -` stand for themselves; a capital is `.` and its small letter; other printable ASCII is `.` and two
hex digits (which begin with 2 to 7); any other character is `.0`, its code point in hex, and a closing `.`.
"""

from __future__ import annotations

import re

PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")
_ENCODED = re.compile(r"[a-z0-9_-]|\.[a-z]|\.[2-7][0-9a-f]|\.0[0-9a-f]+\.")


def encode(id_: str) -> str:
    """The name of an id, in `[a-z0-9._-]`."""
    if PLAIN.issuperset(id_):
        return id_
    return "".join(_escape(character) for character in id_)


def decode(name: str) -> str:
    """The id of a name. Raises ValueError for text that `encode` doesn't give."""
    if PLAIN.issuperset(name):
        return name
    tokens = _ENCODED.findall(name)
    id_ = "".join(_unescape(token) for token in tokens)
    if encode(id_) != name:
        raise ValueError("not an encoded id")
    return id_


def _escape(character: str) -> str:
    if character in PLAIN:
        return character
    if "A" <= character <= "Z":
        return "." + character.lower()
    if " " <= character <= "~":
        return f".{ord(character):02x}"
    return f".0{ord(character):x}."


def _unescape(token: str) -> str:
    if len(token) == 1:
        return token
    if token.startswith(".0"):
        code = int(token[2:-1], 16)
        return chr(code) if code <= 0x10FFFF else "\N{REPLACEMENT CHARACTER}"
    return token[1].upper() if len(token) == 2 else chr(int(token[1:], 16))
