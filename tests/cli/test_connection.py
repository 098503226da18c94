"""`syncd connection …`"""

from __future__ import annotations

import pytest

from tests.cli.runner import Syncd


def test_list_shows_each_with_its_links(syncd: Syncd) -> None:
    lines = [line.split() for line in syncd.ok("connection", "list").out.splitlines()]

    assert ["scratch", "etl-dev", "sqlite", "etl-dev"] in lines
    assert ["slack", "shared", "slackwebhook", "all", "but", "etl-dev"] in lines
    assert ["warehouse", "shared", "postgres", "etl-dev,", "etl-prod", "prod,", "etl-prod"] in lines


def test_list_shortens_what_is_linked_to_many(syncd: Syncd) -> None:
    for number in range(6):
        syncd.ok("deployment", "create", f"d{number}", "-e", "dev")
        syncd.ok("link", f"d{number}", "warehouse")

    assert "d0, d1, d2 and 5 more" in syncd.ok("connection", "list").said


def test_show_has_every_layer(syncd: Syncd) -> None:
    said = syncd.ok("connection", "show", "warehouse").said

    assert "definition host dev.internal" in said
    assert "environment prod host warehouse.internal" in said
    assert "link etl-prod schema finance" in said
    assert "password ••• from env:WAREHOUSE_PASSWORD" in said
    assert "linked to: etl-dev, etl-prod" in said


def test_create_defines_and_links_at_once(syncd: Syncd) -> None:
    edits = syncd.edits("connection", "create", "lake", "conn_type=aws", "extra.region_name=eu", "--link", "etl-dev")

    assert edits == [
        ("connection lake", "", None, "defined"),
        ("connection lake", "conn_type", None, '"aws"'),
        ("connection lake", "extra.region_name", None, '"eu"'),
        ("connection lake", "link etl-dev", None, "linked"),
    ]


def test_create_links_to_all(syncd: Syncd) -> None:
    syncd.ok("connection", "create", "lake", "conn_type=aws", "--link-all")

    assert syncd.json("connection", "show", "lake")["linked_to"] == ["etl-dev", "etl-prod"]


def test_create_makes_a_deployments_own(syncd: Syncd) -> None:
    syncd.ok("connection", "create", "warehouse", "conn_type=sqlite", "-d", "etl-dev")

    assert syncd.fields("explain", "etl-dev", "warehouse") == {"conn_type": "sqlite"}
    assert syncd.fields("explain", "etl-prod", "warehouse")["conn_type"] == "postgres"


@pytest.mark.parametrize("option", [("--link", "etl-prod"), ("--link-all",)])
def test_a_deployments_own_is_linked_to_no_other(syncd: Syncd, option: tuple[str, ...]) -> None:
    assert syncd("connection", "create", "own", "conn_type=sqlite", "-d", "etl-dev", *option).code == 2


def test_create_links_to_no_deployment_that_isnt_there(syncd: Syncd) -> None:
    result = syncd("connection", "create", "lake", "conn_type=aws", "--link", "etl-prd")

    assert result.code == 1
    assert "deployment etl-prd: isn't in workspace analytics → did you mean etl-prod" in result.said
    assert syncd("connection", "show", "lake").code == 1


def test_create_refuses_an_id_that_is_taken(syncd: Syncd) -> None:
    result = syncd("connection", "create", "warehouse", "conn_type=aws")

    assert result.code == 1
    assert "connection warehouse: is there already" in result.said


def test_create_refuses_what_is_no_id(syncd: Syncd) -> None:
    result = syncd("connection", "create", "no id", "conn_type=aws")

    assert result.code == 1
    assert "an id is 1 to 250 letters" in result.said


def test_create_warns_of_a_missing_conn_type(syncd: Syncd) -> None:
    assert "connection lake has no conn_type" in syncd.ok("connection", "create", "lake", "host=h").err


def test_update_changes_only_what_is_named(syncd: Syncd) -> None:
    before = syncd.json("connection", "show", "warehouse")
    edits = syncd.edits("connection", "update", "warehouse", "port=5433", "extra.sslmode=prefer", "extra.pool=5")
    after = syncd.json("connection", "show", "warehouse")

    assert edits == [
        ("connection warehouse", "extra.pool", None, "5"),
        ("connection warehouse", "extra.sslmode", '"require"', '"prefer"'),
        ("connection warehouse", "port", None, "5433"),
    ]
    assert {name: value for name, value in after.items() if name != "fields"} == {
        name: value for name, value in before.items() if name != "fields"
    }


def test_update_unsets(syncd: Syncd) -> None:
    syncd.ok("connection", "update", "warehouse", "--unset", "extra.sslmode", "--unset", "login")

    assert syncd.fields("connection", "show", "warehouse") == {
        "conn_type": "postgres",
        "host": "dev.internal",
        "password": "env:WAREHOUSE_PASSWORD",
        "schema": "analytics",
    }


def test_update_unsets_nothing_that_isnt_set(syncd: Syncd) -> None:
    result = syncd("connection", "update", "warehouse", "--unset", "port")

    assert result.code == 1
    assert "connection warehouse: doesn't set port" in result.said


def test_update_changes_a_deployments_own(syncd: Syncd) -> None:
    assert syncd.edits("connection", "update", "scratch", "-d", "etl-dev", "host=/tmp/b") == [
        ("connection scratch of etl-dev alone", "host", '"/tmp/scratch.db"', '"/tmp/b"')
    ]


def test_update_makes_a_field_secret(syncd: Syncd) -> None:
    syncd.ok("connection", "update", "warehouse", "--secret-field", "extra.sslmode")

    assert syncd.fields("connection", "show", "warehouse")["extra.sslmode"] == "(secret)"
    assert syncd("connection", "update", "warehouse", "extra.sslmode=prefer").code == 2


def test_update_of_nothing_is_wrong_usage(syncd: Syncd) -> None:
    assert syncd("connection", "update", "warehouse").code == 2


def test_an_update_to_what_it_is_makes_no_revision(syncd: Syncd) -> None:
    result = syncd.ok("connection", "update", "warehouse", "host=dev.internal")

    assert "nothing to change" in result.out
    assert syncd.json("history")["revisions"][0]["number"] == 1


def test_a_null_and_an_empty_text_are_told_apart(syncd: Syncd) -> None:
    syncd.ok("connection", "update", "warehouse", "login=")
    syncd.ok("override", "null", "warehouse", "-d", "etl-prod", "password", "login")
    shown = syncd.json("connection", "show", "warehouse")
    lines = syncd.ok("connection", "show", "warehouse").said

    assert {"path": "login", "value": "", "secret": False, "reference": None} in shown["fields"]
    assert {"path": "password", "value": None, "secret": False, "reference": None} in shown["links"]["etl-prod"]
    assert 'definition login ""' in lines
    assert "link etl-prod login null" in lines
    assert "link etl-prod password null" in lines


def test_delete_asks(syncd: Syncd) -> None:
    result = syncd("connection", "delete", "warehouse")

    assert result.code == 1
    assert "Delete connection warehouse, linked to etl-dev, etl-prod: there is no terminal to ask at" in result.said
    syncd.ok("connection", "show", "warehouse")


def test_delete_takes_links_and_overrides_along(syncd: Syncd) -> None:
    syncd.ok("connection", "delete", "warehouse", "--yes")

    assert syncd("explain", "etl-prod", "warehouse").code == 1
    assert "warehouse" not in syncd.ok("export").out


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("connection", "show", "warehous"), "did you mean warehouse?"),
        (("connection", "show", "nothing-like-it"), "`syncd connection list` shows what is"),
        (("connection", "show", "region"), "there is a variable of this id: `syncd variable …`"),
        (("variable", "show", "slack"), "there is a connection of this id: `syncd connection …`"),
        (("connection", "show", "scratch"), "there is one of etl-dev alone: -d etl-dev"),
        (("connection", "show", "warehouse", "-d", "etl-dev"), "leave -d out"),
        (("connection", "show", "warehouse", "-d", "etl-dv"), "did you mean etl-dev"),
        (("connection", "update", "warehous", "host=h"), "did you mean warehouse?"),
        (("connection", "delete", "warehous", "--yes"), "did you mean warehouse?"),
    ],
)
def test_what_isnt_there_is_told_with_what_is(syncd: Syncd, arguments: tuple[str, ...], meant: str) -> None:
    result = syncd(*arguments)

    assert result.code == 1
    assert meant in result.said
