"""A disk that is full: what doesn't fit is an error, what is there stays whole, and room makes it right in one pass."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from syncd.core.errors import Reason
from syncd.targets.directory import DirectoryTarget
from tests.targets.passes import REGION, SECRET, WAREHOUSE, connection, push, reasons, seal, wanted, workspace
from tests.targets.processes import in_child
from tests.targets.trials import snapshot

MANY = workspace(
    *(connection(f"c{number}", description="x" * 9000) for number in range(20)), WAREHOUSE, deployments=["etl-prod"]
)
FEW = workspace(WAREHOUSE, deployments=["etl-prod"])


@contextmanager
def _mounted(path: Path, options: str) -> Iterator[Path]:
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a full disk: needs root, and the right to mount one")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


@pytest.fixture
def disk(scratch: Path) -> Iterator[Path]:
    """A file system that holds nearly nothing."""
    with _mounted(scratch / "disk", "size=96k") as path:
        yield path


@pytest.fixture
def full(disk: Path, target: DirectoryTarget) -> DirectoryTarget:
    return DirectoryTarget("files", target.layout, str(disk / "shared"))


def _room(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=10m,nr_inodes=1000", str(disk)], check=True)


def _unnamed(root: str) -> list[str]:
    return [name for name in snapshot(Path(root)) if "~" in name]


def test_a_first_push_onto_a_full_disk_leaves_no_part(full: DirectoryTarget, disk: Path) -> None:
    assert set(reasons(push(MANY, full)).values()) == {Reason.UNAVAILABLE}
    everything = wanted(MANY, full.layout)
    assert all(view == everything[place] for place, view in full.observe(None, seal).views.items())
    assert not _unnamed(full.root)
    _room(disk)
    assert reasons(push(MANY, full)) == {}
    assert full.observe(None, seal).views == everything


def test_a_change_on_a_full_disk_leaves_what_is_there(full: DirectoryTarget, disk: Path) -> None:
    push(FEW, full)
    with suppress(OSError), (disk / "ballast").open("wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))
    before = snapshot(Path(full.root))
    assert set(reasons(push(MANY, full)).values()) == {Reason.UNAVAILABLE}
    assert snapshot(Path(full.root)) == before
    (disk / "ballast").unlink()
    _room(disk)
    assert reasons(push(MANY, full)) == {}
    assert full.observe(None, seal).views == wanted(MANY, full.layout)


def test_a_disk_that_holds_no_more_files_is_no_other_matter(scratch: Path, target: DirectoryTarget) -> None:
    with _mounted(scratch / "disk", "size=1m,nr_inodes=6") as disk:
        full = DirectoryTarget("files", target.layout, str(disk / "shared"))
        assert set(reasons(push(FEW, full)).values()) == {Reason.UNAVAILABLE}
        assert not _unnamed(full.root)
        _room(disk)
        assert reasons(push(FEW, full)) == {}
        assert full.observe(None, seal).views == wanted(FEW, full.layout)


def test_a_file_that_can_only_be_written_in_part_is_an_error_and_stops_no_other(target: DirectoryTarget) -> None:
    large = workspace(connection("c", description="x" * 9000), REGION, deployments=["etl-prod"])

    def work() -> dict[str, Reason]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
        return dict(reasons(push(large, target)))

    failed = in_child(work)
    assert set(failed.values()) == {Reason.UNAVAILABLE}
    assert all("variables" not in name for name in failed)
    assert not _unnamed(target.root)


def test_the_error_says_that_there_is_no_room_and_names_no_value(full: DirectoryTarget) -> None:
    errors = [str(outcome.error) for outcome in push(MANY, full) if outcome.error]
    assert os.strerror(errno.ENOSPC) in errors[0]
    assert not [error for error in errors if SECRET in error or "xxx" in error]
