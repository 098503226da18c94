"""Secrets that can be found again in whatever came out, however it was written."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

_MIDDLE = "\"/\\ +%&é'<$"
"""What JSON, YAML, URLs and shells each write otherwise."""


class Sentinels:
    """Each secret has a name that says where it was planted."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self._forms: dict[bytes, str] = {}

    def new(self, name: str, middle: str = _MIDDLE) -> str:
        """A secret of its own; `middle` stands between its first and last eight characters."""
        digest = base64.b32encode(hashlib.sha256(name.encode()).digest()).decode()
        return self.add(name, digest[:8] + middle + digest[8:16])

    def add(self, name: str, text: str) -> str:
        """Look for this text, too."""
        assert name not in self.texts
        self.texts[name] = text
        for kind, form in _forms(text):
            self._forms[form] = f"{name} ({kind})"
        return text

    def found(self, content: bytes | str) -> set[str]:
        """Which secrets are in it, and how they are written."""
        data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        return {name for form, name in self._forms.items() if form in data}


def _forms(text: str) -> Iterator[tuple[str, bytes]]:
    for kind, form in (
        ("plain", text),
        ("JSON", json.dumps(text)[1:-1]),
        ("JSON, not ASCII", json.dumps(text, ensure_ascii=False)[1:-1]),
        ("repr", repr(text)[1:-1]),
        ("URL", quote(text, safe="")),
        ("URL, plus", quote_plus(text)),
        ("first 8", text[:8]),
        ("last 8", text[-8:]),
    ):
        yield kind, form.encode()
    yield "hex", text.encode().hex().encode()
    yield "UTF-16", text.encode("utf-16-le")
    for shift in range(3):
        # Wherever it begins in what was encoded; the first and the last characters depend on what is around it.
        whole = base64.b64encode(b"\0" * shift + text.encode()).rstrip(b"=")[4 if shift else 0 : -2]
        yield "base64", whole
        yield "base64, for URLs", whole.replace(b"+", b"-").replace(b"/", b"_")
