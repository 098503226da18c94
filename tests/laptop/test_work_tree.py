"""A file of secrets isn't written where Git would take it along."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from syncd.core.errors import FixError
from syncd.laptop import work_tree


def git(folder: Path, *arguments: str) -> None:
    told = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    author = ("-c", "user.name=x", "-c", "user.email=x@example.invalid")
    subprocess.run(
        ["git", *author, *arguments], cwd=folder, env={**os.environ, **told}, check=True, capture_output=True
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    made = tmp_path / "tree"
    made.mkdir()
    git(made, "init", "-q")
    (made / "inner").mkdir()
    (made / ".gitignore").write_text("*.env\nsecrets/\n")
    return made


def test_all_that_would_be_taken_along_is_told_at_once(tree: Path) -> None:
    with pytest.raises(FixError) as caught:
        work_tree.refuse([tree / "one.json", tree / "kept.env", tree / "other.json"], os.environ)
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [
        str(tree / name) for name in ("one.json", "other.json")
    ]


def refused(path: Path, environ: Mapping[str, str] = os.environ) -> str:
    """Why, or nothing where it isn't."""
    try:
        work_tree.refuse([path], environ)
    except FixError as error:
        return str(error)
    return ""


def test_outside_of_a_work_tree_anything_goes(tmp_path: Path) -> None:
    assert refused(tmp_path / "file") == refused(tmp_path / "not" / "there" / "file") == ""


@pytest.mark.parametrize("name", [".env", "inner/.env", "secrets/connections.json", "inner/secrets/new/file"])
def test_what_is_ignored_goes_be_its_folder_there_or_not(tree: Path, name: str) -> None:
    assert refused(tree / name) == ""


@pytest.mark.parametrize("name", ["file", "inner/file", "new/folder/file"])
def test_what_is_not_is_refused_with_the_way_out(tree: Path, name: str) -> None:
    assert f"add /{name} to {tree / '.gitignore'}" in refused(tree / name)


def test_what_it_says_helps(tree: Path) -> None:
    (tree / ".gitignore").write_text("/inner/file\n")
    assert refused(tree / "inner" / "file") == ""


def test_a_committed_file_counts_though_a_line_ignores_it(tree: Path) -> None:
    (tree / ".env").write_text("x")
    git(tree, "add", "--force", ".env")
    assert "isn't ignored" in refused(tree / ".env")


def test_a_relative_path_is_one_of_the_working_directory(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree / "inner")
    assert refused(Path("file"))
    assert refused(Path("../.env")) == ""


def test_a_link_into_a_work_tree_leads_there(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tree / "inner")
    assert refused(tmp_path / "link" / "file")
    assert refused(tmp_path / "link" / ".env") == ""


def test_a_second_work_tree_is_one_though_its_git_is_a_file(tree: Path, tmp_path: Path) -> None:
    git(tree, "commit", "-q", "--allow-empty", "-m", "x")
    git(tree, "worktree", "add", "-q", str(tmp_path / "second"))
    assert refused(tmp_path / "second" / "file")


def test_where_git_is_not_installed_every_file_counts(tree: Path, tmp_path: Path) -> None:
    without = {"PATH": str(tmp_path)}
    assert refused(tree / ".env", without)
    assert refused(tmp_path / ".env", without) == ""


def test_where_git_cannot_say_every_file_counts(tree: Path) -> None:
    (tree / ".git" / "HEAD").write_text("broken")
    assert refused(tree / ".env")


def test_the_callers_git_variables_point_it_nowhere_else(tree: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    assert refused(tree / "file", {**os.environ, "GIT_DIR": str(other / ".git"), "GIT_WORK_TREE": str(other)})
    assert refused(tree / ".env", {**os.environ, "GIT_DIR": str(other / ".git"), "GIT_WORK_TREE": str(other)}) == ""
