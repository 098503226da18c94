"""`syncd override set|null|remove`."""

from __future__ import annotations

import pytest

from tests.cli.runner import Syncd


def test_set_for_an_environment_reaches_its_deployments(syncd: Syncd) -> None:
    syncd.ok("override", "set", "warehouse", "-e", "dev", "port=5433")

    assert syncd.fields("explain", "etl-dev", "warehouse")["port"] == 5433
    assert "port" not in syncd.fields("explain", "etl-prod", "warehouse")


def test_set_for_a_deployment_reaches_it_alone(syncd: Syncd) -> None:
    assert syncd.edits("override", "set", "warehouse", "--deployment", "etl-prod", "schema=x", "extra.a.b=1") == [
        ("connection warehouse", "link etl-prod: extra.a.b", None, "1"),
        ("connection warehouse", "link etl-prod: schema", '"finance"', '"x"'),
    ]


def test_null_unsets_what_the_layers_below_give(syncd: Syncd) -> None:
    syncd.ok("override", "null", "warehouse", "-d", "etl-prod", "extra.sslmode", "login")
    fields = syncd.fields("explain", "etl-prod", "warehouse")

    assert "login" not in fields
    assert "extra.sslmode" not in fields
    assert syncd.fields("explain", "etl-dev", "warehouse")["login"] == "etl"


def test_remove_inherits_again(syncd: Syncd) -> None:
    syncd.ok("override", "null", "warehouse", "-d", "etl-prod", "login")
    syncd.ok("override", "remove", "warehouse", "-d", "etl-prod", "login", "schema")
    fields = syncd.fields("explain", "etl-prod", "warehouse")

    assert (fields["login"], fields["schema"]) == ("etl", "analytics")


def test_remove_of_the_last_leaves_the_link(syncd: Syncd) -> None:
    syncd.ok("override", "remove", "warehouse", "-d", "etl-prod", "schema", "extra.application_name")

    assert syncd.json("connection", "show", "warehouse")["links"] == {"etl-dev": [], "etl-prod": []}


def test_remove_of_the_last_leaves_no_empty_environment(syncd: Syncd) -> None:
    syncd.ok("override", "remove", "warehouse", "-e", "prod", "host")

    assert syncd.json("connection", "show", "warehouse")["environments"] == {}


def test_remove_of_what_isnt_overridden(syncd: Syncd) -> None:
    result = syncd("override", "remove", "warehouse", "-d", "etl-prod", "port")

    assert result.code == 1
    assert "link etl-prod: doesn't set port" in result.said


def test_a_moved_address_with_an_inherited_secret_is_a_warning(syncd: Syncd) -> None:
    result = syncd.ok("override", "set", "warehouse", "-d", "etl-dev", "host=elsewhere")

    assert "! connection warehouse in etl-dev: the link layer moves host and inherits password" in result.err


@pytest.mark.parametrize("where", [[], ["-d", "etl-dev", "-e", "dev"]])
@pytest.mark.parametrize("verb", ["set", "null", "remove"])
def test_it_wants_one_place(syncd: Syncd, verb: str, where: list[str]) -> None:
    field = "port=1" if verb == "set" else "port"

    assert syncd("override", verb, "warehouse", field, *where).code == 2


def test_set_wants_a_field(syncd: Syncd) -> None:
    assert syncd("override", "set", "warehouse", "-e", "dev").code == 2


def test_null_takes_names_alone(syncd: Syncd) -> None:
    result = syncd("override", "null", "warehouse", "-e", "dev", "password=hunter2")

    assert result.code == 2
    assert "hunter2" not in result.said


def test_a_place_that_isnt_there(syncd: Syncd) -> None:
    assert "did you mean prod?" in syncd("override", "set", "warehouse", "-e", "prdo", "port=1").said
    assert "did you mean etl-prod" in syncd("override", "null", "warehouse", "-d", "etl-prdo", "port").said
    assert "it has dev, prod" in syncd("override", "remove", "warehouse", "-e", "zzz", "port").said


def test_a_deployment_that_isnt_linked(syncd: Syncd) -> None:
    result = syncd("override", "set", "slack", "-d", "etl-dev", "login=x")

    assert result.code == 1
    assert "isn't linked to etl-dev" in result.said
