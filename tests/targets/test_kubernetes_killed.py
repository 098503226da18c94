"""`syncd sync` killed with -9 at any write to Kubernetes: one pass puts it right, and nobody else's is touched."""

from __future__ import annotations

import json
import shutil
import ssl
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from servers import kubernetes as servers
from syncd.core.layouts.kubernetes import Bundled, Labelled
from tests.cli.runner import Syncd, nothing_of_the_developers
from tests.targets.killing import SECRET, definitions, installed, killed_at
from tests.targets.processes import survives
from tests.targets.trials import KubernetesTrial, in_kubernetes

pytestmark = [pytest.mark.kubernetes, pytest.mark.slow]


class Life(NamedTuple):
    """Over how many Secrets documents are spread at first and then, where they are.

    `after`: is it killed after a write, too, and not only before it?
    """

    layout: Bundled | Labelled
    first: str = ""
    then: str = ""
    after: bool = True


LIVES = {
    "layered": Life(Bundled("analytics", 2), "secrets = 2", "secrets = 2"),
    "spread anew": Life(Bundled("analytics", 3), "secrets = 2", "secrets = 3", after=False),
    "airflow": Life(Labelled("analytics")),
}
FIRST, SECOND = definitions("pods")
FOREIGN = ("analytics.etl", "analytics.other.theirs", "theirs")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With FIRST in its registry, and no target yet."""
    return installed(tmp_path_factory.mktemp("installation") / "home", FIRST)


@pytest.mark.parametrize(
    ("life", "again"),
    [
        *((life, ("sync",)) for life in LIVES),
        *((life, ("sync", "--changed")) for life in LIVES if life != "spread anew"),  # that one moves nothing
    ],
)
def test_syncd_killed_before_and_after_each_write_to_kubernetes_is_put_right_by_the_next(
    life: str,
    again: tuple[str, ...],
    installation: Path,
    kubernetes_server: servers.Kubernetes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nothing_of_the_developers(monkeypatch)
    homes, lived = (tmp_path / str(number) for number in count()), LIVES[life]

    def ready() -> tuple[Syncd, KubernetesTrial]:
        """FIRST lies there, and SECOND is to."""
        trial, home = (
            in_kubernetes(lived.layout, kubernetes_server, tmp_path),
            shutil.copytree(installation, next(homes)),
        )
        monkeypatch.setenv("SYNCD_HOME", str(home))
        (home / "syncd.toml").write_text(_settings(trial, lived.first))
        for name in FOREIGN:
            trial.put_foreign(name)
        syncd = Syncd(home)
        syncd.ok("sync")
        (home / "syncd.toml").write_text(_settings(trial, lived.then))
        syncd.ok("apply", "-f", "-", "--prune", "--yes", stdin=SECOND.encode())
        return syncd, trial

    syncd, trial = ready()
    syncd.ok("sync")
    right = _lies(trial)
    assert f"{SECRET}-1" not in str(right)

    for point in count(1):
        syncd, trial = ready()
        theirs = _theirs(trial)
        if survives(lambda: killed_at(point, syncd, ssl.SSLSocket, _is_write, after=lived.after)):  # noqa: B023  it is called at once
            assert point > 4
            return
        syncd.ok(*again)
        assert _lies(trial) == right, point
        assert _theirs(trial) == theirs
        done = trial.held()
        assert "nothing to do" in syncd.ok("sync").out
        assert trial.held() == done


def _is_write(sent: bytes) -> bool:
    return sent.startswith((b"POST ", b"PUT ", b"DELETE ")) and b"/secrets" in sent


def _settings(trial: KubernetesTrial, more: str) -> str:
    return f"""
[targets.pods]
type = "kubernetes"
url = "{trial.server.url}"
ca = "{trial.server.ca}"
token_path = "{trial.token_path}"
namespace = "{trial.target.namespace}"
layout = "{trial.target.layout.name}"
{more}
"""


def _lies(trial: KubernetesTrial) -> Mapping[str, Any]:
    """All that can be read of ours, and how it is found."""
    return {
        name: (
            {key: _but_since(text) for key, text in trial.data(name).items()},
            one["metadata"]["labels"],
            one["metadata"]["annotations"].keys(),
        )
        for name, one in trial.held().items()
        if name not in FOREIGN
    }


def _but_since(text: str) -> Any:
    """Without the revision of a nameplate: where the pass that changed the set was killed, the next can't tell."""
    if not text.startswith("{"):
        return text
    return {name: value for name, value in json.loads(text).items() if name != "revision"}


def _theirs(trial: KubernetesTrial) -> Mapping[str, Any]:
    return {name: one for name, one in trial.held().items() if name in FOREIGN}
