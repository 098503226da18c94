"""`syncd` in this process, as its console script runs it: arguments, stdin and environment in, a result out."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple, TextIO
from unittest import mock

import pytest

from syncd.cli.app import run

SETTINGS = """
[targets.files]
type = "directory"
path = "files"
[targets.classic]
type = "directory"
path = "classic"
layout = "airflow"
[references]
env = ["WAREHOUSE_*"]
files = ["secrets"]
"""

DEFINITIONS = """
workspace: analytics
environments: [dev, prod]
deployments:
  etl-dev:
    environment: dev
    targets: [files]
    connections:
      scratch: {conn_type: sqlite, host: /tmp/scratch.db}
  etl-prod: {environment: prod, targets: [files, classic]}
connections:
  warehouse:
    conn_type: postgres
    host: dev.internal
    login: etl
    password: {$from: "env:WAREHOUSE_PASSWORD"}
    schema: analytics
    extra: {sslmode: require}
    environments:
      prod: {host: warehouse.internal}
    links:
      etl-dev: {}
      etl-prod: {schema: finance, extra: {application_name: etl}}
  slack:
    conn_type: slackwebhook
    link_all: true
    exclude: [etl-dev]
variables:
  region: {value: eu-west-1, link_all: true, links: {etl-prod: {value: eu-central-1}}}
"""


def nothing_of_the_developers(patch: pytest.MonkeyPatch) -> None:
    """Take what a developer has set for their own syncd out of the environment."""
    for name in list(os.environ):
        if name.startswith(("SYNCD_", "WAREHOUSE_")):
            patch.delenv(name)


class Result(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """All that came out, its lines joined: no test is about where one ends."""
        return " ".join(f"{self.out} {self.err}".split())

    @property
    def json(self) -> Any:
        """The answer as a document."""
        return json.loads(self.out)


class Terminal(io.StringIO):
    """A person who answers, and to whom something happens right before."""

    def __init__(self, answer: str = "", before: Callable[[], object] = lambda: None) -> None:
        super().__init__(answer)
        self._before = before

    def isatty(self) -> bool:
        return True

    def readline(self, *size: int) -> str:  # type: ignore[override]  # its argument is never given by name
        self._before()
        return super().readline(*size)


class Syncd:
    """One installation, in its own folder."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *arguments: str, stdin: bytes | TextIO = b"") -> Result:
        """Run it; anything may come of it but a traceback."""
        out, err = io.StringIO(), io.StringIO()
        given = io.TextIOWrapper(io.BytesIO(stdin)) if isinstance(stdin, bytes) else stdin
        with redirect_stdout(out), redirect_stderr(err), mock.patch.object(sys, "stdin", given):
            code = run(arguments)
        result = Result(code, out.getvalue(), err.getvalue())
        assert "Traceback" not in result.said
        return result

    def ok(self, *arguments: str, stdin: bytes = b"") -> Result:
        """Run it; it must succeed."""
        result = self(*arguments, stdin=stdin)
        assert result.code == 0, result
        return result

    def json(self, *arguments: str, stdin: bytes = b"") -> Any:
        """The document that it answers with; it must succeed."""
        return self.ok(*arguments, "--output", "json", stdin=stdin).json

    def fields(self, *arguments: str) -> dict[str, Any]:
        """By path: the values of `show` or `explain`, a secret as `(secret)`."""
        return values(self.json(*arguments)["fields"])

    def edits(self, *arguments: str, stdin: bytes = b"") -> list[tuple[str, str, str | None, str | None]]:
        """What a command changed."""
        found = self.json(*arguments, stdin=stdin)["edits"]
        return [(one["subject"], one["field"], one["before"], one["after"]) for one in found]


def values(fields: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Fields of JSON output by path, a secret as `(secret)` or its reference."""
    return {one["path"]: one["reference"] or "(secret)" if one["secret"] else one["value"] for one in fields}
