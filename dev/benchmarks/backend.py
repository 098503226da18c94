"""A task's lookup on Airflow 3.3: ours on a directory, against Airflow's own backends with the same connections."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from runs import Companion, answer, answering, clock, environ, environment, in_turns, say, scratch
from table import Promise, Row

RELEASE = "airflow-3.3.2"
SIZES = (10, 1_000, 10_000)
ROUNDS = 5
"""Fresh processes, a first lookup each; everything else is measured in each of them."""

TURNS = 4
"""Blocks of warm lookups per round and backend."""

ROTATING = 100
"""So many ids, spread over all, are looked up in turn: what a deployment's tasks ask for, not one id alone."""

TEAMS = 100
"""So many passwords and tokens: Airflow's masker takes minutes for ten thousand."""

WORKSPACE, DEPLOYMENT = "analytics", "etl-prod"

_CLASSES = {
    "ours": "airflow_plugin.SharedConnectionsBackend",
    "environment": "airflow.secrets.environment_variables.EnvironmentVariablesBackend",
    "file": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
}


def rows() -> Iterator[Row]:
    daemon, airflow = environment("daemon"), environment(RELEASE)
    for size in SIZES:
        with scratch() as root:
            answer([daemon / "python", __file__, "synced", root, str(size)], environ())
            yield from _at(size, root, airflow / "python")


def _at(size: int, root: Path, python: Path) -> Iterator[Row]:
    first: list[float] = []
    same: list[float] = []
    rotating: list[float] = []
    by_file: list[float] = []
    ids = spread(size)
    for name in ("ours", "environment"):
        with _process(name, root, python) as once:
            once.ask(ids[:1])  # compiles what was just installed
    for number in range(ROUNDS):
        say(f"backend: {size:,} connections, round {number + 1} of {ROUNDS}")
        with ExitStack() as stack:
            names = ("ours", "environment") if number % 2 else ("environment", "ours")
            asked = {name: stack.enter_context(_process(name, root, python)) for name in names}
            took = {name: asked[name].ask(ids[:1]) for name in names}
            if took["ours"]["found"] != took["environment"]["found"]:
                raise RuntimeError("the backends don't give the same connection")
            first.append(took["ours"]["seconds"] / took["environment"]["seconds"])
            for name in names:
                asked[name].ask(ids)  # read once, and its secrets known to the masker
            same += _compared(asked["ours"], asked["environment"], ids[:1] * 300)
            rotating += _compared(asked["ours"], asked["environment"], ids * (300 // len(ids)))
            by_file.append(_against_file(asked["ours"], ids[0], root, python))
            _refuse_stale(asked["ours"], ids[0], root / "ours")
    against = "EnvironmentVariablesBackend"
    yield Row(f"first lookup of a process, {size:,} connections", against, first, Promise(2))
    yield Row(f"warm lookup of one id, {size:,}", against, same, Promise(1.5))
    yield Row(f"warm lookups of {len(ids)} ids in turn, {size:,}", against, rotating, Promise(1.5))
    promise = Promise(1_000, at_least=True) if size == max(SIZES) else None
    yield Row("LocalFilesystemBackend, a warm lookup", f"ours, {size:,} connections", by_file, promise)


def _compared(ours: Companion, other: Companion, ids: list[str]) -> list[float]:
    return in_turns(TURNS, lambda: ours.ask(ids)["seconds"], lambda: other.ask(ids)["seconds"])


def _against_file(ours: Companion, id_: str, root: Path, python: Path) -> float:
    with _process("file", root, python) as file:
        file.ask([id_])
        taken: float = file.ask([id_])["seconds"]
    return taken / ours.ask([id_] * 300)["seconds"]


def _refuse_stale(ours: Companion, id_: str, target: Path) -> None:
    """What is fast because it doesn't look is no lookup: a change is seen at the next one."""
    path = target / WORKSPACE / "deployments" / DEPLOYMENT / "connections" / id_
    as_it_was = path.read_bytes()
    for content, login in ((as_it_was.replace(b'"etl"', b'"somebody else"'), "somebody else"), (as_it_was, "etl")):
        aside = path.with_name("aside~")
        aside.write_bytes(content)
        aside.rename(path)
        if ours.ask([id_])["found"]["login"] != login:
            raise RuntimeError("a changed document isn't seen at the next lookup")


def _process(name: str, root: Path, python: Path) -> Companion:
    variables = environ(
        AIRFLOW_HOME=str(root / "airflow"),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__SECRETS__BACKEND=_CLASSES[name],
    )
    lying = root / "theirs" / WORKSPACE / "deployments" / DEPLOYMENT / "connections.json"
    if name == "ours":
        kwargs = {"workspace": WORKSPACE, "deployment": DEPLOYMENT, "path": str(root / "ours")}
        variables["AIRFLOW__SECRETS__BACKEND_KWARGS"] = json.dumps(kwargs)
    elif name == "file":
        variables["AIRFLOW__SECRETS__BACKEND_KWARGS"] = json.dumps({"connections_file_path": str(lying)})
    else:
        # As `[secrets] backend` too: without one Airflow 3.3 makes its backends anew at each lookup.
        connections = json.loads(lying.read_bytes())
        ids = spread(len(connections))
        variables |= {f"AIRFLOW_CONN_{id_.upper()}": json.dumps(connections[id_]) for id_ in ids}
    return Companion([python, __file__, "lookups"], variables, root / f"{name}.log")


def _id(number: int) -> str:
    return f"warehouse_{number:05}"


def spread(size: int) -> list[str]:
    count = min(size, ROTATING)
    return [_id(number * size // count) for number in range(count)]


# What runs in an Airflow environment: the standard library and Airflow alone.


def _lookups() -> None:
    start = clock()
    from airflow.sdk import Connection

    imported = clock() - start

    def look_up(ids: list[str]) -> Mapping[str, Any]:
        # The clock that leaves out waiting costs as much as a lookup: it is for those that are asked for alone.
        now = clock if len(ids) == 1 else time.perf_counter
        taken = []
        for id_ in ids:
            start = now()
            connection = Connection.get(id_)
            taken.append(now() - start)
        names = ("conn_type", "host", "login", "password", "schema", "port", "extra_dejson")
        return {
            "imported": imported,
            "seconds": median(taken),
            "found": {name: getattr(connection, name) for name in names},
        }

    answering(look_up)


# What runs in the daemon's environment.


def synced(root: Path, size: int, settings: str = "") -> None:
    """A deployment with so many connections: synced for our backend, and for Airflow's own."""
    import home

    from syncd.core.model import Definition, Deployment, Key, Workspace

    definitions = {
        (key := Key("connection", _id(number))): Definition(
            key,
            {
                "conn_type": "postgres",
                "description": "The analytics warehouse",
                "host": "dev.warehouse.internal",
                "login": "etl",
                "password": f"password of team {number % TEAMS}",
                "schema": "analytics",
                "port": 5432,
                "extra": {"sslmode": "require", "connect_timeout": 10, "api_token": f"token of team {number % TEAMS}"},
            },
            environments={"prod": {"host": f"{number}.warehouse.internal"}},
            links={DEPLOYMENT: {"schema": "finance", "extra": {"application_name": "etl"}} if number % 10 == 0 else {}},
        )
        for number in range(size)
    }
    deployments = {DEPLOYMENT: Deployment(DEPLOYMENT, "prod", ("ours", "theirs"))}
    settings = settings or "".join(
        f"""[targets.{name}]\ntype = "directory"\nlayout = "{layout}"\npath = "{root / name}"\n"""
        for name, layout in (("ours", "layered"), ("theirs", "airflow"))
    )
    home.make(root / "syncd", settings, Workspace(WORKSPACE, ("dev", "prod"), deployments, definitions))
    home.sync(root / "syncd", WORKSPACE)
    print("null")


if __name__ == "__main__":
    if sys.argv[1] == "lookups":
        _lookups()
    else:
        synced(Path(sys.argv[2]), int(sys.argv[3]))
