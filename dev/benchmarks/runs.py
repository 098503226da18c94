"""Runs in pairs, one after the other in turns, so that what else this machine does hits both alike.

Standard library only: parts of it run in an Airflow environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_WAITED = Path("/proc/thread-self/schedstat")
_FOREIGN = ("AIRFLOW", "_AIRFLOW", "SYNCD_", "VAULT_", "PYTHON")


def clock() -> float:
    """Seconds of this thread's time, less those that it waited for a CPU while others had it (on Linux)."""
    try:
        waited = int(_WAITED.read_bytes().split()[1])
    except OSError:
        waited = 0
    return (time.perf_counter_ns() - waited) / 1e9


def in_turns(rounds: int, one: Callable[[], float], other: Callable[[], float]) -> list[float]:
    """How long one takes by how long the other takes, for each round; who begins changes from round to round."""
    ratios = []
    for number in range(rounds):
        if number % 2:
            divisor = other()
            ratios.append(one() / divisor)
        else:
            dividend = one()
            ratios.append(dividend / other())
    return ratios


def say(text: str) -> None:
    """Progress: what is measured now."""
    print(text, file=sys.stderr, flush=True)


def environment(name: str) -> Path:
    """The folder of programs of a virtual environment, brought up to date."""
    made = subprocess.run(["dev/env", name], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return Path(made.stdout.strip()) / "bin"


def environ(**variables: str) -> dict[str, str]:
    """This process's environment without what a developer has set for their own Airflow, syncd or Python."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return {**kept, **variables}


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder in memory, where the system has such."""
    memory = Path("/dev/shm")  # noqa: S108  a folder of a name nobody knows is made in it
    with tempfile.TemporaryDirectory(prefix="bench.", dir=memory if os.access(memory, os.W_OK) else None) as path:
        yield Path(path)


def seconds(command: Sequence[str | Path], variables: dict[str, str]) -> float:
    """How long a whole process takes, by the clock on the wall. Raises CalledProcessError where it fails."""
    start = time.perf_counter()
    subprocess.run(command, env=variables, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    return time.perf_counter() - start


def answer(command: Sequence[str | Path], variables: dict[str, str]) -> Any:
    """The JSON that a process prints; what it says of an error is shown. Raises CalledProcessError where it fails."""
    done = subprocess.run(command, env=variables, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


class Companion:
    """A process that stays and answers questions, a line of JSON each; it has to run `answering`."""

    def __init__(self, command: Sequence[str | Path], variables: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        self._questions: Any = self._process.stdin
        self._answers: Any = self._process.stdout

    def __enter__(self) -> Companion:
        self._read()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, question: Any) -> Any:
        """Raises RuntimeError with the process's last words where it has ended."""
        self._questions.write(json.dumps(question) + "\n")
        self._questions.flush()
        return self._read()

    def _read(self) -> Any:
        line = self._answers.readline()
        if not line:
            self._process.wait()
            raise RuntimeError(f"a process of the bench ended:\n{self._log.read_text('utf-8', 'replace')[-3000:]}")
        return json.loads(line)


def answering(respond: Callable[[Any], Any]) -> None:
    """The companion's side: answer questions until there are none; whatever else is printed goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    print("null", file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(respond(json.loads(line))), file=answers, flush=True)
