"""JSON text that is the same for the same value: what is compared, digested and stored.

Python holds 1, 1.0 and True for equal; their texts differ, as they do for Airflow.
"""

from __future__ import annotations

import json
from typing import Any

from syncd.core.model import Reference


def text(value: Any) -> str:
    """A JSON value as text, keys sorted; a Reference as `{"$from": "env:NAME"}`."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def plain(value: Any) -> Any:
    """A value with each Reference as the JSON object that stands for it in files and in the registry."""
    if isinstance(value, Reference):
        return {"$from": str(value)}
    if isinstance(value, dict):
        return {name: plain(child) for name, child in value.items()}
    return value
