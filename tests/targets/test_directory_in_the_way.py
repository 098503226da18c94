"""What isn't a plain file or folder of ours is never followed, opened for long, or replaced; and stops no other."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from syncd.core.errors import FixError, Reason, SyncError
from syncd.core.model import Item
from syncd.targets.directory import LAYOUTS, DirectoryTarget
from syncd.targets.files import LARGEST
from tests.targets.passes import (
    BOTH_KINDS,
    CHANGED,
    NOTHING,
    REGION,
    WAREHOUSE,
    finished,
    planned,
    push,
    reasons,
    seal,
    workspace,
)
from tests.targets.processes import NOBODY, unprivileged
from tests.targets.trials import snapshot

ONE = workspace(WAREHOUSE, REGION, deployments=["etl-prod"])
ETL = "analytics/deployments/etl-prod"


def _link(path: Path) -> None:
    (path.parent / "victim").write_text("precious", "utf-8")
    path.symlink_to("victim")


def _link_to_nothing(path: Path) -> None:
    path.symlink_to("nothing")


def _link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _folder(path: Path) -> None:
    (path / "inner").mkdir(parents=True)


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)
    os.chdir(here)


def _device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("a device in the way: needs root")


def _endless(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(LARGEST + 1)


THINGS: dict[str, Callable[[Path], None]] = {
    "a link": _link,
    "a link to nothing": _link_to_nothing,
    "a link to a device": _link_to_a_device,
    "a FIFO": os.mkfifo,
    "a socket": _socket,
    "a device": _device,
    "a folder": _folder,
    "a file too large to be ours": _endless,
}


def warehouse(target: DirectoryTarget) -> Path:
    return Path(target.root, target.layout.home(Item("etl-prod", "connection", "warehouse")).object)


def region(target: DirectoryTarget) -> Path:
    return Path(target.root, target.layout.home(Item("etl-prod", "variable", "region")).object)


def name(target: DirectoryTarget, path: Path) -> str:
    return str(path.relative_to(target.root))


@pytest.mark.parametrize("put", THINGS.values(), ids=THINGS)
def test_a_thing_in_the_way_of_a_file_is_left_as_it_is_and_the_others_are_written(
    target: DirectoryTarget, put: Callable[[Path], None]
) -> None:
    warehouse(target).parent.mkdir(parents=True)
    put(warehouse(target))
    before = warehouse(target).lstat()
    assert reasons(push(ONE, target)) == {name(target, warehouse(target)): Reason.NOT_OWNED}
    assert warehouse(target).lstat() == before
    assert region(target).is_file()


@pytest.mark.parametrize("put", THINGS.values(), ids=THINGS)
def test_a_thing_that_was_swapped_in_for_a_file_is_left_as_it_is(
    target: DirectoryTarget, put: Callable[[Path], None]
) -> None:
    push(BOTH_KINDS, target)
    prepared = planned(CHANGED, target)
    warehouse(target).unlink()
    put(warehouse(target))
    before = warehouse(target).lstat()
    failed = reasons(finished(prepared, CHANGED, target))
    assert failed[name(target, warehouse(target))] is Reason.NOT_OWNED
    assert warehouse(target).lstat() == before


@pytest.mark.parametrize("put", THINGS.values(), ids=THINGS)
def test_a_thing_that_was_swapped_in_for_a_file_is_not_deleted(
    target: DirectoryTarget, put: Callable[[Path], None]
) -> None:
    push(BOTH_KINDS, target)
    prepared = planned(NOTHING, target)
    warehouse(target).unlink()
    put(warehouse(target))
    finished(prepared, NOTHING, target)
    assert os.path.lexists(warehouse(target))


@pytest.mark.parametrize("put", THINGS.values(), ids=THINGS)
def test_a_thing_in_the_way_of_the_manifest_is_left_as_it_is(scratch: Path, put: Callable[[Path], None]) -> None:
    airflow = DirectoryTarget("files", LAYOUTS["airflow"]("analytics"), str(scratch / "shared"))
    push(BOTH_KINDS, airflow)
    manifest = Path(airflow.root, ETL, ".syncd.json")
    manifest.unlink()
    put(manifest)
    before = manifest.lstat()
    failed = reasons(push(CHANGED, airflow))
    assert failed == {f"{ETL}/connections.json": Reason.NOT_OWNED, f"{ETL}/variables.json": Reason.NOT_OWNED}
    assert manifest.lstat() == before


def _away(target: DirectoryTarget, part: str, scratch: Path) -> dict[str, object]:
    """Put a link in the place of a folder, and the folder elsewhere."""
    Path(target.root, part).rename(scratch / "elsewhere")
    Path(target.root, part).symlink_to(scratch / "elsewhere")
    return snapshot(scratch / "elsewhere")


def test_a_link_in_place_of_a_deployments_folder_is_not_followed(target: DirectoryTarget, scratch: Path) -> None:
    push(ONE, target)
    before = _away(target, ETL, scratch)
    assert set(reasons(push(CHANGED, target)).values()) == {Reason.NOT_OWNED}
    assert snapshot(scratch / "elsewhere") == before


@pytest.mark.parametrize("part", ["analytics", "analytics/deployments"])
def test_a_link_in_place_of_a_workspaces_folder_is_not_followed(
    target: DirectoryTarget, scratch: Path, part: str
) -> None:
    push(ONE, target)
    before = _away(target, part, scratch)
    with pytest.raises(FixError) as raised:
        push(CHANGED, target)
    assert raised.value.reason is Reason.NOT_OWNED
    assert snapshot(scratch / "elsewhere") == before


def test_a_folder_swapped_for_a_link_since_it_was_seen_is_not_followed(target: DirectoryTarget, scratch: Path) -> None:
    push(ONE, target)
    prepared = planned(CHANGED, target)
    before = _away(target, ETL, scratch)
    failed = reasons(finished(prepared, CHANGED, target))
    assert failed[name(target, warehouse(target))] is Reason.NOT_OWNED
    assert snapshot(scratch / "elsewhere") == before


def test_a_linked_folder_is_not_followed_by_a_look_at_one_object(target: DirectoryTarget, scratch: Path) -> None:
    push(ONE, target)
    _away(target, ETL, scratch)
    seen = target.observe([name(target, warehouse(target))], seal)
    assert seen.stamps == {}
    assert seen.unread.keys() == {name(target, warehouse(target))}


def test_a_file_in_the_way_of_a_folder_is_left_as_it_is(target: DirectoryTarget) -> None:
    path = Path(target.root, ETL)
    path.parent.mkdir(parents=True)
    path.write_text("in the way", "utf-8")
    assert set(reasons(push(ONE, target)).values()) == {Reason.NOT_OWNED}
    assert path.read_text("utf-8") == "in the way"


def test_a_link_with_the_name_of_our_temporary_file_is_taken_away_and_not_followed(target: DirectoryTarget) -> None:
    push(ONE, target)
    victim = Path(target.root, ETL, "victim")
    victim.write_text("precious", "utf-8")
    (warehouse(target).parent / ".syncd~").symlink_to(victim)
    assert reasons(push(CHANGED, target)) == {}
    assert victim.read_text("utf-8") == "precious"


# Without the right to


@pytest.fixture
def open_target(target: DirectoryTarget, scratch: Path) -> DirectoryTarget:
    """In a volume that somebody without rights owns."""
    volume = scratch / "volume"
    volume.mkdir()
    if os.geteuid() == 0:
        os.chown(volume, NOBODY, NOBODY)
    return DirectoryTarget("files", target.layout, str(volume / "shared"))


@contextmanager
def mode(path: Path, bits: int) -> Iterator[None]:
    before = path.stat().st_mode
    path.chmod(bits)
    yield
    path.chmod(before)


def test_a_folder_that_must_not_be_written_is_an_error_and_stops_no_other(open_target: DirectoryTarget) -> None:
    def work() -> dict[str, Reason]:
        push(BOTH_KINDS, open_target)
        with mode(warehouse(open_target).parent, 0o500):
            return dict(reasons(push(CHANGED, open_target)))

    failed = unprivileged(work)
    assert set(failed.values()) == {Reason.ACCESS_DENIED}
    closed = name(open_target, warehouse(open_target).parent)
    assert {path.rpartition("/")[0] for path in failed} == {closed}


def test_a_folder_that_must_not_be_read_is_an_error_and_stops_no_other(open_target: DirectoryTarget) -> None:
    def work() -> tuple[set[str], dict[str, Reason]]:
        push(BOTH_KINDS, open_target)
        with mode(Path(open_target.root, ETL), 0):
            return set(open_target.observe(None, seal).unread), dict(reasons(push(CHANGED, open_target)))

    unread, failed = unprivileged(work)
    assert unread == {ETL}
    assert set(failed.values()) == {Reason.ACCESS_DENIED}
    assert all(path.startswith(ETL) for path in failed)


def test_a_file_that_must_not_be_read_is_an_error_and_stops_no_other(open_target: DirectoryTarget) -> None:
    def work() -> dict[str, Reason]:
        push(BOTH_KINDS, open_target)
        with mode(warehouse(open_target), 0):
            return dict(reasons(push(CHANGED, open_target)))

    assert unprivileged(work) == {name(open_target, warehouse(open_target)): Reason.ACCESS_DENIED}


@pytest.mark.parametrize("closed", ["shared", "."])
def test_a_root_that_must_not_be_entered_is_an_error_and_never_empty(open_target: DirectoryTarget, closed: str) -> None:
    def work() -> SyncError:
        push(BOTH_KINDS, open_target)
        with mode(Path(open_target.root).parent / closed, 0), pytest.raises(SyncError) as raised:
            open_target.observe(None, seal)
        return raised.value

    assert unprivileged(work).reason is Reason.ACCESS_DENIED
