"""A file or a folder: which files are read, and what several of them may say."""

from __future__ import annotations

import os
import pathlib

import pytest

from syncd.core.model import Key
from syncd.definitions import read
from tests.definitions.texts import problems, put, subjects


def ids(path: str) -> set[str]:
    return {key.id for key in read(pathlib.Path(path)).definitions}


def say(name: str, id_: str, *more: str) -> pathlib.Path:
    return put("\n".join(["workspace: w", f"variables: {{{id_}: {{value: x}}}}", *more]), name)


def test_a_file_is_read_whatever_its_name() -> None:
    say("definitions.txt", "a")
    say(".hidden", "b")
    assert ids("definitions.txt") == {"a"}
    assert ids(".hidden") == {"b"}


def test_a_folder_is_read_with_all_below_it() -> None:
    say("d/a.yaml", "a")
    say("d/b.yml", "b")
    say("d/deep/er/c.yaml", "c")
    say("d/notes.txt", "n")
    assert ids("d") == {"a", "b", "c"}


def test_names_that_begin_with_a_dot_are_left_out_at_any_level() -> None:
    say("d/a.yaml", "a")
    say("d/.b.yaml", "b")
    say("d/.git/c.yaml", "c")
    say("d/e/.f/g/h.yaml", "h")
    assert ids("d") == {"a"}


def test_a_folder_that_was_named_is_read_whatever_its_name() -> None:
    say(".d/a.yaml", "a")
    assert ids(".d") == {"a"}


def test_links_are_followed_as_kubernetes_mounts_a_folder() -> None:
    say("d/..2024/a.yaml", "a")
    pathlib.Path("d/..data").symlink_to("..2024")
    pathlib.Path("d/a.yaml").symlink_to("..data/a.yaml")
    say("elsewhere/b.yaml", "b")
    pathlib.Path("d/more").symlink_to(pathlib.Path("elsewhere").resolve())
    assert ids("d") == {"a", "b"}


def test_a_link_back_to_a_folder_above_is_an_error() -> None:
    say("d/a.yaml", "a")
    pathlib.Path("d/e").mkdir()
    pathlib.Path("d/e/up").symlink_to(pathlib.Path("d").resolve())
    (error,) = problems(pathlib.Path("d"))
    assert (error.subject, error.problem) == ("d/e/up", "leads back to a folder above it")


def test_a_link_to_itself_is_an_error() -> None:
    pathlib.Path("d").mkdir()
    pathlib.Path("d/a.yaml").symlink_to("a.yaml")
    assert subjects(pathlib.Path("d")) == ["d/a.yaml"]
    assert subjects(pathlib.Path("d/a.yaml")) == ["d/a.yaml"]


def test_a_link_that_leads_nowhere_is_an_error_where_its_name_says_definitions() -> None:
    say("d/a.yaml", "a")
    pathlib.Path("d/b.yaml").symlink_to("gone.yaml")
    pathlib.Path("d/core").symlink_to("gone")
    (error,) = problems(pathlib.Path("d"))
    assert (error.subject, error.problem) == ("d/b.yaml", "isn't there")


@pytest.mark.parametrize("names", [[], ["d/notes.txt"], ["d/.a.yaml"]])
def test_a_folder_without_definitions_is_an_error(names: list[str]) -> None:
    pathlib.Path("d").mkdir()
    for name in names:
        say(name, "a")
    (error,) = problems(pathlib.Path("d"))
    assert (error.subject, error.problem) == ("d", "no definitions here")


def test_a_path_that_is_not_there_is_an_error() -> None:
    (error,) = problems(pathlib.Path("gone"))
    assert (error.subject, error.problem) == ("gone", "isn't there")


def test_a_pipe_in_a_folder_is_refused_and_never_waited_for() -> None:
    say("d/a.yaml", "a")
    os.mkfifo("d/b.yaml")
    (error,) = problems(pathlib.Path("d"))
    assert (error.subject, error.problem) == ("d/b.yaml", "is no regular file")


def test_a_pipe_is_refused_and_not_waited_for() -> None:
    os.mkfifo("pipe.yaml")
    assert [str(error) for error in problems(pathlib.Path("pipe.yaml"))] == ["pipe.yaml: is no regular file"]


def test_what_cannot_be_opened_is_an_error_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    # Permissions don't bind root, under which containers run their tests.
    def refuse(path: object, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    say("d/a.yaml", "a")
    pathlib.Path("d/e").mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        assert [str(error) for error in problems(pathlib.Path("d"))] == ["d/a.yaml: can't be read: Permission denied"]
    with monkeypatch.context() as patched:
        patched.setattr(pathlib.Path, "iterdir", refuse)
        assert subjects(pathlib.Path("d")) == ["d"]
    with monkeypatch.context() as patched:
        patched.setattr(pathlib.Path, "stat", refuse)
        assert subjects(pathlib.Path("d")) == ["d"]


def test_files_say_one_workspace_together() -> None:
    say("d/a.yaml", "a", "environments: [dev]")
    say("d/b.yaml", "b", "deployments: {d: {environment: dev}}")
    found = read(pathlib.Path("d"))
    assert found.environments == ("dev",)
    assert found.deployments.keys() == {"d"}
    assert found.definitions.keys() == {Key("variable", "a"), Key("variable", "b")}


def test_every_file_names_the_workspace_and_the_same_one() -> None:
    say("d/a.yaml", "a")
    put("variables: {}", "d/b.yaml")
    put("workspace: other", "d/c.yaml")
    missing, other = problems(pathlib.Path("d"))
    assert missing.subject == "d/b.yaml:1:1 workspace"
    assert str(other).startswith("d/c.yaml:1:1 workspace: isn't the workspace that d/a.yaml:1:1 names")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("environments: [dev]", "environments"),
        ("deployments: {d: {environment: dev}}", "deployments.d"),
        ("connections: {c: {}}", "connections.c"),
        ("variables: {v: {}}", "variables.v"),
    ],
)
def test_the_same_name_in_two_files_is_an_error_that_names_both(text: str, path: str) -> None:
    put(f"workspace: w\n{text}", "d/a.yaml")
    put(f"workspace: w\n\n{text}", "d/b.yaml")
    (error,) = problems(pathlib.Path("d"))
    column = text.index("{") + 2 if "{" in text else 1
    assert error.subject == f"d/b.yaml:3:{column} {path}"
    assert error.problem == f"stands in d/a.yaml:2:{column} too"


def test_sections_may_stand_in_any_number_of_files() -> None:
    put("workspace: w\nconnections: {}\nvariables: {}", "d/a.yaml")
    put("workspace: w\nconnections: {}\nvariables: {}", "d/b.yaml")
    assert problems(pathlib.Path("d")) == []


def test_one_id_may_be_a_connection_and_a_variable_and_a_deployments_own() -> None:
    own = "deployments: {d: {environment: e, variables: {x: {value: a}}}}"
    put(f"workspace: w\nenvironments: [e]\n{own}\nconnections: {{x: {{}}}}", "d/a.yaml")
    say("d/b.yaml", "x")
    assert len(read(pathlib.Path("d")).definitions) == 3


def test_the_problems_of_all_files_are_told_at_once() -> None:
    put("workspace: w\nvariables: {a: {valu: x}}", "d/a.yaml")
    put("workspace: [", "d/b.yaml")
    put(b"\xff\xfe", "d/c.yaml")
    put("workspace: w\nvariables: {a: {}}", "d/d.yaml")
    assert subjects(pathlib.Path("d")) == [
        "d/a.yaml:2:17 variables.a.valu",
        "d/b.yaml:2:1" if yaml_is_c() else "d/b.yaml:1:13",
        "d/c.yaml:1:1",
        "d/d.yaml:2:13 variables.a",
    ]


def yaml_is_c() -> bool:
    import yaml

    return bool(yaml.__with_libyaml__)
