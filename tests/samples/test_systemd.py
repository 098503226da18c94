"""dev/samples/daemon/syncd.service: systemd takes it, and what it starts runs."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from syncd.daemon.settings import Settings
from tests.samples.running import running

UNIT = Path(__file__).parents[2] / "dev/samples/daemon/syncd.service"
HERE = Path(sys.executable).parent


def settings(text: str) -> Mapping[str, list[str]]:
    """Of the unit, whichever section they are in: each may be said more than once."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


SERVICE = settings(UNIT.read_text("utf-8"))


def test_it_is_given_longer_to_end_than_it_takes_for_that() -> None:
    assert int(SERVICE["TimeoutStopSec"][0]) > Settings.model_fields["grace"].default


def test_it_writes_where_its_home_and_its_targets_are_and_nowhere_else() -> None:
    (home,) = (one.partition("=")[2] for one in SERVICE["Environment"])
    assert SERVICE["ProtectSystem"] == ["strict"]
    assert home in SERVICE["ReadWritePaths"]


@pytest.mark.slow
def test_systemd_takes_it(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze here")
    unit = tmp_path / "syncd.service"
    unit.write_text(UNIT.read_text("utf-8").replace("/opt/syncd/bin/syncd run", f"{HERE / 'syncd'} run"))
    done = subprocess.run([analyze, "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if "syncd.service" in line or str(unit) in line]
    assert (done.returncode, said) == (0, []), done.stderr


@pytest.mark.slow
@pytest.mark.e2e
def test_what_it_starts_runs_reloads_and_ends_as_it_says(tmp_path: Path) -> None:
    """By what its first lines tell to do, beginning with the key."""
    home, kept = tmp_path / "lib", tmp_path / "etc"
    kept.mkdir()
    environ = {"PATH": f"{HERE}:{os.environ['PATH']}", "SYNCD_HOME": str(home), "SYNCD_DAEMON_LISTEN": "127.0.0.1:0"}
    subprocess.run(["syncd", "init"], env=environ, check=True, capture_output=True)
    (move,) = re.findall(r"^#\s+(\(umask .*)$", UNIT.read_text("utf-8"), re.MULTILINE)
    move = move.replace("/var/lib/syncd", str(home)).replace("/etc/syncd", str(kept))
    subprocess.run(["sh", "-euc", move], check=True)
    assert not (home / "keys").exists()
    assert (kept / "environment").stat().st_mode & 0o077 == 0

    name, _, value = (kept / "environment").read_text().strip().partition("=")
    command = shlex.split(SERVICE["ExecStart"][0].replace("/opt/syncd/bin/syncd", str(HERE / "syncd")))
    with running(command, {**environ, name: value}) as daemon:
        assert daemon.get("/livez") == 200
        reload = SERVICE["ExecReload"][0].replace("$MAINPID", str(daemon.process.pid))
        subprocess.run(shlex.split(reload), check=True)
        daemon.until("settings were read again")
        assert daemon.ends(signal.Signals[SERVICE["KillSignal"][0]]) == 0
