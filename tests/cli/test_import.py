"""`import`: moving in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from syncd.cli.imports import Format
from syncd.imports.forms import FORMS
from tests.cli.runner import Syncd, Terminal
from tests.cli.sentinels import Sentinels

DOCUMENTED = (Path(__file__).parents[2] / "dev" / "json-output.md").read_text("utf-8")


def connection(**fields: Any) -> dict[str, Any]:
    """A connection as `airflow connections export` has it."""
    empty = dict.fromkeys(["conn_type", "description", "login", "password", "host", "port", "schema", "extra"])
    extra = fields.get("extra")
    return {**empty, **fields, "extra": extra if extra is None else json.dumps(extra)}


def export(folder: Path, name: str, **connections: Mapping[str, Any]) -> None:
    (folder / name).write_text(json.dumps(connections))


DEV = connection(conn_type="postgres", host="dev", login="etl", password="pw-dev", extra={"sslmode": "require"})
PROD = connection(conn_type="postgres", host="prod", login="etl", password="pw-prod", extra={"sslmode": "require"})
LAKE = connection(conn_type="aws", login="key", password="pw-lake")


@pytest.fixture
def exported(syncd: Syncd, folder: Path) -> Syncd:
    """Both deployments have a connection `db`, and dev has `lake`."""
    export(folder, "dev.json", db=DEV, lake=LAKE)
    export(folder, "prod.json", db=PROD)
    return syncd


def test_what_is_equal_is_shared_and_what_differs_is_overridden(exported: Syncd) -> None:
    result = exported.ok("import", "etl-dev=dev.json", "etl-prod=prod.json", "--yes")

    assert "+ connection db, linked to etl-dev (host, password); etl-prod (host, password)" in result.out
    assert "+ connection lake, linked to etl-dev" in result.out
    assert (
        "3 new, 0 the same, 0 different, 0 not importable: connections and variables, counted per deployment"
        in result.out
    )
    assert "revision 2" in result.out
    shown = exported.json("connection", "show", "db")
    assert sorted(one["path"] for one in shown["fields"]) == ["conn_type", "extra.sslmode", "login"]
    assert exported.fields("explain", "etl-prod", "db")["host"] == "prod"
    assert exported.json("connection", "show", "lake")["links"] == {"etl-dev": []}


def test_what_one_form_cant_say_is_overridden_where_the_other_says_it(syncd: Syncd, folder: Path) -> None:
    (folder / "dev.env").write_text("AIRFLOW_CONN_DB='postgres://etl:pw@/d'\n")
    (folder / "prod.yaml").write_text(
        "db: {conn_type: postgres, login: etl, password: pw, schema: d, description: D}\n"
    )
    result = syncd.ok("import", "etl-dev=dev.env", "etl-prod=prod.yaml", "--yes")

    assert "+ connection db, linked to etl-dev (host); etl-prod (description)" in result.out
    assert syncd.fields("explain", "etl-dev", "db")["host"] == ""
    assert "host" not in syncd.fields("explain", "etl-prod", "db")
    assert syncd.json("explain", "etl-dev", "db")["warnings"] == []


def test_it_is_one_revision(exported: Syncd) -> None:
    exported.ok("import", "etl-dev=dev.json", "etl-prod=prod.json", "--yes")

    assert [one["why"] for one in exported.json("history")["revisions"]][:-1] == ["import"]


def test_without_a_deployment_all_is_shared_and_linked_to_nothing(exported: Syncd) -> None:
    exported.ok("import", "dev.json", "--yes")

    assert exported.json("connection", "show", "db")["linked_to"] == []
    assert exported.fields("connection", "show", "db")["host"] == "dev"


def test_a_second_import_changes_nothing(exported: Syncd) -> None:
    exported.ok("import", "etl-dev=dev.json", "etl-prod=prod.json", "--yes")
    again = exported.ok("import", "etl-dev=dev.json", "etl-prod=prod.json")

    assert "0 new, 3 the same, 0 different, 0 not importable" in again.out
    assert len(exported.json("history")["revisions"]) == 2


def test_it_asks(exported: Syncd) -> None:
    refused = exported("import", "dev.json", stdin=Terminal("n\n"))

    assert refused.code == 1
    assert "Import this into workspace analytics? [y/N]" in refused.said
    assert "there is no terminal to ask at → say --yes" in exported("import", "dev.json").said
    assert exported("connection", "show", "db").code == 1


def test_what_another_made_while_it_asked_is_a_conflict(exported: Syncd) -> None:
    meanwhile = Terminal("y\n", lambda: exported.ok("variable", "update", "region", "value=x"))
    result = exported("import", "dev.json", stdin=meanwhile)

    assert result.code == 1
    assert "is at revision 2, and what you looked at was 1 → run it again" in result.said


def test_a_difference_is_left_as_it_is_and_told_by_field(syncd: Syncd, folder: Path) -> None:
    mine = connection(conn_type="postgres", host="dev.internal", login="etl", password="pw", schema="other")
    export(folder, "c.json", warehouse=mine)
    result = syncd.ok("import", "etl-dev=c.json", "--yes")

    assert "different, left as it is: --replace takes it" in result.out
    assert "~ connection warehouse in etl-dev" in result.out
    assert '"analytics" → "other"' in result.out
    assert "from env:WAREHOUSE_PASSWORD → •••" in result.out
    assert '"require"' in result.out
    assert "0 new, 0 the same, 1 different" in result.out
    assert len(syncd.json("history")["revisions"]) == 1


def test_with_replace_a_difference_is_taken_and_no_other_link_changes(syncd: Syncd, folder: Path) -> None:
    prod = syncd.json("explain", "etl-prod", "warehouse")
    export(folder, "c.json", warehouse=connection(conn_type="postgres", host="dev.internal", schema="other"))
    syncd.ok("import", "etl-dev=c.json", "--replace", "--yes")

    assert syncd.fields("explain", "etl-dev", "warehouse") == {
        "conn_type": "postgres",
        "host": "dev.internal",
        "schema": "other",
    }
    assert syncd.json("explain", "etl-prod", "warehouse") == prod


def test_what_a_deployment_hasnt_yet_is_linked_to_it_and_changes_nobody(syncd: Syncd, folder: Path) -> None:
    syncd.ok("unlink", "etl-dev", "warehouse")
    prod = syncd.json("explain", "etl-prod", "warehouse")
    export(folder, "c.json", warehouse=DEV)
    syncd.ok("import", "etl-dev=c.json", "--yes")

    assert syncd.fields("explain", "etl-dev", "warehouse")["host"] == "dev"
    assert syncd.json("explain", "etl-prod", "warehouse") == prod


def test_an_exclusion_is_left_as_it_is(syncd: Syncd, folder: Path) -> None:
    export(folder, "c.json", slack=connection(conn_type="slackwebhook"))

    assert "excluded → linked" in syncd.ok("import", "etl-dev=c.json").out
    syncd.ok("import", "etl-dev=c.json", "--replace", "--yes")
    assert syncd.json("connection", "show", "slack")["exclude"] == []


def test_a_deployments_own_stays_its_own(syncd: Syncd, folder: Path) -> None:
    export(folder, "c.json", scratch=connection(conn_type="sqlite", host="/tmp/other.db"))

    assert "1 different" in syncd.ok("import", "etl-dev=c.json").out
    syncd.ok("import", "etl-dev=c.json", "--replace", "--yes")
    assert syncd.fields("connection", "show", "scratch", "-d", "etl-dev")["host"] == "/tmp/other.db"
    assert syncd("connection", "show", "scratch").code == 1


def test_a_deployment_that_isnt_there_names_the_way_out(exported: Syncd) -> None:
    result = exported("import", "new=dev.json", "newer=prod.json", "--yes")

    assert result.code == 1
    assert "deployment new: isn't in workspace analytics → `syncd deployment create new" in result.said
    assert "deployment newer" in result.said


def test_what_cant_be_imported_is_told_and_the_rest_is_taken(syncd: Syncd, folder: Path) -> None:
    masked = connection(conn_type="x", password="***")
    export(folder, "c.json", good=LAKE, masked=masked, bad=connection(port=70000))
    result = syncd("import", "c.json", "--yes")

    assert result.code == 1
    assert "✗ c.json connections.masked.password: is masked" in result.err
    assert "✗ c.json connections.bad.port: a port is a whole number from 1 to 65535" in result.err
    assert "✗ c.json connections.bad.conn_type: isn't there" in result.err
    assert "1 new, 0 the same, 0 different, 2 not importable: connections and variables\n" in result.out
    assert syncd.fields("connection", "show", "good")["login"] == "key"


def test_files_that_are_wrong_are_all_told_and_nothing_is_imported(exported: Syncd, folder: Path) -> None:
    (folder / "bad.json").write_text("{")
    (folder / "latin.json").write_bytes(b"\xff")
    result = exported("import", "dev.json", "bad.json", "latin.json", "nowhere.json", "etl-dev=.", "--yes")

    assert result.code == 1
    assert "bad.json:1:2: isn't JSON" in result.said
    assert "latin.json: isn't UTF-8" in result.said
    assert "nowhere.json: isn't there" in result.said
    assert "can't be read" in result.said
    assert len(exported.json("history")["revisions"]) == 1


def test_what_cant_be_imported_counts_as_often_as_what_can(syncd: Syncd, folder: Path) -> None:
    export(folder, "c.json", bad=connection(conn_type="x", port=70000, password="***"))
    (folder / "torn.env").write_text("AIRFLOW_VAR_A=1\nno name\n'\n")
    here = syncd("import", "etl-dev=c.json", "etl-prod=c.json", "etl-dev=torn.env", "--yes")

    assert here.err.count("✗") == 6
    assert "1 new, 0 the same, 0 different, 4 not importable" in here.out


def test_an_id_that_two_files_have_differently_is_taken_from_neither(exported: Syncd) -> None:
    result = exported("import", "dev.json", "prod.json", "--yes")

    assert result.code == 1
    assert "prod.json connections.db: isn't what dev.json has → leave one of the two away" in result.said
    assert "1 new" in result.out


def test_what_is_left_out_is_told(syncd: Syncd, folder: Path) -> None:
    export(folder, "c.json", a=connection(conn_type="x", extra={"b": None}))

    assert "! c.json connections.a.extra.b: null is left out" in syncd.ok("import", "c.json", "--yes").err


def test_json_output(exported: Syncd, folder: Path) -> None:
    export(folder, "more.json", warehouse=connection(conn_type="mysql"), bad=connection())
    result = exported("import", "etl-dev=dev.json", "etl-dev=more.json", "--yes", "-o", "json")

    assert result.code == 1
    assert result.err == ""
    assert result.json.keys() == {"revision", "edits", "warnings", "same", "different", "problems"}
    assert all(f'"{key}"' in DOCUMENTED for key in result.json)
    assert result.json["revision"] == 2
    assert {one["subject"] for one in result.json["edits"]} == {"connection db", "connection lake"}
    assert {one["subject"] for one in result.json["different"]} == {"connection warehouse in etl-dev"}
    assert [one["subject"] for one in result.json["problems"]] == ["more.json connections.bad.conn_type"]


def test_the_environment(syncd: Syncd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_DB", "postgresql://u:p%40s@h:5432/d?sslmode=require")
    monkeypatch.setenv("AIRFLOW_VAR_TIER", "gold")
    syncd.ok("import", "etl-dev=", "--format", "env", "--yes")

    assert syncd.fields("explain", "etl-dev", "db") == {
        "conn_type": "postgres",
        "host": "h",
        "login": "u",
        "password": "(secret)",
        "schema": "d",
        "port": 5432,
        "extra.sslmode": "require",
    }
    assert syncd.fields("variable", "show", "tier") == {"value": "gold"}
    assert "2 the same" in syncd.ok("import", "--format", "env").out


def test_stdin(syncd: Syncd) -> None:
    text = json.dumps({"a": connection(conn_type="x")}).encode()

    assert "1 new" in syncd.ok("import", "-", "--yes", stdin=text).out


def test_stdin_is_stdin_whatever_the_format(syncd: Syncd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HERE", "http://h")
    said = syncd.ok("import", "etl-dev=-", "--format", "env", "--yes", stdin=b"AIRFLOW_CONN_DB=http://h\n").out
    assert "connection db, linked to etl-dev" in said
    assert "connection here" not in said


def test_environment_objects_of_astro(syncd: Syncd, folder: Path) -> None:
    one = {
        "objectKey": "db",
        "objectType": "CONNECTION",
        "scope": "WORKSPACE",
        "setFields": ["host", "password"],
        "connection": {"type": "postgres", "host": "h", "password": "pw"},
        "autoLinkDeployments": True,
        "links": [{"scopeEntityId": "clx1", "connectionOverrides": {"host": "h2"}, "setFields": ["host"]}],
        "excludeLinks": [{"scopeEntityId": "clx2"}],
    }
    (folder / "astro.json").write_text(
        json.dumps({"environmentObjects": [one, {**one, "objectKey": "b", "links": []}]})
    )
    names = ("--map", "clx1=etl-prod", "--map", "clx2=etl-dev")

    assert "names clx1, which is no deployment here" in syncd("import", "astro.json", "--yes").said
    syncd.ok("import", "astro.json", *names, "--yes")
    assert syncd.fields("explain", "etl-prod", "db")["host"] == "h2"
    assert syncd.json("connection", "show", "b")["exclude"] == ["etl-dev"]
    assert "2 the same" in syncd.ok("import", "astro.json", *names).out


def test_every_form_can_be_named() -> None:
    assert [one.value for one in Format] == list(FORMS)


WRONG = {
    "no file": (),
    "a deployment without a file": ("etl-dev=",),
    "two of stdin": ("-", "etl-dev=-"),
    "a form without a file": ("vault:vault:secret/x", "--format", "json"),
    "a map of nothing": ("c.json", "--map", "x"),
    "a form that is none": ("c.json", "--format", "toml"),
}


@pytest.mark.parametrize("arguments", WRONG.values(), ids=WRONG)
def test_arguments_that_dont_go_together(syncd: Syncd, arguments: tuple[str, ...]) -> None:
    assert syncd("import", *arguments).code == 2


@pytest.mark.slow
def test_ten_thousand_are_quick(syncd: Syncd, folder: Path) -> None:
    for name in ("dev", "prod"):
        export(folder, f"{name}.json", **{f"c{number}": {**DEV, "host": f"{name}{number}"} for number in range(10_000)})
    start = monotonic()
    syncd.ok("import", "etl-dev=dev.json", "etl-prod=prod.json", "--yes")

    assert monotonic() - start < 60  # 6 s on a machine that does nothing else


@pytest.fixture
def secrets(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Sentinels:
    """Files of every form with a secret in each place where one can be, whole and broken."""
    secrets = Sentinels()
    new = secrets.new
    whole = connection(
        conn_type="x", password=new("password"), extra={"token": new("token"), "o": {"api_key": new("k")}}
    )
    uri = f"x://u:{quote(new('in a URI'), '')}@h/?secret={quote(new('in a query'), '')}"
    broken: dict[str, Any] = {
        "port": {**whole, "port": new("port")},
        "extra": {**whole, "extra": new("no JSON")},
        "list": {**whole, "extra": json.dumps([new("a list")])},
        "unknown": {**whole, "hots": new("unknown")},
        "type": {**whole, "password": [new("a list's")]},
        "uri": f"x://u:{new('unquoted')}@h:1:2://",
        "uri2": f"x://u:{quote(new('a port of a URI'))}",
        "json": f'{{"conn_type": "{new("torn")}',
    }
    export(folder, "whole.json", a=whole, u={"uri": uri}, **broken)
    (folder / "whole.yaml").write_text(yaml.safe_dump({"a": whole, "u": uri, **broken}))
    (folder / "torn.yaml").write_text(f'a: "{new("open quote")}\n')
    (folder / "torn.json").write_text(f'{{"a": "{new("torn JSON")}')
    lines = "".join(f"AIRFLOW_CONN_{id_.upper()}='{json.dumps(one)}'\n" for id_, one in {"a": whole, **broken}.items())
    (folder / "c.env").write_text(
        f"{lines}AIRFLOW_CONN_U='{uri}'\nAIRFLOW_CONN_T='{new('open')}\nx {new('line', '')}==\n"
    )
    (folder / "d.env").write_text(f"a={uri}\n{new('a line of its own', '')}==\n=x{new('no name', '')}\n")
    (folder / "variables.json").write_text(json.dumps({"secret": new("variable"), "api_key": [new("in JSON")]}))
    part = {"type": "x", "password": new("astro"), "extra": {"pin": new("pin")}}
    part["connectionAuthType"] = {"parameters": [{"airflowParamName": "pin", "isSecret": True, "isInExtra": True}]}
    (folder / "astro.json").write_text(
        json.dumps(
            [
                {"objectKey": "s", "objectType": "CONNECTION", "connection": part, "setFields": []},
                {"objectKey": "t", "objectType": "CONNECTION", "connection": part, "setFields": ["extra.x"]},
                {
                    "objectKey": "v",
                    "objectType": "AIRFLOW_VARIABLE",
                    "airflowVariable": {"value": new("isSecret"), "isSecret": True},
                    "setFields": ["value"],
                },
            ]
        )
    )
    (folder / "airflow_settings.yaml").write_text(
        f"airflow:\n  connections:\n    - {{conn_id: z, conn_type: x, conn_password: '{new('settings', '')}',"
        f" conn_port: '{new('its port', '')}'}}\n"
    )
    monkeypatch.setenv("AIRFLOW_CONN_E", uri)
    monkeypatch.setenv("AIRFLOW_CONN_F", new("environment"))
    return secrets


def test_no_output_holds_a_secret(syncd: Syncd, secrets: Sentinels, folder: Path) -> None:
    different = {"conn_type": "x", "password": secrets.new("before"), "extra": {"token": secrets.new("old")}}
    export(folder, "before.json", a=connection(**different))
    files = sorted(path.name for path in folder.iterdir() if path.is_file())
    said = [
        syncd("import", f"{whose}{file}", "--format", form, "-o", output)
        for whose, file, form, output in product(("", "etl-dev="), files, FORMS, ("table", "json"))
    ]
    for more, output, whose in product(((), ("--yes",), ("--replace", "--yes")), ("table", "json"), ("", "etl-dev=")):
        said += [syncd("import", f"{whose}{file}", *more, "-o", output) for file in files]
        said.append(syncd("import", f"{whose}-", "--format", "env", *more, "-o", output))
    said += [syncd("import", "whole.json", "c.env", "whole.yaml"), syncd("history"), syncd("diff", "1")]

    assert {name for one in said for name in secrets.found(one.out + one.err)} == set()
    assert syncd.fields("connection", "show", "a")["password"] == "(secret)"
    assert len(said) > 100
