"""Prometheus's own checker of rules: on PATH, or out of Debian's package, of which nothing is installed or started."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from servers.binaries import Missing


def find() -> Path:
    """Where it is; fetched once, into the user's cache. Raises Missing."""
    found = shutil.which("promtool")
    if found:
        return Path(found)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    kept = cache / "airflow-shared-connections" / "tools" / "promtool"
    if not kept.is_file():
        _fetch(kept)
    return kept


def _fetch(kept: Path) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise Missing("no promtool on PATH, and no apt-get to fetch Debian's with")
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as name:
        folder = Path(name)
        for command in (["apt-get", "--quiet", "update"], ["apt-get", "--quiet", "download", "prometheus"]):
            if command[-1] != "update" or os.geteuid() == 0:
                _run(command, folder)
        (package,) = folder.glob("prometheus_*.deb")
        _run(["dpkg", "-x", str(package), "out"], folder)
        (folder / "out" / "usr" / "bin" / "promtool").rename(kept)  # whole, whoever else is at it


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=240, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"no promtool on PATH, and {' '.join(command)} failed: {error}") from None
    if done.returncode:
        raise Missing(f"no promtool on PATH, and {' '.join(command)} failed: {done.stderr.strip()[-200:]}")
