"""`syncd target list|adopt|accept-restore|accept-move`."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.cli.runner import DEFINITIONS, Syncd


def test_list_shows_who_names_each(syncd: Syncd) -> None:
    lines = [line.split() for line in syncd.ok("target", "list").out.splitlines()]

    assert ["classic", "directory", "airflow", "all", "etl-prod"] in lines
    assert ["files", "directory", "layered", "all", "etl-dev,", "etl-prod"] in lines


def test_adopt_takes_over_what_another_registry_wrote(syncd: Syncd) -> None:
    syncd.ok("sync")
    _lose_registry(syncd)
    refused = syncd("sync", "-t", "files")
    asked = syncd("target", "adopt", "files")
    syncd.ok("target", "adopt", "files", "--yes")

    assert refused.code == 1
    assert "take it over with `syncd target adopt files`" in refused.said
    assert asked.code == 1
    assert "analytics/deployments/etl-dev/connections/warehouse, by" in asked.err
    assert "Adopt 8 objects of target files: there is no terminal to ask at" in asked.said
    syncd.ok("sync", "-t", "files")
    syncd.ok("connection", "update", "warehouse", "port=5433")
    assert "2 updated" in syncd.ok("sync", "-t", "files").said
    assert "nothing to adopt" in syncd.ok("target", "adopt", "files").out


def test_adopt_of_nothing(syncd: Syncd) -> None:
    syncd.ok("sync")

    assert "nothing to adopt" in syncd.ok("target", "adopt", "files").out


def test_adopt_takes_over_a_file_in_the_way(syncd: Syncd) -> None:
    place = syncd.home / "files" / "analytics" / "deployments" / "etl-dev" / "connections" / "scratch"
    place.parent.mkdir(parents=True)
    place.write_text("{}")

    assert "scratch, by somebody else" in syncd.ok("target", "adopt", "files", "--yes").err
    syncd.ok("sync", "-t", "files")


def test_adopt_says_that_another_name_of_the_target_wrote_it(syncd: Syncd) -> None:
    syncd.ok("sync", "-t", "files")
    settings = syncd.home / "syncd.toml"
    settings.write_text(settings.read_text("utf-8").replace("[targets.files]", "[targets.folder]"), "utf-8")
    syncd.ok("deployment", "update", "etl-dev", "--target", "folder")

    assert "warehouse: lies there already and was written by target files of this registry" in syncd("plan").said
    assert "connections/warehouse, by target files of this registry" in syncd("target", "adopt", "folder").err


def test_accept_restore_counts_on_from_what_the_target_holds(syncd: Syncd, folder: Path) -> None:
    shutil.copytree(syncd.home, folder / "backup")
    syncd.ok("connection", "update", "warehouse", "port=5433")
    syncd.ok("sync")
    _restore(syncd, folder / "backup")
    refused = syncd("sync", "-t", "files")
    asked = syncd("target", "accept-restore", "files")
    syncd.ok("target", "accept-restore", "files", "--yes")

    assert refused.code == 1
    assert "what this registry didn't write, at revision 2 of workspace analytics (it is at 1)" in refused.said
    assert "`syncd target accept-restore files`" in refused.said
    assert asked.code == 1
    assert "Target files holds revision 2, which the registry, at 1, didn't write" in asked.said
    assert [one["number"] for one in syncd.json("history")["revisions"]] == [3, 1]
    assert "restore accepted: files held revision 2" in syncd.ok("history").said
    syncd.ok("sync", "-t", "files")


def test_accept_move_lets_a_moved_target_go_on(syncd: Syncd) -> None:
    syncd.ok("sync")
    settings = syncd.home / "syncd.toml"
    old = next(line for line in settings.read_text().splitlines() if line.startswith("path"))
    path = Path(syncd.home, old.partition("=")[2].strip().strip('"'))
    path.rename(path.with_name("moved"))
    settings.write_text(settings.read_text().replace(old, f'path = "{path.with_name("moved")}"'))

    refused = syncd("sync", "-t", "files")
    asked = syncd("target", "accept-move", "files")
    syncd.ok("target", "accept-move", "files", "--yes")

    assert refused.code == 1
    assert "`syncd target accept-move files`" in refused.said
    assert asked.code == 1
    assert f"8 stay in {path}" in asked.said
    assert "unless it was moved: analytics/deployments/etl-dev/connections/scratch, " in asked.said
    assert "nothing to accept" in syncd.ok("target", "accept-move", "files").out
    syncd.ok("plan", "-t", "files", "--detailed-exitcode")


def test_a_target_that_is_forgotten_is_told_with_what_it_leaves_behind(syncd: Syncd) -> None:
    syncd.ok("sync")
    syncd.ok("deployment", "update", "etl-prod", "--target", "files")
    asked = syncd("target", "forget", "classic")
    forgotten = syncd.ok("target", "forget", "classic", "--yes")

    for one in (asked, forgotten):
        assert "stay in" in one.said
        assert "for somebody to remove: analytics/deployments/etl-prod/connections.json" in one.said
    assert asked.code == 1
    assert syncd("target", "forget", "classic", "--yes").code == 1


def test_accept_restore_where_nothing_was_restored(syncd: Syncd) -> None:
    syncd.ok("sync")

    assert "nothing to accept" in syncd.ok("target", "accept-restore", "files").out


def test_a_target_that_isnt_there(syncd: Syncd) -> None:
    for verb in ("adopt", "accept-restore"):
        result = syncd("target", verb, "vault")

        assert result.code == 1
        assert "target vault: isn't in" in result.said
        assert "→ it has classic, files" in result.said


def test_a_target_that_was_and_isnt_any_more_names_every_way_out(syncd: Syncd) -> None:
    syncd.ok("sync")
    settings = syncd.home / "syncd.toml"
    settings.write_text(settings.read_text("utf-8").replace("[targets.files]", "[targets.folder]"), "utf-8")
    result = syncd("plan", "-t", "files")

    assert result.code == 1
    assert "→ add [targets.files], or take it from its deployments; gone for good: `syncd target" in result.said


def _lose_registry(syncd: Syncd) -> None:
    for path in syncd.home.glob("registry.db*"):
        path.unlink()
    (syncd.home / "keys").unlink()
    syncd.ok("init")
    (syncd.home / "definitions.yaml").write_text(DEFINITIONS)
    syncd.ok("apply", "-f", str(syncd.home / "definitions.yaml"), "--yes")


def _restore(syncd: Syncd, backup: Path) -> None:
    for path in syncd.home.glob("registry.db*"):
        path.unlink()
    for path in backup.glob("registry.db*"):
        shutil.copy(path, syncd.home)
