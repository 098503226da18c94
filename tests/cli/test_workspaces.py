"""`workspace`, `environment`, `deployment`."""

from __future__ import annotations

import pytest

from tests.cli.runner import Syncd


def test_a_workspace_is_made_with_its_environments(empty: Syncd) -> None:
    empty.ok("workspace", "create", "analytics", "-e", "dev", "-e", "prod")

    assert "analytics dev, prod 0 0 1" in empty.ok("workspace", "list").said
    assert "is there already" in empty("workspace", "create", "analytics").said


def test_a_name_that_is_none(empty: Syncd) -> None:
    result = empty("workspace", "create", "Analytics")

    assert result.code == 1
    assert "a name is a-z, 0-9 and -, at most 40 characters" in result.said


def test_the_only_workspace_needs_no_name(syncd: Syncd, monkeypatch: pytest.MonkeyPatch) -> None:
    syncd.ok("workspace", "create", "other", "-e", "dev")
    several = syncd("connection", "list")

    assert several.code == 1
    assert "there are several: analytics, other → choose with --workspace or SYNCD_WORKSPACE" in several.said
    assert "warehouse" in syncd.ok("connection", "list", "-w", "analytics").out
    monkeypatch.setenv("SYNCD_WORKSPACE", "other")
    assert "warehouse" not in syncd.ok("connection", "list").out


def test_nothing_crosses_a_workspace(syncd: Syncd) -> None:
    syncd.ok("workspace", "create", "other", "-e", "dev")

    assert syncd("explain", "etl-dev", "warehouse", "-w", "other").code == 1
    assert syncd("connection", "show", "warehouse", "-w", "other").code == 1


def test_a_workspace_that_isnt_there(syncd: Syncd) -> None:
    assert "did you mean analytics?" in syncd("connection", "list", "-w", "analitics").said
    assert "`syncd workspace create other`" in syncd("connection", "list", "-w", "other").said


def test_no_workspace_names_the_way_to_one(empty: Syncd) -> None:
    assert "there is none yet → `syncd workspace create NAME`, or `syncd apply`" in empty("connection", "list").said


def test_a_workspace_goes_when_it_is_empty(syncd: Syncd) -> None:
    syncd.ok("workspace", "create", "other")

    assert "has deployments" in syncd("workspace", "delete", "analytics", "--yes").said
    assert "there is no terminal to ask at" in syncd("workspace", "delete", "other").said
    syncd.ok("workspace", "delete", "other", "--yes")
    assert "did you mean" not in syncd("workspace", "delete", "other", "--yes").said


def test_environments_are_ordered(syncd: Syncd) -> None:
    syncd.ok("environment", "create", "staging", "--after", "dev")
    syncd.ok("environment", "create", "top")

    assert [one["name"] for one in syncd.json("environment", "list")["environments"]] == [
        "dev",
        "staging",
        "prod",
        "top",
    ]
    assert "dev etl-dev" in syncd.ok("environment", "list").said
    assert "did you mean staging?" in syncd("environment", "create", "x", "--after", "stagin").said


def test_an_environment_that_is_used_stays(syncd: Syncd) -> None:
    result = syncd("environment", "delete", "prod", "--yes")

    assert result.code == 1
    assert "is that of etl-prod → move or delete them first" in result.said


def test_an_environment_goes_with_its_overrides_when_confirmed(syncd: Syncd) -> None:
    syncd.ok("deployment", "update", "etl-prod", "-e", "dev")
    asked = syncd("environment", "delete", "prod")
    syncd.ok("environment", "delete", "prod", "--yes")

    assert "Delete environment prod, with its overrides of connection warehouse: there is no terminal" in asked.said
    assert syncd.json("connection", "show", "warehouse")["environments"] == {}


def test_an_environment_without_overrides_goes_unasked(syncd: Syncd) -> None:
    syncd.ok("environment", "create", "staging")

    syncd.ok("environment", "delete", "staging")


def test_a_deployment_gets_what_is_linked_to_all(syncd: Syncd) -> None:
    syncd.ok("deployment", "create", "late", "-e", "prod", "-t", "files")

    assert syncd.json("deployment", "show", "late") == {
        "name": "late",
        "environment": "prod",
        "targets": ["files"],
        "linked": [
            {"kind": "connection", "id": "slack", "own": False},
            {"kind": "variable", "id": "region", "own": False},
        ],
    }
    assert "late: prod, to files" in syncd.ok("deployment", "show", "late").said


def test_a_deployments_own_is_listed_as_such(syncd: Syncd) -> None:
    linked = syncd.json("deployment", "show", "etl-dev")["linked"]

    assert {"kind": "connection", "id": "scratch", "own": True} in linked
    assert ["etl-dev", "dev", "files", "3"] in [
        line.split() for line in syncd.ok("deployment", "list").out.splitlines()
    ]


def test_a_deployment_moves_and_keeps_its_targets(syncd: Syncd) -> None:
    assert syncd.edits("deployment", "update", "etl-prod", "-e", "dev") == [
        ("deployment etl-prod", "environment", "prod", "dev")
    ]


def test_targets_are_named_anew(syncd: Syncd) -> None:
    assert syncd.edits("deployment", "update", "etl-prod", "-t", "files") == [
        ("deployment etl-prod", "targets", "files, classic", "files")
    ]
    syncd.ok("deployment", "update", "etl-prod", "--no-targets")
    assert syncd.json("deployment", "show", "etl-prod")["targets"] == []


def test_a_target_that_the_installation_hasnt_is_a_warning(syncd: Syncd) -> None:
    warning = "! target vault isn't in syncd.toml"

    assert warning in syncd.ok("deployment", "create", "late", "-e", "prod", "-t", "vault").err
    assert warning in syncd.ok("deployment", "update", "etl-dev", "-t", "vault").err
    assert warning not in syncd.ok("deployment", "update", "etl-dev", "-e", "prod").err


@pytest.mark.parametrize("options", [(), ("-t", "files", "--no-targets")])
def test_an_update_that_says_nothing_or_two_things(syncd: Syncd, options: tuple[str, ...]) -> None:
    assert syncd("deployment", "update", "etl-dev", *options).code == 2


def test_a_deployment_wants_an_environment_that_is_there(syncd: Syncd) -> None:
    assert syncd("deployment", "create", "late").code == 2
    assert "did you mean prod?" in syncd("deployment", "create", "late", "-e", "prdo").said
    assert "did you mean prod?" in syncd("deployment", "update", "etl-dev", "-e", "prdo").said


def test_a_deployment_goes_with_its_own_and_its_links(syncd: Syncd) -> None:
    asked = syncd("deployment", "delete", "etl-dev")
    syncd.ok("deployment", "delete", "etl-dev", "--yes")

    assert "Delete deployment etl-dev of dev, linked to 3 definitions" in asked.said
    assert "etl-dev" not in syncd.ok("export").out
    assert "did you mean etl-prod" in syncd("deployment", "show", "etl-dev").said


def test_where_there_is_nothing_yet_the_way_to_it_is_told(empty: Syncd) -> None:
    assert "`syncd workspace create NAME`, or `syncd apply`" in empty.ok("workspace", "list").out
    empty.ok("workspace", "create", "new")

    assert "`syncd environment create NAME`" in empty.ok("environment", "list").out
    assert "`syncd environment create dev`" in empty("deployment", "create", "etl", "-e", "dev").said
    assert "`syncd deployment create NAME --environment E --target T`" in empty.ok("deployment", "list").said
    assert "`syncd connection create ID conn_type=…`" in empty.ok("connection", "list").said
    assert "`syncd variable create ID value=…`" in empty.ok("variable", "list").said
    assert "no deployment names a target" in empty.ok("status").said
    empty.ok("environment", "create", "dev")
    empty.ok("deployment", "create", "etl", "-e", "dev")
    assert "`syncd link etl ID`" in empty.ok("deployment", "show", "etl").said
