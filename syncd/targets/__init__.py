"""Where documents are pushed to: a file per type of target, and one line each in TYPES."""

from __future__ import annotations

from syncd.targets import directory, kubernetes, vault

TYPES = {"directory": directory, "kubernetes": kubernetes, "vault": vault}
"""The module of each type, as `type` in syncd.toml names it."""
