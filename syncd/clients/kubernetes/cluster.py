"""Which API server a kubeconfig leads to, by reading it alone: no plugin is run, and nobody is asked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

DEFAULT = "~/.kube/config"


def paths(path: str) -> str:
    """The files that are read: where path is empty, those that KUBECONFIG names, or the one at home."""
    return path or os.environ.get("KUBECONFIG") or DEFAULT


def server(path: str, context: str) -> str:
    """The address that a context leads to, by default the current one; empty where that can't be told."""
    files = _files(path)
    cluster = _text(_context(files, context).get("cluster"))
    return _text(_named(files, "clusters", cluster, "cluster").get("server"))


def has_plugin(path: str, context: str) -> bool:
    """Does a program give its credentials?"""
    files = _files(path)
    return "exec" in _named(files, "users", _text(_context(files, context).get("user")), "user")


def _files(path: str) -> list[Mapping[str, Any]]:
    return [_read(one) for one in paths(path).split(os.pathsep) if one]


def _context(files: list[Mapping[str, Any]], context: str) -> Mapping[str, Any]:
    name = context or next(filter(None, (_text(file.get("current-context")) for file in files)), "")
    return _named(files, "contexts", name, "context")


def _read(path: str) -> Mapping[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(Path(os.path.expanduser(path)).read_bytes())  # noqa: PTH111  no home is no error
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return {}
    return found if isinstance(found, Mapping) else {}


def _named(files: Iterable[Mapping[str, Any]], kind: str, name: str, part: str) -> Mapping[str, Any]:
    """The first of that name, as kubectl takes it where there are more."""
    lists = (file.get(kind) for file in files)
    entries = (entry for found in lists if isinstance(found, list) for entry in found if isinstance(entry, Mapping))
    found = next((entry.get(part) for entry in entries if entry.get("name") == name), None)
    return found if isinstance(found, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
