"""A pass that looks only at what moved does what one that reads everything back would do, whatever happened before."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.documents import Place
from syncd.core.errors import Reason
from syncd.core.model import Workspace
from syncd.core.plan import Change
from syncd.passes import Pass
from tests import strategies as some
from tests.sync.conftest import MEMORY
from tests.sync.editing import edited, sound
from tests.sync.world import AIRFLOW, LAYERED, World

SETTINGS = """\
[targets.files]
type = "directory"
path = "out"
{layout}
[references]
env = ["WAREHOUSE", "TOKEN"]
"""
VALUES: Mapping[str, list[str | None]] = {"WAREHOUSE": ["1", "1", "1", "22", "333", None], "TOKEN": ["1", "1", "22"]}
"""What references give; None: nothing, so that they can't be read."""


def planned(world: World, *, verify: bool) -> tuple[tuple[Change, ...], Mapping[Place, Reason]]:
    return what(world.plan(verify=verify))


def what(one: Pass) -> tuple[tuple[Change, ...], Mapping[Place, Reason]]:
    assert one.prepared is not None, one.error
    plan = one.prepared.plan
    return plan.changes, {place: error.reason for place, error in plan.hold.items()}


def digest(world: World) -> str:
    prepared = world.plan().prepared
    assert prepared is not None
    return prepared.plan.digest


def turn(world: World, data: st.DataObject) -> None:
    """References give something else, or nothing."""
    for name, values in VALUES.items():
        world.environ.pop(name, None)
        value = data.draw(st.sampled_from(values), label=name)
        world.environ.update({} if value is None else {name: value})


@contextmanager
def synced(template: Path, layout: str, first: Workspace) -> Iterator[World]:
    """In memory, with this workspace at its target."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        world = World.make(template, Path(folder) / "home", layout, SETTINGS)
        world.environ |= {"WAREHOUSE": "1", "TOKEN": "1"}
        world.save(first)
        world.sync()
        yield world
        world.close()


each_layout = pytest.mark.parametrize("layout", [LAYERED, AIRFLOW], ids=["layered", "airflow"])


@pytest.mark.slow
@each_layout
def test_whatever_happened_before(template: Path, layout: str) -> None:
    @given(some.workspaces().map(sound), st.data())
    def check(first: Workspace, data: st.DataObject) -> None:
        with synced(template, layout, first) as world:
            current = world.load()
            for _ in range(data.draw(st.integers(1, 6), label="edits")):
                current = world.save(data.draw(edited(current)), asked=data.draw(st.booleans(), label="asked"))
                if data.draw(st.integers(0, 3), label="turn") == 0:
                    turn(world, data)
                if data.draw(st.booleans(), label="pass"):
                    assert planned(world, verify=False) == planned(world, verify=True)
                    world.sync(accept=digest(world) if data.draw(st.booleans(), label="accept") else "")
            assert planned(world, verify=False) == planned(world, verify=True)
            world.sync()
            statuses = {item: one.reason for item, one in world.statuses().items()}
            world.sync(verify=True)
            assert {item: one.reason for item, one in world.statuses().items()} == statuses

    check()


@pytest.mark.slow
@each_layout
def test_by_what_was_seen_before_other_passes_it_does_what_it_would_do_now(template: Path, layout: str) -> None:
    @given(some.workspaces().map(sound), st.data())
    def check(first: Workspace, data: st.DataObject) -> None:
        with synced(template, layout, first) as world:
            current = world.load()
            if data.draw(st.booleans(), label="drift"):
                name = data.draw(st.sampled_from([*world.files(), "analytics/nobody's"]), label="where")
                world.path(name).parent.mkdir(parents=True, exist_ok=True)
                world.path(name).write_text("drift")
            sight = world.look()
            for _ in range(data.draw(st.integers(0, 3), label="edits")):
                current = world.save(data.draw(edited(current)))
                turn(world, data)
                if data.draw(st.booleans(), label="pass"):
                    world.sync()
            expected = planned(world, verify=True)
            assert what(world.verify(sight)) == expected

    check()
