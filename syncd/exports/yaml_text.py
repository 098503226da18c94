"""YAML that readers of 1.1 and of 1.2 take for the same: whatever isn't plainly a word is in double quotes.

`yes`, `0o14`, `1_000` and `12:30` are text to one of them and something else to the other. All of it is ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

_NO_FOLDING = 2**31 - 1
_WORD = re.compile(
    r"[a-z]+_[a-z_]+|host|login|schema|password|port|extra|description|connections|variables|airflow|pools"
)


def dumped(value: Mapping[str, Any]) -> str:
    """A YAML document, its keys in the order in which they are."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=_NO_FOLDING, default_flow_style=False)


class _Dumper(yaml.SafeDumper):
    """The one in Python: in that of libyaml, characters beyond the first plane come out in another way."""

    def ignore_aliases(self, data: object) -> bool:
        return True  # two connections that are equal are still two


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if _WORD.fullmatch(text) else '"')


_Dumper.add_representer(str, _text)
