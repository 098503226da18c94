"""`history`, `diff`, `rollback`."""

from __future__ import annotations

import pytest

from tests.cli.runner import Syncd


@pytest.fixture
def changed(syncd: Syncd) -> Syncd:
    """At revision 3."""
    syncd.ok("connection", "update", "warehouse", "port=5433")
    syncd.ok("connection", "update", "slack", "password=-", stdin=b"hunter2")
    return syncd


def test_history_is_the_newest_first(changed: Syncd) -> None:
    found = changed.json("history")["revisions"]

    assert [(one["number"], one["why"]) for one in found] == [
        (3, "connection slack updated"),
        (2, "connection warehouse updated"),
        (1, "apply definitions.yaml"),
    ]
    assert [one["number"] for one in changed.json("history", "-n", "2")["revisions"]] == [3, 2]
    assert "connection slack updated" in changed.ok("history").said


def test_diff_is_until_now_or_between_two(changed: Syncd) -> None:
    port = ("connection warehouse", "port", None, "5433")
    secret = ("connection slack", "password", None, "•••")

    assert changed.edits("diff", "1") == [secret, port]
    assert changed.edits("diff", "1", "2") == [port]
    assert changed.edits("diff", "2", "1") == [("connection warehouse", "port", "5433", None)]
    assert changed.ok("diff", "1", "2").out.splitlines() == ["~ connection warehouse", "  +  port  5433"]
    assert "no difference" in changed.ok("diff", "3").out


def test_diff_from_nothing(syncd: Syncd) -> None:
    assert ("connection warehouse", "", None, "defined") in syncd.edits("diff", "0", "1")


def test_rollback_brings_back_what_was_secrets_included(changed: Syncd) -> None:
    changed.ok("connection", "delete", "slack", "--yes")
    edits = changed.edits("rollback", "3", "--yes")

    assert ("connection slack", "password", None, "•••") in edits
    assert changed.edits("diff", "3") == []
    assert changed.json("history")["revisions"][0]["why"] == "rollback to revision 3"


def test_rollback_shows_and_asks(changed: Syncd) -> None:
    result = changed("rollback", "1")

    assert result.code == 1
    assert "- port 5433" in result.said
    assert "Go back to revision 1: there is no terminal to ask at → say --yes" in result.said
    assert changed.edits("diff", "3") == []


def test_rollback_to_what_it_is(changed: Syncd) -> None:
    assert "nothing to change" in changed.ok("rollback", "3").out


@pytest.mark.parametrize("command", ["diff", "rollback"])
def test_a_revision_that_isnt_there(syncd: Syncd, command: str) -> None:
    result = syncd(command, "7")

    assert result.code == 1
    assert "has no revision 7" in result.said


@pytest.mark.parametrize("arguments", [("rollback", "0"), ("rollback", "-1"), ("diff", "x"), ("history", "-n", "0")])
def test_a_number_that_is_none(syncd: Syncd, arguments: tuple[str, ...]) -> None:
    assert syncd(*arguments).code == 2
