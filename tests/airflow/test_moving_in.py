"""Connections that Airflow itself made, imported: what Airflow then gets from us is what it had."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

pytest.importorskip("airflow")
from airflow.models.connection import Connection
from hypothesis import example, given, settings
from hypothesis import strategies as st

from syncd.core.airflow_form import connection_json, variable_text
from syncd.core.model import Key
from syncd.imports.environment import dotenv
from syncd.imports.exports import connections_json, connections_yaml, variables_json
from syncd.imports.found import Found
from syncd.imports.values import Unfit, written
from tests.airflow.documents import Shared
from tests.airflow.processes import copied, environment, run
from tests.airflow.releases import TASK_SDK

pytestmark = pytest.mark.airflow

with warnings.catch_warnings():  # SQLAlchemy warns of Airflow 3.1's and 3.2's tables, once, whoever is first
    warnings.simplefilter("ignore")
    Connection()

FIELDS = ("conn_type", "description", "host", "login", "password", "schema", "port")

_awkward = st.sampled_from(
    [
        "",
        "null",
        "5",
        "a b",
        "a\nb",
        "'",
        '"',
        "%",
        "%2F",
        "@",
        ":",
        "/",
        "?a=1",
        "#",
        "é",
        "🙂",
        "\\",
        "$X",
        "{",
        " x ",
    ]
)
_texts = st.none() | _awkward | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_hosts = _texts | st.sampled_from(["::1", "2001:db8::1", "Db.Internal", "https://h", "http://h/p", "/run/sock", "a:b"])
_values = st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | _texts.filter(lambda text: text is not None)
_keys = st.sampled_from(["a", "b", "sslmode", "extra__x", "a.b", "é", 'say "hi"', "token"])
_extras = st.recursive(
    st.dictionaries(_keys, _values | st.just([None, 1, "x"]), max_size=3),
    lambda child: st.dictionaries(_keys, child | _values, max_size=3),
    max_leaves=6,
)
_fields = st.fixed_dictionaries(
    {"conn_type": st.sampled_from(["postgres", "http", "google_cloud_platform", "x"])},
    optional={
        **dict.fromkeys(("description", "login", "password", "schema"), _texts),
        "host": _hosts,
        "port": st.none() | st.integers(1, 65535),
        "extra": st.none() | _extras.map(json.dumps),
    },
).filter(lambda fields: "***" not in str(fields))


def told(connection: Any) -> dict[str, Any]:
    """What a hook sees of a connection."""
    return {**{name: getattr(connection, name) for name in FIELDS}, "extra": connection.extra_dejson}


def made(fields: Mapping[str, Any], id_: str = "x") -> Any:
    return Connection(conn_id=id_, **fields)


def given_back(found: Mapping[str, Any]) -> dict[str, Any]:
    """What Airflow makes of our rendering."""
    return told(Connection.from_json(connection_json(found), conn_id="x"))


def imported(found: Found, id_: str = "x") -> dict[str, Any]:
    assert found.problems == ()
    return given_back(found.definitions[Key("connection", id_)].fields)


def in_a_task(uri: str) -> Any:
    """A connection from a URI in a task: the SDK's, where there is one. The 3.3 server alone reads JSON in a query."""
    if not TASK_SDK:
        return Connection(conn_id="x", uri=uri)
    from airflow.sdk import Connection as Task

    if hasattr(Task, "from_uri"):
        return Task.from_uri(uri, conn_id="x")
    return Connection(conn_id="x", uri=uri)


def as_a_task_reads(uri: str) -> dict[str, Any]:
    return told(in_a_task(uri))


@settings(max_examples=200)
@given(_fields)
def test_its_json(fields: dict[str, Any]) -> None:
    connection = made(fields)

    assert given_back(written(connection.as_json(), "x").fields) == told(connection)


@settings(max_examples=300)
@given(_fields)
def test_its_uri(fields: dict[str, Any]) -> None:
    uri = made(fields).get_uri()
    try:
        theirs = as_a_task_reads(uri)
    except Exception:  # noqa: BLE001  what Airflow writes and can't read, we can't either
        with pytest.raises(Unfit):
            written(uri, "x")
        return

    assert _as_the_database_keeps(given_back(written(uri, "x").fields)) == _as_the_database_keeps(theirs)


def _as_the_database_keeps(fields: dict[str, Any]) -> dict[str, Any]:
    # An empty password isn't kept by the class of the database, through which `given_back` goes.
    return {**fields, "password": fields["password"] or None}


_pieces = st.sampled_from(
    ["a", "X", "://", "@", ":", "/", "?", "&", "=", "#", "%2F", "%", "[", "]", "80", "é", "__extra__"]
)


@settings(max_examples=500)
@given(st.sampled_from(["http://", "a-b://", "postgresql://", ""]), st.lists(_pieces, max_size=10).map("".join))
@example("http://", "?__extra__=a")
@example("http://", "?__extra__=[]")
@example("http://", "?__extra__=80")
@example("http://", "?__extra__=null")
@example("http://", "?__extra__={}")
@example("http://", "?__extra__=")
def test_any_uri(start: str, rest: str) -> None:
    """Airflow and we refuse the same, but for what we can't hold, and for what a task would lose with a log line."""
    uri = start + rest
    try:
        connection = in_a_task(uri)
        theirs, extra = told(connection), connection.extra
    except Exception:  # noqa: BLE001  whatever it is that Airflow raises
        theirs, extra = None, None
    try:
        ours = given_back(written(uri, "x").fields)
    except Unfit:
        ours = None

    if theirs is None or _holds_no_object(extra) or not theirs["conn_type"] or "" in theirs["extra"]:
        assert ours is None
    else:
        assert ours is not None
        assert _as_the_database_keeps(ours) == _as_the_database_keeps({**theirs, "port": theirs["port"] or None})


def _holds_no_object(extra: str | None) -> bool:
    """Whether there is something in an `extra`, as Airflow has its text, that isn't a JSON object."""
    if not extra:
        return False
    try:
        return not isinstance(json.loads(extra), dict)
    except ValueError:
        return True


@settings(max_examples=60)
@given(st.lists(_fields, min_size=1, max_size=5))
def test_an_export_in_every_format(some: list[dict[str, Any]]) -> None:
    from airflow.cli.commands.connection_command import _format_connections

    connections = [made(fields, f"c{number}") for number, fields in enumerate(some)]
    as_json = connections_json(_format_connections(connections, ".json", "uri"), "f.json")
    as_yaml = connections_yaml(_format_connections(connections, ".yaml", "uri"), "f.yaml")
    in_env = dotenv(_format_connections(connections, ".env", "json"), "f.env")
    for connection in connections:
        for found in (as_json, as_yaml, in_env):
            assert imported(found, connection.conn_id) == told(connection)


WHOLE: dict[str, dict[str, Any]] = {
    "plain": {"conn_type": "postgres", "host": "db", "login": "u", "password": "p", "schema": "s", "port": 5432},
    "nothing": {"conn_type": "http"},
    "awkward": {
        "conn_type": "google_cloud_platform",
        "description": "two\nlines: 'and' \"quotes\" #1",
        "login": "a@b:c",
        "password": "%2F\n'\"\\ é🙂 \u2028",
        "host": "https://db.internal/x",
        "schema": "a/b?c",
    },
    "ipv6": {"conn_type": "redis", "host": "::1", "port": 6379, "password": "null"},
    "nested": {"conn_type": "x", "extra": json.dumps({"a": {"b": [1, None, "é"]}, "c": True, "d": "5", "token": "\n"})},
    "texts": {"conn_type": "x", "extra": json.dumps({"a": "5", "b": "", "c": "x&y=z"})},
    "as-text": {"conn_type": "x", "login": "0123", "password": "yes", "schema": "1e3"},
}
VARIABLES = {"text": "plain\ntext", "number": "5", "object": {"a": [1]}, "quoted": "say \"hi\" 'é'", "empty": ""}


@pytest.fixture(scope="module")
def exports(database: Path, synced: Shared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `airflow connections export` and `airflow variables export` write of an Airflow that has these."""
    home = copied(database, tmp_path_factory.mktemp("exports") / "home")
    (home / "in.json").write_text(json.dumps(WHOLE))
    (home / "variables-in.json").write_text(json.dumps(VARIABLES))
    env = environment(home, synced.kwargs())
    for arguments in (
        ("connections", "import", "in.json"),
        ("variables", "import", "variables-in.json"),
        *(("connections", "export", f"out.{ending}") for ending in ("json", "yaml", "env")),
        ("connections", "export", "json.env", "--serialization-format", "json"),
        ("variables", "export", "variables.json"),
    ):
        done = run("airflow", *arguments[:2], str(home / arguments[2]), *arguments[3:], env=env)
        assert done.returncode == 0, done.stderr
    return home


FORMS: Mapping[str, Callable[[str, str], Found]] = {
    "out.json": connections_json,
    "out.yaml": connections_yaml,
    "json.env": dotenv,
}


@pytest.mark.slow
@pytest.mark.parametrize("file", FORMS)
def test_what_its_command_exports(exports: Path, file: str) -> None:
    found = FORMS[file]((exports / file).read_text("utf-8"), file)

    assert {id_: imported(found, id_) for id_ in WHOLE} == {id_: told(made(one, id_)) for id_, one in WHOLE.items()}


@pytest.mark.slow
def test_what_its_command_exports_as_uris(exports: Path) -> None:
    found = dotenv((exports / "out.env").read_text("utf-8"), "out.env")

    for id_, fields in WHOLE.items():
        uri = made(fields, id_).get_uri()
        assert _as_the_database_keeps(imported(found, id_)) == _as_the_database_keeps(as_a_task_reads(uri))


@pytest.mark.slow
def test_what_its_command_exports_of_variables(exports: Path) -> None:
    found = variables_json((exports / "variables.json").read_text("utf-8"), "variables.json")
    texts = {key.id: variable_text(one.fields) for key, one in found.definitions.items()}

    assert found.problems == ()
    assert texts == {**VARIABLES, "object": json.dumps(VARIABLES["object"], indent=2)}


def test_what_a_uri_cant_tell_apart() -> None:
    """As README and the module have it."""
    one = written(made({"conn_type": "a_b", "password": "p", "host": "H"}).get_uri(), "x").fields

    assert one == {"conn_type": "a_b", "host": "h", "login": "", "password": "p", "schema": ""}
    assert quote("::1", safe="") in made({"conn_type": "x", "host": "::1"}).get_uri()
