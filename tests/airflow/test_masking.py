"""Secrets of `extra` that Airflow wouldn't mask by itself are masked, because the document says which they are."""

from __future__ import annotations

import asyncio
import importlib
import json
from typing import Any
from urllib.parse import quote

import pytest

pytest.importorskip("airflow")
from airflow_plugin.masking import mask, maskers
from syncd.core.model import Definition, Key
from tests.airflow.documents import Shared

pytestmark = pytest.mark.airflow

MASKERS = (
    "airflow.sdk._shared.secrets_masker",
    "airflow.sdk.execution_time.secrets_masker",
    "airflow._shared.secrets_masker",
    "airflow.utils.log.secrets_masker",
)


@pytest.fixture
def masked() -> Any:
    """Does every masker of this Airflow hide a text?"""
    maskers = []
    for name in MASKERS:
        try:
            maskers.append(importlib.import_module(name))
        except ImportError:
            continue
    assert maskers
    return lambda text: all(text not in module.redact(f"before {text} after") for module in maskers)


def add(shared: Shared, extra: dict[str, Any], *secret: tuple[str, ...]) -> None:
    fields = {"conn_type": "http", "extra": extra}
    shared.put(Definition(Key("connection", "masked"), fields, frozenset(secret), links={"etl-dev": {}}))


def test_a_secret_under_a_name_that_says_nothing(backend: type[Any], shared: Shared, masked: Any) -> None:
    add(shared, {"blob": "plain-name-secret", "sslmode": "not-a-secret"}, ("extra", "blob"))

    backend(**shared.kwargs()).get_conn_value("masked")

    assert masked("plain-name-secret")
    assert not masked("not-a-secret")


def test_secrets_in_lists_and_objects(backend: type[Any], shared: Shared, masked: Any) -> None:
    add(shared, {"blob": {"keys": ["list-secret-1", {"deep": "list-secret-2"}]}}, ("extra", "blob"))

    backend(**shared.kwargs()).get_conn_value("masked")

    assert masked("list-secret-1")
    assert masked("list-secret-2")


def test_each_line_of_a_secret_and_its_forms_in_json_and_uris(backend: type[Any], shared: Shared, masked: Any) -> None:
    key = 'first-line/"1"\nsecond-line/é'
    add(shared, {"blob": key}, ("extra", "blob"))

    backend(**shared.kwargs()).get_conn_value("masked")

    for form in (key, 'first-line/"1"', "second-line/é", json.dumps(key)[1:-1], quote(key, safe="")):
        assert masked(form)


def test_a_number_that_is_long_enough(backend: type[Any], shared: Shared, masked: Any) -> None:
    add(shared, {"pin": 90210777, "level": 3, "on": True}, ("extra", "pin"), ("extra", "level"), ("extra", "on"))

    backend(**shared.kwargs()).get_conn_value("masked")

    assert masked("90210777")
    assert not masked("3")
    assert not masked("True")


def test_a_secret_variable_under_a_name_that_says_nothing(backend: type[Any], shared: Shared, masked: Any) -> None:
    shared.put(
        Definition(
            Key("variable", "plain"), {"value": "variable-secret"}, frozenset({("value",)}), links={"etl-dev": {}}
        )
    )

    backend(**shared.kwargs()).get_variable("plain")

    assert masked("variable-secret")


def test_what_the_local_layer_puts_in_a_secrets_place(backend: type[Any], shared: Shared, masked: Any) -> None:
    add(shared, {"blob": "replaced-secret"}, ("extra", "blob"))
    local = {"connections": {"masked": {"extra": {"blob": "local-secret"}}}}

    backend(**shared.kwargs(local=local)).get_conn_value("masked")

    assert masked("local-secret")


def test_a_masker_that_fails_fails_no_lookup_and_is_asked_again(
    backend: type[Any], shared: Shared, masked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(shared, {"blob": "unreached-secret"}, ("extra", "blob"))
    ours = backend(**shared.kwargs())

    with monkeypatch.context() as patched:
        for masker in maskers():
            patched.setattr(masker, "mask_secret", _fail)
        assert "unreached-secret" in ours.get_conn_value("masked")
    assert not masked("unreached-secret")

    ours.get_conn_value("masked")

    assert masked("unreached-secret")


def test_a_lookup_in_an_event_loop_is_followed_by_one_that_masks_again(
    backend: type[Any], shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(shared, {"blob": "looped-secret"}, ("extra", "blob"))
    ours = backend(**shared.kwargs())
    asked: list[str] = []
    for masker in maskers():
        monkeypatch.setattr(masker, "mask_secret", asked.append)

    async def in_loop() -> Any:
        return ours.get_conn_value("masked")

    asyncio.run(in_loop())
    asked.clear()
    ours.get_conn_value("masked")

    assert "looped-secret" in asked


def _fail(secret: Any, name: Any = None) -> None:
    raise RuntimeError("no supervisor in an event loop")


def test_nothing_to_mask_imports_no_masker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.import_module", _fail)

    mask([])
    mask(["", None, {}, []])
