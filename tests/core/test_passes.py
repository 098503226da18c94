"""The whole middle of a pass: what is planned, written and planned again, whatever the workspace."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.airflow_form import FORMS
from syncd.core.canonical import text
from syncd.core.documents import Place, Stamp
from syncd.core.errors import FixError, Reason, WaitError
from syncd.core.layouts import Layout
from syncd.core.layouts.airflow import AirflowFiles
from syncd.core.layouts.layered import Layered
from syncd.core.layouts.lookup import read
from syncd.core.merge import Layer, merge
from syncd.core.model import Definition, Deployment, Item, Key, Scope, Workspace
from tests import strategies as some
from tests.core.memory import LAYOUTS, MARK, NAMES, MemoryTarget, Pass, plan, seal, sync

K = TypeVar("K")
V = TypeVar("V")

each_layout = pytest.mark.parametrize("layout", LAYOUTS, ids=NAMES)


def lies(target: MemoryTarget) -> dict[Place, object]:
    return dict(target.observe(None, seal).views)


@each_layout
@given(some.workspaces())
def test_a_plan_written_is_the_goal(layout: Layout, workspace: Workspace) -> None:
    target = MemoryTarget(layout)
    one = sync(workspace, target)
    assert all(isinstance(result, Stamp) for result in one.results.values())
    assert lies(target) == one.views


@each_layout
@given(some.workspaces(), some.workspaces(revision=2))
def test_a_plan_written_over_another_state_is_the_goal(layout: Layout, first: Workspace, then: Workspace) -> None:
    """Blocked items aside, which keep what the target holds."""
    target = MemoryTarget(layout)
    sync(first, target)
    one = sync(then, target)
    kept = {layout.home(item) for item in one.resolution.blocked}
    assert {place: found for place, found in lies(target).items() if place not in kept} == one.views


@each_layout
@given(some.workspaces(), st.integers(0, 5))
def test_planning_again_gives_nothing(layout: Layout, workspace: Workspace, later: int) -> None:
    """Nor does it at a later revision that changed nothing here."""
    target = MemoryTarget(layout)
    sync(workspace, target)
    assert plan(replace(workspace, revision=workspace.revision + later), target).plan.changes == ()


@each_layout
@given(some.workspaces(), some.workspaces(revision=2), st.data())
def test_a_pass_over_a_scope_is_a_full_pass_where_nothing_else_changed(
    layout: Layout, first: Workspace, second: Workspace, data: st.DataObject
) -> None:
    keys = data.draw(st.frozensets(st.sampled_from(some.KEYS)))
    names = data.draw(st.frozensets(st.sampled_from(some.DEPLOYMENTS)))
    then = replace(
        first,
        revision=2,
        deployments=changed(first.deployments, second.deployments, names),
        definitions=changed(first.definitions, second.definitions, keys),
    )
    items = frozenset(
        item for item in some.ITEMS if item.deployment in names or any(key[:2] == (item.kind, item.id) for key in keys)
    )
    whole, scoped = MemoryTarget(layout), MemoryTarget(layout)
    sync(first, whole)
    sync(first, scoped)
    sync(then, whole)
    sync(then, scoped, Scope("files", items, names))
    assert lies(scoped) == lies(whole)


def changed(before: Mapping[K, V], after: Mapping[K, V], names: Collection[K]) -> dict[K, V]:
    kept = {name: value for name, value in before.items() if name not in names}
    return kept | {name: value for name, value in after.items() if name in names}


@each_layout
@given(some.workspaces())
def test_a_pass_over_no_item_of_a_deployment_changes_nothing_there(layout: Layout, workspace: Workspace) -> None:
    target = MemoryTarget(layout)
    sync(workspace, target)
    scope = Scope("files", frozenset(), frozenset(some.DEPLOYMENTS))
    assert plan(replace(workspace, revision=9), target, scope).plan.changes == ()


@each_layout
@given(some.workspaces())
def test_the_order_of_definitions_deployments_and_fields_never_matters(layout: Layout, workspace: Workspace) -> None:
    turned = replace(
        workspace,
        deployments=backwards(workspace.deployments),
        definitions={key: turn(definition) for key, definition in backwards(workspace.definitions).items()},
    )
    one, other = plan(workspace, MemoryTarget(layout)), plan(turned, MemoryTarget(layout))
    assert one.plan.changes == other.plan.changes
    assert {place: str(error) for place, error in one.plan.hold.items()} == {
        place: str(error) for place, error in other.plan.hold.items()
    }
    assert [(write.object, write.places) for write in one.writes] == [
        (write.object, write.places) for write in other.writes
    ]


def backwards(mapping: Mapping[K, V]) -> dict[K, V]:
    return dict(reversed(list(mapping.items())))


def turn(definition: Definition) -> Definition:
    return replace(
        definition,
        fields=some.shuffled(definition.fields),
        environments={name: some.shuffled(patch) for name, patch in backwards(definition.environments).items()},
        links={name: some.shuffled(patch) for name, patch in backwards(definition.links).items()},
    )


@given(some.workspaces())
def test_what_the_reader_merges_from_layered_is_what_airflow_holds(workspace: Workspace) -> None:
    """The two layouts are two ways of one value."""
    layered, files = MemoryTarget(Layered("analytics")), MemoryTarget(AirflowFiles("analytics"))
    one = sync(workspace, layered)
    sync(workspace, files)
    for item in one.resolution.resolved:
        envelope = json.loads(layered.objects[layered.layout.home(item).object].texts[""])
        fields = merge(read([envelope], str(item)).layers).fields
        place = files.layout.home(item)
        held = json.loads(files.objects[place.object].texts[place.key])
        given_to_airflow = FORMS[item.kind].text(fields)
        if item.kind == "connection":
            assert text(json.loads(given_to_airflow)) == text(held)
        else:
            assert given_to_airflow == held


@given(some.workspaces(), some.fields("connection"))
def test_a_local_layer_over_what_was_written_is_that_layer_over_what_was_defined(
    workspace: Workspace, patch: dict[str, object]
) -> None:
    target = MemoryTarget(Layered("analytics"))
    one = sync(workspace, target)
    local = Layer("local", patch)
    for item, resolved in one.resolution.resolved.items():
        envelope = json.loads(target.objects[target.layout.home(item).object].texts[""])
        found = merge([*read([envelope], str(item)).layers, local])
        expected = merge([*resolved.layers, local])
        assert text(found.fields) == text(expected.fields)
        assert found.origin == expected.origin


def workspace_of(*ids: str, revision: int = 1, **more: Deployment) -> Workspace:
    deployments = {"etl-dev": Deployment("etl-dev", "dev", ("files",))} | more
    return Workspace(
        "analytics",
        ("dev", "prod"),
        deployments,
        {
            Key("connection", id_): Definition(
                Key("connection", id_), {"conn_type": "http", "password": id_}, link_all=True
            )
            for id_ in ids
        },
        revision,
    )


def connection(id_: str, deployment: str = "etl-dev") -> Item:
    return Item(deployment, "connection", id_)


def problems(one: Pass) -> dict[Place, Reason]:
    return {place: error.reason for place, error in one.plan.hold.items()}


@each_layout
def test_one_write_that_fails_stops_no_other_and_the_next_pass_writes_only_that(layout: Layout) -> None:
    target = MemoryTarget(layout)
    sync(workspace_of("a", "b"), target)
    bad = layout.home(connection("b")).object
    target.refusing.add(bad)
    more = {"bi": Deployment("bi", "prod", ("files",))}
    one = sync(workspace_of("a", "c", revision=2, **more), target)
    assert isinstance(one.results[bad], WaitError)
    assert layout.home(connection("a", "bi")) in lies(target)
    target.refusing.clear()
    again = sync(workspace_of("a", "c", revision=2, **more), target)
    assert {write.object for write in again.writes} == {bad}
    assert lies(target) == again.views


@each_layout
def test_an_object_that_was_changed_in_between_is_a_conflict(layout: Layout) -> None:
    target = MemoryTarget(layout)
    one = plan(workspace_of("a"), target)
    sync(workspace_of("a", "b"), target)
    results = target.write(one.writes, MARK, seal)
    shared = results.keys() & target.objects.keys()
    assert {result.reason for result in results.values() if isinstance(result, FixError)} == {Reason.CONFLICT}
    assert shared


@each_layout
def test_a_foreign_object_is_held_and_never_changed(layout: Layout) -> None:
    target = MemoryTarget(layout)
    name = layout.home(connection("a")).object
    target.put_foreign(name)
    one = sync(workspace_of("a"), target)
    assert problems(one)[layout.home(connection("a"))] is Reason.NOT_OWNED
    assert (target.objects[name].mark, target.objects[name].texts) == (None, {})
