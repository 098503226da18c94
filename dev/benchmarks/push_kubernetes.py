"""A push of 10,000 links to a real API server, against threads of the stock client that make a Secret each."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from runs import answer, environ, environment, say, scratch
from sync import DEFINITIONS, DEPLOYMENTS, PASSWORDS, WORKSPACE, change_one_link, make
from table import Promise, Row

ROUNDS = 3
"""Fresh servers, registries and processes."""

THREADS = 8
"""Of the loop: with more it isn't faster, with fewer it is slower."""


def rows() -> Iterator[Row]:
    python = environment("daemon") / "python"
    found = {layout: [_round(python, layout, number) for number in range(ROUNDS)] for layout in ("layered", "airflow")}
    loop = f"{THREADS} threads of the stock client that make {DEFINITIONS * DEPLOYMENTS:,} Secrets"
    for layout, promise in (("layered", 0.05), ("airflow", 1.0)):
        ratios = [one["first"] / one["loop"] for one in found[layout]]
        yield Row(f"first push, {layout}", loop, ratios, Promise(promise))
    layered = found["layered"]
    for name, what in (("unchanged", "pass where nothing changed"), ("verify", "pass that reads everything back")):
        yield Row(what, "first push, layered", [one[name] / one["first"] for one in layered])
    writes = [float(one["requests"]["write"]) for one in layered]
    yield Row("that pass", "(its writes)", writes, Promise(0), "requests")
    single = [float(one["requests"]["get"]) for one in layered]
    yield Row("that pass", "(its reads of one Secret)", single, Promise(0), "requests")
    lists = [float(one["requests"]["list"]) for one in layered]
    yield Row("that pass", "(its pages of lists)", lists, None, "requests")
    yield Row("a process with all these passes", "(peak memory)", [one["memory"] for one in layered], None, "MiB")


def _round(python: Path, layout: str, number: int) -> Any:
    sys.path.append(str(Path(__file__).parents[1]))
    from servers import kubernetes
    from servers.kubernetes import objects

    say(f"push kubernetes: {layout}, round {number + 1} of {ROUNDS}")
    variables = environ(**{f"WAREHOUSE_{one}": f"secret {one}" for one in range(PASSWORDS)})
    with scratch() as folder, kubernetes.running() as server:
        for name in ("loop", *(f"pods-{one}" for one in range(DEPLOYMENTS if layout == "airflow" else 1))):
            objects.namespace(server, name)
        (folder / "token").write_text(server.token, "utf-8")
        server.write_kubeconfig(folder / "kubeconfig")
        mine = variables | {"BENCH_URL": server.url, "BENCH_CA": str(server.ca), "BENCH_FOLDER": str(folder)}
        pushed = answer([python, __file__, "pushes", folder / "home", layout], mine)
        return {**pushed, **answer([python, __file__, "loop", layout], mine)}


# What runs in the daemon's environment.


def _pushes(at: Path, layout: str) -> Mapping[str, Any]:
    import resource

    at.mkdir()
    settings = "".join(
        f'[targets.{name}]\ntype = "kubernetes"\nlayout = "{layout}"\nnamespace = "pods-{number}"\n'
        f'url = "{os.environ["BENCH_URL"]}"\nca = "{os.environ["BENCH_CA"]}"\n'
        f'token_path = "{os.environ["BENCH_FOLDER"]}/token"\n'
        for number, name in enumerate(_targets(layout))
    )
    home = at / "home"
    make(home, settings=settings)
    if layout == "airflow":
        _apart(home)
    first = _pass(home)
    unchanged = _pass(home)
    before = _requests()
    verify = _pass(home, verify=True)
    after = _requests()
    change_one_link(home)
    changed = _pass(home)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    requests = {name: after[name] - before[name] for name in after}
    found = {"unchanged": unchanged, "verify": verify, "changed": changed}
    return {"first": first, **found, "requests": requests, "memory": memory}


def _targets(layout: str) -> list[str]:
    """One for all deployments; in `airflow` one for each, as a label knows none."""
    return [f"pods-{one}" for one in range(DEPLOYMENTS)] if layout == "airflow" else ["files"]


def _apart(at: Path) -> None:
    """Each deployment to a namespace of its own."""
    import home

    from syncd.registry import workspaces

    _, registry = home.opened(at)
    before = workspaces.load(registry, WORKSPACE)
    apart = {
        name: replace(one, targets=(f"pods-{number}",)) for number, (name, one) in enumerate(before.deployments.items())
    }
    home.save(registry, before, replace(before, deployments=apart))


def _pass(at: Path, *, verify: bool = False) -> float:
    import home

    start = time.perf_counter()
    home.sync(at, WORKSPACE, verify=verify)
    return time.perf_counter() - start


def _requests() -> dict[str, int]:
    """For Secrets, by kind, as the API server counted them itself."""
    sys.path.append(str(Path(__file__).parents[1]))
    from servers.kubernetes.client import Client

    counted = {"list": 0, "get": 0, "write": 0}
    token = Path(os.environ["BENCH_FOLDER"], "token").read_text("utf-8")
    told = Client(os.environ["BENCH_URL"], Path(os.environ["BENCH_CA"]), token).call("GET", "/metrics").body
    for line in told.splitlines():
        if line.startswith("apiserver_request_total{") and 'resource="secrets"' in line:
            verb = line.partition('verb="')[2].partition('"')[0].lower()
            counted[verb if verb in counted else "write"] += int(float(line.rpartition(" ")[2]))
    return counted


def _client() -> Any:
    from kubernetes.client import ApiClient, Configuration
    from kubernetes.config import load_kube_config

    configuration = Configuration()
    load_kube_config(f"{os.environ['BENCH_FOLDER']}/kubeconfig", client_configuration=configuration)
    configuration.connection_pool_maxsize = THREADS
    return ApiClient(configuration)


def _loop(layout: str) -> Mapping[str, float]:
    from kubernetes.client import CoreV1Api, V1ObjectMeta, V1Secret

    api = CoreV1Api(_client())
    documents: list[tuple[str, Any, Any]] = []
    for namespace in [f"pods-{number}" for number in range(len(_targets(layout)))]:
        for one in api.list_namespaced_secret(namespace).items:
            for number, (key, text) in enumerate((one.data or {}).items()):
                documents.append((f"{one.metadata.name}.{number}", {key: text}, one.metadata.labels))

    def make_one(document: tuple[str, Any, Any]) -> None:
        name, data, labels = document
        api.create_namespaced_secret("loop", V1Secret(metadata=V1ObjectMeta(name=name, labels=labels), data=data))

    with ThreadPoolExecutor(THREADS) as pool:
        start = time.perf_counter()
        list(pool.map(make_one, documents))
        return {"loop": time.perf_counter() - start}


if __name__ == "__main__":
    found = _pushes(Path(sys.argv[2]), sys.argv[3]) if sys.argv[1] == "pushes" else _loop(sys.argv[2])
    print(json.dumps(found))
