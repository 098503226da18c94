"""Airflow's own processes: its commands, and a whole installation that runs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

BACKEND = "airflow_plugin.SharedConnectionsBackend"
RUNNING = Path(__file__).parent / "running"
DEADLINE = 200.0
"""Seconds. Nothing here takes that long, unless a machine is very busy."""


def environment(home: Path, kwargs: Any, **more: str) -> dict[str, str]:
    """What a process of an Airflow with our backend is started with. `kwargs` that are text stand as they are."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    records = home / "records"
    records.mkdir(parents=True, exist_ok=True)
    return {
        **kept,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(RUNNING),
        "RECORDS": str(records),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API_AUTH__JWT_ISSUER": "airflow",  # 3.0 leaves it unset, which its JWT library refuses
        "AIRFLOW__API_AUTH__JWT_SECRET": "x" * 64,
        "AIRFLOW__CORE__DAGS_FOLDER": str(RUNNING / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__SECRETS__BACKEND": BACKEND,
        "AIRFLOW__SECRETS__BACKEND_KWARGS": kwargs if isinstance(kwargs, str) else json.dumps(kwargs),
        **more,
    }


def run(*command: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """A command to its end; `python` is this one's."""
    return subprocess.run(command, env=env, cwd="/", capture_output=True, text=True, check=False, timeout=DEADLINE)


def python(code: str, *arguments: str, env: Mapping[str, str]) -> Any:
    """What code in a fresh interpreter prints last, as JSON."""
    done = run(sys.executable, "-c", code, *arguments, env=env)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def until(condition: Callable[[], Any], what: Callable[[], str]) -> Any:
    """The first answer of a condition that isn't empty. What it waited for is told where it doesn't come."""
    end = time.monotonic() + DEADLINE
    while not (answer := condition()):
        if time.monotonic() > end:
            raise AssertionError(what())
        time.sleep(0.05)  # between two looks at the same event
    return answer


def free_port() -> str:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


class Standalone:
    """`airflow standalone`: every component as a process of its own, and one run of the DAG in `running/dags`."""

    def __init__(self, home: Path, env: Mapping[str, str]) -> None:
        self.home = home
        self.port = free_port()
        self.env = {
            **env,
            "AIRFLOW__API__PORT": self.port,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{self.port}",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{self.port}/execution/",
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": free_port(),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": free_port(),
            "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "1",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
            "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
            "AIRFLOW__WEBSERVER__WEB_SERVER_PORT": self.port,
            "AIRFLOW__WEBSERVER__WORKERS": "1",
        }
        self._output = (home / "output").open("wb")
        self._process = subprocess.Popen(
            ["airflow", "standalone"],
            env=self.env,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )

    def record(self, name: str) -> Any:
        """What a process wrote down under this name, as soon as it has."""
        path = self.home / "records" / f"{name}.json"
        self._until(path.exists, f"no record {name}")
        return json.loads(path.read_text())

    def log(self, task: str, holds: str) -> str:
        """All logs of a task, as soon as they hold this text."""
        self._until(lambda: holds in self._logs(task), f"no {holds!r} in the logs of {task}")
        return self._logs(task)

    def everything(self) -> str:
        """All that its components have written, and all logs."""
        paths = [self.home / "output", *(path for path in self.home.glob("logs/**/*") if path.is_file())]
        return "\n".join(path.read_text(errors="replace") for path in paths)

    def stop(self) -> None:
        """End every process of it, and wait for them."""
        for pid in reversed([self._process.pid, *_descendants(self._process.pid)]):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._process.wait()
        self._output.close()

    def _until(self, condition: Callable[[], Any], problem: str) -> None:
        until(
            lambda: condition() or self._process.poll() is not None,
            lambda: f"{problem}\n{self._tail()}",
        )
        assert condition(), f"{problem}, and Airflow has ended\n{self._tail()}"

    def _logs(self, task: str) -> str:
        paths = sorted(self.home.glob(f"logs/**/task_id={task}/*"))
        return "\n".join(path.read_text(errors="replace") for path in paths)

    def _tail(self) -> str:
        return "\n".join((self.home / "output").read_text(errors="replace").splitlines()[-60:])


def _descendants(pid: int) -> Iterator[int]:
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, thread.read_text().split()):
            yield child
            yield from _descendants(child)


def copied(database: Path, home: Path) -> Path:
    """A home with a metadata database of its own."""
    home.mkdir(parents=True)
    shutil.copy(database, home / "airflow.db")
    return home
