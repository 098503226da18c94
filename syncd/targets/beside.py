"""What is told beside a content that has no room for it: as JSON, and which of its fields are secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from syncd.core.canonical import text
from syncd.core.documents import Document, Seal


def told(value: object) -> str:
    """As short as JSON is."""
    return json.dumps(value, separators=(",", ":"))


def parsed(shown: str | None) -> Any:
    """The inverse, of what anybody may have edited: None where it is nothing, or no JSON."""
    try:
        return json.loads(shown or "null")
    except (ValueError, RecursionError):
        return None


def told_secrets(document: Document, seal: Seal) -> str:
    """Of which content it tells the secrets: where that isn't written, nobody knows those of what is there."""
    return told([seal(text(document.content)), sorted(map(list, document.secret))])


def secrets(shown: str | None, content: Mapping[str, Any], seal: Seal) -> object:
    """The inverse, for this content; None where nobody knows."""
    found = parsed(shown)
    known = isinstance(found, list) and len(found) == 2 and found[0] == seal(text(content))
    return found[1] if known else None
