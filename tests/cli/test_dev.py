"""`syncd dev`: a command with what a deployment has, on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli.runner import DEFINITIONS, Syncd

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("processes")]

COMMAND = Path(sys.executable).with_name("syncd")
ASKS = """
import json, os, sys
from airflow_plugin.lookup import for_kwargs
from syncd.core.errors import SyncError
lookup = for_kwargs("test", json.loads(os.environ["AIRFLOW__SECRETS__BACKEND_KWARGS"]))
for line in sys.stdin:
    kind, id_ = line.split()
    try:
        print(lookup.find(kind, id_), flush=True)
    except SyncError as error:
        print(f"error: {error}", flush=True)
"""
"""What our backend finds: an id on each line of stdin, an answer on each line of stdout."""


class Running:
    """A command under `syncd dev run`."""

    def __init__(self, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [COMMAND, "dev", "run", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )

    def ask(self, id_: str, kind: str = "connection") -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{kind} {id_}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        return json.loads(answer) if answer.startswith("{") else answer

    def end(self) -> tuple[int, str]:
        """Its exit code, and what it told."""
        _, told = self.process.communicate(timeout=30)
        return self.process.returncode, told


def asking(*arguments: str, env: Mapping[str, str] | None = None) -> Running:
    return Running("-d", "etl-dev", *arguments, "--", sys.executable, "-c", ASKS, env=env)


@pytest.fixture
def syncd(syncd: Syncd, folder: Path) -> Syncd:
    """Production has a warehouse password of its own."""
    own = 'prod: {host: warehouse.internal, password: {$from: "env:WAREHOUSE_OF_PRODUCTION"}}'
    (folder / "own.yaml").write_text(DEFINITIONS.replace("prod: {host: warehouse.internal}", own))
    syncd.ok("apply", "-f", str(folder / "own.yaml"), "--yes")
    return syncd


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where private folders are made."""
    made = tmp_path / "runtime"
    made.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(made))
    return made


@pytest.fixture
def running(syncd: Syncd, runtime: Path) -> Iterator[Running]:
    made = asking()
    yield made
    made.process.kill()
    made.process.communicate()


def ran(*arguments: str, code: str) -> subprocess.CompletedProcess[str]:
    """A whole run of Python."""
    command: list[str | Path] = [COMMAND, "dev", "run", "-d", "etl-dev", *arguments, "--", sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_command_finds_what_the_deployment_has(running: Running) -> None:
    assert running.ask("warehouse")["password"] == "from-the-environment"
    assert running.ask("scratch") == {"conn_type": "sqlite", "host": "/tmp/scratch.db"}
    assert running.ask("region", "variable") == "eu-west-1"
    assert running.ask("slack") == "None"


def test_a_secret_of_production_is_an_error_that_tells_the_way_out(syncd: Syncd, runtime: Path) -> None:
    syncd.ok("connection", "update", "slack", "password=-", stdin=b"of production")
    syncd.ok("exclude", "etl-dev", "slack", "--off")
    running = asking()
    assert "password is withheld: it is a secret of environment prod; give" in running.ask("slack")
    code, told = running.end()
    assert code == 0
    assert "etl-dev/slack: password is withheld" in told
    assert "of production" not in told


def test_what_an_operator_allows_by_name_goes(syncd: Syncd, runtime: Path) -> None:
    syncd.ok("connection", "update", "slack", "password=-", stdin=b"allowed")
    syncd.ok("exclude", "etl-dev", "slack", "--off")
    with (syncd.home / "syncd.toml").open("a") as file:
        file.write('[reveal]\nallow = [{connection = "slack", field = "password"}]\n')
    running = asking()
    assert running.ask("slack")["password"] == "allowed"
    assert running.end()[0] == 0


def test_what_cannot_be_read_here_is_an_error_and_no_miss(
    syncd: Syncd, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WAREHOUSE_PASSWORD")
    running = asking()
    answer = running.ask("warehouse")
    assert answer.startswith("error: ")
    assert "WAREHOUSE_PASSWORD" in answer
    running.end()


def test_an_edit_in_the_registry_is_seen_without_a_restart(syncd: Syncd, running: Running) -> None:
    assert running.ask("warehouse")["host"] == "dev.internal"
    syncd.ok("connection", "update", "warehouse", "host=new.internal")
    while running.ask("warehouse")["host"] != "new.internal":
        pass


def test_nothing_is_left_when_it_ends(running: Running, runtime: Path) -> None:
    running.ask("warehouse")
    (folder,) = runtime.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in folder.rglob("*")} == {0}
    running.end()
    assert list(runtime.iterdir()) == []


def test_what_a_killed_run_left_is_swept_by_the_next_and_nobody_elses(
    syncd: Syncd, running: Running, runtime: Path
) -> None:
    running.ask("warehouse")
    (left,) = runtime.iterdir()
    other = asking()
    other.ask("warehouse")
    running.process.kill()
    running.process.wait()
    (runtime / "syncd-dev-of-somebody").mkdir()
    third = asking()
    third.ask("warehouse")
    assert not left.exists()
    assert len(list(runtime.iterdir())) == 3
    assert other.ask("warehouse")["conn_type"] == "postgres"
    other.end()
    third.end()


def test_whatever_backend_is_set_here_is_replaced(
    syncd: Syncd, folder: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for section, names in (("SECRETS", "BACKEND"), ("WORKERS", "SECRETS_BACKEND")):
        monkeypatch.setenv(f"AIRFLOW__{section}__{names}", "production.Backend")
        for ending in ("", "_CMD", "_SECRET"):
            monkeypatch.setenv(f"AIRFLOW__{section}__{names}_KWARGS{ending}", '{"url": "production"}')
    (folder / ".env").write_text("AIRFLOW__SECRETS__BACKEND_KWARGS_CMD='echo production'\n")
    code = "import json, os; print(json.dumps({k: v for k, v in os.environ.items() if k.startswith('AIRFLOW__')}))"
    done = ran(code=code)
    told = json.loads(done.stdout)
    assert told.keys() == {
        *("AIRFLOW__SECRETS__BACKEND", "AIRFLOW__SECRETS__BACKEND_KWARGS"),
        *("AIRFLOW__WORKERS__SECRETS_BACKEND", "AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS"),
    }
    assert "production" not in done.stdout
    assert "any other secrets backend that is set here is not asked" in done.stderr


def test_what_the_environment_and_dotenv_say_wins_and_is_listed(
    syncd: Syncd, folder: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".env").write_text("AIRFLOW_CONN_WAREHOUSE='postgres://mine'\nOTHER=1\n")
    monkeypatch.setenv("AIRFLOW_VAR_REGION", "here")
    running = asking()
    assert running.ask("warehouse") == running.ask("region", "variable") == "None"  # Airflow asks the environment next
    told = running.end()[1]
    assert "connection warehouse: as .env says" in told
    assert "variable region: as the environment says" in told
    assert ran(code="import os; print(os.environ['AIRFLOW_CONN_WAREHOUSE'])").stdout == "postgres://mine\n"


def test_a_local_layer_wins_and_is_listed(syncd: Syncd, folder: Path, runtime: Path) -> None:
    (folder / "local" / "connections").mkdir(parents=True)
    (folder / "local" / "connections" / "warehouse.json").write_text('{"host": "localhost"}')
    running = asking("--local-path", "local")
    assert running.ask("warehouse")["host"] == "localhost"
    assert running.ask("warehouse")["login"] == "etl"
    assert "connection warehouse: with fields of local" in running.end()[1]


def test_a_folder_of_local_layers_that_nothing_would_read_is_refused(syncd: Syncd, folder: Path, runtime: Path) -> None:
    run = ("dev", "run", "-d", "etl-dev", "--local-path")
    mistyped = syncd(*run, "locl", "--", "true")
    assert mistyped.code == 1
    assert "locl: is no folder" in mistyped.said
    (folder / "local").mkdir()
    as_env = syncd(*run, "local", "--as", "env", "--", "true")
    assert as_env.code == 2
    assert "leave --as env away" in as_env.said
    assert syncd.json("dev", "reveals")["reveals"] == []


def test_a_local_layer_that_is_broken_is_told_as_ones_own(syncd: Syncd, folder: Path, runtime: Path) -> None:
    (folder / "local" / "connections").mkdir(parents=True)
    (folder / "local" / "connections" / "warehouse.json").write_text("{")
    running = asking("--local-path", "local")
    answer = running.ask("warehouse")
    running.end()
    assert "is no JSON object" in answer
    assert "syncd sync" not in answer


def test_as_env_it_is_in_the_environment_and_no_backend_is_asked(syncd: Syncd, runtime: Path) -> None:
    code = "import os, json; print(json.loads(os.environ['AIRFLOW_CONN_WAREHOUSE'])['password'], "
    code += "os.environ['AIRFLOW_VAR_REGION'], repr(os.environ['AIRFLOW__SECRETS__BACKEND']))"
    assert ran("--as", "env", code=code).stdout == "from-the-environment eu-west-1 ''\n"
    assert list(runtime.iterdir()) == []


def test_as_env_what_no_environment_can_hold_is_listed(syncd: Syncd, runtime: Path) -> None:
    syncd.ok("connection", "create", "WAREHOUSE", "conn_type=http")
    syncd.ok("link", "etl-dev", "WAREHOUSE")
    assert "has the same name in an environment as" in ran("--as", "env", code="").stderr


@pytest.mark.parametrize("code", [0, 3, 255])
def test_its_exit_code_is_the_commands(syncd: Syncd, runtime: Path, code: int) -> None:
    assert ran(code=f"raise SystemExit({code})").returncode == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_is_passed_on_and_nothing_is_left(running: Running, runtime: Path, number: signal.Signals) -> None:
    running.ask("warehouse")
    running.process.send_signal(number)
    assert running.end()[0] == 128 + number
    assert list(runtime.iterdir()) == []


def test_a_command_that_ends_at_a_signal_in_its_own_way_has_its_own_exit_code(syncd: Syncd, runtime: Path) -> None:
    code = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); print('ready', flush=True); "
    running = Running("-d", "etl-dev", "--", sys.executable, "-c", f"{code}signal.pause()")
    assert running.process.stdout is not None
    assert running.process.stdout.readline() == "ready\n"
    running.process.send_signal(signal.SIGTERM)
    assert running.end()[0] == 7
    assert list(runtime.iterdir()) == []


COUNTS = """
import signal, sys
heard = []
signal.signal(signal.SIGALRM, lambda *_: sys.exit(len(heard)))
signal.signal(signal.SIGINT, lambda *_: heard.append(signal.alarm(1)))
print("ready", flush=True)
while True:
    signal.pause()
"""
"""How many interrupts came within a second of each other."""


def test_at_a_terminal_the_command_hears_an_interrupt_once(syncd: Syncd, runtime: Path) -> None:
    """The terminal tells the whole group by itself."""
    ours, theirs = os.openpty()
    command: list[str | Path] = ["setsid", "--ctty", "--wait", COMMAND, "dev", "run", "-d", "etl-dev", "--"]
    with (
        os.fdopen(ours, "rb", buffering=0) as terminal,
        subprocess.Popen(
            [*command, sys.executable, "-c", COUNTS], stdin=theirs, stdout=theirs, stderr=theirs
        ) as process,
    ):
        os.close(theirs)
        heard = b""
        while b"ready" not in heard:
            heard += terminal.read(1024)
        os.write(ours, b"\x03")
        assert process.wait(30) == 1
    assert list(runtime.iterdir()) == []


def test_what_begins_with_a_dash_behind_the_command_is_the_commands(syncd: Syncd, runtime: Path) -> None:
    arguments: list[str | Path] = [COMMAND, "dev", "run", "-d", "etl-dev", sys.executable, "-c", "print(7)"]
    assert subprocess.run(arguments, capture_output=True, text=True, check=True).stdout == "7\n"


def test_a_command_that_is_not_there_is_told(syncd: Syncd, runtime: Path) -> None:
    done = subprocess.run(
        [COMMAND, "dev", "run", "-d", "etl-dev", "--", "nonesuch"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "nonesuch: can't be run: No such file or directory" in done.stderr
    assert "name a program that is on PATH" in done.stderr
    assert list(runtime.iterdir()) == []


def test_a_deployment_that_is_not_there_is_told(syncd: Syncd, runtime: Path) -> None:
    assert "etl-dew" in syncd("dev", "run", "-d", "etl-dew", "--", "true").err


def test_each_reveal_is_accounted_for_by_name(syncd: Syncd, runtime: Path) -> None:
    ran(code="")
    (one,) = syncd.json("dev", "reveals")["reveals"]
    assert (one["deployment"], one["how"], one["names"]) == ("etl-dev", "dev run", ["connection warehouse"])
    assert "from-the-environment" not in syncd.ok("dev", "reveals").out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_who_is_told_to_end_before_the_command_runs_leaves_nothing_either(
    syncd: Syncd, runtime: Path, number: signal.Signals
) -> None:
    running = asking()
    while not list(runtime.iterdir()):
        pass
    running.process.send_signal(number)
    assert running.end()[0] == 128 + number
    assert list(runtime.iterdir()) == []


def test_what_is_ignored_here_the_command_ignores_too(syncd: Syncd, runtime: Path) -> None:
    code = "import os, signal; os.kill(os.getppid(), signal.SIGHUP); os.kill(os.getpid(), signal.SIGHUP); print('on')"
    run = [str(COMMAND), "dev", "run", "-d", "etl-dev", "--", sys.executable, "-c", code]
    done = subprocess.run(["nohup", *run], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "on\n")


@pytest.mark.parametrize("text", [b"A=\xff", b"A=a\0b", b"'A=B'=1"])
def test_a_dotenv_that_no_environment_can_hold_is_told(syncd: Syncd, folder: Path, runtime: Path, text: bytes) -> None:
    (folder / ".env").write_bytes(text)
    done = ran(code="")
    assert done.returncode == 1
    assert "✗ .env: " in done.stderr


def test_what_cannot_be_had_while_it_runs_is_told_once(syncd: Syncd, running: Running) -> None:
    running.ask("warehouse")
    syncd.ok("deployment", "delete", "etl-dev", "--yes")
    time.sleep(3.5)
    assert running.end()[1].count("deployment etl-dev: isn't in workspace") == 1
