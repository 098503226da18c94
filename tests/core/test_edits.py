"""What a change of a workspace looks like: field by field, secrets by name only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from syncd.core.canonical import text
from syncd.core.edits import Edit, edits
from syncd.core.model import Definition, Deployment, Fields, Key, Reference, Workspace
from syncd.core.secrets import MASK
from tests import strategies as some

WAREHOUSE = Key("connection", "warehouse")
EMPTY = Workspace("analytics", ("dev", "prod"))


def holding(*definitions: Definition) -> Workspace:
    return replace(EMPTY, definitions={definition.key: definition for definition in definitions})


def of(fields: Fields | None = None, **more: Any) -> Workspace:
    return holding(Definition(WAREHOUSE, fields or {}, **more))


def between(before: Workspace, after: Workspace) -> list[tuple[str, str | None, str | None]]:
    found = edits(before, after)
    assert {edit.subject for edit in found} <= {"connection warehouse"}
    return [edit[1:] for edit in found]


def test_a_field_is_shown_as_old_and_new() -> None:
    before = of({"host": "a", "login": "x", "port": 1})
    after = of({"host": "b", "port": 1, "schema": ""})
    assert between(before, after) == [("host", '"a"', '"b"'), ("login", '"x"', None), ("schema", None, '""')]


def test_a_field_that_is_unset_is_not_one_that_is_not_there() -> None:
    assert between(of({"host": "a"}), of({"host": None})) == [("host", '"a"', "null")]
    assert between(of({"host": None}), of({})) == [("host", "null", None)]


@pytest.mark.parametrize(("old", "new"), [(True, 1), (1, 1.0), ("1", 1), ("", None), ([0], [False])])
def test_values_that_python_holds_for_equal_are_a_change(old: Any, new: Any) -> None:
    assert between(of({"extra": {"a": old}}), of({"extra": {"a": new}})) == [("extra.a", text(old), text(new))]


def test_overrides_and_links_are_told_apart() -> None:
    after = of({}, environments={"prod": {"host": "b"}}, links={"etl-prod": {"extra": {"x.y": 1}}})
    assert between(of({}), after) == [
        ("environment prod: host", None, '"b"'),
        ("link etl-prod", None, "linked"),
        ('link etl-prod: extra."x.y"', None, "1"),
    ]


def test_link_all_and_exclusions_are_changes() -> None:
    after = of({}, link_all=True, exclude=frozenset({"etl-dev"}))
    assert between(of({}), after) == [("exclude etl-dev", None, "excluded"), ("link_all", None, "true")]
    assert between(after, of({})) == [("exclude etl-dev", "excluded", None), ("link_all", "true", None)]


def test_a_secret_that_changed_is_named_and_not_shown() -> None:
    before = of({"password": "tell-nobody", "extra": {"token": "tell-nobody"}})
    after = of({"password": "tell-nobody-new", "extra": {"token": ["tell-nobody"]}})
    assert between(before, after) == [("extra.token", MASK, MASK), ("password", MASK, MASK)]


def test_a_secret_that_did_not_change_is_no_edit() -> None:
    assert between(of({"password": "tell-nobody"}), of({"password": "tell-nobody"})) == []


def test_a_secret_that_comes_or_goes_is_shown_as_that() -> None:
    assert between(of({}), of({"password": "tell-nobody"})) == [("password", None, MASK)]
    assert between(of({"password": "tell-nobody"}), of({"password": None})) == [("password", MASK, "null")]


def test_a_field_declared_secret_is_not_shown_on_its_last_day() -> None:
    """Whoever declares it has just found out that it is one."""
    before, declared = of({"host": "tell-nobody"}), frozenset({("host",)})
    assert between(before, of({"host": "tell-nobody"}, secret_fields=declared)) == [
        ("host", MASK, MASK),
        ("secret_fields", None, "host"),
    ]
    assert ("host", MASK, MASK) in between(before, of({"host": "changed"}, secret_fields=declared))


def test_a_reference_is_shown_by_where_it_is_read() -> None:
    before = of({"password": "tell-nobody", "host": "a"})
    after = of({"password": Reference("env", "P"), "host": Reference("file", "/h")})
    assert between(before, after) == [("host", '"a"', "from file:/h"), ("password", MASK, "from env:P")]
    assert between(after, of({"password": Reference("env", "Q"), "host": "a"})) == [
        ("host", "from file:/h", '"a"'),
        ("password", "from env:P", "from env:Q"),
    ]


def test_a_definition_that_comes_or_goes_is_an_edit_even_without_a_field() -> None:
    assert between(EMPTY, of({})) == [("", None, "defined")]
    assert between(of({}), EMPTY) == [("", "defined", None)]


def test_deployments_and_environments_are_told_too() -> None:
    before = replace(EMPTY, deployments={"a": Deployment("a", "dev", ("files",)), "b": Deployment("b", "dev")})
    after = replace(
        EMPTY,
        environments=("dev", "staging", "prod"),
        deployments={"a": Deployment("a", "prod", ("files", "vault")), "c": Deployment("c", "dev")},
    )
    assert edits(before, after) == (
        Edit("workspace", "environments", "dev, prod", "dev, staging, prod"),
        Edit("deployment a", "environment", "dev", "prod"),
        Edit("deployment a", "targets", "files", "files, vault"),
        Edit("deployment b", "environment", "dev", None),
        Edit("deployment b", "targets", "", None),
        Edit("deployment c", "environment", None, "dev"),
        Edit("deployment c", "targets", None, ""),
    )


def test_a_part_of_a_deployment_that_stays_is_no_edit() -> None:
    before = replace(EMPTY, deployments={"a": Deployment("a", "dev", ("files",))})
    after = replace(EMPTY, deployments={"a": Deployment("a", "prod", ("files",))})
    assert edits(before, after) == (Edit("deployment a", "environment", "dev", "prod"),)


def test_a_deployments_own_definition_is_called_so() -> None:
    own = Definition(WAREHOUSE._replace(owner="etl-dev"), {"host": "h"})
    assert {edit.subject for edit in edits(EMPTY, holding(own))} == {"connection warehouse of etl-dev alone"}


@given(some.workspaces())
def test_a_workspace_has_no_edits_against_itself(one: Workspace) -> None:
    turned = replace(
        one,
        definitions={
            key: replace(definition, fields=some.shuffled(definition.fields))
            for key, definition in reversed(list(one.definitions.items()))
        },
    )
    assert edits(one, turned) == ()


@given(some.workspaces(), some.workspaces())
def test_there_are_edits_where_and_only_where_something_differs(one: Workspace, other: Workspace) -> None:
    same = one.deployments == other.deployments and as_text(one) == as_text(other)
    assert (edits(one, other) == ()) == same


@given(some.workspaces(), some.workspaces())
def test_the_way_back_is_the_way_turned_round(one: Workspace, other: Workspace) -> None:
    assert [(edit.subject, edit.field, edit.after, edit.before) for edit in edits(one, other)] == [
        tuple(edit) for edit in edits(other, one)
    ]


def as_text(workspace: Workspace) -> str:
    return text(
        {
            str(key): {
                "fields": one.fields,
                # An override that holds nothing is none.
                "environments": {name: patch for name, patch in one.environments.items() if patch},
                "links": one.links,
                "rest": [sorted(map(list, one.secret_fields)), one.link_all, sorted(one.exclude)],
            }
            for key, one in workspace.definitions.items()
        }
    )
