"""A folder of definitions that others keep up to date: it is applied whole, or not at all."""

from __future__ import annotations

import pathlib
import threading
from typing import Any

import pytest

from syncd.core.model import Key, Path
from syncd.registry import status, workspaces
from tests.daemon.ticking import Ticking
from tests.sync.world import NAME, World

ONE = """\
workspace: analytics
connections:
  git: {conn_type: http, host: from-git, links: {etl: {}}}
"""
DOCUMENT = f"{NAME}/deployments/etl/connections/git"


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    made = tmp_path / "definitions"
    made.mkdir()
    (made / "one.yaml").write_text(ONE)
    return made


@pytest.fixture
def applying(world: World, folder: pathlib.Path) -> Ticking:
    """A daemon that has applied the folder, and made its passes."""
    live = Ticking(world)
    live.configure("definitions", path=str(folder))
    live.reload()
    return live.tick().settle()


def failures(live: Ticking) -> list[str]:
    with live.world.registry() as registry:
        return [one.message for one in status.folders(registry).values()]


def test_what_it_says_is_in_the_registry_and_at_the_targets(applying: Ticking) -> None:
    assert Key("connection", "git") in applying.world.load().definitions
    assert DOCUMENT in applying.world.files()


def test_a_change_is_applied_within_an_interval(applying: Ticking, folder: pathlib.Path) -> None:
    (folder / "one.yaml").write_text(ONE.replace("from-git", "from-git-2"))
    applying.later(60).settle()
    assert b"from-git-2" in applying.world.files()[DOCUMENT]


def test_what_did_not_change_makes_no_revision(applying: Ticking) -> None:
    before = applying.world.load().revision
    applying.later(60).later(60)
    assert applying.world.load().revision == before


def test_what_somebody_changed_elsewhere_is_as_the_folder_says_again(applying: Ticking) -> None:
    from syncd.core import changes

    edit: dict[Path, Any] = {("host",): "by-hand"}
    applying.world.change(lambda here: changes.override(here, Key("connection", "git"), environment="dev", values=edit))
    applying.later(60).settle()
    assert b"by-hand" not in applying.world.files()[DOCUMENT]


@pytest.mark.parametrize(
    "broken",
    ["workspace: [", "connections: {}", ONE.replace("conn_type", "type"), ONE + ONE, "", ONE.replace("etl", "nobody")],
)
def test_what_is_broken_changes_nothing_and_is_in_the_status(
    applying: Ticking, folder: pathlib.Path, broken: str
) -> None:
    before = applying.world.load()
    (folder / "one.yaml").write_text(broken)
    applying.later(60).later(60)
    assert applying.world.load() == before
    assert len(failures(applying)) == 1
    assert "one.yaml" in failures(applying)[0]
    assert applying.metrics()["syncd_definitions_error"] == 1


def test_a_folder_that_is_gone_or_empty_removes_nothing(applying: Ticking, folder: pathlib.Path) -> None:
    (folder / "one.yaml").unlink()
    for gone in (folder.rmdir, lambda: folder.mkdir()):
        applying.later(60)
        assert Key("connection", "git") in applying.world.load().definitions
        assert failures(applying) != []
        gone()


def test_with_prune_a_folder_that_is_gone_or_empty_removes_nothing(applying: Ticking, folder: pathlib.Path) -> None:
    applying.configure("definitions", path=str(folder), prune=True)
    applying.reload()
    (folder / "one.yaml").unlink()
    before, lies = applying.world.load(), applying.world.stats()
    for gone in (folder.rmdir, lambda: None):
        applying.later(60).settle()
        assert applying.world.load() == before
        assert applying.world.stats() == lies
        gone()


def test_once_it_is_mended_it_is_applied_and_nothing_is_wrong_any_more(applying: Ticking, folder: pathlib.Path) -> None:
    (folder / "one.yaml").write_text("workspace: [")
    applying.later(60)
    (folder / "one.yaml").write_text(ONE.replace("from-git", "mended"))
    applying.later(60).settle()
    assert failures(applying) == []
    assert b"mended" in applying.world.files()[DOCUMENT]
    assert applying.metrics()["syncd_definitions_error"] == 0


def test_once_no_folder_is_to_be_applied_any_more_none_is_wrong(applying: Ticking, folder: pathlib.Path) -> None:
    (folder / "one.yaml").write_text("workspace: [")
    applying.later(60)
    settings = applying.world.home / "syncd.toml"
    settings.write_text(settings.read_text().partition("[definitions]")[0])
    applying.reload()
    assert applying.metrics()["syncd_definitions_error"] == 0
    assert failures(applying) == []


def test_what_comes_of_a_folder_after_it_was_given_up_is_no_news(applying: Ticking, folder: pathlib.Path) -> None:
    (folder / "one.yaml").write_text("workspace: [")
    applying.seconds += 60
    applying.daemon.tick()
    settings = applying.world.home / "syncd.toml"
    settings.write_text(settings.read_text().partition("[definitions]")[0])
    applying.reload()
    applying.settled()
    assert applying.metrics()["syncd_definitions_error"] == 0
    assert failures(applying) == []


def test_with_prune_what_no_file_names_goes_where_the_guard_lets_it(applying: Ticking, folder: pathlib.Path) -> None:
    before = {name for name in applying.world.files() if "/bi/" in name}
    applying.configure("definitions", path=str(folder), prune=True)
    environments = "environments: [dev, prod]\ndeployments: {etl: {environment: dev, targets: [files]}}\n"
    (folder / "one.yaml").write_text(ONE + environments)
    applying.reload()
    applying.tick().settle()
    assert applying.world.load().definitions.keys() == {Key("connection", "git")}
    assert before < applying.world.files().keys()


def test_what_was_wrong_with_a_folder_that_is_another_now_is_forgotten(
    applying: Ticking, folder: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    (folder / "one.yaml").write_text("workspace: [")
    applying.later(60)
    assert len(failures(applying)) == 1
    folder.rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "one.yaml").write_text(ONE)
    applying.configure("definitions", path=str(tmp_path / "elsewhere"))
    applying.reload()
    applying.tick()
    assert failures(applying) == []


def test_a_link_that_is_swapped_is_followed(applying: Ticking, folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    for name, text in (("a", "one"), ("b", "two")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "one.yaml").write_text(ONE.replace("from-git", text))
    link = tmp_path / "current"
    link.symlink_to("a")
    applying.configure("definitions", path=str(link))
    applying.reload()
    applying.tick().settle()
    assert b'"one"' in applying.world.files()[DOCUMENT]
    (tmp_path / "next").symlink_to("b")
    (tmp_path / "next").rename(link)
    applying.later(60).settle()
    assert b'"two"' in applying.world.files()[DOCUMENT]


def test_a_workspace_that_is_not_there_yet_is_made(live: Ticking, folder: pathlib.Path) -> None:
    (folder / "one.yaml").write_text("workspace: finance\nvariables: {region: {value: eu}}\n")
    live.configure("definitions", path=str(folder))
    live.reload()
    live.tick().settle()
    with live.world.registry() as registry:
        assert workspaces.revisions(registry)["finance"] == 1


def test_before_its_first_definitions_are_at_the_targets_it_is_not_ready(
    template: pathlib.Path, tmp_path: pathlib.Path, folder: pathlib.Path
) -> None:
    live = Ticking(World.make(template, tmp_path / "home"))  # whose registry is empty
    live.configure("definitions", path=str(folder))
    (folder / "one.yaml").write_text("workspace: [")
    live.reload()
    live.tick().settle()
    assert not live.daemon.begun
    (folder / "one.yaml").write_text(
        "workspace: analytics\nenvironments: [dev]\ndeployments: {etl: {environment: dev, targets: [files]}}\n"
    )
    live.later(60)
    assert not live.daemon.begun
    assert live.settle().daemon.begun
    assert f"{NAME}/deployments/etl/nameplate" in live.world.files()


def test_definitions_that_break_leave_a_daemon_that_starts_then_ready(applying: Ticking, folder: pathlib.Path) -> None:
    (folder / "one.yaml").write_text("workspace: [")
    other = Ticking(applying.world)
    other.configure("definitions", path=str(folder))
    other.reload()
    assert other.tick().settle().daemon.begun


def test_settings_read_again_while_it_is_applied_apply_it_once_more_and_one_at_a_time(
    applying: Ticking, folder: pathlib.Path
) -> None:
    (folder / "one.yaml").write_text(ONE.replace("from-git", "read-again"))
    applying.seconds += 60
    with applying.world.registry() as registry, registry.engine.connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE")
        applying.daemon.tick()
        for _ in range(10):
            applying.reload()
            applying.daemon.tick()
        assert len([one for one in threading.enumerate() if one.name.startswith("definitions")]) == 1
        other.rollback()
    applying.settled().settle().settle()
    assert b"read-again" in applying.world.files()[DOCUMENT]


def test_a_storm_of_changes_to_the_folder_ends_with_what_it_says_last(applying: Ticking, folder: pathlib.Path) -> None:
    for number in range(50):
        (folder / "one.yaml").write_text(ONE.replace("from-git", f"storm-{number}"))
        applying.seconds += 60
        applying.daemon.tick()
    applying.settled()
    applying.later(60).settle()
    assert b"storm-49" in applying.world.files()[DOCUMENT]


def test_a_link_to_itself_is_told(applying: Ticking, tmp_path: pathlib.Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    applying.configure("definitions", path=str(tmp_path / "loop"))
    applying.reload()
    applying.tick()
    assert "loop" in failures(applying)[0]
    assert "mistake" not in failures(applying)[0]
