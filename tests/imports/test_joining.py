"""What several deployments have, joined, gives each of them back what it had."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.airflow_form import FORMS
from syncd.core.canonical import text
from syncd.core.checks import check
from syncd.core.merge import leaves, merge
from syncd.core.model import Definition, Deployment, Item, Key, Workspace
from syncd.core.resolve import layers, winner
from syncd.imports.found import Definitions, defined
from syncd.imports.joining import joined, patch
from syncd.imports.planning import planned

DEPLOYMENTS = ("etl-dev", "etl-prod", "etl-test")
WAREHOUSE = Key("connection", "warehouse")

# Few values, so that deployments agree on some.
_leaves = st.sampled_from(["a", "b", "", "1"]) | st.integers(0, 2) | st.booleans() | st.just([None, {"a": None}])
_objects = st.recursive(
    st.dictionaries(st.sampled_from(["a", "b", "token", "x.y"]), _leaves, max_size=3),
    lambda child: st.dictionaries(st.sampled_from(["a", "b", "o"]), _leaves | child, max_size=3),
    max_leaves=6,
)
_texts = st.sampled_from(["", "a", "b", "é"])
connections = st.fixed_dictionaries(
    {"conn_type": st.sampled_from(["postgres", "http"])},
    optional={
        **dict.fromkeys(("description", "host", "login", "password", "schema"), _texts),
        "port": st.sampled_from([1, 5432]),
        "extra": _objects.filter(bool),
    },
)
variables = st.fixed_dictionaries({"value": _texts})
_items = st.builds(lambda id_, fields: defined("connection", id_, fields), st.sampled_from(["x", "y"]), connections)
_items |= st.builds(lambda id_, fields: defined("variable", id_, fields), st.sampled_from(["x", "y"]), variables)
definitions = st.lists(_items, max_size=4).map(lambda ones: {one.key: one for one in ones})
several = st.dictionaries(st.sampled_from(DEPLOYMENTS), definitions, max_size=3)


def here(shared: Definitions = {}) -> Workspace:  # noqa: B006  it is only read
    deployments = {name: Deployment(name, "dev" if name == "etl-dev" else "prod") for name in DEPLOYMENTS}
    return Workspace("analytics", ("dev", "prod"), deployments, shared)


def gets(workspace: Workspace, deployment: str, key: Key) -> Any:
    """What Airflow is told in a deployment; None where it isn't linked."""
    found = winner(workspace, Item(deployment, key.kind, key.id))
    if found is None:
        return None
    return FORMS[key.kind].text(merge(layers(found, workspace.deployments[deployment])).fields)


def everything(workspace: Workspace) -> dict[tuple[str, str, str], Any]:
    keys = {(key.kind, key.id) for key in workspace.definitions}
    found = {(name, *key): gets(workspace, name, Key(*key)) for name in workspace.deployments for key in keys}
    return {at: one for at, one in found.items() if one is not None}


def told(had: dict[str, Definitions]) -> dict[tuple[str, str, str], Any]:
    return {
        (name, key.kind, key.id): FORMS[key.kind].text(one.fields)
        for name, some in had.items()
        for key, one in some.items()
    }


def same(one: dict[Any, str], other: dict[Any, str]) -> bool:
    return {at: _sorted(value) for at, value in one.items()} == {at: _sorted(value) for at, value in other.items()}


def _sorted(value: str) -> str:
    import json

    return text(json.loads(value)) if value.startswith("{") else value


@given(several)
def test_each_deployment_gets_what_it_had_and_nothing_else(had: dict[str, Definitions]) -> None:
    workspace = here(joined(had))

    assert list(check(workspace)) == []
    assert same(everything(workspace), told(had))


@given(connections, st.lists(st.sampled_from(DEPLOYMENTS), min_size=2, unique=True))
def test_what_is_equal_everywhere_is_shared_and_overridden_nowhere(fields: dict[str, Any], names: list[str]) -> None:
    had = {name: {WAREHOUSE: Definition(WAREHOUSE, fields)} for name in names}

    assert joined(had)[WAREHOUSE] == Definition(WAREHOUSE, fields, links={name: {} for name in names})


def test_what_differs_is_overridden_on_each_link_that_has_it() -> None:
    dev = {"conn_type": "postgres", "host": "dev", "login": "etl", "extra": {"sslmode": "require", "a": 1}}
    prod = {"conn_type": "postgres", "host": "prod", "password": "x", "login": "etl", "extra": {"sslmode": "require"}}
    found = joined(
        {"etl-dev": {WAREHOUSE: defined(*WAREHOUSE[:2], dev)}, "etl-prod": {WAREHOUSE: defined(*WAREHOUSE[:2], prod)}}
    )

    assert found[WAREHOUSE].fields == {"conn_type": "postgres", "login": "etl", "extra": {"sslmode": "require"}}
    assert found[WAREHOUSE].links == {
        "etl-dev": {"host": "dev", "extra": {"a": 1}},
        "etl-prod": {"host": "prod", "password": "x"},
    }


@given(several)
def test_no_link_unsets_what_nothing_below_it_sets(had: dict[str, Definitions]) -> None:
    links = [link for one in joined(had).values() for link in one.links.values()]

    assert [path for link in links for path, value in leaves(link) if value is None] == []


def test_what_is_secret_where_one_of_them_has_it_is_secret_for_all() -> None:
    pin = frozenset({("extra", "pin")})
    fields = {"conn_type": "x", "extra": {"pin": "1"}}
    had: dict[str, Definitions] = {
        "etl-dev": {WAREHOUSE: Definition(WAREHOUSE, fields, pin)},
        "etl-prod": {WAREHOUSE: Definition(WAREHOUSE, fields)},
    }
    assert joined(had)[WAREHOUSE].secret_fields == pin
    there = here({WAREHOUSE: Definition(WAREHOUSE, {"conn_type": "y"})})
    assert planned(there, {}, had).added.definitions[WAREHOUSE].secret_fields == pin
    assert planned(there, had["etl-dev"], {}).replaced.definitions[WAREHOUSE].secret_fields == pin


@given(connections, connections)
def test_a_patch_makes_of_one_what_the_other_is(base: dict[str, Any], wanted: dict[str, Any]) -> None:
    from syncd.core.merge import Layer

    made = merge([Layer("definition", base), Layer("link", patch(base, wanted))]).fields

    assert text(made) == text(wanted)
    assert (patch(base, wanted) == {}) == (text(base) == text(wanted))


@st.composite
def workspaces(draw: st.DrawFn) -> Workspace:
    """Shared definitions with overrides and links of their own, some of them to all, and a deployment's own."""
    made = {}
    for one in draw(definitions).values():
        some: st.SearchStrategy[Any] = _values if one.key.kind == "variable" else _patches
        made[one.key] = Definition(
            one.key,
            one.fields,
            environments=draw(st.dictionaries(st.sampled_from(["dev", "prod"]), some, max_size=1)),
            links=(links := draw(st.dictionaries(st.sampled_from(DEPLOYMENTS), some, max_size=2))),
            link_all=draw(st.booleans()),
            exclude=frozenset(draw(st.sets(st.sampled_from(DEPLOYMENTS), max_size=1))) - links.keys(),
        )
    for one in draw(definitions).values():
        if draw(st.booleans()):
            key = one.key._replace(owner=draw(st.sampled_from(DEPLOYMENTS)))
            made[key] = Definition(key, one.fields)
    return here(made)


_values = st.fixed_dictionaries({}, optional={"value": _texts})
_patches = st.fixed_dictionaries({}, optional={"host": st.none() | _texts, "extra": st.none() | _objects})


@given(workspaces(), several)
def test_with_replace_a_deployment_gets_what_it_had(workspace: Workspace, had: dict[str, Definitions]) -> None:
    after = planned(workspace, {}, had).replaced

    assert list(check(after)) == []
    assert same({at: one for at, one in everything(after).items() if at in told(had)}, told(had))


@given(workspaces(), several)
def test_nothing_changes_for_whom_nothing_was_found(workspace: Workspace, had: dict[str, Definitions]) -> None:
    plan = planned(workspace, {}, had)
    before = {at: one for at, one in everything(workspace).items() if at not in told(had)}
    for after in (plan.added, plan.replaced):
        assert same({at: one for at, one in everything(after).items() if at not in told(had)}, before)


@given(workspaces(), several)
def test_without_replace_nothing_that_is_there_changes(workspace: Workspace, had: dict[str, Definitions]) -> None:
    now = everything(planned(workspace, {}, had).added)

    assert same({at: now[at] for at in everything(workspace)}, everything(workspace))


@given(workspaces(), several)
def test_a_second_import_finds_all_the_same(workspace: Workspace, had: dict[str, Definitions]) -> None:
    again = planned(planned(workspace, {}, had).replaced, {}, had)

    assert again.different == ()
    assert again.added == again.before


@given(workspaces(), definitions, several)
def test_all_that_was_found_is_new_or_the_same_or_different_and_then_all_the_same(
    workspace: Workspace, shared: Definitions, had: dict[str, Definitions]
) -> None:
    found = len(shared) + sum(map(len, had.values()))
    plan = planned(workspace, shared, had)
    only = planned(workspace, {}, had)
    again = planned(only.replaced, {}, had)

    assert len(plan.new) + len(plan.same) + len({one.subject for one in plan.different}) == found
    assert (len(again.new), len(again.same)) == (0, found - len(shared))
    assert {*only.new} <= {*again.same}


@given(workspaces(), definitions, st.sets(st.sampled_from(DEPLOYMENTS)), st.booleans())
def test_what_is_shared_keeps_every_link_that_is_there(
    workspace: Workspace, shared: Definitions, linked: set[str], link_all: bool
) -> None:
    shared = {key: replace(one, links={name: {} for name in linked}, link_all=link_all) for key, one in shared.items()}
    plan = planned(workspace, shared, {})
    assert list(check(plan.replaced)) == []
    for key, one in workspace.definitions.items():
        replaced = plan.replaced.definitions[key]
        assert plan.added.definitions[key] == one
        assert replaced.links == {**one.links, **(shared[key].links if key in shared else {})}
        assert all(replaced.reaches(name) for name in DEPLOYMENTS if one.reaches(name))
    for key, one in shared.items():
        assert plan.replaced.definitions[key].fields == one.fields


@given(definitions, several)
def test_what_is_shared_and_what_deployments_had_are_both_kept(
    shared: Definitions, had: dict[str, Definitions]
) -> None:
    after = planned(here(), shared, had).added

    assert same(everything(after), told(had))
    assert {key: after.definitions[key].fields for key in shared} == {key: one.fields for key, one in shared.items()}


@given(workspaces(), definitions, several)
def test_with_replace_a_deployment_gets_what_it_had_whatever_is_shared_beside(
    workspace: Workspace, shared: Definitions, had: dict[str, Definitions]
) -> None:
    after = planned(workspace, shared, had).replaced

    assert list(check(after)) == []
    assert same({at: one for at, one in everything(after).items() if at in told(had)}, told(had))


def test_a_link_that_a_source_names_stays_beside_what_a_deployment_had() -> None:
    shared = Definition(WAREHOUSE, {"conn_type": "http", "host": "shared"}, links={"etl-prod": {"login": "etl"}})
    had = {"etl-dev": {WAREHOUSE: Definition(WAREHOUSE, {"conn_type": "http", "host": "dev"})}}

    made = planned(here(), {WAREHOUSE: shared}, had).added.definitions[WAREHOUSE]
    assert made.fields == shared.fields
    assert made.links == {"etl-prod": {"login": "etl"}, "etl-dev": {"host": "dev"}}
