"""The forms by name."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import NamedTuple

from syncd.exports.rendered import Items, Rendered


class Format(NamedTuple):
    """A row. `in_folder`: its files lie in a folder, under their own names; else it is one file, of any name."""

    module: str
    in_folder: bool

    def render(self, items: Items) -> Rendered:
        """Imported when it is asked for: YAML takes longer to import than a small deployment to write."""
        rendered: Rendered = import_module(f"syncd.exports.{self.module}").render(items)
        return rendered


FORMATS: Mapping[str, Format] = {
    "dotenv": Format("dotenv", in_folder=False),
    "json": Format("file_json", in_folder=True),
    "yaml": Format("file_yaml", in_folder=True),
    "settings": Format("settings", in_folder=False),
}
