"""The one rendering for Airflow: what its constructor takes, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from syncd.core.airflow_form import FORMS, connection_form, connection_json, variable_text
from syncd.core.merge import merge
from syncd.core.model import KINDS
from tests import strategies as some

# What `Connection.__init__` takes in every release from 2.11 on; `uri` and `conn_id` aside, which aren't ours to give.
TAKEN = {"conn_type", "description", "host", "login", "password", "schema", "port", "extra"}


@given(some.layers("connection"))
def test_airflow_gets_only_keys_that_its_constructor_takes_and_no_null(layers: Any) -> None:
    """An unknown key would make the connection "isn't defined"."""
    form = connection_form({**merge(layers).fields, "conn_id": "x", "team_name": "y"})
    assert form.keys() <= TAKEN
    assert None not in form.values()


def test_every_field_that_is_there_is_given() -> None:
    fields = {
        name: {"a": 1} if name == "extra" else 1 if name == "port" else "x" for name in KINDS["connection"].fields
    }
    assert connection_form(fields) == fields
    assert fields.keys() == TAKEN


@pytest.mark.parametrize("name", ["host", "password", "login", "schema"])
def test_an_empty_text_is_given_and_an_empty_extra_is_not(name: str) -> None:
    assert connection_form({"conn_type": "http", name: "", "extra": {}}) == {"conn_type": "http", name: ""}


def test_the_json_has_extra_as_an_object_and_text_as_it_is() -> None:
    rendered = connection_json({"conn_type": "http", "password": "pä\u2028ss", "extra": {"a": [None, True, 1.0]}})
    assert "pä" in rendered
    assert json.loads(rendered) == {"conn_type": "http", "password": "pä\u2028ss", "extra": {"a": [None, True, 1.0]}}


@pytest.mark.parametrize("text", ["", "null", "{}", "x\ny"])
def test_a_variable_is_its_text(text: str) -> None:
    assert variable_text({"value": text}) == text


def test_every_kind_has_a_rendering() -> None:
    assert FORMS.keys() == KINDS.keys()
