"""A push of 10,000 links to a Vault in memory, against a threaded loop of hvac that writes the same documents."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from runs import answer, environ, environment, say, scratch
from sync import DEFINITIONS, DEPLOYMENTS, PASSWORDS, WORKSPACE, change_one_link, make
from table import Promise, Row

ROUNDS = 3
"""Fresh Vaults, registries and processes."""

THREADS = 16
"""Of the loop: with more it isn't faster, with fewer it is slower."""

TURNS = 3
"""Passes without a change and with one, per round."""


def rows() -> Iterator[Row]:
    python = environment("daemon") / "python"
    found = {layout: [_round(python, layout, number) for number in range(ROUNDS)] for layout in ("layered", "airflow")}
    loop = f"{THREADS} threads of hvac that write the same {DEFINITIONS * DEPLOYMENTS:,} documents"
    for layout, promise in (("layered", 0.5), ("airflow", 1.0)):
        marks = " and marks" if layout == "airflow" else ""
        ratios = [one["first"] / one["loop"] for one in found[layout]]
        yield Row(f"first push, {layout}", loop + marks, ratios, Promise(promise))
    for name, what in (("unchanged", "pass where nothing changed"), ("changed", "pass with one changed link")):
        ratios = [taken / one["first"] for one in found["layered"] for taken in one[name]]
        yield Row(what, "first push, layered", ratios, Promise(0.02))
    verify = [one["verify"] / one["first"] for one in found["layered"]]
    yield Row("pass that reads every document back", "first push, layered", verify)
    memory = [one["memory"] for one in found["layered"]]
    yield Row("a process with all these passes", "(peak memory)", memory, Promise(250), "MiB")


def _round(python: Path, layout: str, number: int) -> Any:
    sys.path.append(str(Path(__file__).parents[1]))
    from servers import vault

    say(f"push vault: {layout}, round {number + 1} of {ROUNDS}")
    variables = environ(**{f"WAREHOUSE_{one}": f"secret {one}" for one in range(PASSWORDS)})
    with scratch() as folder, vault.running() as server:
        mine = variables | {"VAULT_TOKEN": server.root_token, "VAULT_ADDR": server.address}
        pushed = answer([python, __file__, "pushes", folder / "home", layout], mine)
        return {**pushed, **answer([python, __file__, "loop", layout], mine)}


# What runs in the daemon's environment.


def _pushes(at: Path, layout: str) -> Mapping[str, Any]:
    import resource

    settings = f'[targets.files]\ntype = "vault"\nurl = "{os.environ["VAULT_ADDR"]}"\nlayout = "{layout}"\n'
    at.mkdir()
    make(at / "small", 2, f'{settings}prefix = "small"\n')
    _pass(at / "small")  # imports and compiles what the others need
    home = at / "home"
    make(home, settings=settings)
    first = _pass(home)
    unchanged, changed = [], []
    for _ in range(TURNS):
        unchanged.append(_pass(home))
        change_one_link(home)
        changed.append(_pass(home))
    verify = _pass(home, verify=True)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"first": first, "unchanged": unchanged, "changed": changed, "verify": verify, "memory": memory}


def _pass(at: Path, *, verify: bool = False) -> float:
    import home

    start = time.perf_counter()
    home.sync(at, WORKSPACE, verify=verify)
    return time.perf_counter() - start


def _loop(layout: str) -> Mapping[str, float]:
    import hvac

    local = threading.local()

    def kv() -> Any:
        if not hasattr(local, "kv"):
            local.kv = hvac.Client(os.environ["VAULT_ADDR"], os.environ["VAULT_TOKEN"]).secrets.kv.v2
        return local.kv

    def read(path: str) -> tuple[str, Any, Any]:
        found = kv().read_secret_version(path, raise_on_deleted_version=True)["data"]
        return f"loop/{path}", found["data"], found["metadata"]["custom_metadata"]

    def write(path: str, data: Any, marks: Any) -> None:
        if layout == "airflow":
            kv().update_metadata(path, max_versions=1, custom_metadata=marks)
        kv().create_or_update_secret(path, data, cas=0)

    with ThreadPoolExecutor(THREADS) as pool:
        documents = list(pool.map(read, _paths(kv(), f"{WORKSPACE}/deployments")))
        start = time.perf_counter()
        list(pool.map(lambda one: write(*one), documents))
        return {"loop": time.perf_counter() - start}


def _paths(kv: Any, folder: str) -> Iterator[str]:
    for name in kv.list_secrets(folder)["data"]["keys"]:
        path = f"{folder}/{name.rstrip('/')}"
        if name.endswith("/"):
            yield from _paths(kv, path)
        else:
            yield path


if __name__ == "__main__":
    found = _pushes(Path(sys.argv[2]), sys.argv[3]) if sys.argv[1] == "pushes" else _loop(sys.argv[2])
    print(json.dumps(found))
