"""A line for each event: JSON for programs, words for a terminal. Never a traceback: it may hold a secret."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, TextIO


def to(stream: TextIO, *, by: str) -> None:
    """From now on all that syncd tells goes there; `by` is who is at work, in the audit records."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Words() if stream.isatty() else _Json(by))
    ours = logging.getLogger("syncd")
    ours.handlers = [handler]
    ours.setLevel(logging.INFO)
    ours.propagate = False
    # What libraries have to say may quote what they were given.
    logging.getLogger().addHandler(logging.NullHandler())


class _Json(logging.Formatter):
    def __init__(self, by: str) -> None:
        super().__init__()
        self._by = by

    def format(self, record: logging.LogRecord) -> str:
        by = {"by": self._by} if record.name == "syncd.audit" else {}
        told = {"time": _time(record), "level": record.levelname, "log": record.name, "message": record.getMessage()}
        return json.dumps({**told, **by, **_fields(record)}, default=str)


class _Words(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={json.dumps(value, default=str)}" for name, value in _fields(record).items())
        return f"{_time(record)} {record.levelname:7} {record.getMessage()} {fields}".rstrip()


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    found: Mapping[str, Any] = getattr(record, "fields", {})
    return found


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
