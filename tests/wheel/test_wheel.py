"""The wheel as people get it: alone in a fresh environment, with no index to take anything else from."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]

IMPORTED = """
import sys
before = set(sys.modules)
import airflow_plugin
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before} - sys.stdlib_module_names))
"""


def run(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd="/",  # away from the checkout, whose packages would be imported instead
        env=os.environ | environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def wheel() -> Path:
    return Path(run(ROOT / "dev" / "wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment's folder of commands, with the wheel in it and what the wheel alone brings."""
    environment = tmp_path_factory.mktemp("wheel") / "env"
    uv = Path(run(ROOT / "dev" / "env", "uv")) / "bin" / "uv"
    run(uv, "venv", "--no-project", "--python", sys.executable, environment)
    run(uv, "pip", "install", "--python", environment, "--no-index", wheel)
    return environment / "bin"


def test_what_is_in_it(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
        info = "airflow_shared_connections-0.1.0.dist-info"
        entry_points = archive.read(f"{info}/entry_points.txt").decode()

    assert {name.partition("/")[0] for name in names} == {"airflow_plugin", "syncd", info}
    assert {"airflow_plugin/py.typed", "syncd/py.typed", f"{info}/licenses/LICENSE"} <= names
    assert "[console_scripts]\nsyncd = syncd.cli:main\n" in entry_points
    assert "[apache_airflow_provider]\nprovider_info = airflow_plugin.provider_info:get_provider_info\n" in entry_points


def test_it_is_enough_by_itself(installed: Path) -> None:
    listed = "import importlib.metadata as m; print(*(d.name for d in m.distributions()))"

    assert run(installed / "python", "-c", listed) == "airflow-shared-connections"


def test_the_plugin_imports_the_standard_library_alone_even_where_there_is_more(installed: Path) -> None:
    there = sysconfig.get_path("purelib")  # holds pydantic, SQLAlchemy and the rest, and no airflow_plugin

    assert run(installed / "python", "-c", IMPORTED, PYTHONPATH=there).split() == ["airflow_plugin"]


def test_syncd_says_what_to_install(installed: Path) -> None:
    done = subprocess.run([installed / "syncd", "plan"], check=False, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (1, "")
    assert "pip install 'airflow-shared-connections[daemon]'" in done.stderr
    assert "Traceback" not in done.stderr
