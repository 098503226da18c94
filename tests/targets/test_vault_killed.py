"""`syncd sync` that is killed with -9 at any write to a Vault: one pass puts it right, and nobody else's is touched."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from servers import vault as servers
from syncd.core.layouts.airflow import AirflowPaths
from syncd.core.layouts.layered import Layered
from tests.cli.runner import Syncd, nothing_of_the_developers
from tests.targets.killing import definitions, installed, killed_at
from tests.targets.processes import survives
from tests.targets.trials import VaultTrial, vault

pytestmark = [pytest.mark.vault, pytest.mark.slow]

LAYOUTS = {layout.name: layout for layout in (Layered("analytics"), AirflowPaths("analytics"))}
FIRST, SECOND = definitions("vault")
FOREIGN = ("analytics/deployments/etl/connections/theirs", "analytics/theirs", "elsewhere/theirs")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With FIRST in its registry, and no target yet."""
    return installed(tmp_path_factory.mktemp("installation") / "home", FIRST)


@pytest.mark.parametrize("again", [("sync",), ("sync", "--changed")], ids=["the next verifies", "the next does not"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_syncd_killed_before_and_after_each_write_is_put_right_by_the_next(
    layout: str,
    again: tuple[str, ...],
    installation: Path,
    vault_server: servers.Vault,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nothing_of_the_developers(monkeypatch)
    homes = (tmp_path / str(number) for number in count())

    def ready() -> tuple[Syncd, VaultTrial]:
        """FIRST lies there, and SECOND is to."""
        trial, home = vault(LAYOUTS[layout], vault_server), shutil.copytree(installation, next(homes))
        monkeypatch.setenv("SYNCD_HOME", str(home))
        (home / "syncd.toml").write_text(_settings(trial))
        (home / "token").write_text(trial.token)
        for path in FOREIGN:
            trial.put_foreign(path)
        syncd = Syncd(home)
        syncd.ok("sync")
        syncd.ok("apply", "-f", "-", "--prune", "--yes", stdin=SECOND.encode())
        return syncd, trial

    syncd, trial = ready()
    syncd.ok("sync")
    right = _lies(trial)

    for point in count(1):
        syncd, trial = ready()
        theirs = _theirs(trial)
        if survives(lambda: killed_at(point, syncd, socket.socket, _is_write)):  # noqa: B023  it is called at once
            assert point > 12
            return
        syncd.ok(*again)
        assert _lies(trial) == right, point
        assert _theirs(trial) == theirs
        done = trial.held()
        assert "nothing to do" in syncd.ok("sync").out
        assert trial.held() == done


def _is_write(sent: bytes) -> bool:
    return sent.startswith((b"POST ", b"PUT "))


def _settings(trial: VaultTrial) -> str:
    ca = f'verify = "{trial.server.ca}"' if trial.server.ca else ""
    return f"""
[targets.vault]
type = "vault"
url = "{trial.server.address}"
mount_point = "{trial.mount}"
layout = "{trial.target.layout.name}"
token_path = "token"
{ca}
"""


def _lies(trial: VaultTrial) -> Mapping[str, tuple[Any, Any]]:
    """All that can be read, and what is said beside it: of no path more than one version."""
    found = {}
    for path in trial.held():
        contents = [_but_since(one) for one in trial.readable(path).values()]
        assert len(contents) <= 1
        beside = trial.metadata(path)["custom_metadata"] or {}
        found[path] = (contents, {name: text for name, text in beside.items() if name != "syncd-emptied"})
    return found


def _but_since(content: Any) -> Any:
    """Without the revision of a nameplate: where the pass that changed the set was killed, the next can't tell."""
    return {name: value for name, value in content.items() if name != "revision"}


def _theirs(trial: VaultTrial) -> Mapping[str, Any]:
    return {path: (trial.metadata(path), trial.readable(path)) for path in FOREIGN}
