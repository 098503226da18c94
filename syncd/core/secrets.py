"""The rule of what is secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import NoneType
from typing import Any

from syncd.core.model import KINDS, Path, Reference

MASK = "•••"
"""What stands where a secret isn't shown: the same for each, whatever its length."""

SENSITIVE_WORDS = (
    "access_token",
    "api_key",
    "apikey",
    "auth_header",
    "authorization",
    "bearer",
    "connection_string",
    "dsn",
    "keyfile_dict",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "proxies",
    "proxy",
    "secret",
    "service_account",
    "service_key",
    "token",
    "webhook_url",
)
"""Airflow 3.3.2's DEFAULT_SENSITIVE_FIELDS (`_shared/secrets_masker/secrets_masker.py`)."""


@lru_cache(maxsize=4096)
def sensitive(name: str) -> bool:
    """Does Airflow mask what stands under this name? Airflow asks: is a word in it, case folded."""
    name = name.strip().lower()
    return any(word in name for word in SENSITIVE_WORDS)


def secret_paths(kind: str, id_: str, fields: Mapping[str, Any], declared: Iterable[Path] = ()) -> frozenset[Path]:
    """The secret leaves of these fields, each by its topmost path: all below it is secret too.

    Secret is: a kind's secret fields (`password`), a Reference, what stands in `extra` under a name that holds one
    of Airflow's sensitive words, what is `declared`, and a variable whose own key holds such a word. So is what isn't
    as the kind has it, as somebody may have put it into a target by hand: nobody knows what it holds.
    """
    found: set[Path] = set()
    declared = frozenset(declared)
    row = KINDS[kind]
    told_by_id = row.id_tells_secret and sensitive(id_)
    for name, value in fields.items():
        told = told_by_id or name in row.secret or (name,) in declared
        if told or not isinstance(value, _SHAPES.get(row.fields.get(name, ""), ())):
            found.add((name,))
        elif isinstance(value, Mapping):
            _search(value, (name,), declared, found)
    return frozenset(found)


_SHAPES: Mapping[str, tuple[type, ...]] = {
    "text": (str, NoneType),
    "port": (int, NoneType),
    "object": (Mapping, NoneType),
}
"""By a field's type; a Reference is none of them."""


def is_secret(path: Path, secret: frozenset[Path]) -> bool:
    """Is this leaf one of the secret paths, or below one?"""
    return any(path[:length] in secret for length in range(1, len(path) + 1))


def _search(value: Mapping[str, Any], at: Path, declared: frozenset[Path], found: set[Path]) -> None:
    for name, child in value.items():
        path = (*at, name)
        if sensitive(name) or path in declared or isinstance(child, Reference):
            found.add(path)
        elif isinstance(child, Mapping):
            _search(child, path, declared, found)
        elif isinstance(child, list) and _list_is_sensitive(child):
            found.add(path)


def _list_is_sensitive(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(sensitive(name) or _list_is_sensitive(child) for name, child in value.items())
    return isinstance(value, list) and any(_list_is_sensitive(child) for child in value)
