"""What the tests of every server share."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go: nobody else's do."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path
