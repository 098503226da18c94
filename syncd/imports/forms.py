"""The forms that a file may have, and which of them one is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import PurePath

from syncd.imports.astro import astro
from syncd.imports.environment import dotenv
from syncd.imports.exports import connections_json, connections_yaml, is_definitions, variables_json
from syncd.imports.found import Found
from syncd.imports.settings import settings

FORMS: Mapping[str, Callable[[str, str], Found]] = {
    "json": connections_json,
    "yaml": connections_yaml,
    "env": dotenv,
    "variables": variables_json,
    "settings": settings,
    "astro": astro,
}
"""By the name that `--format` takes: a text and its file's name to what it holds. Each raises Problems."""

_SETTINGS = re.compile(r"^airflow:[ \t]*(#.*)?$", re.MULTILINE)
_LINE = re.compile(r"\s*(?:export\s+)?[^\s=:{\[]+=")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")


def told(text: str, name: str) -> str:
    """The form of a file, by its name where that tells, and by what is in it."""
    suffix = PurePath(name).suffix.lower()
    if suffix in (".yaml", ".yml"):
        return "settings" if _SETTINGS.search(text) else "yaml"
    if suffix == ".env" or PurePath(name).name.startswith(".env"):
        return "env"
    stripped = text.lstrip()
    if suffix == ".json" or stripped.startswith(("{", "[")):
        return _json(text, name)
    first = next((line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")), "")
    if _LINE.match(first):
        return "env"
    return "settings" if _SETTINGS.search(text) else "yaml"


def _json(text: str, name: str) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = {}
    if isinstance(value, list) or (isinstance(value, dict) and isinstance(value.get("environmentObjects"), list)):
        return "astro"
    if isinstance(value, dict) and is_definitions(value):
        return "json"  # which refuses it: as variables it would be taken
    values = value.values() if isinstance(value, dict) else ()
    if any(isinstance(one, dict) and ("conn_type" in one or "uri" in one) for one in values):
        return "json"
    called = PurePath(name).name.lower()
    if "conn" in called and "var" not in called:
        return "json"
    uris = [isinstance(one, str) and _URI.match(one) is not None for one in values]
    return "json" if uris and all(uris) and "var" not in called else "variables"
