"""A target where nothing can be made is told by a plan, where a look alone wouldn't."""

from __future__ import annotations

import pytest

from syncd.core.errors import FixError, Reason
from syncd.core.layouts import Layout
from syncd.core.layouts.kubernetes import Bundled, Labelled
from tests.core.memory import MemoryTarget
from tests.targets.memory_record import MemoryRecord
from tests.targets.passes import (
    NOTHING,
    REGION,
    WAREHOUSE,
    connection,
    finished,
    planned,
    push,
    reasons,
    wanted,
    workspace,
)

CLOSED = FixError(Reason.NOT_FOUND, "secrets of etl", "its namespace isn't there", "make it")
BOTH_KINDS = workspace(WAREHOUSE, REGION, deployments=["etl"])
MORE = workspace(WAREHOUSE, REGION, connection("new"), deployments=["etl"], revision=2)


@pytest.mark.parametrize("layout", [Bundled("analytics"), Labelled("analytics")], ids=["layered", "airflow"])
def test_all_that_would_be_made_there_is_held_and_nothing_is_tried(layout: Layout) -> None:
    target = MemoryTarget(layout)
    target.closed = CLOSED
    record = MemoryRecord(layout)
    prepared = planned(BOTH_KINDS, target, record)

    assert prepared.plan.changes == ()
    assert prepared.plan.hold == dict.fromkeys(wanted(BOTH_KINDS, layout), CLOSED)
    assert set(reasons(finished(prepared, BOTH_KINDS, target, record)).values()) == {Reason.NOT_FOUND}
    assert target.objects == {}

    target.closed = None
    assert reasons(push(BOTH_KINDS, target, record)) == {}


def test_where_something_lies_or_nothing_is_wanted_nobody_asks() -> None:
    target = MemoryTarget(Bundled("analytics"))
    target.closed = CLOSED
    assert planned(NOTHING, target).plan.hold == {}
    target.closed = None
    push(BOTH_KINDS, target)
    target.closed = CLOSED
    assert planned(MORE, target).plan.hold == {}
