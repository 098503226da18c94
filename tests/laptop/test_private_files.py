"""Files of secrets: private from the start, whole or as they were, and nothing else is replaced."""

from __future__ import annotations

import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.core.errors import SyncError
from syncd.laptop import private_files

WRITER = """
import itertools, sys
from pathlib import Path
from syncd.laptop import private_files
path = Path(sys.argv[1])
for number in itertools.count():
    private_files.write({path: f"{number % 10}" * 300_000}, make=False)
"""


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def write(path: Path, text: str, *, make: bool = False) -> None:
    private_files.write({path: text}, make=make)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_file_is_its_owners_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    write(tmp_path / "file", "x")
    assert mode(tmp_path / "file") == 0o600
    assert (tmp_path / "file").read_text() == "x"


def test_it_is_so_before_a_byte_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = os.write

    def spied(file: int, content: bytes) -> int:
        seen.append((stat.S_IMODE(os.fstat(file).st_mode), os.fstat(file).st_size))
        return real(file, content)

    monkeypatch.setattr(os, "write", spied)
    write(tmp_path / "file", "x")
    assert seen == [(0o600, 0)]


def test_one_that_others_could_read_is_its_owners_after(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "file").chmod(0o644)
    write(tmp_path / "file", "new")
    assert (mode(tmp_path / "file"), (tmp_path / "file").read_text()) == (0o600, "new")


def test_a_folder_is_made_where_it_is_for_several(tmp_path: Path) -> None:
    write(tmp_path / "new" / "file", "x", make=True)
    assert (mode(tmp_path / "new"), mode(tmp_path / "new" / "file")) == (0o700, 0o600)
    with pytest.raises(SyncError, match="the folder that it should lie in isn't there"):
        write(tmp_path / "other" / "file", "x")


@pytest.mark.parametrize("kind", ["link", "dangling", "fifo", "folder"])
def test_what_is_no_plain_file_is_refused_and_stays(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    other.write_text("old")
    {
        "link": lambda: path.symlink_to(other),
        "dangling": lambda: path.symlink_to(tmp_path / "nowhere"),
        "fifo": lambda: os.mkfifo(path),
        "folder": lambda: path.mkdir(),
    }[kind]()
    before = path.lstat()
    with pytest.raises(SyncError, match="move it away, or name another with --to"):
        write(path, "new")
    assert path.lstat() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "other"]
    assert other.read_text() == "old"


def test_of_several_none_is_written_where_something_is_in_the_way_of_one(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(SyncError):
        private_files.write({tmp_path / "a": "x", tmp_path / "b": "y"}, make=True)
    assert not (tmp_path / "a").exists()


def test_another_name_of_the_old_file_keeps_the_old_text(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("old")
    (tmp_path / "file").hardlink_to(tmp_path / "other")
    write(tmp_path / "file", "new")
    assert (tmp_path / "other").read_text() == "old"


def test_one_that_fails_leaves_the_old_and_nothing_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "file", "old")

    def full(file: int, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(SyncError, match="make room"):
        write(tmp_path / "file", "new")
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


@pytest.mark.slow
def test_killed_in_between_it_is_the_old_or_the_new_and_nothing_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write(path, "0" * 300_000)
    for _ in range(12):
        process = subprocess.Popen([sys.executable, "-c", WRITER, path])
        until = time.monotonic() + 0.35
        while time.monotonic() < until:
            text = path.read_text()
            assert (len(text), len(set(text))) == (300_000, 1)
        process.send_signal(signal.SIGKILL)
        process.wait()
        text = path.read_text()
        assert (len(text), len(set(text))) == (300_000, 1)
    write(path, "last")
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def _write_often(path: Path) -> None:
    for number in range(200):
        write(path, f"{number % 10}" * 50_000)


@pytest.mark.slow
def test_two_that_write_at_once_leave_one_of_theirs(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_often, args=(tmp_path / "file",)) for _ in range(2)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        if (tmp_path / "file").exists():
            text = (tmp_path / "file").read_text()
            assert (len(text), len(set(text))) == (50_000, 1)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("place", [".", "..", "/"])
def test_a_folder_without_a_name_of_its_own_is_in_the_way_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SyncError, match="is a folder"):
        write(Path(place), "x")
    assert list(tmp_path.iterdir()) == []
