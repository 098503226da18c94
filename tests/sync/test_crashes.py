"""A pass that is cut short, wherever: the next one makes everything as it should be, and nothing foreign changes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from syncd.core import changes
from syncd.core.errors import Reason
from tests.strategies import SENTINEL
from tests.sync import crashing
from tests.sync.world import AIRFLOW, BASE, LAKE, LAYERED, NAME, WAREHOUSE, World, foreign, held, written


class Story(NamedTuple):
    """What happened before the pass that is cut short, and whether that one verifies."""

    before: Callable[[World], None]
    verify: bool


def nothing_yet(world: World) -> None:
    foreign(world, f"{NAME}/deployments/bi/theirs/notes")


def edited(world: World) -> None:
    nothing_yet(world)
    world.sync()
    world.change(lambda here: changes.override(here, WAREHOUSE, environment="prod", values={("host",): "new-host"}))
    world.change(lambda here: changes.unlink(here, LAKE, "bi"))
    world.change(lambda here: changes.link(here, LAKE, "etl", {("login",): "other"}))
    world.change(lambda here: changes.delete_deployment(here, "ml"))
    world.environ["WAREHOUSE"] = f"{SENTINEL}-3"


def damaged(world: World) -> None:
    nothing_yet(world)
    world.sync()
    for path, value in world.files().items():
        if "/bi/" in path and "theirs" not in path:
            world.path(path).write_bytes(value.replace(b"prod-host", b"attacker").replace(b"eu", b"us"))
        elif "/ml/" in path:
            world.path(path).unlink()


def synced(world: World) -> None:
    world.sync()


STORIES = {
    "synced": Story(synced, verify=False),
    "first": Story(nothing_yet, verify=False),
    "edited": Story(edited, verify=False),
    "edited, verifying": Story(edited, verify=True),
    "damaged": Story(damaged, verify=True),
}
each_layout = pytest.mark.parametrize("layout", [LAYERED, AIRFLOW], ids=["layered", "airflow"])


def each_story(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("story", [STORIES[name] for name in names], ids=names)


class Stage:
    """A world in which something has happened, again and again; and what it comes to where nobody interferes."""

    def __init__(self, world: World, folder: Path, story: Story) -> None:
        self._world = world
        self._world.save(BASE)
        story.before(self._world)
        self._world.close()
        self._kept = folder / "kept"
        self._keep()
        self.points = crashing.count(self._world, verify=story.verify)
        self.end = documents(self._world)

    def _keep(self) -> None:
        shutil.copytree(self._world.home, self._kept)

    def world(self) -> World:
        """As it was. The lock file stays the same file: another one would be a copy's."""
        self._world.close()
        for path in self._world.home.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name.startswith("registry.db") and path.suffix != ".lock":
                path.unlink()
        shutil.copytree(self._kept, self._world.home, dirs_exist_ok=True)
        return self._world

    def check(self, world: World) -> None:
        """One pass, which looks only at what it must, and all is as it should be."""
        assert held(world.sync()) == {}
        assert documents(world) == self.end
        assert not world.behind()
        assert {status.reason for status in world.statuses().values()} == {Reason.SYNCED}
        assert written(world.sync(verify=True)) == set()


def documents(world: World) -> dict[str, bytes]:
    """All files; of a nameplate not the revision: a pass that is cut short may have changed the ids before it."""
    return {
        path: re.sub(rb'"revision": [0-9]+}$', b"}", value) if path.endswith("/nameplate") else value
        for path, value in world.files().items()
    }


@pytest.fixture
def stage(template: Path, tmp_path: Path, layout: str, story: Story) -> Iterator[Stage]:
    made = Stage(World.make(template, tmp_path / "home", layout), tmp_path, story)
    yield made
    made.world()


@each_layout
@each_story("edited")
def test_a_pass_that_raises_before_or_after_any_change(stage: Stage, story: Story) -> None:
    for at in range(1, stage.points + 1):
        world = stage.world()
        crashing.raised(world, at, verify=story.verify)
        stage.check(world)


@each_layout
@each_story("edited")
def test_a_pass_that_raises_while_another_one_has_looked_and_not_written_yet(stage: Stage, story: Story) -> None:
    for at in range(1, stage.points + 1):
        world = stage.world()
        sight = world.look()
        crashing.raised(world, at, verify=story.verify)
        assert held(world.verify(sight)) == {}
        assert documents(world) == stage.end


@each_layout
@each_story("first", "edited", "edited, verifying", "damaged")
def test_a_pass_that_is_killed_before_or_after_any_change(stage: Stage, story: Story) -> None:
    # Killed before its very first, a pass never was: what only one that verifies finds is left to the next of them.
    for at in range(2 if story.verify else 1, stage.points + 1):
        world = stage.world()
        assert crashing.killed(world, at, verify=story.verify)
        stage.check(world)


@each_layout
@each_story("edited", "damaged")
def test_a_pass_that_is_killed_before_any_change_of_a_file(stage: Stage, story: Story) -> None:
    at = 1
    while crashing.killed_at_file(world := stage.world(), at, verify=story.verify):
        stage.check(world)
        at += 1
    assert at > 5


@each_layout
@each_story("synced")
def test_a_reference_that_gives_its_old_value_again_after_a_crash(stage: Stage, story: Story) -> None:
    """Whatever the pass had written of the new one is undone."""
    world = stage.world()
    before = world.files()
    for at in range(1, 9):
        world = stage.world()
        world.environ["WAREHOUSE"] = f"{SENTINEL}-3"
        crashing.killed(world, at, verify=story.verify)
        world.environ["WAREHOUSE"] = f"{SENTINEL}-1"
        world.sync()
        assert world.files() == before
