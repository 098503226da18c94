"""Where documents are pushed to: a module per type of target, and its name in TYPES."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

TYPES = ("directory", "kubernetes", "vault")
"""As `type` in syncd.toml names them."""


def implementation(type_: str) -> ModuleType:
    """The module of a type, imported where an installation has such a target: each has settings that take a while."""
    return import_module(f"{__name__}.{type_}")
