"""Where documents are pushed to: a file per type of target, and one line each in TYPES."""

from __future__ import annotations

from syncd.targets import directory, vault

TYPES = {"directory": directory, "vault": vault}
"""The module of each type, as `type` in syncd.toml names it."""
