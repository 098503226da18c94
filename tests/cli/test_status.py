"""`syncd status`."""

from __future__ import annotations

import pytest

from tests.cli.runner import Syncd


def rows(syncd: Syncd) -> list[list[str]]:
    """The table, a cell an item."""
    return [" ".join(line.split()).split(" ") for line in syncd.ok("status").out.splitlines()]


def test_a_target_that_no_sync_has_been_at(syncd: Syncd) -> None:
    (row,) = (row for row in rows(syncd) if row[0] == "files")

    assert row[:3] == ["files", "never", "synced"]
    assert row[-4:] == ["-", "0", "of", "0"]


def test_a_target_in_sync(syncd: Syncd) -> None:
    syncd.ok("sync")
    (row,) = (row for row in rows(syncd) if row[0] == "files")

    assert row[:3] == ["files", "in", "sync"]
    assert row[-3:] == ["6", "of", "6"]


def test_a_target_at_an_older_revision(syncd: Syncd) -> None:
    syncd.ok("sync")
    syncd.ok("connection", "update", "warehouse", "port=5433")

    assert "files: behind: revision 2, has 1, since 20" in syncd.ok("status").said
    assert "registry: revision 2" in syncd.ok("status").said


def test_an_item_that_failed_names_why_and_the_way_out(syncd: Syncd, monkeypatch: pytest.MonkeyPatch) -> None:
    syncd.ok("sync")
    monkeypatch.delenv("WAREHOUSE_PASSWORD")
    syncd("sync")
    syncd("sync")
    said = syncd.ok("status").said

    assert "files not all in sync" in said
    assert "4 of 6" in said
    assert "✗ files: etl-dev/warehouse: ReferenceUnreadable since" in said
    assert ", 2 times password: env:WAREHOUSE_PASSWORD: isn't set → set WAREHOUSE_PASSWORD where syncd runs" in said


def test_it_is_well_again(syncd: Syncd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAREHOUSE_PASSWORD")
    syncd("sync")
    monkeypatch.setenv("WAREHOUSE_PASSWORD", "there")
    syncd.ok("sync")

    assert syncd.json("status")["items"] == []


def test_a_target_that_no_deployment_names_is_told_of_until_nothing_lies_there(syncd: Syncd) -> None:
    syncd.ok("sync")
    syncd.ok("deployment", "update", "etl-prod", "--target", "files")

    assert any(row[0] == "classic" for row in rows(syncd))
    syncd.ok("sync")
    assert not any(row[0] == "classic" for row in rows(syncd))
