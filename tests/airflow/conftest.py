"""What all tests inside an Airflow share. Airflow is imported late: these files are collected where there is none."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.documents import SECRET, Shared, sample
from tests.airflow.processes import BACKEND, Standalone, copied, environment, run

Look = Callable[[str], Any]


@pytest.fixture(scope="session")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """The sample workspace, synced once."""
    return Shared(tmp_path_factory.mktemp("synced") / "shared", sample()).sync()


@pytest.fixture
def shared(synced: Shared, tmp_path: Path) -> Shared:
    """The sample workspace, synced, in a folder of this test's own."""
    return Shared(shutil.copytree(synced.root, tmp_path / "shared"), synced.workspace)


@pytest.fixture
def backend() -> type[Any]:
    """Our class, as Airflow imports it."""
    return import_module("airflow_plugin").SharedConnectionsBackend  # type: ignore[no-any-return]


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Configure this process's Airflow: our backend with these kwargs. It makes its chain anew at each lookup."""

    def configure(kwargs: Any, section: str = "SECRETS__", prefix: str = "") -> None:
        forget_chain()
        monkeypatch.setenv(f"AIRFLOW__{section}{prefix}BACKEND", BACKEND)
        text = kwargs if isinstance(kwargs, str) else json.dumps(kwargs)
        monkeypatch.setenv(f"AIRFLOW__{section}{prefix}BACKEND_KWARGS", text)

    yield configure
    forget_chain()


def forget_chain() -> None:
    """Airflow 3.3.2 keeps a worker's chain for as long as a process lives."""
    module = sys.modules.get("airflow.sdk.configuration")
    getattr(module, "_secrets_backend_cache", {}).clear()


@pytest.fixture(scope="session")
def database() -> Path:
    """The metadata database of this process's Airflow, migrated once."""
    home = Path(os.environ["AIRFLOW_HOME"])
    done = run("airflow", "db", "migrate", env=environment(home, {}, AIRFLOW__SECRETS__BACKEND=""))
    assert done.returncode == 0, done.stderr
    return home / "airflow.db"


@pytest.fixture(scope="session")
def standalone(database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    """A whole Airflow that runs the DAG of `running/dags` once. Servers are deployment `api`, tasks `etl-dev`."""
    from tests.airflow.releases import WORKERS_SECTION

    home = copied(database, tmp_path_factory.mktemp("standalone") / "home")
    shared = Shared(home.parent / "shared", sample()).sync()
    shared.file("connections/torn").write_text(f'{{"format": 1, "{SECRET}-torn')
    env = environment(
        home,
        shared.kwargs(deployment="api" if WORKERS_SECTION else "etl-dev"),
        AIRFLOW__WORKERS__SECRETS_BACKEND=BACKEND,
        AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS=json.dumps(shared.kwargs()),
        AIRFLOW_CONN_FALLBACK="http://environment",
        AIRFLOW_CONN_TORN="http://trap",
    )
    running = Standalone(home, env)
    yield running
    running.stop()


@pytest.fixture(scope="session", autouse=True)
def _early(request: pytest.FixtureRequest) -> None:
    # It takes half a minute to run its DAG: the other tests fill it.
    if any("standalone" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("standalone")
