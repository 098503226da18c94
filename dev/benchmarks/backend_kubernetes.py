"""A task's lookup on Airflow 3.3 through Kubernetes: ours, nothing cached, against KubernetesSecretsBackend."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import backend
from backend import DEPLOYMENT, RELEASE, WORKSPACE
from runs import Companion, answer, environ, environment, scratch
from side_by_side import SIZE, compared
from table import Row

_CLASSES = {"ours": "airflow_plugin.SharedConnectionsBackend", "stock": "stock_pod.KubernetesSecretsBackend"}
_NAMESPACES = ("ours", "theirs")
_RULES = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}]


def rows() -> Iterator[Row]:
    sys.path.append(str(Path(__file__).parents[1]))
    from servers import kubernetes

    daemon, python = environment("daemon") / "python", environment(RELEASE) / "python"
    with scratch() as root, kubernetes.running() as server:
        for namespace in _NAMESPACES:
            _pod(server, namespace, root / namespace)
        (root / "admin").write_text(server.token, "utf-8")
        mine = environ(BENCH_URL=server.url, BENCH_CA=str(server.ca), BENCH_FOLDER=str(root))
        answer([daemon, __file__, "synced", root, str(SIZE)], mine)
        stock = "KubernetesSecretsBackend"
        yield from compared("backend kubernetes", stock, 1, lambda name: _process(name, root, python, server.url))


def _pod(server: Any, namespace: str, folder: Path) -> None:
    """A namespace, and what the kubelet mounts into a pod in it."""
    from servers.kubernetes import objects

    objects.namespace(server, namespace)
    objects.grant(server, namespace, "default", _RULES)
    folder.mkdir()
    (folder / "token").write_text(objects.token(server, namespace, "default"), "utf-8")
    shutil.copy(server.ca, folder / "ca.crt")


def _process(name: str, root: Path, python: Path, url: str) -> Companion:
    folder = root / ("ours" if name == "ours" else "theirs")
    mounted = {"url": url, "ca": str(folder / "ca.crt"), "token_path": str(folder / "token")}
    kwargs = {
        "ours": {"workspace": WORKSPACE, "deployment": DEPLOYMENT, "source": "kubernetes", "cache_ttl": 0, **mounted},
        "stock": {},
    }
    address = urlsplit(url)
    variables = environ(
        AIRFLOW_HOME=str(root / "airflow"),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__SECRETS__BACKEND=_CLASSES[name],
        AIRFLOW__SECRETS__BACKEND_KWARGS=json.dumps({"namespace": folder.name, **kwargs[name]}),
        BENCH_FOLDER=str(folder),
        KUBERNETES_SERVICE_HOST=str(address.hostname),
        KUBERNETES_SERVICE_PORT=str(address.port),
    )
    return Companion([python, backend.__file__, "lookups"], variables, root / f"{name}.log")


# What runs in the daemon's environment.


if __name__ == "__main__":
    target = '[targets.{}]\ntype = "kubernetes"\nlayout = "{}"\nnamespace = "{}"\n'
    entered = 'url = "{BENCH_URL}"\nca = "{BENCH_CA}"\ntoken_path = "{BENCH_FOLDER}/admin"\n'.format(**os.environ)
    backend.synced(
        Path(sys.argv[2]),
        int(sys.argv[3]),
        "".join(
            target.format(name, layout, name) + entered
            for name, layout in zip(_NAMESPACES, ("layered", "airflow"), strict=True)
        ),
    )
