"""Airflow's commands with our backend."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

pytest.importorskip("airflow")
from tests.airflow.documents import SECRET, WAREHOUSE, Shared
from tests.airflow.processes import copied, environment, run

pytestmark = [pytest.mark.airflow, pytest.mark.slow]
Airflow = Callable[..., "CompletedProcess[str]"]


@pytest.fixture(scope="module")
def home(database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(database, tmp_path_factory.mktemp("commands") / "home")


@pytest.fixture(scope="module")
def airflow(home: Path, synced: Shared) -> Airflow:
    """Run `airflow` as deployment `etl-dev`."""
    env = environment(home, synced.kwargs())
    return lambda *arguments: run("airflow", *arguments, env=env)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that tells of what is installed: in this process, where Airflow is imported already."""
    from airflow.cli import cli_parser

    def run_here(*arguments: str) -> str:
        asked = cli_parser.get_parser().parse_args(arguments)
        capsys.readouterr()
        asked.func(asked)
        return capsys.readouterr().out

    return run_here


def test_connections_get_shows_what_is_linked(airflow: Airflow) -> None:
    done = airflow("connections", "get", "warehouse", "-o", "json")

    found = json.loads(done.stdout[done.stdout.index("[{") :])[0]  # 3.0 logs to stdout before it
    assert {name: found[name] for name in ("host", "schema", "login", "password")} == {
        name: WAREHOUSE[name] for name in ("host", "schema", "login", "password")
    }


def test_connections_test_finds_the_connection_for_the_hook(airflow: Airflow) -> None:
    assert "Path /nowhere/at/all does not exist." in airflow("connections", "test", "astray").stdout


def test_dags_test_runs_a_task_that_finds_a_connection(airflow: Airflow, home: Path) -> None:
    done = airflow("dags", "test", "look", "2024-01-02")

    assert done.returncode == 0, done.stderr
    assert json.loads((home / "records" / "task.json").read_text())["connections"]["warehouse"] == WAREHOUSE
    assert f"{SECRET}-theirs" not in done.stdout + done.stderr


def test_providers_secrets_names_the_class_as_it_is_configured(command: Callable[..., str]) -> None:
    assert "airflow_plugin.SharedConnectionsBackend" in command("providers", "secrets", "-o", "plain")


def test_providers_list_names_the_distribution(command: Callable[..., str]) -> None:
    assert "airflow-shared-connections" in command("providers", "list", "-o", "plain")
