"""What a connection or a variable is called in an environment, and what no environment holds."""

from __future__ import annotations

from syncd.core.airflow_form import FORMS
from syncd.core.model import Item

_LONGEST = 128 * 1024
"""Bytes of one variable with its name, as Linux has it (MAX_ARG_STRLEN)."""


def variable(item: Item) -> str:
    """What Airflow asks an environment for (`EnvironmentVariablesBackend`, 2.11 to 3.3)."""
    return f"{FORMS[item.kind].prefix}{item.id.upper()}"


def problem(name: str, text: str) -> str:
    """Why no environment holds it; empty where one does."""
    if "=" in name or "\0" in name + text:
        return "has a character that no environment holds"
    if len(f"{name}={text}".encode(errors="surrogateescape")) >= _LONGEST:
        return f"is longer than the {_LONGEST // 1024} KiB that an environment variable may have"
    return ""
