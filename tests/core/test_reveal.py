"""What a copy of a deployment gets, and what is withheld from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.errors import Reason
from syncd.core.merge import leaves
from syncd.core.model import Definition, Deployment, Item, Key, Reference, Scope, Workspace
from syncd.core.resolve import resolve
from syncd.core.reveal import Reveal, Rule, copied

WAREHOUSE, SLACK = Key("connection", "warehouse"), Key("connection", "slack")
TOKEN = Reference("env", "SLACK_TOKEN")
SAMPLE = Workspace(
    "analytics",
    ("dev", "staging", "prod"),
    {"etl-dev": Deployment("etl-dev", "dev"), "etl-prod": Deployment("etl-prod", "prod")},
    {
        WAREHOUSE: Definition(
            WAREHOUSE,
            {"conn_type": "postgres", "password": Reference("env", "WAREHOUSE_PASSWORD")},
            environments={"prod": {"password": Reference("file", "/run/secrets/warehouse")}},
            links={"etl-dev": {}, "etl-prod": {"schema": "finance"}},
        ),
        SLACK: Definition(
            SLACK, {"conn_type": "slackwebhook", "password": TOKEN}, link_all=True, exclude=frozenset({"etl-dev"})
        ),
    },
)
SHARED = replace(
    SAMPLE, definitions={**SAMPLE.definitions, SLACK: replace(SAMPLE.definitions[SLACK], exclude=frozenset())}
)
"""With `exclude` taken off: etl-dev gets the token that etl-prod has."""


def withheld(workspace: Workspace, deployment: str = "etl-dev", reveal: Reveal = Reveal()) -> set[tuple[str, str]]:  # noqa: B008  frozen
    found = copied(workspace, deployment, reveal).resolved
    return {(item.id, ".".join(gap.path)) for item, one in found.items() for gap in one.withheld}


def one(fields: dict[str, Any], **more: Any) -> Workspace:
    """`lake` for both deployments."""
    key = Key("connection", "lake")
    links: dict[str, Any] = {"etl-dev": {}, "etl-prod": {}}
    return replace(SAMPLE, definitions={key: Definition(key, fields, **{"links": links, **more})})


# The rule


def test_the_sample_goes_to_a_laptop_whole() -> None:
    assert withheld(SAMPLE) == set()


def test_the_way_out_is_one_of_the_deployment_that_was_asked_for() -> None:
    def ways_out(deployment: str) -> set[str]:
        found = copied(SHARED, deployment, Reveal()).resolved.values()
        return {gap.remedy.partition(",")[0] for one in found for gap in one.withheld}

    assert ways_out("etl-dev") == {"give the lowest environment a value of its own"}
    assert ways_out("etl-prod") == {"take a deployment of environment dev"}  # which may have one long since


def test_a_secret_that_production_gets_too_is_withheld() -> None:
    assert withheld(SHARED) == {("slack", "password")}


def test_what_is_of_a_higher_environment_itself_is_withheld() -> None:
    assert withheld(SAMPLE, "etl-prod") == {("warehouse", "password"), ("slack", "password")}


def test_what_is_not_secret_goes_wherever_it_is_in_effect() -> None:
    assert withheld(one({"conn_type": "http", "host": "lake.internal", "extra": {"region": "eu"}})) == set()


@pytest.mark.parametrize("where", ["other field", "other connection", "variable"])
def test_it_counts_wherever_the_same_value_is_in_effect(where: str) -> None:
    mine = one({"conn_type": "http", "password": "the same"}, environments={"prod": {"password": "another"}})
    key = Key("variable", "api_key") if where == "variable" else Key("connection", "theirs")
    theirs_by_case: dict[str, dict[str, Any]] = {
        "other field": {"conn_type": "http", "extra": {"token": "the same"}},
        "other connection": {"conn_type": "http", "password": "the same"},
        "variable": {"value": "the same"},
    }
    theirs = Definition(key, theirs_by_case[where], links={"etl-prod": {}})
    assert withheld(mine) == set()
    assert withheld(replace(mine, definitions={**mine.definitions, key: theirs})) == {("lake", "password")}


def test_a_value_that_every_higher_environment_replaces_is_the_lowest_ones() -> None:
    fields = {"conn_type": "http", "password": "dev's"}
    assert withheld(one(fields, environments={"prod": {"password": "prod's"}})) == set()
    assert withheld(one(fields, environments={"prod": {"password": None}})) == set()
    assert withheld(one(fields, environments={"staging": {"password": "staging's"}})) == {("lake", "password")}


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (["the same"], ["the same", "another"]),
        (["the same"], "the same"),
        ([{"password": "the same"}], [{"password": "another"}, {"password": "the same", "user": "me"}]),
        ({"inner": [["the same"]]}, ["the same"]),
        (12345, "12345"),
        ([{"pin": 12345}], "12345"),
    ],
)
def test_it_counts_in_lists_and_as_a_number_too(mine: Any, theirs: Any) -> None:
    here = one({"conn_type": "http", "extra": {"token": mine}}, links={"etl-dev": {}})
    key = Key("connection", "theirs")
    there = Definition(key, {"conn_type": "http", "extra": {"token": theirs}}, links={"etl-prod": {}})
    found = {id_ for id_, _ in withheld(replace(here, definitions={**here.definitions, key: there}))}
    assert found == {"lake"}


def test_of_objects_in_a_list_that_say_what_is_secret_the_rest_is_no_secret() -> None:
    mine, theirs = ({"main": [{"name": "a", "password": password}]} for password in ("dev's", "prod's"))
    here = one({"conn_type": "http", "extra": mine}, environments={"prod": {"extra": theirs}})
    assert withheld(here) == set()


def test_what_lacks_something_in_a_higher_environment_is_still_in_use_there() -> None:
    """A pass holds it: the target has what it had."""
    blocked = one({"conn_type": "http", "password": "pw"}, environments={"prod": {"conn_type": None}})
    assert withheld(blocked) == {("lake", "password")}


def test_yes_and_no_tell_nothing() -> None:
    assert withheld(one({"conn_type": "http", "extra": {"use_proxy": True}})) == set()


def test_an_empty_secret_tells_nothing() -> None:
    assert withheld(one({"conn_type": "http", "password": ""})) == set()


def test_where_there_is_one_environment_it_is_the_lowest() -> None:
    everywhere = {name: replace(one, environment="dev") for name, one in SHARED.deployments.items()}
    assert withheld(replace(SHARED, deployments=everywhere)) == set()


# By name


@pytest.mark.parametrize(
    "rule",
    [
        Rule(environment="prod"),
        Rule("", "connection", "slack"),
        Rule("", "connection", "slack", ("password",)),
    ],
)
def test_what_is_allowed_by_name_goes(rule: Rule) -> None:
    assert withheld(SHARED, reveal=Reveal(allow=(rule,))) == set()


@pytest.mark.parametrize(
    "rule", [Rule(environment="staging"), Rule("", "connection", "slack", ("extra",)), Rule("", "variable", "slack")]
)
def test_what_is_of_another_name_does_not(rule: Rule) -> None:
    assert withheld(SHARED, reveal=Reveal(allow=(rule,))) == {("slack", "password")}


@pytest.mark.parametrize("first", ["staging", "prod"])
def test_what_is_of_two_higher_environments_is_of_the_highest(first: str) -> None:
    both = {f"etl-{name}": Deployment(f"etl-{name}", name) for name in sorted(("staging", "prod"), key=first.__ne__)}
    here = replace(SHARED, deployments={"etl-dev": SAMPLE.deployments["etl-dev"], **both})
    assert withheld(here, reveal=Reveal(allow=(Rule(environment="staging"),))) == {("slack", "password")}
    assert withheld(here, reveal=Reveal(allow=(Rule(environment="prod"),))) == set()


@pytest.mark.parametrize("rule", [Rule(environment="dev"), Rule("", "connection", "warehouse")])
def test_what_is_forbidden_by_name_does_not_go_though_it_is_allowed(rule: Rule) -> None:
    assert withheld(SAMPLE, reveal=Reveal(allow=(rule,), forbid=(rule,))) == {("warehouse", "password")}


def test_a_gap_names_the_field_its_environment_and_the_way_out() -> None:
    item = Item("etl-dev", "connection", "slack")
    (gap,) = copied(SHARED, "etl-dev", Reveal()).resolved[item].withheld
    error = gap.error(item)
    assert error.reason is Reason.WITHHELD
    assert str(error).startswith("etl-dev/slack: password is withheld: it is a secret of environment prod; give")


# What is left


def test_what_is_withheld_is_not_even_read() -> None:
    found = copied(SHARED, "etl-dev", Reveal())
    slack = found.resolved[Item("etl-dev", "connection", "slack")]
    assert list(slack.references) == []
    assert slack.effective.fields == {"conn_type": "slackwebhook"}


VALUES = st.sampled_from(["a", "b", "c", TOKEN, Reference("env", "OTHER")])
PATCHES = st.fixed_dictionaries(
    {}, optional={"password": st.none() | VALUES, "extra": st.fixed_dictionaries({"token": VALUES})}
)


@given(
    st.lists(
        st.tuples(VALUES, st.dictionaries(st.sampled_from(SAMPLE.environments), PATCHES), PATCHES, PATCHES), min_size=1
    )
)
def test_no_secret_in_effect_in_a_higher_environment_is_in_a_copy(drawn: list[Any]) -> None:
    definitions = {}
    for number, (value, environments, dev, prod) in enumerate(drawn):
        key = Key("connection", f"c{number}")
        links = {"etl-dev": dev, "etl-prod": prod}
        definitions[key] = Definition(key, {"conn_type": "http", "password": value}, frozenset(), environments, links)
    workspace = replace(SAMPLE, definitions=definitions)
    found = copied(workspace, "etl-dev", Reveal())

    def values(deployment: str, resolution: Any) -> set[str]:
        mine = [one for item, one in resolution.resolved.items() if item.deployment == deployment]
        return {
            str(value)
            for one in mine
            for path, value in leaves(one.effective.fields)
            if path[-1] in ("password", "token")
        }

    assert not values("etl-dev", found) & values("etl-prod", resolve(workspace, Scope()))
    kept = values("etl-dev", resolve(workspace, Scope())) - values("etl-prod", resolve(workspace, Scope()))
    assert kept <= values("etl-dev", found)
