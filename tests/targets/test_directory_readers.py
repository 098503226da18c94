"""A reader sees a file as it was or as it is, and reads it as another user where a group is named."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.core.documents import Place
from syncd.core.errors import SyncError
from syncd.core.model import Item, Workspace
from syncd.sources.directory import DirectorySource
from syncd.targets.directory import LAYOUTS, DirectoryTarget
from tests.targets.memory_record import MemoryRecord
from tests.targets.passes import BOTH_KINDS, connection, goal, push, workspace
from tests.targets.processes import NOBODY, STRANGER, as_user

HOSTS = ("one.internal", "two.internal" * 2000)
"""Of lengths that one write of the system call may not do, and that are far from another."""


def _states() -> tuple[Workspace, ...]:
    return tuple(
        workspace(connection("warehouse", host=host), deployments=["etl-prod"], revision=number)
        for number, host in enumerate(HOSTS, start=1)
    )


def _reader(read: Callable[[], str], report: Path) -> int:
    """A child that reads until it is told to stop, and reports what it saw and how often."""
    child = os.fork()
    if child:
        return child
    seen: dict[str, int] = {}
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopped.append(number))
    while not stopped:
        try:
            found = read()
        except Exception as error:  # noqa: BLE001  whatever it is, the reader would have met it
            found = repr(error)
        seen[found] = seen.get(found, 0) + 1
    report.write_text(json.dumps(seen), "utf-8")
    os._exit(0)


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_reader_never_sees_a_part_of_a_file(scratch: Path, layout: str) -> None:
    target = DirectoryTarget("files", LAYOUTS[layout]("analytics"), str(scratch / "shared"))
    record, states = MemoryRecord(target.layout), _states()
    push(states[0], target, record)
    home = target.layout.home(Item("etl-prod", "connection", "warehouse"))

    def host_of_a_document() -> str:
        envelope = DirectorySource(target.root).get(Place(home.object))
        assert envelope is not None
        return str(envelope["layers"]["definition"]["host"])

    def host_in_a_file() -> str:
        return str(json.loads(Path(target.root, home.object).read_bytes())["warehouse"]["host"])

    child = _reader(host_of_a_document if layout == "layered" else host_in_a_file, scratch / "report")
    for turn in range(1, 600):
        push(replace(states[turn % 2], revision=turn), target, record)
    os.kill(child, signal.SIGTERM)
    os.waitpid(child, 0)
    seen = json.loads((scratch / "report").read_text("utf-8"))
    assert seen.keys() <= set(HOSTS)
    assert sum(seen.values()) > 1000


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="files that another user reads: needs root")


def _read_all(target: DirectoryTarget) -> Mapping[str, str]:
    """Every file as a reader gets it, or its error."""
    source, found = DirectorySource(target.root), {}
    for place in goal(BOTH_KINDS, target.layout):
        try:
            found[place.object] = json.dumps(source.get(Place(place.object)))
        except SyncError as error:
            found[place.object] = error.reason.value
    return found


@needs_root
def test_a_group_that_is_named_reads_all_of_it_as_another_user(target: DirectoryTarget) -> None:
    shared = replace(target, gid=STRANGER)
    push(BOTH_KINDS, shared)
    assert as_user(lambda: _read_all(shared), groups=[STRANGER]) == _read_all(shared)
    assert "null" not in _read_all(shared).values()


@needs_root
def test_a_group_that_is_named_writes_nothing(target: DirectoryTarget) -> None:
    shared = replace(target, gid=STRANGER)
    push(BOTH_KINDS, shared)

    def work() -> list[str]:
        paths = [Path(shared.root), *Path(shared.root).rglob("*")]
        return [str(path) for path in paths if os.access(path, os.W_OK)]

    assert as_user(work, groups=[STRANGER]) == []


@needs_root
@pytest.mark.parametrize("gid", [None, STRANGER], ids=["without a group", "with one"])
def test_whoever_is_not_in_the_group_reads_nothing(target: DirectoryTarget, gid: int | None) -> None:
    closed = replace(target, gid=gid)
    push(BOTH_KINDS, closed)
    assert set(as_user(lambda: _read_all(closed)).values()) == {"AccessDenied"}


@needs_root
def test_the_writer_needs_no_right_but_on_its_folder(scratch: Path, target: DirectoryTarget) -> None:
    """One user writes for a group that it is in, another one of that group reads."""
    scratch.chmod(0o777)
    shared = replace(target, gid=STRANGER)
    as_user(lambda: push(BOTH_KINDS, shared), uid=NOBODY - 1, gid=NOBODY - 1, groups=[STRANGER])
    read = as_user(lambda: _read_all(shared), groups=[STRANGER])
    assert read == _read_all(shared)
    assert len(read) == len({place.object for place in goal(BOTH_KINDS, shared.layout)})
