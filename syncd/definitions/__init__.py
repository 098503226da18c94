"""Definitions as files: YAML to a workspace and back, every problem with its file, line and field."""

from __future__ import annotations

from syncd.definitions.applying import Definitions
from syncd.definitions.problems import Location
from syncd.definitions.reading import read
from syncd.definitions.writing import write

__all__ = ["Definitions", "Location", "read", "write"]
