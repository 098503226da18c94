"""What only files have: times, links, kinds and modes."""

from __future__ import annotations

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from syncd.core.documents import Place
from syncd.core.errors import FixError, SyncError
from syncd.sources import directory
from tests.sources.holders import Directory

PLACE = Place("folder/warehouse")


@pytest.fixture
def holder(tmp_path: Path) -> Directory:
    return Directory(tmp_path / "held")


def test_a_file_that_changed_lately_is_read_again_though_its_times_and_size_are_the_same(
    holder: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on a kernel whose clock ticks every 4 ms, where a freed inode is given to the next file.
    monkeypatch.setattr(directory, "_version", lambda status: (0,))
    holder.put(PLACE, {"value": "one"})
    assert holder.source.get(PLACE) == {"value": "one"}

    holder.put(PLACE, {"value": "two"})

    assert holder.source.get(PLACE) == {"value": "two"}


def test_a_file_that_has_not_changed_lately_is_read_once(holder: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    holder.put(PLACE, {"value": "one"})
    later = holder.path(PLACE).stat().st_ctime_ns + 10**9
    monkeypatch.setattr(time, "time_ns", lambda: later)
    first = holder.source.get(PLACE)

    monkeypatch.setattr(directory, "open", None, raising=False)

    assert holder.source.get(PLACE) is first


def test_a_file_that_was_touched_and_holds_the_same_is_the_same_object(holder: Directory) -> None:
    holder.put(PLACE, {"value": "one"})
    first = holder.source.get(PLACE)

    holder.put(PLACE, {"value": "one"})

    assert holder.source.get(PLACE) is first


def test_a_folder_that_the_kubelet_removes_under_a_reader_is_not_taken_for_a_removed_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("..1", "..2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "key").write_text(f'{{"from": "{name}"}}')
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "key").symlink_to("..data/key")
    real = os.stat

    def swapped_meanwhile(path: Any, **more: Any) -> os.stat_result:
        monkeypatch.setattr(os, "stat", real)
        (tmp_path / "..new").symlink_to("..2")
        (tmp_path / "..new").rename(tmp_path / "..data")
        (tmp_path / "..1" / "key").unlink()
        (tmp_path / "..1").rmdir()
        raise FileNotFoundError(2, "gone", path)

    monkeypatch.setattr(os, "stat", swapped_meanwhile)

    assert directory.DirectorySource(str(tmp_path)).get(Place("", "key")) == {"from": "..2"}


def test_a_link_within_the_root_is_followed(holder: Directory) -> None:
    holder.put(Place("elsewhere/real"), {"value": 1})
    holder.path(PLACE).symlink_to("../elsewhere/real")

    assert holder.source.get(PLACE) == {"value": 1}


def test_the_root_itself_may_be_a_link(holder: Directory, tmp_path: Path) -> None:
    holder.put(PLACE, {"value": 1})
    (tmp_path / "current").symlink_to(holder.root)
    source = directory.DirectorySource(str(tmp_path / "current"))

    assert source.get(PLACE) == {"value": 1}
    assert source.get(Place("folder/lake")) is None


def test_a_root_that_begins_as_another_does_is_not_within_it(tmp_path: Path) -> None:
    inner, outer = Directory(tmp_path / "held"), Directory(tmp_path / "held-elsewhere")
    outer.put(PLACE, {"value": 1})
    inner.path(PLACE).symlink_to(outer.path(PLACE))

    with pytest.raises(FixError, match="is a link that leads out of"):
        inner.source.get(PLACE)


@pytest.mark.parametrize("target", ["file", "nothing"])
def test_a_link_out_of_the_root_is_refused_wherever_it_leads(holder: Directory, tmp_path: Path, target: str) -> None:
    (tmp_path / "file").write_text("{}")
    holder.path(PLACE).symlink_to(tmp_path / target)

    with pytest.raises(FixError, match="is a link that leads out of"):
        holder.source.get(PLACE)


def test_a_folder_that_is_a_link_out_of_the_root_is_refused_for_what_is_not_in_it(
    holder: Directory, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    holder.root.mkdir()
    (holder.root / "folder").symlink_to(tmp_path / "outside")

    with pytest.raises(FixError, match="is a link that leads out of"):
        holder.source.get(PLACE)


def test_a_link_within_the_root_that_leads_nowhere_is_not_there(holder: Directory) -> None:
    holder.path(PLACE).symlink_to("..data/warehouse")

    assert holder.source.get(PLACE) is None


def test_a_pipe_is_refused_and_not_waited_for(holder: Directory) -> None:
    os.mkfifo(holder.path(PLACE))

    with pytest.raises(FixError, match="is no plain file"):
        holder.source.get(PLACE)


def test_a_folder_is_no_document(holder: Directory) -> None:
    holder.path(PLACE).mkdir()

    with pytest.raises(SyncError, match="Is a directory"):
        holder.source.get(PLACE)


def test_a_file_where_a_folder_should_be_is_an_error(holder: Directory) -> None:
    holder.root.mkdir()
    (holder.root / "folder").write_text("")

    with pytest.raises(SyncError, match="Not a directory"):
        holder.source.get(PLACE)


@pytest.mark.parametrize("closed", ["folder", "folder/warehouse"])
def test_what_this_user_may_not_read_is_an_error(closed: str) -> None:
    with TemporaryDirectory() as folder:  # pytest's own are closed to other users
        holder = Directory(Path(folder) / "held")
        holder.put(PLACE, {"value": 1})
        for path in (Path(folder), holder.root):
            path.chmod(0o755)
        (holder.root / closed).chmod(0)
        user = os.geteuid()
        os.seteuid(user or 65534)  # root may read anything
        try:
            with pytest.raises(FixError, match="can't be read by this user"):
                holder.source.get(PLACE)
        finally:
            os.seteuid(user)
            (holder.root / closed).chmod(0o755)


def test_names_are_what_lies_in_a_folder(holder: Directory) -> None:
    holder.put(PLACE, {})
    holder.put(Place("folder/lake"), {})

    assert holder.source.names("folder") == ("lake", "warehouse")
    assert holder.source.names("nowhere") == ()
