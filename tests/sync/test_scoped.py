"""A pass that looks only at what moved does what one that reads everything back would do, whatever happened before."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

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
from tests.sync.world import AIRFLOW, LAYERED, World

VALUES = {"WAREHOUSE": ["1", "22", None], "A:B": ["1", None]}
"""What the references of drawn workspaces give; some are never allowed."""


class Step(NamedTuple):
    """What happens between two passes: another state of some parts, other values, perhaps a pass in between."""

    keys: frozenset[object]
    deployments: frozenset[str]
    other: Workspace
    asked: bool
    environ: Mapping[str, str | None]
    accept: bool


steps = st.builds(
    Step,
    st.frozensets(st.sampled_from(some.KEYS), max_size=3),
    st.frozensets(st.sampled_from(some.DEPLOYMENTS), max_size=1),
    some.workspaces(),
    st.booleans(),
    st.fixed_dictionaries({name: st.sampled_from(values) for name, values in VALUES.items()}),
    st.booleans(),
)


def stepped(before: Workspace, step: Step) -> Workspace:
    """The workspace with some parts as they are in another one, and valid all the same."""
    deployments = {name: one for name, one in before.deployments.items() if name not in step.deployments}
    deployments |= {name: one for name, one in step.other.deployments.items() if name in step.deployments}
    definitions = {key: one for key, one in before.definitions.items() if key not in step.keys}
    definitions |= {key: one for key, one in step.other.definitions.items() if key in step.keys}
    there = deployments.keys()
    return replace(
        before,
        deployments=deployments,
        definitions={
            key: replace(
                one,
                links={name: patch for name, patch in one.links.items() if name in there},
                exclude=one.exclude & there,
            )
            for key, one in definitions.items()
            if not key.owner or key.owner in there
        },
    )


def planned(world: World, *, verify: bool) -> tuple[tuple[Change, ...], Mapping[Place, Reason]]:
    one = world.plan(verify=verify)
    assert one.prepared is not None, one.error
    plan = one.prepared.plan
    return plan.changes, {place: error.reason for place, error in plan.hold.items()}


def digest(one: Pass) -> str:
    assert one.prepared is not None, one.error
    return one.prepared.plan.digest


@pytest.mark.slow
@pytest.mark.parametrize("layout", [LAYERED, AIRFLOW], ids=["layered", "airflow"])
def test_whatever_happened_before(template: Path, layout: str) -> None:
    settings = '[targets.files]\ntype = "directory"\npath = "out"\n{layout}\n[references]\nenv = ["WAREHOUSE", "A:B"]\n'

    @given(some.workspaces(), st.lists(steps, min_size=1, max_size=4))
    def check(first: Workspace, then: list[Step]) -> None:
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            world = World.make(template, Path(folder) / "home", layout, settings)
            world.environ["A:B"] = "1"
            current = world.save(first)
            world.sync()
            for step in then:
                current = world.save(stepped(current, step), asked=step.asked)
                for name, value in step.environ.items():
                    world.environ.pop(name, None)
                    world.environ.update({name: value} if value is not None else {})
                assert planned(world, verify=False) == planned(world, verify=True)
                accept = digest(world.plan()) if step.accept else ""
                world.sync(accept=accept)
                assert planned(world, verify=False) == planned(world, verify=True)
            statuses = world.statuses()
            world.sync(verify=True)
            assert world.statuses().keys() == statuses.keys()
            world.close()

    check()
