"""Which YAML is read: no more than definitions need, and nothing of a file is quoted."""

from __future__ import annotations

import time

import pytest

from syncd.definitions.files import LIMIT
from tests.definitions.texts import applied, fields, one, problems, put, subjects

pytestmark = pytest.mark.usefixtures("either_yaml")


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("workspace: w\nworkspace: w", "a.yaml:2:1 workspace"),
        (one("host: a\nhost: a"), "a.yaml:5:5 connections.c.host"),
        (one("extra: {a: {b: 1, 'b': 1}}"), "a.yaml:4:23 connections.c.extra.a.b"),
        (one("extra: {a: [{b: 1, b: 1}]}"), "a.yaml:4:24 connections.c.extra.a.b"),
    ],
)
def test_a_key_stands_once(text: str, subject: str) -> None:
    (error,) = problems(text)
    assert error.subject == subject
    assert error.problem.startswith("stands here twice, first at ")


@pytest.mark.parametrize(
    ("field", "problem", "subject"),
    [
        ("host: &a x", "anchors aren't read", "a.yaml:4:11 connections.c.host"),
        ("host: *a", "aliases aren't read", "a.yaml:4:11 connections.c.host"),
        ("host: {$from: *a}", "aliases aren't read", "a.yaml:4:19 connections.c.host.$from"),
        ("extra: {a: [*b]}", "aliases aren't read", "a.yaml:4:17 connections.c.extra.a"),
        ("extra: &a {b: c}", "anchors aren't read", "a.yaml:4:12 connections.c.extra"),
        ("&a host: x", "anchors aren't read", "a.yaml:4:5 connections.c"),
        ("host: !!str x", "tags aren't read", "a.yaml:4:11 connections.c.host"),
        ("host: !x", "tags aren't read", "a.yaml:4:11 connections.c.host"),
        ("host: ! x", "tags aren't read", "a.yaml:4:11 connections.c.host"),
        ("extra: !!map {}", "tags aren't read", "a.yaml:4:12 connections.c.extra"),
        ("<<: {host: x}", "merge keys aren't read", "a.yaml:4:5 connections.c"),
        ("? \n: x", "a key is a text that isn't empty", "a.yaml:4:6 connections.c"),
        ("'': x", "a key is a text that isn't empty", "a.yaml:4:5 connections.c"),
        ("? [host]\n: x", "a key is a text that isn't empty", "a.yaml:4:7 connections.c"),
        ("? {host: a}\n: x", "a key is a text that isn't empty", "a.yaml:4:7 connections.c"),
    ],
)
def test_what_definitions_do_not_need_is_refused(field: str, problem: str, subject: str) -> None:
    (error,) = problems(one(field))
    assert (error.problem, error.subject) == (problem, subject)


def test_a_quoted_text_may_look_like_any_of_these() -> None:
    assert fields("extra: {'<<': '*a', '&b': '!c'}") == {"extra": {"<<": "*a", "&b": "!c"}}


def test_one_file_is_one_document() -> None:
    assert subjects("---\nworkspace: w\n---\nworkspace: w\n") == ["a.yaml:3:1"]
    assert subjects("---\nworkspace: w\n...\n") == []


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "---\n# nothing\n...\n", "\ufeff"])
def test_a_file_that_says_nothing_is_an_error(text: str) -> None:
    (error,) = problems(text)
    assert error.problem == "says nothing"
    assert error.subject.startswith("a.yaml:")


@pytest.mark.parametrize("more", [0, 1])
def test_nesting_is_limited(more: int) -> None:
    levels = 32 - 4 + more  # file, connections, c, extra
    found = problems(one("extra: " + "{a: " * levels + "{}" + "}" * levels))
    assert ("nests deeper than 32 levels" in [error.problem for error in found]) == bool(more)


@pytest.mark.parametrize("nest", ["[", "{a: ", "- ", "? ", "[{a: "])
def test_a_bottomless_nest_is_refused_at_once(nest: str) -> None:
    start = time.perf_counter()
    (error,) = problems("a: [" + nest * 100_000 if nest != "- " else nest * 100_000)
    assert time.perf_counter() - start < 5
    assert str(error).startswith("a.yaml:1:")


def test_an_alias_bomb_is_refused_and_never_unfolded() -> None:
    bomb = "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
    found = problems(f"a0: &a0 x\n{bomb}")
    assert {error.problem for error in found} > {"anchors aren't read", "aliases aren't read"}


@pytest.mark.parametrize(
    ("data", "subject", "problem"),
    [
        ("workspace: w".encode("utf-16"), "a.yaml:1:1", "is UTF-16"),
        ("workspace: w".encode("utf-16-le"), "a.yaml:1:2", "a character that no text holds"),
        (b"workspace: w\nenvironments: [\xe9]", "a.yaml:2:16", "isn't UTF-8"),
        (b"workspace: w\nx: '\0'", "a.yaml:2:5", "a character that no text holds"),
        (b"workspace: w\r\nx: \x1b", "a.yaml:2:4", "a character that no text holds"),
        (b"workspace: w\nx: \x7f", "a.yaml:2:4", "a character that no text holds"),
        ("workspace: w\nx: é\ufeff".encode(), "a.yaml:2:5", "a character that no text holds"),
        (b"\x7fELF\x02\x01\x01\0\0\0", "a.yaml:1:1", "a character that no text holds"),
        (b"#" * (LIMIT + 1), "a.yaml:1:1", "longer than 10 MiB"),
    ],
    ids=["utf-16", "utf-16 without a mark", "latin-1", "nul", "escape", "delete", "mark inside", "binary", "too long"],
)
def test_what_is_no_text_is_refused_as_a_whole(data: bytes, subject: str, problem: str) -> None:
    (error,) = problems(data)
    assert (error.subject, error.problem) == (subject, problem)


def test_a_mark_of_utf_8_and_line_ends_of_windows_are_no_matter() -> None:
    text = one("host: a\nlogin: é").replace("\n", "\r\n")
    found = applied(b"\xef\xbb\xbf" + text.encode())
    (definition,) = found.definitions.values()
    assert definition.fields == {"host": "a", "login": "é"}


def test_a_file_as_long_as_allowed_is_read() -> None:
    text = b"workspace: w\n"
    assert applied(text + b"#" * (LIMIT - len(text))).name == "w"


@pytest.mark.parametrize("escape", [r"\uD800", r"\uD83D\uDE00", r"\UFFFFFFFF", r"\q", r"\x"])
def test_an_escape_that_is_no_character_is_an_error(escape: str) -> None:
    (error,) = problems(one(f'host: "{escape}"'))
    assert error.subject.startswith("a.yaml:4:")


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("workspace: w\nconnections: a: b", 2, "colon"),
        ("workspace: w\nconnections:\n  c: b\n d: e", 4, "indentation"),
        ("workspace: w\n\tconnections: {}", 2, "tab"),
        ("workspace: w\nx: @b", 2, "no value begins with this character"),
        ("workspace: w\nx: 'b\ny: c\nz: d", 2, "quote"),
        ("workspace: w\nx: [b\ny: c", 3, "bracket"),
        ("workspace: w\nx: ***", 2, "quote a text that begins so"),
        ('workspace: w\nx: "\\q"', 2, "escape"),
        ("workspace: w\nx\ny: z", 3, "colon"),
        ("workspace: w\nx: !a!b c", 2, "tags aren't read"),
        ("workspace: w\nx: [a, b", 2, "bracket"),
        ("%YAML 9.9\n---\na", 1, "isn't YAML"),
    ],
)
def test_what_is_no_yaml_is_told_in_plain_words_at_its_line(text: str, line: int, hint: str) -> None:
    (error,) = problems(text)
    found = int(error.subject.split(":")[1])
    assert found in (line, line + 1)  # libyaml sees the end of the file on the line after the last
    assert hint in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "workspace: w\nhunter2\nx: y",
        "workspace: w\nx: *hunter2",
        "workspace: w\nx: 'hunter2",
        "workspace: w\nx: hunter2: y",
        "workspace: w\nx: !hunter2!y z",
        "workspace: w\nx: &hunter2 y",
        "%YAML hunter2\n---\nworkspace: w",
        "%TAG !hunter2! x\n%TAG !hunter2! x\n---\na",
        "workspace: w\nx: [hunter2\ny: z",
        "hunter2",
        "- hunter2",
        one("port: hunter2"),
        one("host: {$from: hunter2}"),
        one("host: {$stored: hunter2}"),
        one("link_all: hunter2"),
        one("secret_fields: [hunter2.]"),
        one("extra: hunter2"),
        one("links: hunter2"),
    ],
)
def test_no_message_quotes_the_file(text: str) -> None:
    found = problems(text)
    assert found
    assert "hunter2" not in "".join(f"{error} {error.args!r}" for error in found)


def test_a_file_reads_the_same_with_either_end_of_line() -> None:
    assert put("").exists()
    assert subjects("workspace: w\rx: y") == subjects("workspace: w\nx: y") == ["a.yaml:2:1 x"]
