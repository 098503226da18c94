"""A dotenv file says the same to all who read it, or it says nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.core.airflow_form import connection_form
from syncd.core.checks import is_mask
from syncd.core.model import Item, Key
from syncd.exports import dotenv, names
from syncd.imports.environment import dotenv as read_by_us
from tests.exports.reading import by_python_dotenv, by_rules_of_compose, by_shell

SHELLS = [one for one in ("bash", "dash", "zsh") if shutil.which(one)]
AWKWARD = "'\"\\$`\n\r\t #=!{}%~;&|<>()*?[]abn0ufé🙂\u2028\x85\xa0\x7f\x01"
HARD = "it's \"5 $HOME ${HOME} `id` $(id)\\n\\\\' #\nnext=é🙂\u2028\x01\r\n\\"

texts = st.text(st.sampled_from(AWKWARD), max_size=12) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8
)
several = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def variables(*values: str) -> list[tuple[Item, dict[str, Any]]]:
    return [(Item("d", "variable", f"v{number}"), {"value": value}) for number, value in enumerate(values)]


def connection(id_: str = "c", **fields: Any) -> tuple[Item, dict[str, Any]]:
    return Item("d", "connection", id_), {"conn_type": "http", **fields}


def read_by_all(text: str, path: Path) -> Mapping[str, str | None]:
    """What every reader finds, which has to be the same."""
    path.write_text(text, encoding="utf-8", newline="")
    found = by_python_dotenv(path)
    assert by_rules_of_compose(text) == found
    for shell in SHELLS:
        assert by_shell(path, shell) == found, shell
    return found


@pytest.mark.slow
@several
@given(st.lists(texts, max_size=12))
def test_a_variable_is_read_as_it_is_or_it_is_listed(tmp_path: Path, values: list[str]) -> None:
    rendered = dotenv.render(variables(*values))
    found = read_by_all(rendered.files[".env"], tmp_path / ".env")
    assert found == {
        f"AIRFLOW_VAR_V{number}": value
        for number, value in enumerate(values)
        if Item("d", "variable", f"v{number}") not in rendered.left_out
    }


@pytest.mark.parametrize(
    "value",
    [
        "",
        " x ",
        "$HOME $5",
        "`id` $(id)",
        'say "hi"',
        "it's",
        "it's \\n",
        "C:\\new\\",
        "two\nlines",
        "#1",
        "é🙂",
        "a=b",
    ],
)
def test_what_anybody_would_write_is_held(value: str, tmp_path: Path) -> None:
    rendered = dotenv.render(variables(value))
    assert read_by_all(rendered.files[".env"], tmp_path / ".env") == {"AIRFLOW_VAR_V0": value}


@pytest.mark.parametrize("value", ["${HOME}", "it's $5", "it's `id`", "a\rb", "a\r\nb", "\0"])
def test_what_they_read_differently_is_left_out_by_name_and_without_its_value(value: str) -> None:
    rendered = dotenv.render(variables(value))
    (error,) = rendered.left_out.values()
    assert rendered.files == {".env": ""}
    assert error.subject == "d/variable v0"
    assert value not in str(error)


@pytest.mark.slow
@several
@given(st.lists(st.fixed_dictionaries({"password": texts, "extra": st.dictionaries(texts, texts, max_size=2)})))
def test_every_connection_is_held_as_it_is(tmp_path: Path, some: list[dict[str, Any]]) -> None:
    items = [connection(f"c{number}", **fields) for number, fields in enumerate(some)]
    rendered = dotenv.render(items)
    found = read_by_all(rendered.files[".env"], tmp_path / ".env")
    assert rendered.left_out == {}
    assert {name: json.loads(value or "") for name, value in found.items()} == {
        f"AIRFLOW_CONN_{item.id.upper()}": connection_form(fields) for item, fields in items
    }


@given(
    st.lists(texts.filter(lambda text: not is_mask(text))),
    st.lists(st.fixed_dictionaries({"password": texts.filter(lambda text: not is_mask(text))})),
)
def test_our_own_import_reads_back_what_is_in_it(values: list[str], some: list[dict[str, Any]]) -> None:
    items = [*variables(*values), *(connection(f"c{number}", **fields) for number, fields in enumerate(some))]
    rendered = dotenv.render(items)
    found = read_by_us(rendered.files[".env"], ".env")
    assert found.problems == found.notes == ()
    assert {key: one.fields for key, one in found.definitions.items()} == {
        Key(item.kind, item.id): fields for item, fields in items if item not in rendered.left_out
    }


def test_a_connection_leaves_nothing_to_interpret() -> None:
    line = dotenv.render([connection(password=HARD)]).files[".env"]
    value = line.removeprefix("AIRFLOW_CONN_C='").removesuffix("'\n")
    assert value.isascii()
    assert value.isprintable()
    assert not {"'", "$", "`"} & set(value)
    assert "\\" not in value.replace("\\u", "")


def test_a_key_of_64_kib_is_held(tmp_path: Path) -> None:
    key = "-----BEGIN KEY-----\n" + "aB3/+\n" * 11_000
    items = [connection(extra={"private_key": key}), *variables(key)]
    found = read_by_all(dotenv.render(items).files[".env"], tmp_path / ".env")
    assert json.loads(found["AIRFLOW_CONN_C"] or "")["extra"]["private_key"] == key
    assert found["AIRFLOW_VAR_V0"] == key


def test_what_no_environment_holds_is_left_out() -> None:
    rendered = dotenv.render([connection(password="x" * 131_072)])
    assert "is longer than the 128 KiB" in str(*rendered.left_out.values())


@pytest.mark.parametrize("length", [128 * 1024 - 1, 128 * 1024])
def test_what_is_told_to_be_too_long_is_what_the_system_refuses(length: int) -> None:
    value = "x" * (length - len("A="))
    refusal = pytest.raises(OSError, match="Argument list too long") if names.problem("A", value) else nullcontext()
    with refusal:
        subprocess.run(["true"], env={"PATH": os.defpath, "A": value}, check=True)


@pytest.mark.parametrize("id_", ["my-db", "a.b", "é", "a b", "a;id"])
def test_a_name_that_no_shell_takes_is_left_out(id_: str) -> None:
    assert "is no name in a shell" in str(*dotenv.render([connection(id_)]).left_out.values())


def test_of_two_with_the_same_name_the_second_is_left_out() -> None:
    rendered = dotenv.render([connection("db"), connection("DB")])
    assert [item.id for item in rendered.left_out] == ["DB"]
    assert rendered.files[".env"].count("AIRFLOW_CONN_DB=") == 1
