"""What people see: nothing that somebody named moves the cursor, and all of it fits a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.cli import show
from tests.cli.runner import Result, Syncd

ODD = [
    "\x1b[2J",
    "\x9b2J",
    "\r",
    "\x07",
    "\u202e",
    "\ud800",
    "a\nb",
    "[red]x[/red]",
    "[/]",
    ":key:",
    "\\",
    "\\[",
    "{x}",
]


def shown(result: Result) -> str:
    """What came out, which moves nothing."""
    assert all(one.isprintable() or one == "\n" for one in result.out + result.err)
    return result.said


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_an_id_is_shown_as_it_is_or_as_its_escape(syncd: Syncd, odd: str) -> None:
    escaped = show.clean(odd)

    assert f"connection {escaped}: isn't in workspace" in shown(syncd("connection", "show", odd))
    assert f"deployment {escaped}: isn't in workspace" in shown(syncd("deployment", "show", odd))
    assert f"workspace {escaped}: isn't in this" in shown(syncd("connection", "list", "-w", odd))
    assert f"environment {escaped}: isn't in" in shown(syncd("override", "null", "slack", "-e", odd, "host"))
    shown(syncd("variable", "create", odd, "value=x"))
    shown(syncd("explain", "etl-dev", odd, "-o", "json"))


def test_a_long_value_is_cut_for_people_and_whole_in_json(syncd: Syncd) -> None:
    long = "ÿ" * 300
    made = syncd.ok("variable", "create", "long", f"value={long}", "--link", "etl-dev")
    changed = syncd.ok("variable", "update", "long", f"value={long[:-1]}w")
    for result, values in (
        (made, 1),
        (changed, 2),
        (syncd.ok("variable", "list"), 1),
        (syncd.ok("variable", "show", "long"), 1),
        (syncd.ok("explain", "etl-dev", "long", "--variable"), 1),
        (syncd.ok("diff", "1"), 1),
        (syncd.ok("plan", "-t", "files"), 1),
    ):
        text = shown(result)
        assert text.count("…") == values
        assert 198 * values <= text.count("ÿ") <= 199 * values  # with its quote or without
    assert syncd.json("explain", "etl-dev", "long", "--variable")["fields"][0]["value"] == f"{long[:-1]}w"


@pytest.mark.parametrize("odd", [one for one in ODD if one.isprintable()], ids=ascii)
def test_a_variable_of_such_a_key(syncd: Syncd, odd: str) -> None:
    syncd.ok("variable", "create", odd, "value=x", "--link", "etl-dev")

    for command in (
        ["variable", "list"],
        ["variable", "show", odd],
        ["deployment", "show", "etl-dev"],
        ["explain", "etl-dev", odd, "--variable"],
        ["history"],
        ["diff", "1"],
    ):
        assert odd in shown(syncd.ok(*command))
    shown(syncd.ok("sync"))
    shown(syncd("variable", "delete", odd))


@pytest.mark.parametrize("odd", [one for one in ODD if one != "\ud800"], ids=ascii)
def test_a_value_or_a_key_of_extra_like_that(syncd: Syncd, odd: str, monkeypatch: pytest.MonkeyPatch) -> None:
    quoted = odd.replace("\\", "\\\\")
    syncd.ok("connection", "update", "warehouse", f"description={odd}", f'extra."k{quoted}"=x{odd}')
    monkeypatch.setenv("LOGNAME", odd)
    syncd.ok("override", "null", "warehouse", "-e", "dev", f'extra."k{quoted}"')

    for command in (
        ["connection", "show", "warehouse"],
        ["explain", "etl-prod", "warehouse"],
        ["plan"],
        ["sync"],
        ["history"],
        ["diff", "1"],
        ["rollback", "1"],
    ):
        shown(syncd(*command))


def test_a_path_like_that(syncd: Syncd, folder: Path) -> None:
    (folder / "a\x1b[2J.yaml").write_text("workspace: \x1b\n")

    assert "a\\x1b[2J.yaml" in shown(syncd("apply", "-f", "a\x1b[2J.yaml"))
    shown(syncd("apply", "-f", "nowhere\x1b[2J.yaml"))
    shown(syncd("export", "--to", "\x1b[2J/x"))


def test_what_lies_in_a_target_is_named_without_moving_anything(syncd: Syncd) -> None:
    syncd.ok("sync")
    folder = syncd.home / "files" / "analytics" / "deployments" / "etl-dev" / "connections"
    (folder / "\x1b[2J").write_text("{}")
    (folder / "scratch").write_text('{"format": 1, "mark": {"instance": "\x1b[2J"')

    for command in (["plan"], ["sync"], ["target", "adopt", "files"], ["status"]):
        shown(syncd(*command))


def test_tables_fit_80_columns(syncd: Syncd) -> None:
    long = "x" * 100
    syncd.ok("variable", "create", long, f"value={long}", "--link-all")
    syncd.ok("connection", "update", "warehouse", f"description={long}", f"extra.{long}={long}")
    syncd.ok("sync")
    syncd.ok("connection", "update", "warehouse", f"description={long}y")

    for command in (
        ["connection", "list"],
        ["connection", "show", "warehouse"],
        ["variable", "list"],
        ["deployment", "show", "etl-dev"],
        ["target", "list"],
        ["history"],
        ["status"],
        ["diff", "1"],
        ["plan"],
    ):
        lines = syncd.ok(*command).out.splitlines()
        assert [line for line in lines if len(line.rstrip()) > 80 and long not in line] == []


def test_what_people_read_has_no_colour_where_it_is_no_terminal(syncd: Syncd) -> None:
    assert "\x1b" not in syncd.ok("plan").out
    assert "\x1b" not in syncd("connection", "show", "x").err
