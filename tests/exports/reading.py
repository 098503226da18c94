"""Readers of dotenv files, each by its own rules."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", '"': '"', "\\": "\\"}
_ENVIRONMENT = "import json, os; print(json.dumps({k: v for k, v in os.environ.items() if k.startswith('AIRFLOW_')}))"


def by_shell(path: Path, shell: str = "bash") -> dict[str, str]:
    """What a program finds in its environment after `set -a; . FILE`."""
    script = f'set -eu; set -a; . "$1"; exec "{sys.executable}" -c "{_ENVIRONMENT}"'
    done = subprocess.run(
        [shell, "-c", script, shell, path], env={"PATH": os.defpath}, capture_output=True, check=True, text=True
    )
    assert done.stderr == ""
    return dict(json.loads(done.stdout))


def by_python_dotenv(path: Path) -> dict[str, str | None]:
    """What python-dotenv reads, with its defaults."""
    from dotenv import dotenv_values

    return dict(dotenv_values(path))


def by_rules_of_compose(text: str) -> dict[str, str]:
    """What compose-go 2 reads: its rules for quotes, by hand; no part of it runs here.

    It refuses what an exported file has no use for: comments, values without quotes, `export`, `$` in double quotes.
    """
    found: dict[str, str] = {}
    rest = text.replace("\r\n", "\n")
    while rest := rest.lstrip():
        name, equals, rest = rest.partition("=")
        assert equals
        assert re.fullmatch(r"[\w.\-\[\]]+", name)
        quote, rest = rest[0], rest[1:]
        assert quote in "'\""
        value, rest = _to_the_end(quote, rest)
        found[name] = value if quote == "'" else _unescaped(value)
    return found


def _to_the_end(quote: str, text: str) -> tuple[str, str]:
    """What stands before the quote that closes it; a backslash before a quote of that kind goes."""
    kept, escaped = "", False
    for at, one in enumerate(text):
        if one == quote and not escaped:
            return kept, text[at + 1 :]
        if one == "\\" and not escaped:
            escaped = True
            continue
        kept += "\\" + one if escaped and one != quote else one
        escaped = False
    raise AssertionError("a quote isn't closed")


def _unescaped(value: str) -> str:
    assert "$" not in value
    assert re.search(r"(?<!\\)(\\\\)*\\0", value) is None
    return re.sub(r'\\([abcfnrtv"\\])', lambda one: _ESCAPES.get(one[1], one[0]), value)
