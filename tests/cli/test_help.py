"""Help that teaches, fits 80 columns, and is there at once."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from syncd.cli.app import app
from tests.cli.runner import Syncd

TAUGHT = [
    "apply",
    "connection create",
    "connection update",
    "deployment create",
    "deployment update",
    "diff",
    "environment create",
    "exclude",
    "explain",
    "export",
    "history",
    "import",
    "init",
    "link",
    "link-all",
    "override null",
    "override remove",
    "override set",
    "plan",
    "rollback",
    "sync",
    "unlink",
    "variable create",
    "variable update",
    "workspace create",
]
"""Commands whose arguments want an example."""

HEAVY = ("alembic", "cryptography", "pydantic", "sqlalchemy", "yaml")


def commands(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command, by the words that call it."""
    command = command or get_command(app())
    yield path
    for name, one in getattr(command, "commands", {}).items():
        yield from commands(one, (*path, name))


@pytest.fixture(params=commands(), ids=" ".join)
def path(request: pytest.FixtureRequest) -> tuple[str, ...]:
    found: tuple[str, ...] = request.param
    return found


def test_each_command_has_help_that_fits(path: tuple[str, ...], empty: Syncd) -> None:
    out = empty.ok(*path, "--help").out

    assert "..." not in out.partition("\n")[2]
    assert max(len(line) for line in out.splitlines()) <= 80


def test_examples_run_as_they_stand(syncd: Syncd) -> None:
    """Those that the parser takes: what isn't there is no wrong usage."""
    found = [
        line.strip()
        for path in commands()
        for line in syncd.ok(*path, "--help").out.splitlines()
        if re.match(r"    (\w+=\S+ )?syncd ", line)
    ]

    assert len(found) > 30
    for line in found:
        words = re.split(r" {2,}| > ", re.sub(r"^\w+=\S+ ", "", line))[0].split()[1:]
        if words[0] not in ("init", "export", "run", "dev"):  # which would run on, or write elsewhere
            assert syncd(*words).code != 2, line


@pytest.mark.parametrize("command", TAUGHT)
def test_a_command_with_arguments_has_an_example(syncd: Syncd, command: str) -> None:
    assert f"\n    syncd {command}" in syncd.ok(*command.split(), "--help").out


@pytest.mark.parametrize("command", [(), ("plan",), ("sync",), ("apply",), ("import",)])
def test_exit_codes_are_told_where_they_matter(syncd: Syncd, command: tuple[str, ...]) -> None:
    out = syncd.ok(*command, "--help").out

    assert "Exit codes:\n" in out
    assert "1 something failed" in out or "1 the files are wrong" in out or "1 nothing was imported" in out


@pytest.mark.parametrize("command", [(), ("connection",), ("override",), ("key",)])
def test_a_noun_alone_shows_its_commands(syncd: Syncd, command: tuple[str, ...]) -> None:
    result = syncd(*command)

    assert result.code == 2
    assert "Commands:" in result.err


def test_a_command_is_found_without_the_others() -> None:
    for name in vars(get_command(app()))["commands"]:
        found = vars(get_command(app(name)))["commands"]

        assert name in found
        assert len(found) <= 4


def test_the_release(syncd: Syncd) -> None:
    assert syncd.ok("--version").out.startswith("syncd 0.")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_imports_nothing_that_takes_long(arguments: list[str]) -> None:
    script = f"""
import sys
from syncd.cli.app import run
assert run({arguments!r}) == 0
print(sorted({{name.partition(".")[0] for name in sys.modules}} & set({HEAVY!r})), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)

    assert done.stderr.strip() == "[]"
