"""What is wrong with `backend_kwargs` is told at the first lookup: by key, all at once, and never with a value."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("airflow")
from tests.airflow.documents import SECRET, Shared
from tests.airflow.releases import KWARG_VARIABLES

pytestmark = pytest.mark.airflow

WRONG: dict[str, tuple[Any, str]] = {
    "an unknown key": ({"deploymnet": SECRET}, "deploymnet: no such key; known are workspace, deployment"),
    "no deployment": ({"deployment": ""}, 'deployment: is missing; set "deployment"'),
    "a number for a name": ({"workspace": 7}, "workspace: isn't a text"),
    "null for a path": ({"path": None}, "path: is missing"),
    "a name that nobody can have": ({"deployment": "ETL prod"}, "deployment: is no name"),
    "a name that leads elsewhere": ({"prefix": "../other"}, "prefix: is no name"),
    "a relative path": ({"path": "shared"}, "path: is no absolute path"),
    "a relative local path": ({"local_path": "local"}, "local_path: is no absolute path"),
    "an unknown source": ({"source": "etcd"}, "source: is no source of this release; known are directory"),
    "a list for local": ({"local": [SECRET]}, "local: is no JSON object"),
    "text for local": ({"local": f"{{{SECRET}"}, "local: is no JSON object"),
    "an unknown kind": ({"local": {"pools": {}}}, "local.pools: isn't understood; known are connections, variables"),
    "a list of connections": ({"local": {"connections": [SECRET]}}, "local.connections: isn't understood"),
    "a text for a connection": (
        {"local": {"connections": {"a.b": SECRET}}},
        'local.connections."a.b": is no JSON object',
    ),
    "an unknown field": ({"local": {"connections": {"a": {"hots": SECRET}}}}, "local.connections.a.hots: no field of"),
    "a port in quotes": (
        {"local": {"connections": {"a": {"port": "5432"}}}},
        "local.connections.a.port: a whole number",
    ),
    "a number for a variable": ({"local": {"variables": {"a": {"value": 5}}}}, "local.variables.a.value: a text is"),
    "a text for next": ({"next": "VaultBackend"}, "next: is no JSON object"),
    "next without a class": ({"next": {"backend_kwargs": {"token": SECRET}}}, 'next: is {"backend": CLASS'),
    "next with another key": ({"next": {"backend": "a.B", "kwargs": {"token": SECRET}}}, 'next: is {"backend": CLASS'),
}
"""What is set, and a part of what is told."""

TEXTS = ["{", "[]", "7", '"text"', "null", "", f'{{"workspace": "{SECRET}",}}']
"""What Airflow takes for no kwargs at all."""


def told(backend: Any) -> str:
    with pytest.raises(Exception, match="can't be had") as raised:
        backend.get_conn_value("warehouse")
    return str(raised.value)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_key_is_told_by_its_name(backend: type[Any], shared: Shared, name: str) -> None:
    wrong, error = WRONG[name]

    message = told(backend(**shared.kwargs(**wrong)))

    assert f"backend_kwargs: {error}" in message
    assert SECRET not in message


def test_all_of_it_is_told_at_once(backend: type[Any]) -> None:
    message = told(
        backend(workspace="A", deploymnet="etl-dev", local_path="x", local={"connections": {"a": {"port": 0}}})
    )

    for key in ("workspace", "deploymnet", "deployment", "path", "local_path", "local.connections.a.port"):
        assert message.count(f"backend_kwargs: {key}: ") == 1


def test_the_first_lookup_tells_and_each_after_it(backend: type[Any]) -> None:
    ours = backend(workspace="analytics")

    assert told(ours) == told(ours)


@pytest.mark.parametrize("wrong", [{}, *(wrong for wrong, _ in WRONG.values()), {"self": 1}, {"kwargs": 1}, {"": ""}])
def test_making_a_backend_never_fails(backend: type[Any], wrong: dict[str, Any]) -> None:
    backend(**wrong)


@pytest.mark.parametrize("text", [*TEXTS, *(json.dumps(wrong) for wrong, _ in WRONG.values())])
def test_airflow_makes_its_backends_whatever_is_configured(text: str, configured: Callable[..., None]) -> None:
    from airflow import configuration

    configured(text)

    assert [type(one).__name__ for one in configuration.initialize_secrets_backends()] == [
        "SharedConnectionsBackend",
        "EnvironmentVariablesBackend",
        "MetastoreBackend",
    ]


@pytest.mark.parametrize("text", TEXTS)
def test_what_airflow_cannot_read_is_told_as_nothing_set(text: str, configured: Callable[..., None]) -> None:
    from airflow import configuration

    configured(text)
    ours = configuration.initialize_secrets_backends()[0]

    assert "backend_kwargs: nothing is set; Airflow takes JSON that it can't read for nothing at all" in told(ours)


@pytest.mark.parametrize("null", [None, "null", ""])
def test_null_for_an_object_is_as_if_it_were_left_out(backend: type[Any], shared: Shared, null: Any) -> None:
    left_out = backend(**shared.kwargs()).get_conn_value("warehouse")

    assert left_out is not None
    assert backend(**shared.kwargs(local=null, next=null)).get_conn_value("warehouse") == left_out


def test_texts_of_an_environment_are_read_as_json(backend: type[Any], shared: Shared) -> None:
    local = json.dumps({"connections": {"warehouse": {"port": 1}}})

    assert json.loads(backend(**shared.kwargs(local=local)).get_conn_value("warehouse"))["port"] == 1


@pytest.mark.skipif(not KWARG_VARIABLES, reason="this Airflow has no variable for a single key")
def test_a_mistyped_variable_is_told_by_its_key(
    shared: Shared, configured: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow import configuration

    configured(shared.kwargs())
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND_KWARG__DEPLOYMNET", SECRET)

    message = told(configuration.initialize_secrets_backends()[0])

    assert "backend_kwargs: deploymnet: no such key" in message
    assert SECRET not in message
