"""A workspace as files, and back."""

from __future__ import annotations

import pathlib
import tempfile
from dataclasses import replace

import pytest
import yaml
from hypothesis import given

from syncd.core.canonical import text
from syncd.core.checks import check
from syncd.core.edits import edits
from syncd.core.model import Definition, Key, Workspace
from syncd.definitions import read, write
from tests.definitions.strategies import workspaces
from tests.definitions.texts import EXAMPLE, applied, one

C, V = Key("connection", "c"), Key("variable", "v")


def back(written: str, current: Workspace, *, prune: bool) -> Workspace:
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "w.yaml")
        file.write_bytes(written.encode())
        return read(file).onto(current, prune=prune)


def comparable(workspace: Workspace) -> Workspace:
    """Without overrides that say nothing, and with values that Python holds for equal told apart (1, 1.0 and True)."""
    return replace(
        workspace,
        definitions={
            key: replace(
                one,
                fields={"": text(one.fields)},
                environments={name: {"": text(patch)} for name, patch in one.environments.items() if patch},
                links={name: {"": text(patch)} for name, patch in one.links.items()},
            )
            for key, one in workspace.definitions.items()
        },
    )


@pytest.mark.parametrize("prune", [False, True])
@given(workspace=workspaces())
def test_what_is_written_reads_back_as_the_same_workspace(workspace: Workspace, prune: bool) -> None:
    assert list(check(workspace)) == []
    again = back(write(workspace), workspace, prune=prune)
    assert edits(workspace, again) == ()
    assert comparable(again) == comparable(workspace)


@given(workspace=workspaces())
def test_what_is_written_is_the_same_for_the_same_workspace(workspace: Workspace) -> None:
    turned = replace(
        workspace,
        deployments=dict(reversed(list(workspace.deployments.items()))),
        definitions=dict(reversed(list(workspace.definitions.items()))),
    )
    assert write(turned) == write(workspace) == write(back(write(workspace), workspace, prune=True))


@given(workspace=workspaces())
def test_another_reader_of_yaml_finds_texts_where_there_are_texts(workspace: Workspace) -> None:
    found = yaml.safe_load(write(workspace))
    assert found["workspace"] == workspace.name
    assert found["environments"] == list(workspace.environments)
    for key, definition in workspace.definitions.items():
        section = found["deployments"][key.owner] if key.owner else found
        fields = section[f"{key.kind}s"][key.id]
        for name, value in definition.fields.items():
            assert not isinstance(value, str) or fields[name] in (value, {"$stored": True})


@pytest.mark.usefixtures("either_yaml")
def test_the_example_comes_out_in_order() -> None:
    assert (
        write(applied(EXAMPLE))
        == """\
workspace: analytics
environments: [dev, prod]

deployments:
  etl-dev:
    environment: dev
    targets: [files]
    connections:
      scratch:
        conn_type: sqlite
        host: /tmp/scratch.db
  etl-prod:
    environment: prod
    targets: [vault, pods]

connections:
  slack:
    conn_type: slackwebhook
    password: {$from: "env:SLACK_TOKEN"}
    link_all: true
    exclude: [etl-dev]
  warehouse:
    conn_type: postgres
    description: The analytics warehouse
    host: dev.warehouse.internal
    login: etl
    password: {$from: "env:WAREHOUSE_PASSWORD"}
    schema: analytics
    extra:
      sslmode: require
    environments:
      prod:
        host: warehouse.internal
        password: {$from: "file:/run/secrets/warehouse"}
    links:
      etl-dev: {}
      etl-prod:
        schema: finance
        extra:
          application_name: etl

variables:
  region:
    value: eu-west-1
    links:
      etl-prod:
        value: eu-central-1
    link_all: true
"""
    )


@pytest.mark.usefixtures("either_yaml")
def test_texts_that_would_be_misread_are_quoted_and_long_ones_keep_their_lines() -> None:
    lines = one(
        'host: "null"\nlogin: "0123"\nschema: "no"\nport: 80\nextra: {"1": "1", n: 1, t: true, text: "a\\nb\\n"}'
    )
    assert (
        write(applied(lines))
        == """\
workspace: w
environments: []

connections:
  c:
    host: "null"
    login: "0123"
    schema: "no"
    port: 80
    extra:
      "1": "1"
      n: 1
      t: true
      text: |
        a
        b
"""
    )


@pytest.mark.parametrize(
    "lines",
    [
        "password: hunter2",
        "extra: {token: hunter2}",
        "extra: {a: {api_key: [hunter2]}}",
        "extra: {a: [{password: hunter2}]}",
        "host: hunter2\nsecret_fields: [host]",
        "extra: {a: {b: hunter2}}\nsecret_fields: [extra.a]",
        "environments: {dev: {password: hunter2}}",
        "links: {d: {password: hunter2}}",
    ],
)
def test_a_secret_is_kept_and_never_written(lines: str) -> None:
    frame = "\nenvironments: [dev]\ndeployments: {d: {environment: dev}}\n"
    before = applied(one(lines).replace("\n", frame, 1))
    written = write(before)
    assert "{$stored: true}" in written
    assert "hunter2" not in written
    assert back(written, before, prune=True) == before


@pytest.mark.parametrize("key", [V, Key("variable", "api_token")])
def test_so_is_a_secret_variable(key: Key) -> None:
    secret = frozenset({("value",)}) if key == V else frozenset[tuple[str, ...]]()
    before = Workspace("w", definitions={key: Definition(key, {"value": "hunter2"}, secret)})
    assert "hunter2" not in write(before)
    assert ("secret: true" in write(before)) == (key == V)
    assert back(write(before), before, prune=True) == before
