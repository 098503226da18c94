"""What must never tell a secret, one by one; `tests/e2e/test_leaks.py` plays the whole story."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncd import passes
from syncd.cli import fields, show
from syncd.cli.session import Session, start
from syncd.core.airflow_form import connection_json
from syncd.core.documents import Mark, Observed
from syncd.core.edits import edits
from syncd.core.explain import explain
from syncd.core.layouts.layered import Layered
from syncd.core.merge import merge
from syncd.core.model import Item, Key, Reference, Scope, Workspace
from syncd.core.plan import compare, writes
from syncd.core.resolve import fill, layers, resolve
from syncd.registry.parts import split
from tests.cli.runner import Syncd
from tests.cli.sentinels import Sentinels


@pytest.fixture
def secrets() -> Sentinels:
    return Sentinels()


def test_the_search_finds_a_secret_however_it_is_written(secrets: Sentinels) -> None:
    import base64
    from urllib.parse import quote

    secret = secrets.new("it")
    for written in (
        f"x{secret}x",
        json.dumps({"a": secret}),
        json.dumps({"a": secret}, ensure_ascii=False),
        repr([secret]),
        quote(f"user:{secret}@host"),
        f"starts with {secret[:8]}",
        f"ends with {secret[-8:]}",
        base64.b64encode(secret.encode()).decode(),
        base64.b64encode(f"user:{secret}".encode()).decode(),
        base64.urlsafe_b64encode(f"u:{secret}:x".encode()).decode(),
        secret.encode().hex(),
    ):
        assert secrets.found(written), written
    assert secrets.found(f"{secret[:7]}{secret[-7:]}") == set()


def _raise(error: BaseException) -> Callable[..., Any]:
    def broken(*arguments: Any, **named: Any) -> Any:
        held = arguments, named  # a traceback with locals would show them
        raise error from ValueError(held)

    return broken


def _errors(secret: str) -> list[BaseException]:
    broken = b"\xff" + secret.encode()
    return [
        ValueError(secret),
        KeyError(secret),
        OSError(5, secret, secret),
        UnicodeDecodeError("utf-8", broken, 0, 1, secret),
        json.JSONDecodeError(secret, secret, 0),
        RecursionError(secret),
        MemoryError(secret),
        ImportError(secret, name=secret),
        type(f"E{secret[:8]}", (Exception,), {})(secret),
    ]


@pytest.mark.parametrize("output", ["table", "json"])
@pytest.mark.parametrize("place", ["syncd.passes.prepare", "syncd.registry.workspaces.load", "syncd.installation.load"])
@pytest.mark.parametrize("number", range(8))
def test_a_failure_that_nobody_foresaw(
    syncd: Syncd, monkeypatch: pytest.MonkeyPatch, secrets: Sentinels, number: int, place: str, output: str
) -> None:
    error = _errors(secrets.new("it"))[number]
    monkeypatch.setattr(place, _raise(error))
    result = syncd("plan", "-t", "files", "-o", output)

    assert result.code == 1
    assert secrets.found(result.out + result.err) == set()
    if not isinstance(error, ImportError):
        assert type(error).__name__ in result.said
    if place != "syncd.passes.prepare":
        assert "please report it" in result.said or "pip install" in result.said


def test_a_failure_while_secrets_are_written(syncd: Syncd, monkeypatch: pytest.MonkeyPatch, secrets: Sentinels) -> None:
    monkeypatch.setenv("WAREHOUSE_PASSWORD", secrets.new("reference"))
    monkeypatch.setattr("syncd.targets.directory.encode", _raise(ValueError(secrets.new("error"))))
    result = syncd("sync")

    assert result.code == 1
    assert secrets.found(result.out + result.err) == set()


def test_no_value_of_ours_shows_what_it_holds(
    syncd: Syncd, monkeypatch: pytest.MonkeyPatch, secrets: Sentinels, folder: Path
) -> None:
    monkeypatch.setenv("WAREHOUSE_PASSWORD", secrets.new("reference"))
    for field in ("password", "extra.token"):
        syncd.ok("connection", "update", "slack", f"{field}=-", stdin=secrets.new(field).encode())
    syncd.ok("override", "set", "slack", "-e", "prod", "extra.api_key=-", stdin=secrets.new("override").encode())
    secrets.add("key", (syncd.home / "keys").read_text().strip())
    session = start(None)

    for value in _values(session):
        assert secrets.found(f"{value!r} {value!s} {value}") == set(), type(value)
    assert secrets.found(connection_json(_effective(session.load()).fields))  # the values do hold them


def _effective(here: Workspace) -> Any:
    return merge(layers(here.definitions[Key("connection", "slack")], here.deployments["etl-prod"]))


def _values(session: Session) -> list[object]:
    here = session.load()
    item = Item("etl-prod", "connection", "slack")
    definition = here.definitions[Key("connection", "slack")]
    stack = layers(definition, here.deployments["etl-prod"])
    resolution = resolve(here, Scope())
    read = session.installation.read()
    filled = fill(resolution, read(resolution.references))
    documents = Layered("analytics").documents(filled, Observed(), str)
    mark = Mark("i", "analytics", "files", 1)
    plan = compare(documents, Observed(), mark=mark, seal=session.registry.seal, hold={})
    planned = passes.plan(session.installation, session.registry, session.workspace, (), verify=True, now="")
    given = fields.assigned("connection", "x", [], ["password=env:X"])
    return [
        here,
        definition,
        *stack,
        _effective(here),
        resolution,
        filled,
        *filled.resolved.values(),
        documents,
        *documents.values(),
        plan,
        *plan.changes,
        *writes(plan, documents, Observed()),
        planned,
        *planned,
        edits(Workspace("analytics"), here),
        explain(here, item),
        given._replace(values={("password",): definition.fields["password"]}),
        session,
        session.installation,
        session.registry,
        session.registry.keys,
        split(here),
        read,
        Reference("env", "X"),
    ]


def test_an_error_document_and_its_lines_are_the_same(syncd: Syncd) -> None:
    """Whoever searches one for a secret has searched the other."""
    text = syncd("connection", "show", "nothing-like-it").err
    (document,) = syncd("connection", "show", "nothing-like-it", "-o", "json").json["errors"]

    for part in (document["subject"], document["problem"], document["remedy"]):
        assert show.clean(part) in text
