"""Who gets what: links, owners, environments; and references put where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given

from syncd.core import resolve as resolving
from syncd.core.errors import FixError, Problems, Reason, SyncError, WaitError
from syncd.core.merge import Layer
from syncd.core.model import Definition, Deployment, Fields, Item, Key, Reference, Scope, Workspace
from syncd.core.resolve import Resolution, fill, resolve, winner
from tests import strategies as some

WAREHOUSE = Key("connection", "warehouse")
SECRET = Reference("env", "WAREHOUSE_PASSWORD")
OTHER = Reference("file", "/run/secrets/warehouse")


def workspace(*definitions: Definition, **deployments: str) -> Workspace:
    """Deployments by name, each with its environment; without any: etl-dev in dev, etl-prod in prod."""
    there = deployments or {"etl-dev": "dev", "etl-prod": "prod"}
    return Workspace(
        "analytics",
        ("dev", "prod"),
        {name: Deployment(name, environment, ("files",)) for name, environment in there.items()},
        {definition.key: definition for definition in definitions},
        revision=7,
    )


def shared(fields: Fields | None = None, **more: Any) -> Definition:
    return Definition(WAREHOUSE, {"conn_type": "postgres"} if fields is None else fields, **more)


def own(deployment: str, fields: Fields) -> Definition:
    return Definition(WAREHOUSE._replace(owner=deployment), fields)


def warehouse(deployment: str) -> Item:
    return Item(deployment, "connection", "warehouse")


def effective(resolution: Resolution, deployment: str) -> Mapping[str, Any]:
    return resolution.resolved[warehouse(deployment)].effective.fields


def reached(*definitions: Definition, scope: Scope | None = None) -> set[str]:
    return {item.deployment for item in resolve(workspace(*definitions), scope or Scope()).resolved}


def test_nothing_is_linked_that_nobody_linked() -> None:
    assert reached(shared()) == set()


def test_a_link_reaches_its_deployment_and_no_other() -> None:
    assert reached(shared(links={"etl-dev": {}})) == {"etl-dev"}


def test_link_all_reaches_every_deployment_but_the_excluded() -> None:
    assert reached(shared(link_all=True)) == {"etl-dev", "etl-prod"}
    assert reached(shared(link_all=True, exclude=frozenset({"etl-dev"}))) == {"etl-prod"}


def test_an_explicit_link_counts_even_where_it_is_excluded() -> None:
    """The check says so to whoever writes both; until then nothing is taken away."""
    assert reached(shared(link_all=True, links={"etl-dev": {}}, exclude=frozenset({"etl-dev"}))) == {
        "etl-dev",
        "etl-prod",
    }


def test_a_link_to_a_deployment_that_is_not_there_reaches_nothing() -> None:
    assert reached(shared(links={"gone": {}})) == set()


@given(some.workspaces())
def test_what_is_linked_is_what_each_definition_says_it_reaches(one: Workspace) -> None:
    linked = {item for items in resolve(one, Scope()).linked.values() for item in items}
    assert linked == {
        Item(name, key.kind, key.id)
        for name in one.deployments
        for key, definition in one.definitions.items()
        if definition.reaches(name)
    }


def test_a_deployments_own_definition_wins_over_a_shared_one_of_the_same_id() -> None:
    resolution = resolve(
        workspace(
            shared({"conn_type": "postgres", "host": "h"}, link_all=True), own("etl-dev", {"conn_type": "sqlite"})
        ),
        Scope(),
    )
    assert effective(resolution, "etl-dev") == {"conn_type": "sqlite"}
    assert effective(resolution, "etl-prod") == {"conn_type": "postgres", "host": "h"}


def test_a_deployments_own_definition_reaches_it_alone() -> None:
    assert reached(own("etl-dev", {"conn_type": "sqlite"})) == {"etl-dev"}
    assert reached(own("gone", {"conn_type": "sqlite"})) == set()


def test_the_winner_is_none_where_nothing_is_linked() -> None:
    assert winner(workspace(shared()), warehouse("etl-dev")) is None
    assert winner(workspace(), warehouse("etl-dev")) is None


def test_what_is_not_linked_is_never_resolved() -> None:
    with pytest.raises(LookupError):
        resolving._resolve(workspace(), Deployment("etl-dev", "dev"), warehouse("etl-dev"), {})


def test_an_environments_layer_is_for_its_deployments_alone() -> None:
    definition = shared(
        {"conn_type": "postgres", "host": "dev"}, environments={"prod": {"host": "prod"}}, link_all=True
    )
    resolution = resolve(workspace(definition), Scope())
    assert effective(resolution, "etl-dev")["host"] == "dev"
    assert effective(resolution, "etl-prod")["host"] == "prod"
    assert resolution.resolved[warehouse("etl-prod")].layers == (
        Layer("definition", {"conn_type": "postgres"}),
        Layer("environment", {"host": "prod"}),
    )


def test_a_links_layer_lies_over_its_environments() -> None:
    definition = shared(
        {"conn_type": "postgres", "schema": "a"},
        environments={"prod": {"schema": "b"}},
        links={"etl-prod": {"schema": "c"}, "bi-prod": {}},
    )
    resolution = resolve(workspace(definition, **{"etl-prod": "prod", "bi-prod": "prod"}), Scope())
    assert effective(resolution, "etl-prod")["schema"] == "c"
    assert effective(resolution, "bi-prod")["schema"] == "b"


def test_deployments_that_get_the_same_share_one_value() -> None:
    """A thousand deployments cost as much as one."""
    resolution = resolve(workspace(shared(link_all=True), a="dev", b="dev", c="prod"), Scope())
    assert resolution.resolved[warehouse("a")] is resolution.resolved[warehouse("b")]
    assert resolution.resolved[warehouse("a")] is not resolution.resolved[warehouse("c")]


def test_they_still_share_it_once_it_is_filled() -> None:
    definition = shared({"conn_type": "http", "password": SECRET}, link_all=True)
    one = resolve(workspace(definition, a="dev", b="dev", c="prod"), Scope())
    resolution = fill(one, {SECRET: "x"})
    assert resolution.resolved[warehouse("a")] is resolution.resolved[warehouse("b")]
    assert resolution.resolved[warehouse("a")] is not resolution.resolved[warehouse("c")]


@pytest.mark.parametrize("conn_type", [None, ""])
def test_a_connection_whose_type_was_unset_is_blocked_and_no_other_is(conn_type: str | None) -> None:
    definition = shared({"conn_type": "http"}, environments={"prod": {"conn_type": conn_type}}, link_all=True)
    resolution = resolve(workspace(definition), Scope())
    assert resolution.resolved.keys() == {warehouse("etl-dev")}
    error = resolution.blocked[warehouse("etl-prod")]
    assert (error.reason, str(error)) == (
        Reason.INVALID_DEFINITION,
        "connection warehouse: has no conn_type in environment prod; set conn_type in the definition or in an override",
    )


def test_a_connections_type_may_come_from_any_layer() -> None:
    definition = shared(
        {}, environments={"dev": {"conn_type": "http"}}, links={"etl-dev": {}, "etl-prod": {"conn_type": "x"}}
    )
    assert reached(definition) == {"etl-dev", "etl-prod"}


def test_a_variable_may_be_empty_but_not_missing() -> None:
    region = Key("variable", "region")
    resolution = resolve(workspace(Definition(region, {"value": ""}, link_all=True)), Scope())
    assert {one.effective.fields["value"] for one in resolution.resolved.values()} == {""}
    resolution = resolve(workspace(Definition(region, {}, link_all=True)), Scope())
    assert resolution.resolved == {}
    assert len(resolution.blocked) == 2


def test_a_scope_names_the_items_that_are_resolved_and_those_that_departed() -> None:
    scope = Scope(items=frozenset({warehouse("etl-dev"), warehouse("etl-prod"), warehouse("gone")}))
    resolution = resolve(workspace(shared(links={"etl-dev": {}})), scope)
    assert resolution.resolved.keys() == {warehouse("etl-dev")}
    assert resolution.departed == {warehouse("etl-prod"), warehouse("gone")}
    assert resolution.gone == {"gone"}
    assert not resolution.full


def test_what_is_blocked_has_not_departed() -> None:
    scope = Scope(items=frozenset({warehouse("etl-dev")}))
    resolution = resolve(workspace(shared({}, link_all=True)), scope)
    assert resolution.blocked.keys() == {warehouse("etl-dev")}
    assert resolution.departed == frozenset()


def test_all_that_is_linked_to_a_deployment_is_known_whatever_the_scope() -> None:
    region = Definition(Key("variable", "region"), {"value": "x"}, link_all=True)
    one = workspace(shared(link_all=True), region)
    resolution = resolve(one, Scope(items=frozenset({warehouse("etl-dev")})))
    assert resolution.resolved.keys() == {warehouse("etl-dev")}
    assert resolution.linked == {"etl-dev": {warehouse("etl-dev"), Item("etl-dev", "variable", "region")}}
    assert resolve(one, Scope(items=frozenset(), deployments=frozenset({"etl-dev"}))).linked == resolution.linked


def test_a_full_pass_knows_every_deployment_even_one_that_gets_nothing() -> None:
    resolution = resolve(workspace(), Scope())
    assert resolution.linked == {"etl-dev": frozenset(), "etl-prod": frozenset()}
    assert (resolution.full, resolution.departed, resolution.gone) == (True, frozenset(), frozenset())


def test_a_target_is_of_the_deployments_that_name_it() -> None:
    assert reached(shared(link_all=True), scope=Scope("files")) == {"etl-dev", "etl-prod"}
    assert reached(shared(link_all=True), scope=Scope("vault")) == set()
    resolution = resolve(workspace(shared(link_all=True)), Scope("vault", items=frozenset({warehouse("etl-dev")})))
    assert resolution.departed == {warehouse("etl-dev")}
    assert resolution.gone == {"etl-dev"}


@given(some.workspaces())
def test_a_scope_of_all_items_resolves_what_a_full_one_does(one: Workspace) -> None:
    full = resolve(one, Scope("files"))
    scoped = resolve(one, Scope("files", frozenset(some.ITEMS), frozenset(one.deployments)))
    assert {item: found.layers for item, found in full.resolved.items()} == {
        item: found.layers for item, found in scoped.resolved.items()
    }
    assert full.blocked.keys() == scoped.blocked.keys()
    assert full.linked == scoped.linked


# Filling


def filled(fields: Fields, values: Mapping[Reference, str | SyncError], **more: Any) -> Resolution:
    return fill(
        resolve(workspace(shared({"conn_type": "http"} | dict(fields), link_all=True, **more)), Scope()), values
    )


def test_only_references_that_survive_the_merge_are_read() -> None:
    definition = shared(
        {"conn_type": "http", "password": SECRET}, environments={"prod": {"password": OTHER}}, links={"etl-prod": {}}
    )
    assert resolve(workspace(definition), Scope()).references == {OTHER}


def test_a_reference_of_a_blocked_item_is_not_read() -> None:
    assert resolve(workspace(shared({"password": SECRET}, link_all=True)), Scope()).references == frozenset()


def test_a_value_stands_where_its_reference_stood_at_any_depth() -> None:
    fields = {"password": SECRET, "extra": {"a": {"b": SECRET, "c": 1}, "d": OTHER}}
    resolution = filled(fields, {SECRET: "one", OTHER: ""})
    assert effective(resolution, "etl-dev") == {
        "conn_type": "http",
        "password": "one",
        "extra": {"a": {"b": "one", "c": 1}, "d": ""},
    }


def test_filling_keeps_layers_and_what_is_secret() -> None:
    resolution = filled({"host": SECRET}, {SECRET: "h"}, environments={"prod": {"login": SECRET}})
    one = resolution.resolved[warehouse("etl-prod")]
    assert one.layers == (
        Layer("definition", {"conn_type": "http", "host": "h"}),
        Layer("environment", {"login": "h"}),
    )
    assert one.secret == {("host",), ("login",)}


@given(some.workspaces())
def test_no_reference_is_left_after_filling(one: Workspace) -> None:
    resolution = resolve(one, Scope())
    assert fill(resolution, some.values(resolution.references)).references == frozenset()


def test_what_has_no_reference_is_filled_with_nothing() -> None:
    resolution = resolve(workspace(shared(link_all=True)), Scope())
    assert fill(resolution, {}) == resolution


def test_a_port_by_reference_is_a_whole_number() -> None:
    assert effective(filled({"port": SECRET}, {SECRET: "5432"}), "etl-dev")["port"] == 5432


@pytest.mark.parametrize("text", ["", "0", "65536", "tell-nobody", "5432\n"])
def test_a_port_by_reference_that_is_none_blocks_its_items_and_is_not_shown(text: str) -> None:
    resolution = filled({"port": SECRET}, {SECRET: text})
    assert resolution.resolved == {}
    error = resolution.blocked[warehouse("etl-dev")]
    assert error.reason is Reason.INVALID_DEFINITION
    assert str(error) == (
        "etl-dev/warehouse: port: what env:WAREHOUSE_PASSWORD gave won't do: a port is a whole number from 1 to 65535"
    )


def test_a_connections_type_by_reference_may_not_be_empty() -> None:
    assert effective(filled({"conn_type": SECRET}, {SECRET: "http"}), "etl-dev") == {"conn_type": "http"}
    resolution = filled({"conn_type": SECRET}, {SECRET: ""})
    assert str(resolution.blocked[warehouse("etl-dev")]).endswith("won't do: it is empty")


def test_a_reference_that_cannot_be_read_blocks_the_items_that_need_it_and_no_others() -> None:
    definition = shared({"conn_type": "http"}, environments={"prod": {"password": SECRET}}, link_all=True)
    error = WaitError(Reason.REFERENCE_UNREADABLE, str(SECRET), "isn't set", "set it")
    resolution = fill(resolve(workspace(definition), Scope()), {SECRET: error})
    assert resolution.resolved.keys() == {warehouse("etl-dev")}
    blocked = resolution.blocked[warehouse("etl-prod")]
    assert type(blocked) is WaitError
    assert blocked.reason is Reason.REFERENCE_UNREADABLE
    assert str(blocked) == "etl-prod/warehouse: password: env:WAREHOUSE_PASSWORD: isn't set; set it"


@pytest.mark.parametrize(
    ("error", "branch"),
    [
        (FixError(Reason.REFERENCE_REFUSED, "s", "p"), FixError),
        (WaitError(Reason.UNAVAILABLE, "s", "p"), WaitError),
        (Problems([FixError(Reason.REFERENCE_REFUSED, "s", "p")]), FixError),
    ],
    ids=["fix", "wait", "problems"],
)
def test_a_blocked_item_is_fixed_or_waited_for_as_its_reference_is(error: SyncError, branch: type[SyncError]) -> None:
    blocked = filled({"password": SECRET}, {SECRET: error}).blocked[warehouse("etl-dev")]
    assert isinstance(blocked, branch)
    assert blocked.reason is error.reason


def test_what_was_blocked_stays_blocked() -> None:
    resolution = resolve(workspace(shared({}, link_all=True)), Scope())
    assert fill(resolution, {}).blocked == resolution.blocked
