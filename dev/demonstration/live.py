"""A live Airflow: scheduler, DAG processor and API server, started once, spoken to by its REST API."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any, TypeVar
from urllib.request import ProxyHandler, Request, build_opener

from stage import SAMPLES, Failed, Stage

T = TypeVar("T")
DAG = "which_connection"
PATIENCE = 300
"""Seconds for anything to happen, on a machine that is busy with something else."""

# Nothing is restarted: one that ends ends them all.
_START = """
airflow db migrate >"$LOGS/migrate.log" 2>&1 || exit
airflow scheduler --skip-serve-logs >"$LOGS/scheduler.log" 2>&1 &
airflow dag-processor >"$LOGS/dag-processor.log" 2>&1 &
airflow api-server >"$LOGS/api-server.log" 2>&1 &
wait -n
"""
_open = build_opener(ProxyHandler({})).open  # no proxy is between us and this machine


class LiveAirflow:
    """One deployment's Airflow, being started. It ends with the stage. `local` is its airflow_local_settings.py."""

    def __init__(self, stage: Stage, deployment: str, settings: Path, local: Path | None = None) -> None:
        self.deployment = deployment
        self.logs = stage.logs / deployment
        self.started = time.monotonic()
        home = stage.folder / deployment
        for folder in (home, self.logs):
            folder.mkdir()
        shutil.copy(settings, home / "airflow.cfg")
        if local is not None:
            (home / "config").mkdir()
            shutil.copy(local, home / "config" / "airflow_local_settings.py")
        shutil.copytree(SAMPLES / "dags", home / "dags", ignore=shutil.ignore_patterns("__pycache__"))
        self.url = f"http://127.0.0.1:{_free_port()}"
        self._token = ""
        self._process = stage.start(["bash", "-c", _START], self._environ(stage, home), home)

    def wait_until_ready(self) -> float:
        """The seconds since it was started. Raises Failed."""
        self._poll("API", lambda: self._call("GET", "/execution/health"))  # what tasks use; made when first asked
        self._token = self._call("GET", "/auth/token")["access_token"]
        health = "/api/v2/monitor/health"
        self._poll("healthy scheduler", lambda: self._call("GET", health)["scheduler"]["status"] == "healthy")
        self._poll(f"DAG {DAG}", lambda: self._call("GET", f"/api/v2/dags/{DAG}"))
        return time.monotonic() - self.started

    def trigger(self, conf: dict[str, Any]) -> str:
        """Begin a run of the DAG; its id. Raises Failed."""
        try:
            run = self._call("POST", f"/api/v2/dags/{DAG}/dagRuns", {"logical_date": None, "conf": conf})
        except OSError as error:
            raise Failed(f"{self.deployment} takes no run: {error}", self.logs / "api-server.log") from None
        return str(run["dag_run_id"])

    def result(self, run: str) -> Any:
        """What the run's task returned, once it is over. Raises Failed where it failed."""
        if self._over(run) != "success":
            raise Failed(f"the DAG run on {self.deployment} failed", *self._logs(run))
        return self._call("GET", f"/api/v2/dags/{DAG}/dagRuns/{run}/taskInstances/look/xcomEntries/return_value")[
            "value"
        ]

    def failure(self, run: str) -> str:
        """What the run's task failed with, once it is over. Raises Failed where it succeeded."""
        if self._over(run) != "failed":
            raise Failed(f"the DAG run on {self.deployment} did not fail", *self._logs(run))
        lines = [line for log in self._logs(run) for line in log.read_text("utf-8", "replace").splitlines()]
        errors = [error for line in lines for error in json.loads(line).get("error_detail") or ()]
        return f"{errors[-1]['exc_type']}: {errors[-1]['exc_value']}" if errors else ""

    def lives(self) -> bool:
        """Whether all that was started at the beginning still runs."""
        return self._process.poll() is None

    def _over(self, run: str) -> str:
        at = f"/api/v2/dags/{DAG}/dagRuns/{run}"
        over = self._poll(f"end of {run}", lambda: (found := self._call("GET", at))["end_date"] and found)
        return str(over["state"])

    def _logs(self, run: str) -> list[Path]:
        return list(self.logs.glob(f"*/run_id={run}/**/*.log"))

    def _environ(self, stage: Stage, home: Path) -> dict[str, str]:
        return stage.environ | {
            "PATH": f"{stage.airflow}:{stage.environ['PATH']}",
            "LOGS": str(self.logs),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": self.url.rpartition(":")[2],
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",  # the default asks DNS, which may be slow
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "1",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.logs),
            "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(self.logs / "dag-files"),
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }

    def _poll(self, what: str, attempt: Callable[[], T]) -> T:
        """Ask until the answer is something. Raises Failed at the deadline, or where a process has ended."""
        deadline = time.monotonic() + PATIENCE
        while True:
            if not self.lives():
                raise Failed(f"Airflow has ended on {self.deployment}", *sorted(self.logs.glob("*.log")))
            with suppress(OSError, HTTPException, ValueError):  # it isn't there yet, or busy
                if answer := attempt():
                    return answer
            if time.monotonic() > deadline:
                raise Failed(f"{self.deployment}: no {what} within {PATIENCE} s", *sorted(self.logs.glob("*.log")))
            time.sleep(0.1)

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        request = Request(  # noqa: S310  our own address
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"},
        )
        with _open(request, timeout=30) as answer:
            return json.load(answer)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
