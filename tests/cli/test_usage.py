"""Wrong usage: exit 2, what is right, and never what was given."""

from __future__ import annotations

import pytest

from tests.cli.runner import Syncd

SECRET = "hunter2-0f3d"


@pytest.mark.parametrize(
    "arguments",
    [
        [SECRET],
        ["connection", SECRET],
        ["connection", "list", SECRET],
        ["connection", "show", "warehouse", SECRET],
        ["link", "etl-dev", "warehouse", f"password={SECRET}"],
        ["link", "etl-dev", "warehouse", "--set", SECRET],
        ["connection", "create", "it", SECRET],
        ["connection", "create", "it", f"pasword={SECRET}"],
        ["connection", "create", "it", f"{SECRET}="],
        ["connection", "create", "it", f"{SECRET}=="],
        ["connection", "create", "it", f"postgres://user:{SECRET}@host/db"],
        ["connection", "create", "it", f"password.{SECRET}"],
        ["connection", "create", "it", f"port={SECRET}"],
        ["connection", "create", "it", f"password=@{SECRET}"],
        ["connection", "create", "it", f"password=@~{SECRET}/x"],
        ["connection", "create", "it", f"extra={SECRET}"],
        ["connection", "create", "it", f"extra={{'password': '{SECRET}'}}"],
        ["connection", "create", "it", f'extra={{"password": "{SECRET}"'],
        ["connection", "create", "it", f'extra.a={{"password": "{SECRET}"'],
        ["connection", "create", "it", f'extra.a=[{{"password": "{SECRET}"'],
        ["connection", "create", "it", f'extra={{"password": "{SECRET}", "password": "{SECRET}"}}'],
        ["connection", "create", "it", "--from", SECRET],
        ["connection", "create", "it", "--from", f"password={SECRET}"],
        ["connection", "create", "it", "--secret-field", SECRET],
        ["connection", "create", "it", "--password", SECRET],
        ["connection", "create", "it", f"--password={SECRET}"],
        ["connection", "create", "it", f"--{SECRET}"],
        ["connection", "create", "it", f"-p{SECRET}"],
        ["connection", "create", "it", f"--link-all={SECRET}"],
        ["connection", "update", "warehouse", "--unset", SECRET],
        ["connection", "list", "--output", SECRET],
        ["connection", "list", f"-o{SECRET}"],
        ["override", "set", "warehouse", "-e", "dev", SECRET],
        ["override", "null", "warehouse", "-e", "dev", SECRET],
        ["override", "remove", "warehouse", "-e", "dev", f"password={SECRET}"],
        ["variable", "create", "api_key", f"value={SECRET}"],
        ["variable", "create", "it", f"value={SECRET}", "--secret"],
        ["history", "--last", SECRET],
        ["diff", SECRET],
        ["rollback", SECRET],
        ["sync", "--wait", SECRET],
        ["sync", SECRET],
        ["key", SECRET],
    ],
)
def test_what_was_given_is_never_repeated(syncd: Syncd, arguments: list[str]) -> None:
    result = syncd(*arguments)

    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("✗ syncd")
    assert SECRET not in result.said
    assert SECRET[:8] not in result.said
    assert SECRET[-8:] not in result.said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["conection"], "✗ syncd: no such command; did you mean connection?"),
        (["connection", "lst"], "✗ syncd connection: no such command; did you mean list?"),
        (["zzz"], "no such command; there are init, apply, export"),
        (["connection", "list", "--outptu", "json"], "no such option; did you mean --output?"),
        (["connection", "list", "--zzz"], "no such option; its help shows those that there are"),
        (["connection", "create", "it", "--host", "x"], "fields are given without dashes: host=…, or host alone"),
        (["connection", "list", "-o", "xml"], "--output takes table or json"),
        (["history", "-n", "many"], "--last takes a whole number, at least 1"),
        (["diff", "x"], "REVISION takes a revision's number"),
        (["sync", "--wait"], "Option '--wait' requires an argument"),
        (["sync", "--changed=x"], "Option '--changed' does not take a value"),
        (["link"], "✗ syncd link: DEPLOYMENT is missing"),
        (["link", "etl-dev"], "✗ syncd link: ID is missing"),
        (["apply"], "--file is missing"),
        (["deployment", "create", "x"], "--environment is missing"),
        (["link", "a", "b", "c"], "✗ syncd link: more arguments than it takes"),
    ],
)
def test_what_is_right_is_told(syncd: Syncd, arguments: list[str], said: str) -> None:
    result = syncd(*arguments)

    assert result.code == 2
    assert said in result.said
    assert "--help" in result.said


def test_how_it_is_used_is_told(syncd: Syncd) -> None:
    assert syncd("link", "etl-dev").err.splitlines()[1:] == [
        "  usage: syncd link [OPTIONS] {DEPLOYMENT} {ID}",
        "  → syncd link --help",
    ]
