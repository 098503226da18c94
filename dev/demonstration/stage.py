"""Where a demonstration takes place: a folder of its own, an environment of its own, and nothing left of either."""

from __future__ import annotations

import hmac
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import screen

SAMPLES = Path(__file__).parents[1] / "samples"
PLANTED = "never-to-be-seen-"
"""What each secret that is planted begins with. It must not stand in any output, log or database."""

_PASSED_ON = ("HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TERM", "COLUMNS", "COLORTERM", "NO_COLOR")


class Failed(Exception):
    """Something isn't as it must be. `logs` are files whose end tells more."""

    def __init__(self, problem: str, *logs: Path) -> None:
        super().__init__(problem)
        self.logs = logs


class Stage:
    """A folder that is gone at the end, with everything that was started in it."""

    def __init__(self, syncd: Path, airflow: Path) -> None:
        self.airflow = airflow
        self.folder = Path(tempfile.mkdtemp(prefix="syncd-demo."))
        self.home = self.folder / "syncd"
        self.logs = self.folder / "logs"
        self.at_end = ExitStack()
        self.at_end.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.secrets = {name: _planted() for name in ("dev", "prod", "slack")}
        self.belongs = [self.home / "secrets", self.home / "dev-files", self.home / "prod-files"]
        """Folders that hold secrets, and are there to hold them."""

        self._replaced: list[str] = []
        for folder in (self.home / "secrets", self.logs, self.folder / "tmp"):
            folder.mkdir(parents=True)
        self._keep()
        # What a developer has set for their own Airflow, syncd or proxy is no part of it.
        self.environ = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {
            "PATH": f"{syncd}:{os.environ.get('PATH', os.defpath)}",
            "TMPDIR": str(self.folder / "tmp"),
            "SYNCD_HOME": str(self.home),
        }

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self.at_end.close()

    def start(
        self, command: Sequence[str], environ: Mapping[str, str], folder: Path, stdout: int | None = None
    ) -> subprocess.Popen[bytes]:
        """Start what ends with this stage at the latest, with all that it has started itself."""
        process = subprocess.Popen(
            command,
            env=environ,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            start_new_session=True,  # by which all its processes are found
        )
        self.at_end.callback(_end, process)
        return process

    def run(self, command: str) -> None:
        """Show a command and run it. Its output is what the user sees. Raises Failed."""
        screen.command(command)
        if self.start(["bash", "-e", "-o", "pipefail", "-c", command], self._environ(), SAMPLES).wait():
            raise Failed(f"this failed: {command}")
        screen.gap()

    def explained(self, deployments: Sequence[str]) -> dict[str, dict[str, Any]]:
        """By deployment and id: what `syncd explain` says of what the DAG looks up. Raises Failed."""
        asked = {
            (deployment, id_): self.start(
                ["syncd", "explain", deployment, id_, *options, "--output", "json"],
                self._environ(),
                SAMPLES,
                stdout=subprocess.PIPE,
            )
            for deployment in deployments
            for id_, *options in (("warehouse",), ("region", "--variable"))
        }
        found: dict[str, dict[str, Any]] = {deployment: {} for deployment in deployments}
        for (deployment, id_), process in asked.items():
            answer, _ = process.communicate()
            if process.returncode:
                raise Failed(f"this failed: syncd explain {deployment} {id_}")
            found[deployment][id_] = json.loads(answer)
        return found

    def digest(self, secret: str, key: str) -> str:
        """Of a planted secret: something to compare with, which tells nothing."""
        return hmac.new(key.encode(), self.secrets[secret].encode(), "sha256").hexdigest()

    def rotate(self) -> None:
        """Plant another password for each environment."""
        self._replaced += [self.secrets["dev"], self.secrets["prod"]]
        self.secrets |= {"dev": _planted(), "prod": _planted()}
        self._keep()

    def leaks(self) -> Iterator[Path]:
        """Files that hold a planted secret, where none belongs."""
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and not any(path.is_relative_to(folder) for folder in self.belongs):
                content = path.read_bytes()
                if any(secret.encode() in content for secret in (*self.secrets.values(), *self._replaced)):
                    yield path.relative_to(self.folder)

    def keep_logs(self) -> Path | None:
        """Take Airflow's logs to where they outlive this folder."""
        if not any(path.is_file() for path in self.logs.rglob("*")):
            return None
        kept = Path(tempfile.mkdtemp(prefix="syncd-demo-logs."))
        shutil.copytree(self.logs, kept, dirs_exist_ok=True, symlinks=True)
        return kept

    def _keep(self) -> None:
        (self.home / "secrets" / "warehouse").write_text(self.secrets["prod"] + "\n", "utf-8")

    def _environ(self) -> Mapping[str, str]:
        """What syncd gets, and no Airflow: the values that definitions refer to."""
        return self.environ | {"WAREHOUSE_PASSWORD": self.secrets["dev"], "SLACK_TOKEN": self.secrets["slack"]}


def _planted() -> str:
    return PLANTED + secrets.token_hex(8)


def _end(process: subprocess.Popen[bytes]) -> None:
    """At once: nothing of it is kept."""
    while found := _session(process.pid):
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.poll()
        time.sleep(0.02)
    process.wait()


def _session(leader: int) -> list[int]:
    """Who is in it, but for those that are over and only wait for a parent to notice."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            state, _, _, session = entry.read_text("utf-8", "replace").rpartition(")")[2].split()[:4]
            if int(session) == leader and state != "Z":
                found.append(int(entry.parent.name))
    return found
