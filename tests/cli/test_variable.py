"""`syncd variable …`: a kind of one field."""

from __future__ import annotations

import pytest

from tests.cli.runner import Syncd


def test_create_update_delete(syncd: Syncd) -> None:
    syncd.ok("variable", "create", "tier", "value=one", "--link", "etl-dev")
    syncd.ok("variable", "update", "tier", "value=two")

    assert syncd.fields("explain", "etl-dev", "tier", "--variable") == {"value": "two"}
    syncd.ok("variable", "delete", "tier", "--yes")
    assert syncd("variable", "show", "tier").code == 1


def test_an_empty_value_is_a_value(syncd: Syncd) -> None:
    syncd.ok("variable", "create", "nothing", "value=")

    assert syncd.fields("variable", "show", "nothing") == {"value": ""}


def test_a_value_stays_text(syncd: Syncd) -> None:
    for text in ("0123", "no", "null", '{"a": 1}', "1e3"):
        syncd.ok("variable", "create", f"v{text}", f"value={text}")

        assert syncd.fields("variable", "show", f"v{text}") == {"value": text}


def test_list_shows_values(syncd: Syncd) -> None:
    assert ["region", "shared", "eu-west-1", "all", "etl-prod"] in [
        line.split() for line in syncd.ok("variable", "list").out.splitlines()
    ]


@pytest.mark.parametrize("option", [[], ["--secret"]])
def test_a_secret_value_is_no_argument(syncd: Syncd, option: list[str]) -> None:
    key = "salt" if option else "api_key"
    refused = syncd("variable", "create", key, "value=hunter2", *option)
    syncd.ok("variable", "create", key, "value=-", *option, stdin=b"hunter2\n")

    assert refused.code == 2
    assert "hunter2" not in refused.said
    assert syncd.fields("variable", "show", key) == {"value": "(secret)"}
    assert "•••" in syncd.ok("variable", "list").out


def test_a_secret_stays_one(syncd: Syncd) -> None:
    syncd.ok("variable", "create", "salt", "value=-", "--secret", stdin=b"hunter2")

    assert syncd("variable", "update", "salt", "value=hunter3").code == 2
    assert syncd("override", "set", "salt", "--variable", "-e", "dev", "value=hunter3").code == 2
    assert syncd("link", "etl-dev", "salt", "--variable", "--set", "value=hunter3").code == 2


def test_update_makes_it_secret(syncd: Syncd) -> None:
    syncd.ok("variable", "update", "region", "--secret")

    assert syncd.fields("variable", "show", "region") == {"value": "(secret)"}
    assert "eu-west-1" not in syncd.ok("diff", "1").out


def test_it_has_no_other_field(syncd: Syncd) -> None:
    result = syncd("variable", "create", "x", "val=1")

    assert result.code == 2
    assert "did you mean value?" in result.said


def test_its_value_has_no_keys(syncd: Syncd) -> None:
    assert "value is one value, with no key inside" in syncd("variable", "create", "x", "value.a=1").said
