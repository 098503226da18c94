"""PostgreSQL's programs: those on PATH, those where Debian puts them, or Debian's package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from servers import processes
from servers.binaries import Missing, say

DEBIAN = Path("/usr/lib/postgresql")
"""Where Debian puts them: a folder for each version, none of them on PATH."""

SETTINGS = Path("/etc/postgresql-common/createcluster.d")
_LEAST = 13
_APT = ("--quiet", "--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=600")  # another may be at it


@dataclass(frozen=True)
class Programs:
    """`postgres` and `initdb`, from one folder: of different versions they don't fit."""

    def find(self) -> Path:
        """Where `postgres` is. Installs nothing; raises Missing."""
        for folder in _folders():
            if all((folder / name).is_file() for name in ("postgres", "initdb")) and _version(folder) >= _LEAST:
                return folder / "postgres"
        raise Missing(f"{_none()}, and none is installed yet: dev/server --build postgresql does, as root on Debian")

    def build(self) -> Path:
        """The same; where there is none, Debian's package is installed. Raises Missing."""
        try:
            return self.find()
        except Missing:
            _install()
        return self.find()


def _none() -> str:
    return f"no postgres {_LEAST} or later on PATH or in {DEBIAN}"


def _folders() -> Iterator[Path]:
    """The newest of Debian's first."""
    found = shutil.which("postgres")
    if found:
        yield Path(found).resolve().parent  # initdb may lie beside what a link stands for
    numbered = [path for path in DEBIAN.glob("*/bin") if path.parent.name.isdecimal()]
    yield from sorted(numbered, key=lambda path: -int(path.parent.name))


def _version(folder: Path) -> int:
    try:
        asked = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    told = re.search(r"\(PostgreSQL\) (\d+)", asked.stdout)
    return int(told[1]) if told else 0


def _install() -> None:
    apt = shutil.which("apt-get")
    if apt is None:
        raise Missing(f"{_none()}, and no apt-get to install one with")
    if os.geteuid() != 0:
        raise Missing(f"{_none()}, and only root may install one: sudo apt-get install postgresql")
    with tempfile.TemporaryDirectory(prefix="postgresql.") as name:
        # Debian's package would otherwise make a server of the machine's own, and start it.
        SETTINGS.mkdir(parents=True, exist_ok=True)
        (SETTINGS / "no-server.conf").write_text("create_main_cluster = false\n")
        log = Path(name) / "apt.log"
        for what, arguments in (
            ("asking for Debian's packages", ("update", "--quiet")),
            (
                "installing Debian's postgresql, about a minute",
                ("install", *_APT, "postgresql"),
            ),
        ):
            say(what)
            environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
            process = processes.launch([apt, *arguments], environ, log, folder=Path(name))
            try:
                failed = process.wait()
            finally:
                processes.end(process, patience=30)
            if failed:
                raise Missing(f"installing PostgreSQL failed:\n{processes.tail(log)}")
