"""JSON that shells, readers of dotenv and YAML take as it is, where it stands in single quotes."""

from __future__ import annotations

import json
import re
from typing import Any

_TROUBLE = re.compile(r"""\\(?:u[0-9a-f]{4}|.)|['$`\x7f]""")
"""In JSON that is ASCII: escapes, and what stands for something in a shell or a dotenv file."""

_SHORT = {'"': '"', "\\": "\\", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def dumped(value: Any) -> str:
    """JSON without a single quote, `$`, backquote, control or any character beyond ASCII, its escapes all `\\uXXXX`."""
    return _TROUBLE.sub(_escaped, json.dumps(value))


def _escaped(match: re.Match[str]) -> str:
    found = match[0]
    if len(found) == 6:
        return found
    return f"\\u{ord(_SHORT[found[1]] if len(found) == 2 else found):04x}"
