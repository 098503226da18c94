"""Writers at the same time: none loses another's change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from syncd.core.changes import link, unlink
from syncd.core.model import Key, Workspace
from syncd.registry import history, workspaces
from syncd.registry.database import Registry, reading
from tests.registry import processes
from tests.registry.registries import NAME, change, connection, save, workspace

WAREHOUSE = Key("connection", "warehouse")
NAMES = [f"d{number}" for number in range(24)]


def unlinked() -> Workspace:
    return workspace(connection("warehouse", password="p"), **dict.fromkeys(NAMES, "dev"))


def links(registry: Registry) -> set[str]:
    return set(workspaces.load(registry, NAME).definitions[WAREHOUSE].links)


def test_processes_that_link_at_the_same_time_lose_no_link(registry: Registry, folder: Path) -> None:
    save(registry, unlinked())
    done = processes.at_once(processes.link_each, [(folder, "warehouse", NAMES[part::3]) for part in range(3)])
    assert done == [8, 8, 8]
    assert links(registry) == set(NAMES)
    assert len(history.revisions(registry, NAME, last=99)) == 1 + len(NAMES)


def test_threads_that_link_at_the_same_time_lose_no_link(registry: Registry) -> None:
    """More of them than a change tries again."""
    save(registry, unlinked())
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: change(registry, lambda here: link(here, WAREHOUSE, name, {})), NAMES))
    assert links(registry) == set(NAMES)


def test_linking_and_unlinking_at_the_same_time_do_what_each_was_asked(registry: Registry) -> None:
    save(registry, unlinked())
    for name in NAMES[:12]:
        change(registry, lambda here, name=name: link(here, WAREHOUSE, name, {}))  # type: ignore[misc]

    def turn(name: str) -> None:
        if name in NAMES[:12]:
            change(registry, lambda here: unlink(here, WAREHOUSE, name))
        else:
            change(registry, lambda here: link(here, WAREHOUSE, name, {}))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(turn, NAMES))
    assert links(registry) == set(NAMES[12:])


def test_revisions_are_numbered_without_a_gap(registry: Registry, folder: Path) -> None:
    save(registry, unlinked())
    processes.at_once(processes.link_each, [(folder, "warehouse", NAMES[part::4]) for part in range(4)])
    numbers = [one.number for one in history.revisions(registry, NAME, last=99)]
    assert numbers == list(range(len(NAMES) + 1, 0, -1))


def test_however_many_are_at_it_one_more_may_read(registry: Registry) -> None:
    """More than a pool of the usual size gives."""
    save(registry, unlinked())
    with ExitStack() as busy:
        for _ in range(20):
            busy.enter_context(reading(registry.engine))
        assert workspaces.revisions(registry) == {NAME: 1}
