"""The forms by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from syncd.exports import dotenv, file_json, file_yaml, settings
from syncd.exports.rendered import Render


class Format(NamedTuple):
    """A row. `in_folder`: its files lie in a folder, under their own names; else it is one file, of any name."""

    render: Render
    in_folder: bool


FORMATS: Mapping[str, Format] = {
    "dotenv": Format(dotenv.render, in_folder=False),
    "json": Format(file_json.render, in_folder=True),
    "yaml": Format(file_yaml.render, in_folder=True),
    "settings": Format(settings.render, in_folder=False),
}
