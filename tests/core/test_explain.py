"""Why a deployment gets what it gets: fields, layers, masks, notes and warnings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from syncd.core.explain import Explanation, Shown, displayed, explain, news
from syncd.core.merge import leaves, merge
from syncd.core.model import Definition, Deployment, Fields, Item, Key, Reference, Workspace
from syncd.core.resolve import layers, winner
from syncd.core.secrets import MASK
from tests import strategies as some

WAREHOUSE = Key("connection", "warehouse")
ITEM = Item("etl-prod", "connection", "warehouse")


def workspace(*definitions: Definition) -> Workspace:
    return Workspace(
        "analytics",
        ("dev", "prod"),
        {"etl-prod": Deployment("etl-prod", "prod")},
        {definition.key: definition for definition in definitions},
    )


def explained(fields: Fields, link: Fields | None = None, **more: Any) -> Explanation:
    found = explain(workspace(Definition(WAREHOUSE, fields, links={"etl-prod": link or {}}, **more)), ITEM)
    assert found is not None
    return found


def shown(explanation: Explanation) -> dict[tuple[str, ...], tuple[Any, str]]:
    return {one.path: (one.value, one.layer) for one in explanation.fields}


def test_each_field_is_shown_with_its_layer() -> None:
    found = explained(
        {"conn_type": "http", "host": "a", "extra": {"x": 1, "y": "1"}},
        {"schema": "s"},
        environments={"prod": {"host": "b", "extra": {"x": None, "z": [True]}}},
    )
    assert shown(found) == {
        ("conn_type",): ("http", "definition"),
        ("host",): ("b", "environment"),
        ("extra", "y"): ("1", "definition"),
        ("extra", "z"): ([True], "environment"),
        ("schema",): ("s", "link"),
    }
    assert (found.item, found.source, found.notes, found.warnings) == (ITEM, "shared", (), ())


def test_a_secret_has_no_value_here_whatever_it_is() -> None:
    found = explained({"conn_type": "http", "password": "", "extra": {"token": "tell-nobody", "n": {"secret": [1]}}})
    assert {one.value for one in found.fields if one.secret} == {None}
    assert {displayed(one) for one in found.fields if one.secret} == {MASK}
    assert {one.path for one in found.fields if one.secret} == {
        ("password",),
        ("extra", "token"),
        ("extra", "n", "secret"),
    }


def test_a_declared_secret_is_masked() -> None:
    found = explained({"conn_type": "http", "host": "h"}, secret_fields=frozenset({("host",)}))
    assert shown(found)["host",] == (None, "definition")


def test_a_reference_is_shown_by_where_it_is_read_and_never_by_its_value() -> None:
    found = explained({"conn_type": "http", "login": Reference("env", "LOGIN")})
    assert found.fields[-1] == Shown(("login",), None, "definition", secret=True, reference="env:LOGIN")
    assert displayed(found.fields[-1]) == f"{MASK} from env:LOGIN"


def test_what_is_not_linked_is_not_explained() -> None:
    assert explain(workspace(Definition(WAREHOUSE, {})), ITEM) is None


def test_a_deployment_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        explain(workspace(), Item("gone", "connection", "warehouse"))


def test_a_deployments_own_definition_is_said_to_win() -> None:
    own = Definition(WAREHOUSE._replace(owner="etl-prod"), {"conn_type": "sqlite"})
    found = explain(workspace(Definition(WAREHOUSE, {"conn_type": "http"}), own), ITEM)
    assert found is not None
    assert found.source == "own"
    assert shown(found) == {("conn_type",): ("sqlite", "definition")}
    assert found.notes == ("etl-prod's own definition wins over the shared one of the same id",)


def test_where_there_is_no_shared_one_nothing_is_said_to_win() -> None:
    found = explain(workspace(Definition(WAREHOUSE._replace(owner="etl-prod"), {"conn_type": "sqlite"})), ITEM)
    assert found is not None
    assert (found.source, found.notes) == ("own", ())


@given(some.workspaces())
def test_every_field_in_effect_is_explained_and_no_other(one: Workspace) -> None:
    for item in some.ITEMS:
        definition = winner(one, item) if item.deployment in one.deployments else None
        if definition is not None:
            found = explain(one, item)
            assert found is not None
            effective = merge(layers(definition, one.deployments[item.deployment]))
            assert [shown.path for shown in found.fields] == [path for path, _ in leaves(effective.fields)]
            assert {shown.path: shown.layer for shown in found.fields} == effective.origin


@pytest.mark.parametrize(
    "patch",
    [
        {"host": "b.example"},
        {"host": None},
        {"host": ""},
        {"port": 1},
        {"conn_type": "ftp"},
        {"extra": {"endpoint_url": "b.example"}},
        {"extra": {"Account": "b.example"}},
        {"extra": {"nested": {"server": "b.example"}}},
        {"extra": {"region_name": None}},
        {"host": Reference("env", "HOST")},
    ],
)
def test_an_override_that_moves_an_address_and_inherits_a_secret_is_a_warning(patch: Fields) -> None:
    below = {"conn_type": "http", "host": "h", "port": 2, "password": "tell-nobody", "extra": {"region_name": "eu"}}
    (warning,) = explained(below, patch).warnings
    assert warning.startswith("the link layer moves ")
    assert "inherits password" in warning
    assert "b.example" not in warning


def test_a_warning_names_what_moves_and_what_is_inherited() -> None:
    found = explained(
        {"conn_type": "http", "password": "p", "extra": {"my.token": "t"}},
        environments={"prod": {"host": "b", "extra": {"proxy.host": "x", "my.url": "y"}}},
    )
    assert found.warnings == (
        'the environment layer moves extra."my.url", host and inherits extra."my.token", password: '
        "the same secret goes to another address",
    )


@pytest.mark.parametrize(
    "patch",
    [
        {},
        {"schema": "b.example"},
        {"login": "b.example"},
        {"host": "h"},
        {"host": "b.example", "password": "own"},
        {"host": "b.example", "password": None},
        {"extra": {"timeout": 1}},
        {"extra": {"proxy_url": "secret, so it moves nothing that is shown"}},
        {"extra": {"url": None}},
        {"extra": {}},
    ],
)
def test_any_other_override_is_none(patch: Fields) -> None:
    assert explained({"conn_type": "http", "host": "h", "password": "p"}, patch).warnings == ()


@pytest.mark.parametrize(("below", "patch"), [({}, {"host": ""}), ({"host": ""}, {"host": None})])
def test_an_empty_address_is_none_so_nothing_moves(below: Fields, patch: Fields) -> None:
    assert explained({"conn_type": "http", "password": "p", **below}, patch).warnings == ()


def test_an_address_moved_where_no_secret_is_inherited_is_no_warning() -> None:
    assert explained({"conn_type": "http", "host": "h"}, {"host": "b.example", "password": "own"}).warnings == ()


def test_a_layer_that_moves_the_address_and_a_higher_one_that_brings_the_secret_are_no_warning() -> None:
    found = explained(
        {"conn_type": "http", "host": "h", "password": "p"}, {"password": "own"}, environments={"prod": {"host": "b"}}
    )
    assert found.warnings == ()


def test_each_layer_that_moves_an_address_is_warned_of() -> None:
    found = explained(
        {"conn_type": "http", "host": "h", "password": "p"}, {"port": 2}, environments={"prod": {"host": "b"}}
    )
    assert [warning.split(" moves ")[0] for warning in found.warnings] == ["the environment layer", "the link layer"]


def test_a_value_in_place_of_an_object_is_compared_as_a_whole() -> None:
    below = {"conn_type": "http", "password": "p", "extra": {"server": {"a": 1}}}
    assert explained(below, {"extra": {"server": {"a": 1}}}).warnings == ()
    assert len(explained(below, {"extra": {"server": "x"}}).warnings) == 1
    flat = {"conn_type": "http", "password": "p", "extra": {"server": "x"}}
    assert len(explained(flat, {"extra": {"server": {"host": "x"}}}).warnings) == 1


@pytest.mark.parametrize(
    ("value", "text"), [("h", "h"), ("", '""'), (1, "1"), (True, "true"), ([1, "a"], '[1,"a"]'), ({}, "{}")]
)
def test_a_value_is_displayed_as_it_is_and_an_empty_one_so_that_it_is_seen(value: Any, text: str) -> None:
    assert displayed(Shown(("host",), value, "link", secret=False)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *(("null", '"null"'), (None, "null"), ("5", '"5"'), (5, "5"), ("1e5", '"1e5"'), ("true", '"true"')),
        *(
            ("[1]", '"[1]"'),
            ([1], "[1]"),
            ("{}", '"{}"'),
            ('"', '"'),
            ('"5"', '"\\"5\\""'),
            ("[" * 100_000, "[" * 100_000),
        ),
        *(("require", "require"), ("NaN", "NaN"), ("007", "007"), ("a b", "a b")),
    ],
)
def test_a_text_in_extra_that_reads_like_another_value_is_quoted(value: Any, text: str) -> None:
    assert displayed(Shown(("extra", "x"), value, "link", secret=False)) == text


@pytest.mark.parametrize(("value", "text"), [("5", "5"), ("[1]", "[1]"), ("null", '"null"'), (None, "null")])
def test_a_field_that_is_always_text_is_quoted_where_it_reads_like_no_value(value: Any, text: str) -> None:
    assert displayed(Shown(("host",), value, "link", secret=False)) == text


# What a change brings

BEFORE = Definition(WAREHOUSE, {"conn_type": "http", "host": "h", "password": "p"}, links={"etl-prod": {}})
MOVED = "connection warehouse in etl-prod: the environment layer moves host and inherits password"


def warned(before: Workspace, after: Workspace) -> list[str]:
    return [warning.split(":")[0] + ":" + warning.split(":")[1] for warning in news(before, after)]


def test_a_change_that_moves_an_address_is_warned_of_by_whom_it_is_about() -> None:
    after = replace(BEFORE, environments={"prod": {"host": "b.example"}})
    assert warned(workspace(BEFORE), workspace(after)) == [MOVED]
    assert warned(workspace(), workspace(after)) == [MOVED]


def test_a_warning_that_was_there_is_no_news() -> None:
    after = replace(BEFORE, environments={"prod": {"host": "b.example"}})
    later = replace(after, fields={**after.fields, "schema": "s"})
    assert news(workspace(after), workspace(later)) == ()


def test_a_change_that_moves_nothing_where_it_is_linked_is_not_warned_of() -> None:
    elsewhere = replace(BEFORE, environments={"dev": {"host": "b.example"}})
    unlinked = replace(BEFORE, environments={"prod": {"host": "b.example"}}, links={})
    assert news(workspace(BEFORE), workspace(elsewhere)) == news(workspace(BEFORE), workspace(unlinked)) == ()
