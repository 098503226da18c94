"""`F=V` in each of its forms, and what is refused before anything is read and anybody asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.runner import Syncd

SECRET = "hunter2-0f3d"


def created(syncd: Syncd, *arguments: str, stdin: bytes = b"") -> dict[str, Any]:
    """The fields of a connection made so."""
    syncd.ok("connection", "create", "it", *arguments, stdin=stdin)
    return syncd.fields("connection", "show", "it")


def stored(syncd: Syncd, deployment: str = "etl-dev") -> dict[str, Any]:
    """What the deployment's document of `it` holds."""
    import json

    syncd("sync", "-t", "files")
    path = syncd.home / "files" / "analytics" / "deployments" / deployment / "connections" / "it"
    layers = json.loads(path.read_text())["layers"]
    assert set(layers) == {"definition"}
    found: dict[str, Any] = layers["definition"]
    return found


def test_text_is_as_it_stands(syncd: Syncd) -> None:
    assert created(syncd, "host=a=b", "login= x ", "schema=007", "description=") == {
        "host": "a=b",
        "login": " x ",
        "schema": "007",
        "description": "",
    }


def test_two_ats_are_one(syncd: Syncd) -> None:
    assert created(syncd, "login=@@x", "schema=@@@x", "host=x@@") == {"login": "@x", "schema": "@@x", "host": "x@@"}


def test_a_port_is_a_number(syncd: Syncd) -> None:
    assert created(syncd, "port=5432") == {"port": 5432}
    for text in ("0", "65536", "-1", "x", "", "5432.0"):
        assert syncd("connection", "update", "it", f"port={text}").code == 2


def test_extra_is_json_where_it_is_written_so(syncd: Syncd) -> None:
    assert created(
        syncd,
        "extra.a=5",
        "extra.b=true",
        "extra.c=require",
        'extra.d="5"',
        'extra.e={"x": [1, "y"]}',
        "extra.g=NaN",
        "extra.h=007",
        'extra."i.j"=dots',
        "extra.k=",
    ) == {
        "extra.a": 5,
        "extra.b": True,
        "extra.c": "require",
        "extra.d": "5",
        "extra.e.x": [1, "y"],
        "extra.g": "NaN",
        "extra.h": "007",
        'extra."i.j"': "dots",
        "extra.k": "",
    }


def test_extra_as_a_whole_is_merged_into_what_is_there(syncd: Syncd) -> None:
    syncd.ok("connection", "update", "warehouse", 'extra={"pool": {"size": 5}}')

    assert syncd.fields("connection", "show", "warehouse")["extra.sslmode"] == "require"
    assert syncd.fields("connection", "show", "warehouse")["extra.pool.size"] == 5


@pytest.mark.parametrize(
    "given",
    [
        "extra=text",
        "extra=[1]",
        "extra=null",
        "extra.a=null",
        'extra={"a": 1, "a": 2}',
        'extra={"a": ',
        "extra.a={b",
        "extra.a=[1,",
        'extra={"a": NaN}',
        'extra={"a": 1e999}',
        "extra.a=" + "[" * 30 + "]" * 30,
        "extra.a=" + '{"a":' * 5000 + "1" + "}" * 5000,
        "extra",
        "extra.=1",
        'extra."a=1',
        "=1",
        "",
    ],
)
def test_what_extra_cant_be_is_wrong_usage(syncd: Syncd, given: str) -> None:
    assert syncd("connection", "create", "it", given).code == 2


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 5000, "[1e999]"])
def test_a_number_that_json_cannot_hold_wants_quotes(syncd: Syncd, folder: Path, number: str) -> None:
    """As in a file of definitions."""
    (folder / "value").write_text(f'{{"a": {number}}}')
    for given in (f"extra.a={number}", f'extra={{"a": {number}}}', "extra=@value", "extra.b=@value"):
        result = syncd("connection", "create", "it", given)
        assert result.code == 2
        assert "a number that JSON can't hold: a text needs double quotes" in result.said

    assert created(syncd, f"extra.a={json.dumps(number)}") == {"extra.a": number}


def test_a_file(syncd: Syncd, folder: Path) -> None:
    (folder / "value").write_bytes(b"two\nlines \n")
    (folder / "crlf").write_bytes(b"windows\r\n")

    assert created(syncd, "login=@value", "schema=@crlf", "host=@/dev/null") == {
        "login": "two\nlines ",
        "schema": "windows",
        "host": "",
    }


def test_a_file_at_home(syncd: Syncd, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    (folder / "value").write_text("x")

    assert created(syncd, "login=@~/value") == {"login": "x"}


def test_stdin(syncd: Syncd) -> None:
    assert created(syncd, "login=-", stdin="größe\n".encode()) == {"login": "größe"}


def test_what_is_read_is_never_made_a_number(syncd: Syncd, folder: Path) -> None:
    (folder / "token").write_text("0123456789\n")
    created(syncd, "conn_type=x", "extra.token=@token", "extra.api_key=-", "--link", "etl-dev", stdin=b"1e5\n")

    assert stored(syncd) == {"conn_type": "x", "extra": {"token": "0123456789", "api_key": "1e5"}}


def test_what_is_read_may_be_an_object(syncd: Syncd, folder: Path) -> None:
    (folder / "service.json").write_text('{"type": "service_account", "private_key": "k"}\n')
    created(syncd, "conn_type=x", "extra.keyfile_dict=@service.json", "--link", "etl-dev")

    assert stored(syncd)["extra"] == {"keyfile_dict": {"type": "service_account", "private_key": "k"}}


def test_a_secret_that_looks_like_json_and_isnt_is_text(syncd: Syncd) -> None:
    created(syncd, "conn_type=x", "extra.token=-", "--link", "etl-dev", stdin=b"{[%")

    assert stored(syncd)["extra"] == {"token": "{[%"}


def test_extra_as_a_whole_from_a_file(syncd: Syncd, folder: Path) -> None:
    (folder / "extra.json").write_text('{"a": 1, "token": "x"}')

    assert created(syncd, "extra=@extra.json") == {"extra.a": 1, "extra.token": "(secret)"}


@pytest.mark.parametrize("content", [b"\xff", b"x" * ((1 << 20) + 1)])
def test_what_cant_be_a_value_isnt_read(syncd: Syncd, folder: Path, content: bytes) -> None:
    (folder / "value").write_bytes(content)

    assert syncd("connection", "create", "it", "login=@value").code == 2
    assert syncd("connection", "create", "it", "login=-", stdin=content).code == 2


def test_stdin_holds_one_value(syncd: Syncd) -> None:
    result = syncd("connection", "create", "it", "login=-", "password=-", stdin=b"x")

    assert result.code == 2
    assert "stdin holds one value, and login and password each want it" in result.said


def test_a_reference(syncd: Syncd) -> None:
    assert created(syncd, "--from", "login=env:WAREHOUSE_LOGIN", "--from", "extra.token=file:secrets/token") == {
        "login": "env:WAREHOUSE_LOGIN",
        "extra.token": "file:secrets/token",
    }


@pytest.mark.parametrize(
    "given", ["login", "login=", "login=x", "login=http:x", "login=env:", "nothing=env:X", "extra=env:X"]
)
def test_what_is_no_reference(syncd: Syncd, given: str) -> None:
    assert syncd("connection", "create", "it", "--from", given).code == 2


@pytest.mark.parametrize("given", [["host=a", "host=b"], ["host=a", "--from", "host=env:X"], ["host=a", "host=-"]])
def test_a_field_is_given_once(syncd: Syncd, given: list[str]) -> None:
    assert "host is given twice" in syncd("connection", "create", "it", *given).said


@pytest.mark.parametrize(
    "given",
    [
        [f"password={SECRET}"],
        ["password="],
        [f"extra.token={SECRET}"],
        [f"extra.a.b.my_api_key={SECRET}"],
        [f'extra={{"password": "{SECRET}"}}'],
        [f'extra={{"a": {{"b": {{"client_secret": "{SECRET}"}}}}}}'],
        [f'extra.a={{"token": "{SECRET}"}}'],
        [f'extra.a=[{{"token": "{SECRET}"}}]'],
        [f'extra.a=[[{{"x": {{"token": "{SECRET}"}}}}]]'],
        [f'extra.token={{"x": "{SECRET}"}}'],
        [f"extra.PASSWORD={SECRET}"],
        ["--secret-field", "extra.foo", f"extra.foo={SECRET}"],
        ["--secret-field", "extra.foo", f'extra={{"foo": "{SECRET}"}}'],
        ["--secret-field", "extra.foo", f"extra.foo.bar={SECRET}"],
        ["--secret-field", "extra", f"extra.foo={SECRET}"],
        ["--secret-field", "host", f"host={SECRET}"],
        [f"password=@@{SECRET}"],
        ["login=x", f"password={SECRET}", "conn_type=http"],
    ],
)
@pytest.mark.parametrize("verb", ["create", "update"])
def test_no_secret_is_an_argument(syncd: Syncd, verb: str, given: list[str]) -> None:
    result = syncd("connection", verb, "it" if verb == "create" else "slack", *given)

    assert result.code == 2
    assert "is secret, and others on this machine can see arguments" in result.said
    assert "=- for stdin" in result.said
    assert SECRET not in result.said
    assert len(syncd.json("history")["revisions"]) == 1


@pytest.mark.parametrize(
    "command",
    [
        ["link", "etl-dev", "warehouse", "--set"],
        ["override", "set", "warehouse", "-e", "dev"],
        ["override", "set", "warehouse", "-d", "etl-dev"],
        ["connection", "update", "scratch", "-d", "etl-dev"],
    ],
)
def test_no_secret_is_an_argument_anywhere(syncd: Syncd, command: list[str]) -> None:
    result = syncd(*command, f"password={SECRET}")

    assert result.code == 2
    assert SECRET not in result.said


def test_what_was_declared_before_is_no_argument_either(syncd: Syncd) -> None:
    syncd.ok("connection", "update", "warehouse", "--secret-field", "extra.foo")

    for command in (
        ["connection", "update", "warehouse"],
        ["override", "set", "warehouse", "-e", "dev"],
        ["link", "etl-dev", "warehouse", "--set"],
    ):
        assert syncd(*command, f"extra.foo={SECRET}").code == 2


def test_everything_is_checked_before_anything_is_read(syncd: Syncd) -> None:
    """Stdin's end would be an error of its own, the missing terminal another."""
    result = syncd("connection", "create", "it", "password", "login=-", "hots=x", stdin=b"\xff")

    assert result.code == 2
    assert "field 3 is no field of a connection; did you mean host?" in result.said


@pytest.mark.parametrize(
    "command",
    [
        ["connection", "create", "warehouse", "password"],
        ["connection", "create", "it", "password", "--link", "nowhere"],
        ["connection", "create", "it", "password", "-d", "nowhere"],
        ["connection", "update", "nothing", "password"],
        ["override", "set", "warehouse", "-e", "nowhere", "password"],
        ["override", "set", "nothing", "-e", "dev", "password"],
        ["link", "nowhere", "warehouse", "--set", "password"],
        ["link", "etl-dev", "nothing", "--set", "password"],
    ],
)
def test_nobody_is_asked_for_the_secret_of_what_isnt_there(syncd: Syncd, command: list[str]) -> None:
    result = syncd(*command)

    assert result.code == 1
    assert "no terminal" not in result.said
