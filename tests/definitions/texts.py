"""Texts of definitions, and what reading them gives."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

from syncd.core.errors import FixError, Problems
from syncd.core.model import Key, Workspace
from syncd.definitions import Definitions, read

CONNECTION = Key("connection", "c")

EXAMPLE = """\
workspace: analytics
environments: [dev, prod]                      # lowest first
deployments:
  etl-dev:
    environment: dev
    targets: [files]
    connections:
      scratch: {conn_type: sqlite, host: /tmp/scratch.db}     # its own
  etl-prod: {environment: prod, targets: [vault, pods]}
connections:
  warehouse:
    conn_type: postgres
    description: The analytics warehouse
    host: dev.warehouse.internal
    login: etl
    password: {$from: "env:WAREHOUSE_PASSWORD"}
    schema: analytics
    extra: {sslmode: require}
    environments:
      prod: {host: warehouse.internal, password: {$from: "file:/run/secrets/warehouse"}}
    links:
      etl-dev: {}
      etl-prod: {schema: finance, extra: {application_name: etl}}
  slack:
    conn_type: slackwebhook
    password: {$from: "env:SLACK_TOKEN"}
    link_all: true
    exclude: [etl-dev]
variables:
  region: {value: eu-west-1, link_all: true, links: {etl-prod: {value: eu-central-1}}}
"""
"""The example of the design."""


def put(text: str | bytes, name: str = "a.yaml") -> pathlib.Path:
    """A file in the current folder."""
    file = pathlib.Path(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def definitions(text: str | bytes) -> Definitions:
    return read(put(text))


def applied(text: str | bytes, current: Workspace | None = None, *, prune: bool = False) -> Workspace:
    return definitions(text).onto(current, prune=prune)


def fields(lines: str, key: Key = CONNECTION) -> Mapping[str, Any]:
    """The fields of one definition whose lines these are."""
    return definitions(one(lines, key)).definitions[key].fields


def one(lines: str, key: Key = CONNECTION) -> str:
    """A file of one definition: its lines begin at line 4, column 5."""
    body = "".join(f"    {line}\n" for line in lines.splitlines())
    return f"workspace: w\n{key.kind}s:\n  {key.id}:\n{body}"


def extra(value: str) -> Any:
    """What a key of `extra` comes to."""
    return fields(f"extra:\n  key: {value}")["extra"]["key"]


def problems(
    text: str | bytes | pathlib.Path, current: Workspace | None = None, *, prune: bool = False
) -> list[FixError]:
    """What is wrong with a text or a folder, in reading or in applying."""
    try:
        read(text if isinstance(text, pathlib.Path) else put(text)).onto(current, prune=prune)
    except Problems as error:
        found = error
    else:
        return []
    # A cause would carry the text of the file into a traceback.
    assert found.__cause__ is None
    assert found.__context__ is None
    return [one for one in found.errors if isinstance(one, FixError)]


def subjects(text: str | bytes | pathlib.Path, current: Workspace | None = None, *, prune: bool = False) -> list[str]:
    return [error.subject for error in problems(text, current, prune=prune)]
