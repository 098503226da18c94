"""The commands with a registry in PostgreSQL: what they do, and that nobody is told its password."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from servers import postgresql
from syncd.cli.session import start
from syncd.registry.lease import lease
from tests.cli.runner import DEFINITIONS, SETTINGS, Syncd

pytestmark = pytest.mark.postgresql

PASSWORD = "s3ntinel-p4ss/@:word"


class Watched(Syncd):
    """Says each time that the password isn't in what came out."""

    def __call__(self, *arguments: str, stdin: object = b""):  # type: ignore[no-untyped-def]  # as it is
        result = super().__call__(*arguments, stdin=stdin)  # type: ignore[arg-type]  # as it is
        assert not any(form in result.out + result.err for form in forms())
        return result


def forms() -> tuple[str, ...]:
    return PASSWORD, quote(PASSWORD, safe=""), "s3ntinel"


@pytest.fixture
def database(postgresql_server: postgresql.Postgresql) -> Iterator[str]:
    """An empty one, of a role with a password that nothing may tell; its name."""
    postgresql_server.run(f"CREATE ROLE cli LOGIN PASSWORD '{PASSWORD}'")
    try:
        with postgresql_server.database() as name:
            postgresql_server.run(f"ALTER DATABASE {name} OWNER TO cli")
            yield name
    finally:
        postgresql_server.run("DROP ROLE cli")


@pytest.fixture
def url(postgresql_server: postgresql.Postgresql, database: str) -> str:
    return postgresql_server.url(database, user="cli", password=PASSWORD)


@pytest.fixture
def syncd(folder: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """An installation with its registry there, and the workspace `analytics` at revision 1."""
    monkeypatch.setenv("SYNCD_REGISTRY", url)
    made = Watched(folder / "home")
    made.ok("init")
    (folder / "home" / "syncd.toml").write_text(SETTINGS)
    (folder / "definitions.yaml").write_text(DEFINITIONS)
    made.ok("apply", "-f", str(folder / "definitions.yaml"), "--yes")
    return made


def test_init_makes_it_there_and_says_where(
    folder: Path, url: str, database: str, postgresql_server: postgresql.Postgresql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCD_REGISTRY", url)
    said = Watched(folder / "home").ok("init").said
    assert f"postgresql://127.0.0.1:{postgresql_server.port}/{database}" in said
    assert not (folder / "home" / "registry.db").exists()
    assert Watched(folder / "home").ok("init", "-o", "json").json["made"] == []


def test_definitions_go_in_are_written_and_come_back(syncd: Watched, folder: Path) -> None:
    assert "files: 8 to create" in syncd.ok("plan").said
    assert "✓ files: 8 created" in syncd.ok("sync").said
    assert "files: nothing to do" in syncd.ok("plan", "--detailed-exitcode").said
    assert "in sync" in syncd.ok("status").said

    document = folder / "home" / "files" / "analytics" / "deployments" / "etl-prod" / "connections" / "warehouse"
    assert json.loads(document.read_text())["layers"]["link"]["schema"] == "finance"

    exported = syncd.ok("export").out
    (folder / "again.yaml").write_text(exported)
    assert "nothing to change" in syncd.ok("apply", "-f", str(folder / "again.yaml")).said.lower()


def test_a_change_is_synced_alone_and_rolled_back(syncd: Watched) -> None:
    syncd.ok("sync")
    syncd.ok("override", "set", "warehouse", "-d", "etl-prod", "schema=reporting")
    assert "files: 1 to update" in syncd.ok("plan", "--changed").said
    assert "✓ files: 1 updated" in syncd.ok("sync", "--changed").said
    assert "revision 3" in syncd.ok("rollback", "1", "--yes").said
    assert '"reporting" → "finance"' in syncd.ok("plan").said
    syncd.ok("sync")
    assert [one["number"] for one in syncd.json("history")["revisions"]] == [3, 2, 1]


def test_keys_are_rotated(syncd: Watched) -> None:
    syncd.ok("connection", "update", "warehouse", "password=-", stdin=b"shown-to-nobody")
    syncd.ok("key", "add")
    syncd.ok("key", "rotate")
    syncd.ok("key", "retire")
    assert syncd.fields("connection", "show", "warehouse")["password"] == "(secret)"


def test_another_replicas_sync_is_waited_for(syncd: Watched) -> None:
    with lease(start(None).registry, wait=1):
        result = syncd("sync", "--wait", "0.2")
    assert result.code == 1
    assert "another pass has been writing for 0.2 s" in result.said
    syncd.ok("sync")


def test_two_people_who_make_it_at_once_make_one(folder: Path, url: str, processes: None) -> None:
    environ = {**os.environ, "SYNCD_REGISTRY": url, "SYNCD_KEY_FILE": str(folder / "keys")}
    command = [sys.executable, "-c", "from syncd.cli import main; main()", "init", "-o", "json"]
    started = [
        subprocess.Popen(
            command, env={**environ, "SYNCD_HOME": str(folder / name)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for name in ("one", "two", "three")
    ]
    answers = [one.communicate(timeout=60) for one in started]
    assert [one.returncode for one in started] == [0, 0, 0], answers
    assert len({json.loads(out)["instance"] for out, _ in answers}) == 1


@pytest.mark.parametrize("broken", ["password", "database", "port", "driver", "host"])
def test_what_is_wrong_with_it_is_told_without_its_password(
    syncd: Watched, url: str, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    password = quote(PASSWORD, safe="")
    wrong = {
        "password": url.replace(password, f"{password}-s3ntinel-wrong"),
        "database": f"{url}-not",
        "port": f"postgresql://cli:{password}@127.0.0.1:1/d",
        "driver": url.replace("postgresql:", "postgresql+asyncpg:"),
        "host": f"postgresql://cli:{PASSWORD}@127.0.0.1/d",
    }
    monkeypatch.setenv("SYNCD_REGISTRY", wrong[broken])
    for command in (("plan",), ("sync", "-o", "json"), ("status",), ("init",), ("apply", "-f", "definitions.yaml")):
        result = syncd(*command)
        assert result.code == 1
        assert "please report it" not in result.said


def test_help_does_not_tell_it(syncd: Watched) -> None:
    for command in ("init", "sync", "plan", "status", "key"):
        syncd.ok(command, "--help")
    assert "postgresql://user:password@host/database" in syncd.ok("init", "--help").said
