"""What a workspace can't hold: each problem with its place and without its value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from syncd.core.checks import DEEPEST, Finding, address, check, is_mask, problems
from syncd.core.model import Definition, Deployment, Fields, Key, Path, Reference, Workspace
from tests import strategies as some

KEY = Key("connection", "warehouse")
REFERENCE = Reference("env", "X")


def workspace(*definitions: Definition, **more: Any) -> Workspace:
    one = Workspace(
        "analytics",
        ("dev", "prod"),
        {"etl-dev": Deployment("etl-dev", "dev")},
        {definition.key: definition for definition in definitions},
    )
    return replace(one, **more)


def found(*definitions: Definition, **more: Any) -> list[tuple[Path, str]]:
    return [(finding.path, finding.problem) for finding in check(workspace(*definitions, **more))]


@given(some.workspaces())
def test_a_valid_workspace_has_no_finding(one: Workspace) -> None:
    assert list(check(one)) == []


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a_b", "é", "a\n", "a" * 41])
def test_names_are_small_letters_digits_and_dashes(name: str) -> None:
    assert found(name=name) == [((), "no name that a workspace may have")]
    assert (("environments", name), "no name that an environment may have") in found(environments=("dev", name))
    assert (("deployments", name), "no name that a deployment may have") in found(
        deployments={name: Deployment(name, "dev")}
    )


@pytest.mark.parametrize("name", ["a", "0", "a-b", "a--b", "a" * 40])
def test_names_that_are_allowed(name: str) -> None:
    assert found(name=name, environments=(name,), deployments={name: Deployment(name, name)}) == []


def test_an_environment_is_named_once() -> None:
    assert found(environments=("dev", "prod", "dev")) == [(("environments", "dev"), "is named twice")]


def test_a_deployment_is_in_an_environment_of_its_workspace() -> None:
    deployments = {"a": Deployment("a", "staging")}
    assert found(deployments=deployments) == [
        (("deployments", "a", "environment"), "no environment of this workspace; it has dev, prod")
    ]
    assert "it has none" in found(deployments=deployments, environments=())[0][1]


def test_an_id_is_one_that_airflow_allows() -> None:
    key = Key("connection", "a b")
    (finding,) = check(workspace(Definition(key, {})))
    assert finding == Finding(
        ("connections", "a b"),
        "no id of a connection",
        "an id is 1 to 250 letters, digits or any of _ # ! ( ) - . : / \\",
    )


def test_an_own_definition_is_of_a_deployment_that_is_there() -> None:
    own = Definition(KEY._replace(owner="gone"), {})
    assert found(own) == [(("deployments", "gone", "connections", "warehouse"), "its deployment isn't there")]


@pytest.mark.parametrize(
    "more",
    [
        {"environments": {"dev": {}}},
        {"links": {"etl-dev": {}}},
        {"link_all": True},
        {"exclude": frozenset({"etl-dev"})},
    ],
)
def test_an_own_definition_has_no_links_and_no_overrides(more: dict[str, Any]) -> None:
    own = Definition(KEY._replace(owner="etl-dev"), {}, **more)
    assert found(own) == [
        (address(own.key), "a deployment's own definition has no links and no overrides"),
    ]


def test_overrides_and_links_name_what_is_there() -> None:
    definition = Definition(KEY, {}, environments={"staging": {}}, links={"gone": {}}, exclude=frozenset({"away"}))
    at = ("connections", "warehouse")
    assert found(definition) == [
        ((*at, "environments", "staging"), "no environment of this workspace; it has dev, prod"),
        ((*at, "links", "gone"), "no deployment of this workspace; it has etl-dev"),
        ((*at, "exclude"), "away is no deployment of this workspace"),
    ]


def test_linked_and_excluded_at_once_is_a_finding() -> None:
    definition = Definition(KEY, {}, links={"etl-dev": {}}, exclude=frozenset({"etl-dev"}))
    (finding,) = check(workspace(definition))
    assert finding == Finding(
        ("connections", "warehouse", "exclude"),
        "etl-dev is linked and excluded at once",
        "take one of the two away",
    )


@pytest.mark.parametrize("path", [(), ("extras", "a"), ("host", "a"), ("value",)])
def test_a_secret_field_is_a_field(path: Path) -> None:
    (finding,) = found(Definition(KEY, {}, frozenset({path})))
    assert finding[0] == ("connections", "warehouse", "secret_fields")


@pytest.mark.parametrize("path", [("host",), ("extra",), ("extra", "a"), ("extra", "a", "b.c")])
def test_secret_fields_that_are_allowed(path: Path) -> None:
    assert found(Definition(KEY, {}, frozenset({path}))) == []


def test_a_problem_is_found_in_each_layer() -> None:
    bad: Fields = {"port": 0}
    definition = Definition(KEY, bad, environments={"dev": bad}, links={"etl-dev": bad})
    at = ("connections", "warehouse")
    assert {path for path, _ in found(definition)} == {
        (*at, "port"),
        (*at, "environments", "dev", "port"),
        (*at, "links", "etl-dev", "port"),
    }


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"hots": "tell-nobody"}, ("hots",)),
        ({"conn_id": "tell-nobody"}, ("conn_id",)),
        ({"host": 12345678}, ("host",)),
        ({"host": ["tell-nobody"]}, ("host",)),
        ({"password": True}, ("password",)),
        ({"host": "tell-nobody\ud800"}, ("host",)),
        ({"password": "********"}, ("password",)),
        ({"password": "•••"}, ("password",)),
        ({"port": "5432"}, ("port",)),
        ({"port": 12345678}, ("port",)),
        ({"port": True}, ("port",)),
        ({"port": 1.5}, ("port",)),
        ({"extra": "tell-nobody"}, ("extra",)),
        ({"extra": ["tell-nobody"]}, ("extra",)),
        ({"extra": REFERENCE}, ("extra",)),
        ({"extra": {"a": float("nan")}}, ("extra", "a")),
        ({"extra": {"a": [float("inf")]}}, ("extra", "a")),
        ({"extra": {"a": {"b": "tell-nobody\udcff"}}}, ("extra", "a", "b")),
        ({"extra": {"a": "***"}}, ("extra", "a")),
        ({"extra": {"a": ["***"]}}, ("extra", "a")),
        ({"extra": {"": "tell-nobody"}}, ("extra",)),
        ({"extra": {1: "tell-nobody"}}, ("extra",)),
        ({"extra": {"a": {"\ud800": 1}}}, ("extra", "a")),
        ({"extra": {"a": {"$from": "tell-nobody"}}}, ("extra", "a")),
        ({"extra": {"$stored": True}}, ("extra",)),
        ({"extra": {"a": [REFERENCE]}}, ("extra", "a")),
        ({"extra": {"a": [{"b": REFERENCE}]}}, ("extra", "a")),
        ({"extra": {"a": [[REFERENCE]]}}, ("extra", "a")),
        ({"extra": {"a": [{"b": [REFERENCE]}]}}, ("extra", "a")),
        ({"extra": {"$schema": "tell-nobody"}}, ("extra",)),
    ],
)
def test_what_a_connection_cannot_hold_is_told_by_its_path_and_not_shown(fields: Fields, path: Path) -> None:
    (problem,) = problems("connection", fields)
    assert problem[0] == path
    assert not any(value in problem[1] for value in ("tell-nobody", "12345678", "5432"))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"host": None, "port": None, "extra": None},
        {"host": "", "password": "*"},
        {"port": 1},
        {"port": 65535},
        {"host": REFERENCE, "port": REFERENCE, "extra": {"a": REFERENCE, "b": {"c": REFERENCE}}},
        {"extra": {}},
        {"extra": {"a": None, "b": [None, 1.5, True, {"c": None}], "d": {"sch$ema": "$x"}}},
    ],
)
def test_what_a_connection_can_hold(fields: Fields) -> None:
    assert list(problems("connection", fields)) == []


@pytest.mark.parametrize("wrap", [lambda inner: {"a": inner}, lambda inner: [inner]], ids=["objects", "lists"])
def test_an_extra_is_nested_only_so_deep(wrap: Callable[[Any], Any]) -> None:
    """So that nothing that walks it ever runs out of stack."""
    value: Any = "tell-nobody"
    for _ in range(DEEPEST - 2):
        value = wrap(value)
    assert list(problems("connection", {"extra": {"x": value}})) == []
    for _ in range(3000):
        value = wrap(value)
    (problem,) = problems("connection", {"extra": {"x": value}})
    assert problem[0][0] == "extra"
    assert f"nested deeper than {DEEPEST}" in problem[1]


def test_all_problems_are_told_at_once() -> None:
    assert (
        len(list(problems("connection", {"hots": 1, "port": 0, "extra": {"a": float("nan"), "b": float("nan")}}))) == 4
    )


def test_a_variable_has_one_field() -> None:
    assert list(problems("variable", {"value": ""})) == []
    assert [path for path, _ in problems("variable", {"value": 1, "host": "h"})] == [("value",), ("host",)]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_cannot_hold_is_found_wherever_it_stands(number: float) -> None:
    for value in (number, [number], {"a": number}, [{"a": [number]}]):
        assert len(list(problems("connection", {"extra": {"x": value}}))) == 1


@pytest.mark.parametrize(
    ("text", "mask"), [("***", True), ("•••", True), ("*•*", True), ("**", False), ("***a", False), ("", False)]
)
def test_a_mask_is_known_for_one(text: str, mask: bool) -> None:
    assert is_mask(text) is mask
