"""Where PostgreSQL's programs come from: PATH, Debian's folders, or Debian's package."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from servers.binaries import Missing
from servers.postgresql import programs
from servers.postgresql.programs import Programs


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One with nothing on it, whose root we are."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(programs, "DEBIAN", tmp_path / "debian")
    monkeypatch.setattr(programs, "SETTINGS", tmp_path / "settings")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return tmp_path


def command(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def version(folder: Path, number: str) -> Path:
    """Its `postgres`."""
    command(folder / "initdb", "")
    return command(folder / "postgres", f"echo 'postgres (PostgreSQL) {number}'")


def test_of_debians_the_newest_is_used(machine: Path) -> None:
    version(machine / "debian" / "9.6" / "bin", "9.6.24")
    version(machine / "debian" / "15" / "bin", "15.14 (Debian 15.14-0)")
    newest = version(machine / "debian" / "17" / "bin", "17.2")
    assert Programs().find() == Programs().build() == newest


def test_one_on_path_comes_first_and_a_link_stands_for_what_lies_beside_its_other_end(machine: Path) -> None:
    version(machine / "debian" / "17" / "bin", "17.2")
    real = version(machine / "opt", "16.1")
    (machine / "bin" / "postgres").symlink_to(real)
    assert Programs().find() == real


def test_one_that_is_too_old_or_without_initdb_is_not_used(machine: Path) -> None:
    version(machine / "debian" / "12" / "bin", "12.22")
    command(machine / "debian" / "16" / "bin" / "postgres", "echo 'postgres (PostgreSQL) 16.1'")
    with pytest.raises(Missing, match=r"no postgres 13 or later on PATH or in .*dev/server --build postgresql"):
        Programs().find()


def test_where_there_is_none_debians_package_is_installed_and_starts_no_server(
    machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = machine / "debian" / "15" / "bin"
    made = "; ".join(
        [f"/bin/mkdir -p {folder}", *(f"/bin/cp {machine}/made/{name} {folder}/" for name in ("postgres", "initdb"))]
    )
    version(machine / "made", "15.1")
    command(machine / "bin" / "apt-get", f'echo "$@" >>{machine}/runs; case $1 in install) {made};; esac')

    assert Programs().build() == folder / "postgres"
    runs = (machine / "runs").read_text().splitlines()
    assert runs[0].startswith("update")
    assert runs[1].startswith("install")
    assert runs[1].endswith("postgresql")
    assert (machine / "settings" / "no-server.conf").read_text() == "create_main_cluster = false\n"
    assert "installing Debian's postgresql" in capsys.readouterr().err


def test_an_installation_that_fails_says_why(machine: Path) -> None:
    command(machine / "bin" / "apt-get", "echo 'E: the disk is full'; exit 100")
    with pytest.raises(Missing, match=r"installing PostgreSQL failed(.|\n)*the disk is full"):
        Programs().build()


def test_who_is_not_root_is_told_what_root_may_do(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Missing, match="no apt-get to install one with"):
        Programs().build()
    command(machine / "bin" / "apt-get", "exit 1")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Missing, match="only root may install one: sudo apt-get install postgresql"):
        Programs().build()
