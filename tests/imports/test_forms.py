"""Each form of a file: what is in it, and every problem with its place and never with a value."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.errors import Problems
from syncd.core.model import KINDS, Key
from syncd.imports import astro, kept
from syncd.imports.environment import dotenv, environ
from syncd.imports.forms import FORMS, told
from syncd.imports.found import Found
from tests.imports.test_joining import connections

SECRET = "tell-nobody"


def fields(found: Found) -> dict[str, Any]:
    """By id, or by key with `variable` before it."""
    return {
        key.id if key.kind == "connection" else f"variable {key.id}": one.fields
        for key, one in found.definitions.items()
    }


def problems(found: Found) -> list[str]:
    return [str(one.error) for one in found.problems]


def test_an_export_in_json() -> None:
    exported = {
        "a": {"conn_type": "x", "description": None, "login": "", "port": 1, "extra": '{"b": 1}'},
        "u": f"x://u:{SECRET}@h",
        "bad": {"conn_type": "x", "port": SECRET, "extra": SECRET},
        "": {"conn_type": "x"},
        "l": ["x://h"],
    }
    found = FORMS["json"](json.dumps(exported), "f.json")

    assert fields(found) == {
        "a": {"conn_type": "x", "login": "", "port": 1, "extra": {"b": 1}},
        "u": {"conn_type": "x", "host": "h", "login": "u", "password": SECRET, "schema": ""},
    }
    assert problems(found) == [
        "f.json connections.bad.port: a port is a whole number from 1 to 65535",
        "f.json connections.bad.extra: isn't a JSON object; write one: Airflow 3 imports no other, "
        "and in a task no hook finds anything in it",
        f'f.json connections."": no id of a connection; an id is {KINDS["connection"].id_rule}',
        "f.json connections.l: is no object and no URI",
    ]


def test_lines_that_airflow_logged_before_an_export_are_passed_over() -> None:
    assert fields(FORMS["json"]("[2026] WARNING\n".replace("[", "") + '{"a": {"conn_type": "x"}}', "-")) == {
        "a": {"conn_type": "x"}
    }


NAMES_FORMS = f"say which form it is: --format {', '.join([*FORMS][:-1])} or {[*FORMS][-1]}; in env, a URI is ID=URI"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "f:1:1: isn't JSON"),
        (f'{{"a":\n {SECRET}', "f:2:2: isn't JSON"),
        (f'["{SECRET}"]', f"f:1:1: isn't an object by id; {NAMES_FORMS}"),
        (f'{{"a": 1, "a": "{SECRET}"}}', "f: has an object in which a key stands twice; take one of the two away"),
        (f'{{"a": {"9" * 5000}}}', "f: holds a number or a nesting that can't be read"),
    ],
)
def test_what_is_no_export_says_where(text: str, problem: str) -> None:
    with pytest.raises(Problems) as refused:
        FORMS["json"](text, "f")

    assert str(refused.value) == problem


def test_a_uri_alone_says_which_forms_there_are() -> None:
    uri = f"postgres://etl:{SECRET}@db:5432/x?sslmode=require"
    with pytest.raises(Problems) as refused:
        FORMS[told(uri, "c.txt")](uri, "c.txt")

    assert str(refused.value) == f"c.txt:1:1: isn't an object by id; {NAMES_FORMS}"
    assert fields(FORMS[told(f"db={uri}", "c.txt")](f"db={uri}", "c.txt")).keys() == {"db"}


@pytest.mark.parametrize("section", ["connections", "variables", "deployments", "environments"])
@pytest.mark.parametrize(
    ("name", "dumped"), [("d.yaml", yaml.safe_dump), ("d.json", json.dumps), ("stdin", yaml.safe_dump)]
)
def test_a_definitions_file_is_told_once_with_the_command_that_takes_it(
    section: str, name: str, dumped: Callable[[Any], str]
) -> None:
    text = dumped({"workspace": "analytics", section: {"db": {"conn_type": "x", "password": SECRET}, "e": {}}})
    with pytest.raises(Problems) as refused:
        FORMS[told(text, name)](text, name)

    assert str(refused.value) == f"{name}: is a definitions file; `syncd apply -f FILE` takes it"


@pytest.mark.parametrize("dumped", [yaml.safe_dump, json.dumps])
def test_connections_whose_ids_are_the_words_of_a_definitions_file_are_connections(
    dumped: Callable[[Any], str],
) -> None:
    text = dumped({"workspace": "x://h", "connections": {"conn_type": "x"}})

    assert fields(FORMS["yaml"](text, "f")).keys() == {"workspace", "connections"}


def test_variables_called_like_the_words_of_a_definitions_file_are_variables() -> None:
    text = json.dumps({"workspace": "analytics", "environments": "dev"})

    assert fields(FORMS[told(text, "v.json")](text, "v.json")).keys() == {"variable workspace", "variable environments"}
    assert fields(FORMS["variables"]('{"workspace": "a", "connections": {}}', "f")).keys() == {
        "variable workspace",
        "variable connections",
    }


@given(st.dictionaries(st.sampled_from(["a", "b", "no", "1"]), connections))
def test_an_export_in_yaml_says_what_the_one_in_json_says(ones: dict[str, Any]) -> None:
    exported = {
        id_: {**dict.fromkeys(("host", "login", "extra", "port")), **one, "extra": json.dumps(one.get("extra"))}
        if "extra" in one
        else {**dict.fromkeys(("host", "login", "extra", "port")), **one}
        for id_, one in ones.items()
    }

    as_yaml = FORMS["yaml"](yaml.safe_dump(exported), "f.yaml")
    assert fields(as_yaml) == fields(FORMS["json"](json.dumps(exported), "f.json")) == ones


def test_problems_in_yaml_have_their_line() -> None:
    text = f"a:\n  conn_type: x\n  password: &p {SECRET}\nb:\n  conn_type: x\n  conn_type: y\nc: x://h\n"
    text += f"d:\n  port: {SECRET}\n"
    found = FORMS["yaml"](text, "f.yaml")

    assert fields(found) == {"c": {"conn_type": "x", "host": "h", "schema": ""}}
    assert [one.split(";")[0] for one in problems(found)] == [
        "f.yaml:3:13 connections.a.password: anchors aren't read",
        "f.yaml:6:3 connections.b.conn_type: stands here twice, first at 5:3",
        "f.yaml:8:1 connections.d.port: a port is a whole number from 1 to 65535",
        "f.yaml:8:1 connections.d.conn_type: isn't there",
    ]


def test_extra_in_yaml_may_be_an_object() -> None:
    text = "a:\n  conn_type: x\n  password: 0123\n  extra: {b: 1, c: true, d: no, e: [1, x], f: '1'}\n"

    assert fields(FORMS["yaml"](text, "f.yaml"))["a"] == {
        "conn_type": "x",
        "password": "0123",
        "extra": {"b": 1, "c": True, "d": "no", "e": [1, "x"], "f": "1"},
    }


def test_variables_are_texts_again() -> None:
    exported = {
        "text": "x",
        "number": 5,
        "object": {"value": 1},
        "described": {"value": "x", "description": "why"},
        "mask": "***",
    }
    found = FORMS["variables"](json.dumps(exported), "v.json")

    assert fields(found) == {
        "variable text": {"value": "x"},
        "variable number": {"value": "5"},
        "variable object": {"value": '{\n  "value": 1\n}'},
        "variable described": {"value": "x"},
    }
    assert [str(one.error) for one in found.notes] == [
        "v.json variables.described: description is left out; a variable has none here"
    ]
    assert problems(found)[0].startswith("v.json variables.mask.value: is masked;")


def test_a_dotenv_file() -> None:
    text = f"""# a comment
export AIRFLOW_CONN_A='x://u:{SECRET}@h'
AIRFLOW_CONN_B="{{\\"conn_type\\": \\"x\\", \\"extra\\": {{\\"a\\": 1}}}}"   # behind it
AIRFLOW_CONN_C={{"conn_type": "x", "password": "a # b"}}
AIRFLOW_VAR_KEY="two
lines"
AIRFLOW_VAR_EMPTY=
AIRFLOW_VAR_PLAIN= x y \t
PATH=/bin
AIRFLOW_CONN_d=x://{SECRET}
AIRFLOW_CONN__TEAM___E=x://{SECRET}
AIRFLOW_CONN_F=
not a line of it {SECRET}
AIRFLOW_CONN_A=x://{SECRET}
"""
    found = dotenv(text, ".env")

    assert fields(found) == {
        "b": {"conn_type": "x", "extra": {"a": 1}},
        "c": {"conn_type": "x", "password": "a # b"},
        "variable key": {"value": "two\nlines"},
        "variable empty": {"value": ""},
        "variable plain": {"value": "x y"},
    }
    assert [one.split(";")[0] for one in problems(found)] == [
        ".env:13:1: is no NAME=VALUE",
        ".env:10:1 AIRFLOW_CONN_d: isn't in capitals, so Airflow doesn't find it",
        ".env:11:1 AIRFLOW_CONN__TEAM___E: belongs to one team of its Airflow",
        ".env:12:1 connections.f: is empty",
        ".env:14:1 connections.a: stands here twice",
    ]


def test_an_export_as_env() -> None:
    text = f'My-Id=x://u@h\nb={{"conn_type": "x", "password": "{SECRET} # "}}\nMIIE{SECRET}==\n'
    found = dotenv(text, "c.env")

    assert fields(found) == {
        "My-Id": {"conn_type": "x", "host": "h", "login": "u", "schema": ""},
        "b": {"conn_type": "x", "password": f"{SECRET} # "},
    }
    assert problems(found) == ["c.env:3:1: is no AIRFLOW_CONN_*, no AIRFLOW_VAR_* and no conn_id=URI"]


def test_the_environment_itself() -> None:
    given = {
        "AIRFLOW_CONN_DB": "x://h",
        "AIRFLOW_VAR_REGION": "eu",
        "AIRFLOW__CORE__X": SECRET,
        "AIRFLOW_CONN_BAD": SECRET,
    }
    found = environ(given)

    assert fields(found) == {"db": {"conn_type": "x", "host": "h", "schema": ""}, "variable region": {"value": "eu"}}
    assert problems(found)[0].startswith("the environment connections.bad.conn_type: isn't there")


@given(st.text(max_size=60) | st.text("AIRFLOW_CONN_X='\"\\\n #=:/x{}", max_size=60))
def test_no_dotenv_text_breaks_it(text: str) -> None:
    dotenv(text, "f")
    dotenv(f"AIRFLOW_VAR_A=1\n{text}", "f")


def test_airflow_settings() -> None:
    text = f"""airflow:
  connections:
    - conn_id:
      conn_type:
      conn_extra:
        example_extra_field: example-value
    - conn_id: a
      conn_type: postgres
      conn_host: h
      conn_port: 5432
      conn_password: 0123
      conn_uri:
      conn_extra: {{sslmode: require}}
    - conn_id: b
      conn_uri: x://u@h
    - conn_id: c
      conn_hots: {SECRET}
  pools:
    - pool_name:
    - pool_name: p
      pool_slot: 5
  variables:
    - variable_name:
      variable_value:
    - variable_name: region
      variable_value: eu
    - variable_value: {SECRET}
"""
    found = FORMS["settings"](text, "s.yaml")

    assert fields(found) == {
        "a": {"conn_type": "postgres", "host": "h", "port": 5432, "password": "0123", "extra": {"sslmode": "require"}},
        "b": {"conn_type": "x", "host": "h", "login": "u", "schema": ""},
        "variable region": {"value": "eu"},
    }
    assert problems(found) == [
        "s.yaml:16:7 connections.c.conn_hots: no field of a connection",
        "s.yaml:27:7 variables: has no variable_name",
    ]
    assert [str(one.error) for one in found.notes] == [
        "s.yaml:20:7 pools: a pool is left out; pools are no affair of connections"
    ]


def test_settings_of_another_form_are_told_and_not_passed_over() -> None:
    text = f"""airflow:
  connections:
    a: {{conn_type: {SECRET}}}
  variables:
    - region={SECRET}
    -
    - variable_name: region
      variable_value: eu
"""
    found = FORMS["settings"](text, "s.yaml")

    assert fields(found) == {"variable region": {"value": "eu"}}
    assert problems(found) == ["s.yaml:2:3 connections: isn't a list", "s.yaml:5:7 variables: isn't an object"]
    assert problems(FORMS["settings"]("airflow:\n  connections:\n  variables:", "s.yaml")) == []


def test_what_vault_backend_reads() -> None:
    found = kept.documents(
        {
            "a": {"conn_uri": f"x://u:{SECRET}@h", "hots": 1},
            "b/c": {"conn_type": "x", "port": "5", "extra": {"d": 1}},
            "bad": {"conn_type": "x", "hots": SECRET},
            "uri": {"conn_uri": [SECRET]},
        },
        "secret/airflow/connections",
    )

    assert fields(found) == {
        "a": {"conn_type": "x", "host": "h", "login": "u", "password": SECRET, "schema": ""},
        "b/c": {"conn_type": "x", "port": 5, "extra": {"d": 1}},
    }
    assert problems(found) == [
        "secret/airflow/connections connections.bad.hots: no field of a connection; Airflow refuses it, too",
        "secret/airflow/connections connections.uri.conn_uri: is no text",
    ]


def test_what_holds_a_value_alone_is_a_variable_to_vault_backend() -> None:
    found = kept.documents(
        {
            "c": {"conn_type": "x"},
            "v": {"value": "1"},
            "number": {"value": 1},
            "more": {"value": SECRET, "conn_type": "x"},
        },
        "p",
    )

    assert fields(found) == {"c": {"conn_type": "x"}, "variable v": {"value": "1"}}
    assert problems(found) == [
        "p variables.number: has no text under `value`; VaultBackend wants one there",
        "p connections.more.value: no field of a connection; Airflow refuses it, too",
    ]


@pytest.mark.parametrize(
    ("place", "mount", "divided"),
    [
        ("secret/airflow/connections", "other", ("secret", "airflow/connections")),
        ("team/kv/airflow", "team/kv", ("team/kv", "airflow")),
        ("team/kvs/airflow", "team/kv", ("team", "kvs/airflow")),
        ("team/kv", "team/kv", ("team", "kv")),
    ],
)
def test_a_mount_is_the_targets_own_or_the_first_segment(place: str, mount: str, divided: tuple[str, str]) -> None:
    assert kept.divided(place, mount) == divided


def astro_object(**more: Any) -> dict[str, Any]:
    return {
        "objectKey": "db",
        "objectType": "CONNECTION",
        "scope": "WORKSPACE",
        "scopeEntityId": "ws",
        "setFields": ["host"],
        "connection": {"type": "postgres", "host": "h"},
        **more,
    }


def read(*objects: dict[str, Any]) -> Found:
    return astro.astro(json.dumps({"environmentObjects": objects, "totalCount": len(objects)}), "a.json")


def test_an_environment_object_with_its_links() -> None:
    one = astro_object(
        description="The warehouse",
        connection={
            "type": "postgres",
            "host": "h",
            "password": SECRET,
            "extra": {"a": 1, "pin": SECRET},
            "connectionAuthType": {"parameters": [{"airflowParamName": "pin", "isSecret": True, "isInExtra": True}]},
        },
        setFields=["host", "password", "extra.a", "extra.pin"],
        autoLinkDeployments=True,
        links=[
            {"scopeEntityId": "clx1", "connectionOverrides": {"host": "h2", "extra": {"a": 2}}, "setFields": ["host"]},
            {"scopeEntityId": "clx2"},
        ],
        excludeLinks=[{"scopeEntityId": "clx3"}],
    )
    names = {"clx1": "etl-dev", "clx2": "etl-prod", "clx3": "etl-test"}
    found = astro.among(read(one), names, dict.fromkeys(names.values()), "a.json")
    definition = found.definitions[Key("connection", "db")]

    assert problems(found) == []
    assert definition.fields == {
        "conn_type": "postgres",
        "description": "The warehouse",
        "host": "h",
        "password": SECRET,
        "extra": {"a": 1, "pin": SECRET},
    }
    assert definition.links == {"etl-dev": {"host": "h2", "extra": {"a": 2}}, "etl-prod": {}}
    assert definition.link_all
    assert definition.exclude == {"etl-test"}
    assert definition.secret_fields == {("extra", "pin")}


@pytest.mark.parametrize(
    "overrides",
    [
        {"connectionOverrides": {"host": "h2"}},
        {"overrides": {"connection": {"host": "h2"}}},
        {"overrides": {"host": "h2"}},
    ],
)
def test_overrides_as_astro_answers_and_as_it_is_asked(overrides: dict[str, Any]) -> None:
    found = read(astro_object(links=[{"scopeEntityId": "clx1", **overrides}]))

    assert found.definitions[Key("connection", "db")].links == {"clx1": {"host": "h2"}}


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"setFields": ["password"]}, "password"),
        ({"connection": {"type": "x", "password": ""}, "setFields": []}, "password"),
        ({"connection": {"type": "x"}, "setFields": ["password"]}, "password"),
        ({"setFields": ["extra.token"], "connection": {"type": "x", "host": "h", "extra": {"a": 1}}}, "extra.token"),
        ({"links": [{"scopeEntityId": "clx1", "setFields": ["password"]}]}, "links.clx1.password"),
        (
            {"objectType": "AIRFLOW_VARIABLE", "airflowVariable": {"value": "", "isSecret": True}, "setFields": []},
            "value",
        ),
        ({"objectType": "AIRFLOW_VARIABLE", "airflowVariable": {"isSecret": True}, "setFields": []}, "value"),
    ],
)
def test_a_secret_that_astro_hides_is_never_an_empty_value(more: dict[str, Any], path: str) -> None:
    found = read(astro_object(**more))

    assert not found.definitions
    assert [one.partition(": ")[0].rpartition("db.")[2] for one in problems(found)] == [path]
    assert "its secret isn't in the answer" in problems(found)[0]


def test_a_deployment_that_is_linked_and_excluded_is_linked() -> None:
    clx1 = {"scopeEntityId": "clx1"}
    one = read(astro_object(autoLinkDeployments=True, links=[clx1], excludeLinks=[clx1, {"scopeEntityId": "clx2"}]))
    definition = one.definitions[Key("connection", "db")]

    assert definition.links == {"clx1": {}}
    assert definition.exclude == {"clx2"}


def test_a_masked_value_of_astro_is_masked() -> None:
    assert "is masked" in problems(read(astro_object(connection={"type": "x", "host": "h", "password": "****"})))[0]


def test_what_astro_has_beside_connections_and_variables_is_told() -> None:
    found = read(
        astro_object(objectType="METRICS_EXPORT", objectKey="m"),
        {"objectKey": 1},
        astro_object(objectType="AIRFLOW_VARIABLE", objectKey="v", airflowVariable={"value": ""}, setFields=[]),
        astro_object(objectKey="odd", connection=[SECRET]),
    )

    assert fields(found) == {"variable v": {"value": ""}}
    assert problems(found) == [
        "a.json environmentObjects.m: is no connection and no Airflow variable",
        "a.json environmentObjects: has no objectKey or no objectType",
        "a.json connections.odd: isn't of the form that Astro's API gives",
    ]


def test_an_answer_with_further_pages_is_told() -> None:
    found = astro.astro(json.dumps({"environmentObjects": [astro_object()], "totalCount": 2}), "a.json")

    assert problems(found) == ["a.json: isn't the whole answer: it has further pages; give the files of all of them"]


def test_a_deployment_that_isnt_here_is_told_with_the_way_out() -> None:
    found = astro.among(read(astro_object(links=[{"scopeEntityId": "clx1"}])), {}, {}, "a.json")

    assert problems(found) == [
        "a.json connections.db: names clx1, which is no deployment here; say which one it is: --map clx1=DEPLOYMENT"
    ]


def test_an_object_of_one_deployment_is_its_own() -> None:
    found = read(astro_object(scope="DEPLOYMENT", scopeEntityId="etl-dev"))

    assert list(astro.among(found, {}, {"etl-dev": 1}, "a").definitions) == [Key("connection", "db", "etl-dev")]
    assert list(astro.alone(found, "a").definitions) == [Key("connection", "db")]


def test_links_are_nothing_that_one_deployment_has() -> None:
    found = astro.alone(read(astro_object(autoLinkDeployments=True)), "a.json")

    assert "has links, so this is no single deployment's" in problems(found)[0]


@pytest.mark.parametrize(
    ("name", "text", "form"),
    [
        ("c.yaml", "a: {conn_type: x}", "yaml"),
        ("airflow_settings.yaml", "# x\nairflow:\n  connections:", "settings"),
        (".env", "A=1", "env"),
        (".env.prod", "A=1", "env"),
        ("c.env", "a=x://h", "env"),
        ("c.json", '{"a": {"conn_type": "x"}}', "json"),
        ("x.json", '{"a": "x://h"}', "json"),
        ("variables.json", '{"a": "x://h"}', "variables"),
        ("v.json", '{"a": "x://h", "b": 1}', "variables"),
        ("connections.json", "{}", "json"),
        ("a.json", "[]", "astro"),
        ("a.json", '{"environmentObjects": []}', "astro"),
        ("stdin", '{"a": {"conn_type": "x"}}', "json"),
        ("stdin", "# x\nAIRFLOW_CONN_A=x://h", "env"),
        ("stdin", "a:\n  conn_type: x", "yaml"),
    ],
)
def test_the_form_is_told_by_name_and_content(name: str, text: str, form: str) -> None:
    assert told(text, name) == form


@given(st.sampled_from(sorted(FORMS)), st.text(max_size=40) | st.text('{}[]":,\n -&*!ab=1', max_size=40))
def test_no_text_breaks_a_form(form: str, text: str) -> None:
    with suppress(Problems):
        assert all(one.problem for one in FORMS[form](text, "f").problems)


@pytest.mark.parametrize(
    "objects",
    [
        [astro_object(links=[{"scopeEntityId": "one"}, {"scopeEntityId": "two"}])],
        [astro_object(links=[{"scopeEntityId": "one"}], excludeLinks=[{"scopeEntityId": "two"}])],
        [astro_object(scope="DEPLOYMENT", scopeEntityId=id_) for id_ in ("one", "two")],
        [astro_object(links=[{"scopeEntityId": "one"}, {"scopeEntityId": "etl-dev"}])],
    ],
)
def test_of_two_deployments_of_astro_that_are_one_here_neither_is_taken(objects: list[dict[str, Any]]) -> None:
    names = {"one": "etl-dev", "two": "etl-dev"}
    found = astro.among(read(*objects), names, {"etl-dev": 1}, "a.json")

    assert not found.definitions
    assert {*problems(found)} == {
        "a.json connections.db: is of two deployments that --map makes one; map one of the two to another"
    }


@pytest.mark.parametrize("name", [1, None, "", ["etl-dev"], {}])
@pytest.mark.parametrize("part", ["links", "excludeLinks"])
def test_a_deployment_of_astro_is_named_by_a_text(part: str, name: Any) -> None:
    named = {"scopeEntityId": name}
    for more in ({part: [named]}, {"scope": "DEPLOYMENT", **named}):
        found = read(astro_object(**more))
        assert not found.definitions
        assert problems(found) == ["a.json connections.db: isn't of the form that Astro's API gives"]
