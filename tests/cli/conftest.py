from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from syncd.cli import show
from tests.cli.runner import DEFINITIONS, SETTINGS, Syncd, nothing_of_the_developers


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two installations that tests copy, as making them takes longer than a test: `empty` and `full`."""
    folder = tmp_path_factory.mktemp("templates")
    with pytest.MonkeyPatch.context() as patch:
        nothing_of_the_developers(patch)
        patch.setenv("SYNCD_HOME", str(folder / "empty"))
        Syncd(folder / "empty").ok("init")
        (folder / "empty" / "syncd.toml").write_text(SETTINGS)
        (folder / "empty" / "secrets").mkdir()
        shutil.copytree(folder / "empty", folder / "full")
        patch.setenv("SYNCD_HOME", str(folder / "full"))
        (folder / "definitions.yaml").write_text(DEFINITIONS)
        Syncd(folder / "full").ok("apply", "-f", str(folder / "definitions.yaml"), "--yes")
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with nothing of the developer's own around it, and a terminal of 80 columns."""
    nothing_of_the_developers(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNCD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WAREHOUSE_PASSWORD", "from-the-environment")
    monkeypatch.setattr(show.out, "_width", 80)
    return tmp_path


@pytest.fixture(scope="session")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where processes keep what they compiled, as otherwise each compiles all of SQLAlchemy."""
    return tmp_path_factory.mktemp("bytecode")


@pytest.fixture
def processes(folder: Path, bytecode: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that start `syncd` itself."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(bytecode))


@pytest.fixture
def empty(folder: Path, templates: Path) -> Syncd:
    """An installation without a workspace."""
    shutil.copytree(templates / "empty", folder / "home")
    return Syncd(folder / "home")


@pytest.fixture
def syncd(folder: Path, templates: Path) -> Syncd:
    """An installation with the workspace `analytics`, at revision 1."""
    shutil.copytree(templates / "full", folder / "home")
    return Syncd(folder / "home")
