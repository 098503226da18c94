"""`syncd explain`."""

from __future__ import annotations

from tests.cli.runner import Syncd


def test_each_field_has_its_layer_and_secrets_are_masked(syncd: Syncd) -> None:
    lines = [line.split(maxsplit=1)[1] for line in syncd.ok("explain", "etl-prod", "warehouse").out.splitlines()[1:]]

    assert [" ".join(line.split()) for line in lines] == [
        "conn_type postgres ← definition",
        "host warehouse.internal ← environment",
        "login etl ← definition",
        "password ••• from env:WAREHOUSE_PASSWORD ← definition",
        "schema finance ← link",
        "extra.application_name etl ← link",
        "extra.sslmode require ← definition",
    ]
    assert len({line.index("←") for line in lines}) == 1


def test_it_says_which_definition_wins(syncd: Syncd) -> None:
    syncd.ok("connection", "create", "slack", "conn_type=http", "-d", "etl-prod")
    said = syncd.ok("explain", "etl-prod", "slack").said

    assert "slack for etl-prod (own connection)" in said
    assert "etl-prod's own definition wins over the shared one" in said


def test_it_warns_of_a_moved_address(syncd: Syncd) -> None:
    assert "the environment layer moves host and inherits password" in syncd.ok("explain", "etl-prod", "warehouse").err


def test_a_variable(syncd: Syncd) -> None:
    assert syncd.fields("explain", "etl-prod", "region", "--variable") == {"value": "eu-central-1"}


def test_what_isnt_linked_names_the_way_to_it(syncd: Syncd) -> None:
    syncd.ok("connection", "create", "lake", "conn_type=aws")
    syncd.ok("link-all", "region", "--variable", "--off")

    assert "etl-dev/lake: isn't linked → `syncd link etl-dev lake`" in syncd("explain", "etl-dev", "lake").said
    assert "`syncd link etl-dev region --variable`" in syncd("explain", "etl-dev", "region", "--variable").said
    assert (
        "etl-dev/slack: is excluded → `syncd exclude etl-dev slack --off`" in syncd("explain", "etl-dev", "slack").said
    )


def test_what_isnt_there_is_told_with_what_is(syncd: Syncd) -> None:
    assert "did you mean warehouse?" in syncd("explain", "etl-dev", "warehous").said
    assert "did you mean etl-dev" in syncd("explain", "etl-d", "warehouse").said
    assert syncd("explain", "etl-dev", "nothing").code == 1
