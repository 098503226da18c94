"""`init`, `apply`, `export`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.runner import DEFINITIONS, Syncd


def test_init_makes_an_installation(folder: Path) -> None:
    syncd = Syncd(folder / "home")
    result = syncd.ok("init")

    assert {path.name for path in syncd.home.iterdir()} >= {"syncd.toml", "registry.db", "keys"}
    assert syncd.home.stat().st_mode & 0o777 == 0o700
    assert (syncd.home / "keys").stat().st_mode & 0o777 == 0o600
    assert "Next: name a target in syncd.toml" in result.out


def test_init_again_changes_nothing(syncd: Syncd) -> None:
    before = {path.name: path.read_bytes() for path in syncd.home.iterdir() if path.name in ("syncd.toml", "keys")}
    document = syncd.json("init")

    assert document["made"] == []
    assert "Next: `syncd apply -f definitions.yaml`." in syncd.ok("init").out
    assert before == {name: (syncd.home / name).read_bytes() for name in before}


def test_init_makes_no_second_key(syncd: Syncd) -> None:
    (syncd.home / "keys").unlink()
    result = syncd("init")

    assert result.code == 1
    assert "isn't there, and the registry was encrypted with it → restore it" in result.said
    assert not (syncd.home / "keys").exists()


def test_init_where_it_cant(folder: Path) -> None:
    (folder / "home").write_text("")
    result = Syncd(folder / "home")("init")

    assert result.code == 1
    assert "can't be written" in result.said


def test_no_installation_names_the_way_to_one(folder: Path) -> None:
    for command in (["connection", "list"], ["key", "add"], ["apply", "-f", "x"], ["workspace", "list"]):
        result = Syncd(folder / "home")(*command)

        assert result.code == 1
        assert "`syncd init` makes one, or set SYNCD_HOME" in result.said


def test_settings_that_are_wrong_are_all_told(syncd: Syncd) -> None:
    (syncd.home / "syncd.toml").write_text('[targets.a]\ntype = "nowhere"\n[targets.b]\ntype = "directory"\n')
    result = syncd("plan")

    assert result.code == 1
    assert "targets.a.type" in result.said
    assert "targets.b.path" in result.said


def test_apply_asks(syncd: Syncd, folder: Path) -> None:
    (folder / "more.yaml").write_text("workspace: analytics\nvariables: {more: {value: x}}\n")
    result = syncd("apply", "-f", "more.yaml")

    assert result.code == 1
    assert "+ variable more" in result.out
    assert "Apply 2 changes to workspace analytics: there is no terminal to ask at → say --yes" in result.said
    assert syncd("variable", "show", "more").code == 1


def test_apply_leaves_what_no_file_names(syncd: Syncd, folder: Path) -> None:
    (folder / "more.yaml").write_text("workspace: analytics\nvariables: {more: {value: x}}\n")

    assert syncd.edits("apply", "-f", "more.yaml", "--yes") == [
        ("variable more", "", None, "defined"),
        ("variable more", "value", None, '"x"'),
    ]


def test_apply_removes_it_with_prune(syncd: Syncd, folder: Path) -> None:
    (folder / "less.yaml").write_text(DEFINITIONS.partition("variables:")[0])

    assert ("variable region", "", "defined", None) in syncd.edits("apply", "-f", "less.yaml", "--prune", "--yes")


def test_what_prune_removed_without_being_asked_about_is_held_by_the_guard(syncd: Syncd, folder: Path) -> None:
    syncd.ok("sync", "-t", "files")
    (folder / "less.yaml").write_text(re.sub(r"(?ms)^(connections|variables):.*", "", DEFINITIONS))
    syncd.ok("apply", "-f", "less.yaml", "--prune", "--yes")

    assert syncd("sync", "-t", "files").code == 3


def test_apply_of_the_same_changes_nothing(syncd: Syncd, folder: Path) -> None:
    (folder / "same.yaml").write_text(DEFINITIONS)

    assert "nothing to change" in syncd.ok("apply", "-f", "same.yaml").out


def test_apply_warns(syncd: Syncd, folder: Path) -> None:
    text = DEFINITIONS.replace("targets: [files]", "targets: [vault]").replace(
        "etl-prod: {schema", "etl-prod: {host: x, schema"
    )
    (folder / "moved.yaml").write_text(text)
    result = syncd.ok("apply", "-f", "moved.yaml", "--yes")

    assert "! target vault isn't in syncd.toml" in result.err
    assert "! connection warehouse in etl-prod: the link layer moves host and inherits password" in result.err


def test_apply_of_wrong_files_tells_every_place_and_applies_nothing(syncd: Syncd, folder: Path) -> None:
    (folder / "bad.yaml").write_text("workspace: analytics\nconnections:\n  a: {host: }\n  b: {port: x}\n")
    result = syncd("apply", "-f", "bad.yaml", "--yes")

    assert result.code == 1
    assert "bad.yaml:3:" in result.err
    assert "bad.yaml:4:" in result.err
    assert len(syncd.json("history")["revisions"]) == 1


@pytest.mark.parametrize("path", ["nowhere.yaml", "nothing"])
def test_apply_of_nothing_applies_nothing(syncd: Syncd, folder: Path, path: str) -> None:
    (folder / "nothing").mkdir()

    assert syncd("apply", "-f", path, "--prune", "--yes").code == 1
    assert len(syncd.json("history")["revisions"]) == 1


def test_apply_of_another_workspace_than_was_said(syncd: Syncd, folder: Path) -> None:
    (folder / "other.yaml").write_text("workspace: other\n")

    assert syncd("apply", "-f", "other.yaml", "-w", "analytics", "--yes").code == 2
    syncd.ok("apply", "-f", "other.yaml", "--yes")
    assert [one["name"] for one in syncd.json("workspace", "list")["workspaces"]] == ["analytics", "other"]


def test_export_applies_to_nothing(syncd: Syncd, folder: Path) -> None:
    syncd.ok("connection", "update", "slack", "password=-", stdin=b"hunter2")
    syncd.ok("export", "--to", "out.yaml")
    text = (folder / "out.yaml").read_text()

    assert text == syncd.ok("export").out
    assert "password: {$stored: true}" in text
    assert "nothing to change" in syncd.ok("apply", "-f", "out.yaml", "--prune").out


@pytest.mark.parametrize("to", [".", "nowhere/out.yaml", "/proc/out.yaml"])
def test_export_where_it_cant(syncd: Syncd, to: str) -> None:
    result = syncd("export", "--to", to)

    assert result.code == 1
    assert "can't be written" in result.said


def test_export_leaves_no_half_file(syncd: Syncd, folder: Path) -> None:
    (folder / "out.yaml").mkdir()
    syncd("export", "--to", "out.yaml")

    assert {path.name for path in folder.iterdir()} == {"home", "out.yaml"}
