"""`syncd dev run` with a real Airflow: a DAG's task finds what the deployment has, and sees an edit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]  # may have to make an environment

ROOT = Path(__file__).parents[2]
SYNCD = Path(sys.executable).with_name("syncd")
AIRFLOW = "airflow-3.3.2"

DEFINITIONS = """
workspace: analytics
environments: [dev, prod]
deployments: {etl-dev: {environment: dev}, etl-prod: {environment: prod}}
connections:
  warehouse: {conn_type: postgres, host: before, password: of-development, links: {etl-dev: {}}}
  slack: {conn_type: slackwebhook, password: of-production, link_all: true}
variables:
  region: {value: eu-west-1, link_all: true}
"""
DAG = """
import subprocess
from airflow.sdk import BaseHook, Variable, dag, task

@dag(schedule=None)
def asks():
    @task
    def ask():
        found = BaseHook.get_connection("warehouse")
        print("found", found.host, found.password == "of-development", Variable.get("region"))
        subprocess.run([{syncd!r}, "connection", "update", "warehouse", "host=after"], check=True, capture_output=True)
        while BaseHook.get_connection("warehouse").host != "after":
            pass
        print("then", BaseHook.get_connection("warehouse").host)
        try:
            BaseHook.get_connection("slack")
        except Exception as error:
            print("slack", type(error).__name__)
    ask()

asks()
"""


@pytest.fixture
def airflow() -> Path:
    found = subprocess.run(["dev/env", AIRFLOW], cwd=ROOT, check=True, capture_output=True, text=True)
    return Path(found.stdout.strip()) / "bin" / "airflow"


def test_a_dag_on_a_laptop_finds_what_its_deployment_has(tmp_path: Path, airflow: Path) -> None:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "SYNCD_"))}
    environ = {
        **own,
        "SYNCD_HOME": str(tmp_path / "home"),
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "XDG_RUNTIME_DIR": str(tmp_path),
    }
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "asks.py").write_text(DAG.format(syncd=str(SYNCD)))
    (tmp_path / "definitions.yaml").write_text(DEFINITIONS)

    def run(*command: str | Path) -> str:
        done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    run(SYNCD, "init")
    run(SYNCD, "apply", "-f", "definitions.yaml", "--yes")
    run(airflow, "db", "migrate")
    told = run(SYNCD, "dev", "run", "-d", "etl-dev", "--", airflow, "dags", "test", "asks")

    assert "found before True eu-west-1" in told
    assert "then after" in told
    assert "slack AirflowSecretsBackendAccessDenied" in told
    assert "of-production" not in told
    assert not list(tmp_path.glob("syncd-dev-*"))
