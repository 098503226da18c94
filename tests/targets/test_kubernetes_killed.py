"""`syncd sync` killed with -9 at any write to Kubernetes: one pass puts it right, and nobody else's is touched."""

from __future__ import annotations

import json
import os
import shutil
import signal
import ssl
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import pytest

from servers import kubernetes as servers
from syncd.core.layouts.kubernetes import Bundled, Labelled
from tests.cli.runner import Syncd, nothing_of_the_developers
from tests.targets.processes import survives
from tests.targets.trials import KubernetesTrial, in_kubernetes

pytestmark = [pytest.mark.kubernetes, pytest.mark.slow]


class Life(NamedTuple):
    """Over how many Secrets documents are spread at first and then, where they are."""

    layout: Bundled | Labelled
    before: str = ""
    after: str = ""


LIVES = {
    "layered": Life(Bundled("analytics", 2), "secrets = 2", "secrets = 2"),
    "spread anew": Life(Bundled("analytics", 3), "secrets = 2", "secrets = 3"),
    "airflow": Life(Labelled("analytics")),
}
SECRET = "tell-nobody"
FIRST = f"""
workspace: analytics
environments: [dev]
deployments: {{etl: {{environment: dev, targets: [pods]}}}}
connections:
  stays: {{conn_type: http, link_all: true}}
  changes: {{conn_type: http, password: {SECRET}-1, link_all: true}}
  goes: {{conn_type: http, password: {SECRET}-1, link_all: true}}
"""
SECOND = f"""
workspace: analytics
environments: [dev]
deployments: {{etl: {{environment: dev, targets: [pods]}}}}
connections:
  stays: {{conn_type: http, link_all: true}}
  changes: {{conn_type: http, password: {SECRET}-2, link_all: true}}
variables:
  comes: {{value: x, link_all: true}}
"""
FOREIGN = ("analytics.etl", "analytics.other.theirs", "theirs")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With FIRST in its registry, and no target yet."""
    home = tmp_path_factory.mktemp("installation") / "home"
    with pytest.MonkeyPatch.context() as patch:
        nothing_of_the_developers(patch)
        patch.setenv("SYNCD_HOME", str(home))
        syncd = Syncd(home)
        syncd.ok("init")
        syncd.ok("apply", "-f", "-", "--yes", stdin=FIRST.encode())
    return home


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
        (home / "syncd.toml").write_text(_settings(trial, lived.before))
        for name in FOREIGN:
            trial.put_foreign(name)
        syncd = Syncd(home)
        syncd.ok("sync")
        (home / "syncd.toml").write_text(_settings(trial, lived.after))
        syncd.ok("apply", "-f", "-", "--prune", "--yes", stdin=SECOND.encode())
        return syncd, trial

    syncd, trial = ready()
    syncd.ok("sync")
    right = _lies(trial)
    assert f"{SECRET}-1" not in str(right)

    for point in count(1):
        syncd, trial = ready()
        theirs = _theirs(trial)
        if survives(lambda: _killed_at(point, syncd)):  # noqa: B023  it is called at once
            assert point > 4
            return
        syncd.ok(*again)
        assert _lies(trial) == right, point
        assert _theirs(trial) == theirs
        done = trial.held()
        assert "nothing to do" in syncd.ok("sync").out
        assert trial.held() == done


def _killed_at(point: int, syncd: Syncd) -> None:
    """Sync, and die at the n-th of these: a write is about to be sent, its answer is there. In a child alone."""
    points, one, asking = count(1), Lock(), set()
    send, receive = ssl.SSLSocket.sendall, ssl.SSLSocket.recv_into

    def passed() -> None:
        with one:
            if next(points) == point:
                os.kill(os.getpid(), signal.SIGKILL)

    def sendall(self: ssl.SSLSocket, data: Any, *rest: Any) -> None:
        line = bytes(data[:200])
        if line.startswith((b"POST ", b"PUT ", b"DELETE ")) and b"/secrets" in line:
            passed()
            asking.add(self)
        send(self, data, *rest)

    def recv_into(self: ssl.SSLSocket, *where: Any) -> int:
        found = receive(self, *where)
        if self in asking:
            asking.remove(self)
            passed()
        return found

    ssl.SSLSocket.sendall, ssl.SSLSocket.recv_into = sendall, recv_into  # type: ignore[method-assign,assignment]
    syncd.ok("sync")


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
