"""A workspace, synced as `syncd` does it: the backend is never given a hand-made document."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from syncd.core.documents import Mark, Stamp
from syncd.core.layouts.layered import Layered
from syncd.core.model import Definition, Deployment, Key, Scope, Workspace
from syncd.core.plan import compare, writes
from syncd.core.ports import Target
from syncd.core.resolve import fill, resolve
from syncd.targets.directory import DirectoryTarget

S = TypeVar("S", bound="Synced")
SECRET = "tell-nobody"
"""Stands in every secret of the sample, and nowhere else."""

WAREHOUSE = {
    "conn_type": "postgres",
    "host": "dev.warehouse",
    "login": "etl",
    "password": f"{SECRET}-pw",
    "port": 5432,
    "schema": "finance",
    "extra": {
        "sslmode": "require",
        "options": {"fetch": 100, "tags": ["a", "b"]},
        "blob": f"{SECRET}-blob",
        "lines": f"{SECRET}-first\n{SECRET}-second",
    },
}
"""What `etl-dev` gets for `warehouse`, from three layers."""


def _definition(
    kind: str, id_: str, fields: Mapping[str, Any], *links: str, secret: tuple[tuple[str, ...], ...] = ()
) -> Definition:
    return Definition(Key(kind, id_), fields, frozenset(secret), links={name: {} for name in links})


def sample() -> Workspace:
    """Workspace `analytics`, with deployments `etl-dev`, `etl-prod` and `api`."""
    warehouse = Definition(
        Key("connection", "warehouse"),
        {**WAREHOUSE, "host": "nowhere", "schema": "public"},
        frozenset({("extra", "blob"), ("extra", "lines")}),
        environments={"dev": {"host": "dev.warehouse"}, "prod": {"host": "warehouse", "password": f"{SECRET}-prod"}},
        links={"etl-dev": {"schema": "finance"}, "etl-prod": {}},
    )
    definitions = [
        warehouse,
        _definition("connection", "Lake/é", {"conn_type": "aws", "login": "", "description": "é"}, "etl-dev"),
        _definition("connection", "torn", {"conn_type": "http", "password": f"{SECRET}-torn"}, "etl-dev"),
        _definition("connection", "theirs", {"conn_type": "http", "password": f"{SECRET}-theirs"}, "etl-prod"),
        _definition("connection", "central", {"conn_type": "http", "host": "central"}, "api"),
        _definition(
            "connection", "astray", {"conn_type": "fs", "extra": {"path": "/nowhere/at/all"}}, "etl-dev", "api"
        ),
        _definition("variable", "region", {"value": "eu-west-1"}, "etl-dev"),
        _definition("variable", "empty", {"value": ""}, "etl-dev"),
        _definition("variable", "licence", {"value": f"{SECRET}-licence"}, "etl-dev", secret=(("value",),)),
        _definition("variable", "theirs", {"value": f"{SECRET}-theirs"}, "etl-prod"),
    ]
    return Workspace(
        "analytics",
        ("dev", "prod"),
        {
            "etl-dev": Deployment("etl-dev", "dev", ("files",)),
            "etl-prod": Deployment("etl-prod", "prod", ("files",)),
            "api": Deployment("api", "dev", ("files",)),
        },
        {definition.key: definition for definition in definitions},
        revision=1,
    )


class Synced:
    """A place that a workspace is synced into, and what it was last synced from."""

    def __init__(self, target: Target, workspace: Workspace, prefix: str) -> None:
        self.target, self.workspace, self.prefix = target, workspace, prefix

    def sync(self: S) -> S:
        """One pass, without record or guard."""
        target = self.target
        mark = Mark("registry", self.workspace.name, target.name, self.workspace.revision)
        observed = target.observe(None, _seal)
        goal = target.layout.documents(fill(resolve(self.workspace, Scope(target.name)), {}), observed, _seal)
        while True:
            desired = target.layout.step(goal, observed, _seal, {})
            batch = writes(compare(desired, observed, mark=mark, seal=_seal, hold={}), desired, observed)
            if not batch:
                return self
            for answer in target.write(batch, mark, _seal).values():
                assert answer is None or isinstance(answer, Stamp), answer
            observed = target.observe(None, _seal)

    def put(self, definition: Definition) -> None:
        """Change or add a definition, and sync."""
        self.workspace = replace(
            self.workspace,
            definitions={**self.workspace.definitions, definition.key: definition},
            revision=self.workspace.revision + 1,
        )
        self.sync()

    def drop(self, key: Key) -> None:
        """Remove a definition, and sync."""
        kept = {one: definition for one, definition in self.workspace.definitions.items() if one != key}
        self.workspace = replace(self.workspace, definitions=kept, revision=self.workspace.revision + 1)
        self.sync()


class Shared(Synced):
    """A directory of documents."""

    def __init__(self, root: Path, workspace: Workspace, prefix: str = "") -> None:
        prefix = prefix or workspace.name
        super().__init__(DirectoryTarget("files", Layered(prefix), str(root)), workspace, prefix)
        self.root = root

    def file(self, name: str, deployment: str = "etl-dev") -> Path:
        """The file of a document: `nameplate`, or `connections/warehouse`."""
        return self.root / self.prefix / "deployments" / deployment / name

    def kwargs(self, **more: Any) -> dict[str, Any]:
        """`backend_kwargs` of `etl-dev`."""
        return {"workspace": self.workspace.name, "deployment": "etl-dev", "path": str(self.root), **more}


def connection(id_: str, **fields: Any) -> Definition:
    """A connection that is linked to `etl-dev`."""
    return _definition("connection", id_, {"conn_type": "http", **fields}, "etl-dev")


def variable(key: str, value: str) -> Definition:
    """A variable that is linked to `etl-dev`."""
    return _definition("variable", key, {"value": value}, "etl-dev")


def _seal(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
