"""`syncd dev export`: a deployment's connections and variables as files."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_plugin.lookup import for_kwargs
from syncd.core.errors import SyncError
from tests.cli.runner import DEFINITIONS, Syncd
from tests.cli.sentinels import Sentinels

COMMAND = Path(sys.executable).with_name("syncd")
FORMATS = ("dotenv", "json", "yaml", "settings", "directory")


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Sentinels:
    made = Sentinels()
    monkeypatch.setenv("WAREHOUSE_PASSWORD", made.new("password", middle="/\\ +%&é<$"))
    monkeypatch.setenv("WAREHOUSE_OF_PRODUCTION", made.new("production"))
    return made


@pytest.fixture
def syncd(syncd: Syncd, folder: Path, secrets: Sentinels) -> Syncd:
    """Production has a warehouse password of its own."""
    own = 'prod: {host: warehouse.internal, password: {$from: "env:WAREHOUSE_OF_PRODUCTION"}}'
    (folder / "own.yaml").write_text(DEFINITIONS.replace("prod: {host: warehouse.internal}", own))
    syncd.ok("apply", "-f", str(folder / "own.yaml"), "--yes")
    return syncd


@pytest.fixture
def withheld(syncd: Syncd) -> Syncd:
    """`slack` has a password that production gets."""
    syncd.ok("connection", "update", "slack", "password=-", stdin=b"of production")
    syncd.ok("exclude", "etl-dev", "slack", "--off")
    return syncd


def export(format_: str, to: Path, *more: str) -> tuple[str, ...]:
    return ("dev", "export", "-d", "etl-dev", "--format", format_, "--to", str(to), *more)


def dotenv(path: Path) -> dict[str, Any]:
    from dotenv import dotenv_values

    return dict(dotenv_values(path))


READ: dict[str, Callable[[Path], Any]] = {
    "dotenv": lambda path: json.loads(dotenv(path)["AIRFLOW_CONN_WAREHOUSE"])["password"],
    "json": lambda path: json.loads((path / "connections.json").read_text())["warehouse"]["password"],
    "yaml": lambda path: yaml.safe_load((path / "connections.yaml").read_text())["warehouse"]["password"],
    "settings": lambda path: {
        one["conn_id"]: one for one in yaml.safe_load(path.read_text())["airflow"]["connections"]
    }["warehouse"]["conn_password"],
    "directory": lambda path: json.loads(str(ours(path).find("connection", "warehouse")))["password"],
}


def ours(path: Path, deployment: str = "etl-dev") -> Any:
    return for_kwargs(f"{deployment} {path}", {"workspace": "analytics", "deployment": deployment, "path": str(path)})


@pytest.mark.parametrize("format_", FORMATS)
def test_it_is_written_for_its_owner_alone_and_nothing_of_it_is_told(
    syncd: Syncd, folder: Path, secrets: Sentinels, format_: str
) -> None:
    before = os.umask(0)
    try:
        result = syncd.ok(*export(format_, folder / "out"))
    finally:
        os.umask(before)
    assert READ[format_](folder / "out") == secrets.texts["password"]
    assert secrets.found(result.out) == secrets.found(result.err) == set()
    files = [path for path in (folder / "out", *(folder / "out").rglob("*")) if path.exists()]
    assert {path.stat().st_mode & 0o077 for path in files} == {0}


@pytest.mark.parametrize("format_", FORMATS)
def test_what_is_withheld_is_listed_and_no_failure(withheld: Syncd, folder: Path, format_: str) -> None:
    result = withheld.ok(*export(format_, folder / "out"))
    assert "etl-dev/slack: password is withheld" in result.said
    assert "of etl-dev, without 1" in result.out
    kept = [path.read_text() for path in (folder / "out", *(folder / "out").rglob("*")) if path.is_file()]
    assert not any("of production" in text for text in kept)


def test_in_a_folder_for_our_backend_it_is_told_in_its_place(withheld: Syncd, folder: Path) -> None:
    withheld.ok(*export("directory", folder / "out"))
    with pytest.raises(SyncError, match="password is withheld"):
        ours(folder / "out").find("connection", "slack")


def test_what_cannot_be_read_is_listed_and_a_failure_and_the_rest_is_written(
    syncd: Syncd, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WAREHOUSE_PASSWORD")
    result = syncd(*export("dotenv", folder / "out"))
    assert result.code == 1
    assert "WAREHOUSE_PASSWORD" in result.said
    assert dotenv(folder / "out").keys() == {"AIRFLOW_CONN_SCRATCH", "AIRFLOW_VAR_REGION"}


def test_what_a_format_cannot_hold_is_listed_and_a_failure(syncd: Syncd, folder: Path) -> None:
    syncd.ok("connection", "create", "my-db", "conn_type=http", "--link", "etl-dev")
    result = syncd(*export("dotenv", folder / "out"))
    assert result.code == 1
    assert "etl-dev/my-db: has an id that is no name in a shell" in result.said
    assert f"{len(dotenv(folder / 'out'))} connections and variables of etl-dev, without 1" in result.out
    syncd.ok(*export("json", folder / "folder"))


def test_for_scripts_it_says_what_was_written_and_what_is_missing(withheld: Syncd, folder: Path) -> None:
    answer = withheld.json(*export("json", folder / "out"))
    assert answer["written"] == [str(folder / "out" / f"{name}.json") for name in ("connections", "variables")]
    (missing,) = answer["missing"]
    assert (missing["reason"], missing["subject"]) == ("Withheld", "etl-dev/slack")


@pytest.mark.parametrize("format_", FORMATS)
def test_each_export_is_accounted_for_by_name(syncd: Syncd, folder: Path, format_: str) -> None:
    syncd.ok(*export(format_, folder / "out"))
    syncd.ok(*export(format_, folder / "out"))
    found = syncd.json("dev", "reveals")["reveals"]
    assert [(one["how"], one["names"]) for one in found] == [(f"dev export {format_}", ["connection warehouse"])] * 2


def test_what_cannot_be_accounted_for_does_not_leave(syncd: Syncd, folder: Path, secrets: Sentinels) -> None:
    with closing(sqlite3.connect(syncd.home / "registry.db")) as registry:
        registry.execute("CREATE TRIGGER full BEFORE INSERT ON reveals BEGIN SELECT RAISE(ABORT, 'full'); END")
    result = syncd(*export("dotenv", folder / "out"))
    assert result.code == 1
    assert not (folder / "out").exists()
    assert secrets.found(result.said) == set()


@pytest.mark.parametrize("format_", FORMATS)
def test_in_a_work_tree_it_is_refused_before_anything_is_read(syncd: Syncd, folder: Path, format_: str) -> None:
    subprocess.run(["git", "init", "-q", folder], check=True)
    (folder / ".gitignore").write_text("/ignored\n")
    result = syncd(*export(format_, folder / "out"))
    assert result.code == 1
    assert "add /out" in result.said
    assert not (folder / "out").exists()
    assert syncd.json("dev", "reveals")["reveals"] == []
    syncd.ok(*export(format_, folder / "ignored"))
    syncd.ok(*export(format_, folder / "out", "--in-git"))


def test_the_terminal_is_no_place_for_it(syncd: Syncd, folder: Path) -> None:
    assert syncd("dev", "export", "-d", "etl-dev", "--format", "dotenv", "--to", "-").code == 2
    assert not (folder / "-").exists()


@pytest.mark.parametrize("format_", ["dotenv", "settings"])
def test_a_folder_in_the_way_of_a_file_is_told(syncd: Syncd, folder: Path, format_: str) -> None:
    (folder / "out").mkdir()
    assert "is a folder" in syncd(*export(format_, folder / "out")).said


@pytest.mark.parametrize("format_", ["json", "yaml", "directory"])
def test_a_file_in_the_way_of_a_folder_is_told_and_stays(syncd: Syncd, folder: Path, format_: str) -> None:
    (folder / "out").write_text("mine")
    assert syncd(*export(format_, folder / "out")).code == 1
    assert (folder / "out").read_text() == "mine"


def test_the_folder_of_a_target_is_no_place_for_it(syncd: Syncd) -> None:
    result = syncd(*export("directory", syncd.home / "files"))
    assert result.code == 1
    assert "is the folder of target files" in result.said


def test_two_deployments_lie_side_by_side_in_a_folder_for_our_backend(syncd: Syncd, folder: Path) -> None:
    syncd.ok(*export("directory", folder / "out"))
    syncd.ok("dev", "export", "-d", "etl-prod", "--format", "directory", "--to", str(folder / "out"))
    assert READ["directory"](folder / "out")
    syncd.ok(*export("directory", folder / "out"))
    assert ours(folder / "out", "etl-prod").find("variable", "region") == "eu-central-1"


def test_a_deployment_that_is_not_there_is_told(syncd: Syncd, folder: Path) -> None:
    result = syncd("dev", "export", "-d", "etl-dew", "--format", "dotenv", "--to", str(folder / "out"))
    assert result.code == 1
    assert "deployment etl-dew: isn't in workspace analytics → did you mean etl-dev or" in result.said


@pytest.mark.slow
@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_watching_it_stays_fresh_until_a_signal(syncd: Syncd, folder: Path, format_: str, number: int) -> None:
    running = subprocess.Popen(
        [COMMAND, *export(format_, folder / "out", "--watch")], stderr=subprocess.PIPE, text=True
    )
    try:
        _until(lambda: READ[format_](folder / "out") != "new")
        syncd.ok("connection", "update", "warehouse", "password=-", stdin=b"new")
        _until(lambda: READ[format_](folder / "out") == "new")
        running.send_signal(number)
        _, told = running.communicate(timeout=20)
    finally:
        running.kill()
        running.communicate()
    assert (running.returncode, told) == (0, "")


@pytest.mark.slow
@pytest.mark.usefixtures("processes")
def test_watching_what_begins_to_be_withheld_is_told(syncd: Syncd, folder: Path) -> None:
    syncd.ok("connection", "create", "lake", "conn_type=aws", "password=-", "--link", "etl-dev", stdin=b"mine")
    running = subprocess.Popen([COMMAND, *export("json", folder / "out", "--watch")], stderr=subprocess.PIPE, text=True)
    try:
        _until(lambda: "lake" in json.loads((folder / "out" / "connections.json").read_text()))
        syncd.ok("link", "etl-prod", "lake")
        _until(lambda: "lake" not in json.loads((folder / "out" / "connections.json").read_text()))
        running.send_signal(signal.SIGTERM)
        _, told = running.communicate(timeout=20)
    finally:
        running.kill()
        running.communicate()
    assert told.count("etl-dev/lake: password is withheld") == 1


def _until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            if true():
                return
        except (OSError, SyncError, LookupError, ValueError):
            pass
        assert time.monotonic() < until
        time.sleep(0.1)
