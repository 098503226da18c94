"""A workspace taken apart and put together again."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given

from syncd.core.canonical import text
from syncd.core.merge import leaves
from syncd.core.model import Definition, Key, Reference, Workspace
from syncd.core.secrets import is_secret, secret_paths
from syncd.registry.parts import Body, Part, join, split
from tests import strategies as some
from tests.registry.registries import connection, workspace


def rejoined(workspace: Workspace) -> Workspace:
    parts = split(workspace)
    return join(workspace.name, workspace.revision, ((part, body.open, body.hidden) for part, body in parts.items()))


def typed(workspace: Workspace) -> str:
    """As text, in which 1, 1.0 and True differ."""
    patches = {
        str(key): [one.fields, dict(one.environments), dict(one.links)] for key, one in workspace.definitions.items()
    }
    return text(patches)


@given(some.workspaces())
def test_any_workspace_is_the_same_again(workspace: Workspace) -> None:
    again = rejoined(workspace)
    assert again == workspace
    assert typed(again) == typed(workspace)


@given(some.workspaces())
def test_no_secret_is_in_the_open(workspace: Workspace) -> None:
    """Its path isn't there, or holds nothing but the objects that lead to it."""
    bodies = split(workspace)
    for key, definition in workspace.definitions.items():
        for part, fields in patches(definition):
            shown = json.loads(bodies[part].open)["fields"]
            secret = secret_paths(key.kind, key.id, fields, definition.secret_fields)
            for path, value in leaves(shown):
                assert value in (None, {}) or "$from" in path or not is_secret(path, secret)


def patches(definition: Definition) -> list[tuple[Part, Any]]:
    return [
        (Part("definition", *definition.key), definition.fields),
        *((Part("environment", *definition.key, name), one) for name, one in definition.environments.items()),
        *((Part("link", *definition.key, name), one) for name, one in definition.links.items()),
    ]


def test_a_link_that_overrides_nothing_but_a_secret_keeps_it() -> None:
    one = workspace(connection("warehouse", links={"etl": {"password": some.SENTINEL}}), etl="dev")
    assert rejoined(one) == one


def test_a_reference_is_no_secret_itself() -> None:
    reference = Reference("env", "WAREHOUSE")
    body = split(workspace(connection("warehouse", password=reference)))[Part("definition", "connection", "warehouse")]
    assert (json.loads(body.open)["fields"]["password"], body.hidden) == ({"$from": "env:WAREHOUSE"}, ())


def test_a_value_that_was_declared_secret_later_is_hidden_from_then_on() -> None:
    key = Key("variable", "region")
    part = Part("definition", *key)
    shown = split(workspace(Definition(key, {"value": some.SENTINEL})))[part]
    hidden = split(workspace(Definition(key, {"value": some.SENTINEL}, frozenset({("value",)}))))[part]
    assert some.SENTINEL in shown.open
    assert some.SENTINEL not in hidden.open


def test_what_a_part_holds_is_not_in_its_repr() -> None:
    assert some.SENTINEL not in repr(Body("{}", ((("password",), some.SENTINEL),)))
