"""Passes that are cut short with a registry in PostgreSQL: the next one makes everything as it should be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from syncd.registry import database, tables
from tests.registry import registries
from tests.strategies import SENTINEL
from tests.sync import crashing
from tests.sync.test_crashes import Stage, Story, each_story
from tests.sync.world import World

pytestmark = [pytest.mark.postgresql, pytest.mark.slow]


class ServedStage(Stage):
    """The database stays the same: another one would be a copy's."""

    def _keep(self) -> None:
        super()._keep()
        with self._world.registry() as registry, database.reading(registry.engine) as connection:
            self._rows: dict[str, list[Any]] = {
                table.name: [row._asdict() for row in connection.execute(select(table))]
                for table in tables.metadata.sorted_tables
            }

    def world(self) -> World:
        world = super().world()
        with world.registry() as registry, database.writing(registry.engine) as connection:
            for table in reversed(tables.metadata.sorted_tables):
                connection.execute(table.delete())
            for table in tables.metadata.sorted_tables:
                if self._rows[table.name]:
                    connection.execute(insert(table), self._rows[table.name])
        return world


@pytest.fixture
def stage(template: Path, tmp_path: Path, story: Story, postgresql_database: str) -> Iterator[Stage]:
    world = World.make(template, tmp_path / "home")
    world.environ["SYNCD_REGISTRY"] = postgresql_database
    database.create(postgresql_database, registries.keys(world.home)).engine.dispose()
    made = ServedStage(world, tmp_path, story)
    yield made
    made.world().close()


@each_story("first", "edited", "edited, verifying", "damaged")
def test_a_pass_that_raises_before_or_after_any_change(stage: Stage, story: Story) -> None:
    # Before its very first, a pass never was: what only one that verifies finds is left to the next of them.
    for at in range(2 if story.verify else 1, stage.points + 1):
        world = stage.world()
        crashing.raised(world, at, verify=story.verify)
        stage.check(world)


@each_story("edited")
def test_a_pass_that_is_killed_is_finished_by_the_next_once_its_lease_has_run_out(stage: Stage, story: Story) -> None:
    for at in range(1, stage.points + 1, 3):
        world = stage.world()
        assert crashing.killed(world, at, verify=story.verify)
        stage.check(world)


@each_story("synced")
def test_a_reference_that_gives_its_old_value_again_after_a_crash(stage: Stage, story: Story) -> None:
    """Whatever the pass had written of the new one is undone."""
    world = stage.world()
    before = world.files()
    for at in range(1, 9):
        world = stage.world()
        world.environ["WAREHOUSE"] = f"{SENTINEL}-3"
        crashing.raised(world, at, verify=story.verify)
        world.environ["WAREHOUSE"] = f"{SENTINEL}-1"
        world.sync()
        assert world.files() == before
