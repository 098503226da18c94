"""`syncd apply -f -`: definitions that another command prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.runner import Syncd

MORE = b"workspace: analytics\nvariables: {more: {value: x}}\n"


def test_definitions_are_read_from_stdin(syncd: Syncd) -> None:
    assert syncd.edits("apply", "-f", "-", "--yes", stdin=MORE) == [
        ("variable more", "", None, "defined"),
        ("variable more", "value", None, '"x"'),
    ]
    assert syncd.json("history")["revisions"][0]["why"] == "apply <stdin>"


def test_what_export_prints_changes_nothing(syncd: Syncd) -> None:
    exported = syncd.ok("export").out.encode()

    assert "nothing to change" in syncd.ok("apply", "-f", "-", "--prune", stdin=exported).out


def test_without_a_yes_it_is_shown_and_refused(syncd: Syncd) -> None:
    result = syncd("apply", "-f", "-", stdin=MORE)

    assert result.code == 1
    assert "+ variable more" in result.out
    assert "there is no terminal to ask at → say --yes" in result.said
    assert len(syncd.json("history")["revisions"]) == 1


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "<stdin>"),
        (b"workspace: analytics\nvariables: {more: {value: }}\n", "<stdin>:2:"),
        (b"workspace: analytics\n\xff\n", "<stdin>:2:1: isn't UTF-8"),
        (b"x" * (10 * 2**20 + 1), "<stdin>:1:1: longer than 10 MiB"),
    ],
    ids=["nothing", "wrong", "no text", "too long"],
)
def test_what_is_wrong_with_it_is_told_by_line_and_applies_nothing(syncd: Syncd, content: bytes, error: str) -> None:
    result = syncd("apply", "-f", "-", "--prune", "--yes", stdin=content)

    assert result.code == 1
    assert error in result.err
    assert len(syncd.json("history")["revisions"]) == 1


def test_a_file_may_have_the_name_that_errors_give_to_stdin(syncd: Syncd, folder: Path) -> None:
    (folder / "<stdin>").write_bytes(MORE)

    assert "variable more" in syncd.ok("apply", "-f", "<stdin>", "--yes").out
