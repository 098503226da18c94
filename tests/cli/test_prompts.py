"""Questions: for a yes, and for a secret; what others change meanwhile is never lost."""

from __future__ import annotations

import getpass
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest

from syncd.cli import ask
from tests.cli.runner import DEFINITIONS, Result, Syncd, Terminal

SECRET = "hunter2-0f3d"

At = Callable[..., Result]


@pytest.fixture
def at(syncd: Syncd) -> At:
    """Run a command at a terminal: its arguments, the answer, and what happens before it is given."""

    def run(*arguments: str, answer: str = "", before: Callable[[], object] = lambda: None) -> Result:
        return syncd(*arguments, stdin=Terminal(answer, before))

    return run


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """What is typed where nothing is shown, one after the other; the questions are collected."""

    def answers(*found: str | type[BaseException]) -> list[str]:
        asked: list[str] = []
        waiting: Iterator[str | type[BaseException]] = iter(found)

        def hidden(prompt: str) -> str:
            asked.append(prompt)
            answer = next(waiting)
            if isinstance(answer, str):
                return answer
            raise answer

        monkeypatch.setattr(getpass, "getpass", hidden)
        return asked

    return answers


@pytest.mark.parametrize("answer", ["y\n", "yes\n", " Y \n"])
def test_a_yes(at: At, syncd: Syncd, answer: str) -> None:
    result = at("connection", "delete", "slack", answer=answer)

    assert result.code == 0
    assert "Delete connection slack, linked to all but etl-dev? [y/N]" in result.err
    assert syncd("connection", "show", "slack").code == 1


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "no\n", "yy\n", "\x1b[A\n"])
def test_anything_else_is_a_no_and_exits_1(at: At, syncd: Syncd, answer: str) -> None:
    result = at("connection", "delete", "slack", answer=answer)

    assert result.code == 1
    assert "Delete connection slack, linked to all but etl-dev: was refused" in result.said
    assert len(syncd.json("history")["revisions"]) == 1


def test_json_is_asked_for_on_stderr_after_what_it_is_about(at: At, syncd: Syncd, folder: Path) -> None:
    (folder / "more.yaml").write_text("workspace: analytics\nvariables: {more: {value: x}}\n")
    result = at("apply", "-f", "more.yaml", "-o", "json", answer="y\n")

    assert result.code == 0
    assert "+ variable more" in result.err
    assert "Apply 2 changes to workspace analytics? [y/N]" in result.err
    assert result.json["revision"] == 2


@pytest.mark.parametrize(
    "command",
    [
        ["apply", "-f", "less.yaml", "--prune"],
        ["rollback", "1"],
        ["connection", "delete", "warehouse"],
        ["deployment", "delete", "etl-prod"],
        ["environment", "delete", "staging"],
    ],
    ids=" ".join,
)
def test_what_changes_while_somebody_is_asked_is_told_and_kept(
    at: At, syncd: Syncd, folder: Path, command: list[str]
) -> None:
    (folder / "less.yaml").write_text(DEFINITIONS.partition("variables:")[0])
    syncd.ok("environment", "create", "staging")
    syncd.ok("override", "set", "region", "--variable", "-e", "staging", "value=x")
    syncd.ok("connection", "create", "lake", "conn_type=aws")

    def meanwhile() -> None:
        syncd.ok("link", "etl-prod", "lake")
        syncd.ok("override", "set", "warehouse", "-e", "staging", "port=1")

    result = at(*command, answer="y\n", before=meanwhile)

    assert result.code == 1
    assert "was changed meanwhile" in result.said or "and what you looked at was 4" in result.said
    assert syncd.fields("explain", "etl-prod", "lake") == {"conn_type": "aws"}
    assert len(syncd.json("history")["revisions"]) == 6


def test_a_secret_is_typed_twice_and_not_shown(at: At, syncd: Syncd, typed: Callable[..., list[str]]) -> None:
    asked = typed(SECRET, SECRET)
    result = at("connection", "update", "slack", "password")

    assert result.code == 0
    assert asked == ["password: ", "password once more: "]
    assert SECRET not in result.said
    assert syncd.fields("connection", "show", "slack")["password"] == "(secret)"


def test_two_that_differ_are_asked_for_again(at: At, typed: Callable[..., list[str]]) -> None:
    asked = typed(SECRET, "other", SECRET, SECRET)
    result = at("connection", "update", "slack", "password")

    assert result.code == 0
    assert len(asked) == 4
    assert "the two differ: again" in result.err


@pytest.mark.parametrize("answer", ["", EOFError])
def test_nothing_typed_is_refused(at: At, typed: Callable[..., list[str]], answer: str | type[BaseException]) -> None:
    typed(answer)
    result = at("connection", "update", "slack", "password")

    assert result.code == 1
    assert "password: nothing was typed → password=@/dev/null is the empty text" in result.said


def test_an_interrupt_ends_it(at: At, syncd: Syncd, typed: Callable[..., list[str]]) -> None:
    typed(KeyboardInterrupt)

    assert at("connection", "update", "slack", "password").code == 130
    assert len(syncd.json("history")["revisions"]) == 1


def test_what_is_typed_makes_any_field_a_secret(at: At, syncd: Syncd, typed: Callable[..., list[str]]) -> None:
    typed(SECRET, SECRET, "5432", "5432")
    at("connection", "update", "slack", "extra.channel", "port")

    assert syncd.fields("connection", "show", "slack") == {
        "conn_type": "slackwebhook",
        "port": "(secret)",
        "extra.channel": "(secret)",
    }
    assert syncd.json("connection", "show", "slack")["secret_fields"] == ["extra.channel", "port"]


def test_what_is_typed_is_text(at: At, syncd: Syncd, typed: Callable[..., list[str]]) -> None:
    typed("0123", "0123", '{"a": 1}', '{"a": 1}')
    at("connection", "update", "slack", "extra.token", "extra.api_key")
    syncd("sync", "-t", "classic")

    written = next((syncd.home / "classic").rglob("connections.json")).read_text()

    assert '"token": "0123"' in written
    assert r'"{\"a\": 1}"' in written


def test_no_terminal_names_the_other_ways(syncd: Syncd) -> None:
    result = syncd("connection", "update", "slack", "password")

    assert result.code == 1
    assert "there is no terminal to ask at → password=- reads stdin, password=@PATH a file" in result.said


def test_a_terminal_that_would_show_it_isnt_used(at: At, syncd: Syncd, monkeypatch: pytest.MonkeyPatch) -> None:
    def shows(prompt: str) -> str:
        warnings.warn("Can not control echo", getpass.GetPassWarning, stacklevel=2)
        return SECRET

    monkeypatch.setattr(getpass, "getpass", shows)
    result = at("connection", "update", "slack", "password")

    assert result.code == 1
    assert "this terminal would show it" in result.said


def test_a_field_is_asked_for_by_a_name_that_moves_nothing(typed: Callable[..., list[str]]) -> None:
    asked = typed("x", "x")
    with mock.patch.object(sys, "stdin", Terminal()):
        ask.secret('extra."\x1b[2J"')

    assert asked[0] == 'extra."\\x1b[2J": '
