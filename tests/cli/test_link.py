"""`link`, `unlink`, `link-all`, `exclude`."""

from __future__ import annotations

import pytest

from tests.cli.runner import Syncd


def linked(syncd: Syncd, id_: str, kind: str = "connection") -> list[str]:
    """The deployments that get it."""
    found = syncd.json(kind, "show", id_)["linked_to"]
    assert isinstance(found, list)
    return found


def test_link_gives_it_to_a_deployment(syncd: Syncd) -> None:
    syncd.ok("connection", "create", "lake", "conn_type=aws")
    syncd.ok("link", "etl-dev", "lake")

    assert linked(syncd, "lake") == ["etl-dev"]


def test_link_overrides_at_once(syncd: Syncd) -> None:
    edits = syncd.edits("link", "etl-dev", "region", "--variable", "--set", "value=us-east-1")

    assert edits == [
        ("variable region", "link etl-dev", None, "linked"),
        ("variable region", "link etl-dev: value", None, '"us-east-1"'),
    ]


def test_link_again_keeps_what_is_overridden(syncd: Syncd) -> None:
    syncd.ok("link", "etl-prod", "warehouse", "--set", "port=5433")
    fields = syncd.fields("explain", "etl-prod", "warehouse")

    assert (fields["port"], fields["schema"], fields["extra.application_name"]) == (5433, "finance", "etl")


def test_link_reads_references(syncd: Syncd) -> None:
    syncd.ok("link", "etl-dev", "warehouse", "--from", "login=env:WAREHOUSE_LOGIN")

    assert syncd.fields("explain", "etl-dev", "warehouse")["login"] == "env:WAREHOUSE_LOGIN"


def test_link_of_an_excluded_names_the_way_out(syncd: Syncd) -> None:
    result = syncd("link", "etl-dev", "slack")

    assert result.code == 1
    assert "excludes etl-dev" in result.said
    assert "`syncd exclude etl-dev slack --off` first" in result.said


def test_link_is_refused_where_something_isnt_there(syncd: Syncd) -> None:
    assert "did you mean etl-dev" in syncd("link", "etl-dve", "warehouse").said
    assert "did you mean warehouse?" in syncd("link", "etl-dev", "warehuose").said
    assert "--variable" in syncd("link", "etl-dev", "region").said


def test_unlink_takes_it_away_with_its_overrides(syncd: Syncd) -> None:
    edits = syncd.edits("unlink", "etl-prod", "warehouse")

    assert ("connection warehouse", "link etl-prod", "linked", None) in edits
    assert ("connection warehouse", "link etl-prod: schema", '"finance"', None) in edits
    assert linked(syncd, "warehouse") == ["etl-dev"]


def test_unlink_of_what_link_all_implies_names_exclude(syncd: Syncd) -> None:
    result = syncd("unlink", "etl-prod", "slack")

    assert result.code == 1
    assert "is linked to etl-prod by link_all alone" in result.said
    assert "`syncd exclude etl-prod slack`" in result.said
    assert linked(syncd, "slack") == ["etl-prod"]


def test_unlink_of_what_isnt_linked(syncd: Syncd) -> None:
    assert "isn't linked to etl-dev" in syncd("unlink", "etl-dev", "slack").said


def test_link_all_reaches_those_to_come(syncd: Syncd) -> None:
    syncd.ok("link-all", "warehouse")
    syncd.ok("deployment", "create", "late", "-e", "prod")

    assert linked(syncd, "warehouse") == ["etl-dev", "etl-prod", "late"]


def test_link_all_off_leaves_explicit_links(syncd: Syncd) -> None:
    syncd.ok("link-all", "region", "--variable", "--off")

    assert linked(syncd, "region", "variable") == ["etl-prod"]


def test_exclude_keeps_a_deployment_out(syncd: Syncd) -> None:
    syncd.ok("exclude", "etl-prod", "slack")
    assert linked(syncd, "slack") == []

    syncd.ok("exclude", "etl-prod", "slack", "--off")
    assert linked(syncd, "slack") == ["etl-prod"]


def test_exclude_of_an_explicit_link_names_unlink(syncd: Syncd) -> None:
    result = syncd("exclude", "etl-dev", "warehouse")

    assert result.code == 1
    assert "`syncd unlink etl-dev warehouse` first" in result.said


def test_exclude_off_of_what_isnt_excluded(syncd: Syncd) -> None:
    assert "doesn't exclude etl-prod" in syncd("exclude", "etl-prod", "slack", "--off").said


@pytest.mark.parametrize("command", [("link", "etl-dev"), ("unlink", "etl-dev"), ("link-all",), ("exclude", "etl-dev")])
def test_each_knows_variables(syncd: Syncd, command: tuple[str, ...]) -> None:
    result = syncd(*command, "nowhere", "--variable")

    assert result.code == 1
    assert "variable nowhere: isn't in workspace analytics" in result.said
