"""A pass over 10,000 items, on a real registry and a directory in memory; and how soon `syncd --help` is there."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from backend import RELEASE
from runs import answer, clock, environ, environment, in_turns, say, seconds
from table import Promise, Row

DEFINITIONS = 100
DEPLOYMENTS = 100
ROUNDS = 5
"""Fresh processes and registries, each measured whole."""

TURNS = 5
"""Passes with one changed link and without any, per round."""

STARTS = 7
"""Processes of `syncd --help` and of `import airflow`."""

WORKSPACE = "analytics"
_PASSWORDS = 50


def rows(scratch: Path) -> Iterator[Row]:
    daemon, airflow = environment("daemon"), environment(RELEASE)
    variables = environ(**{f"WAREHOUSE_{number}": f"secret {number}" for number in range(_PASSWORDS)})

    def child(*arguments: str | Path) -> Any:
        return answer([daemon / "python", __file__, *arguments], variables)

    found = []
    for number in range(ROUNDS):
        say(f"sync: passes, round {number + 1} of {ROUNDS}")
        found.append(child("passes", scratch / f"passes.{number}"))
    files = DEFINITIONS * DEPLOYMENTS + DEPLOYMENTS
    loop = f"a loop that makes the folders, writes and renames the same {files:,} files"
    yield Row("first pass", loop, [one["first"] / one["loop"] for one in found], Promise(6))
    unchanged = [one["unchanged"] / one["first"] for one in found]
    yield Row("pass where nothing changed (writes nothing)", "first pass", unchanged, Promise(0.1))
    yield Row(
        "pass that verifies every file", "first pass", [one["verify"] / one["first"] for one in found], Promise(1)
    )
    changed = [ratio for one in found for ratio in one["changed"]]
    yield Row("pass with one changed link", "pass where nothing changed", changed, Promise(1.5))

    say("sync: doubled")
    doubled = [child("doubled", scratch / f"doubled.{number}") for number in range(ROUNDS)]
    for name, what in (
        ("first", "first pass"),
        ("unchanged", "pass where nothing changed"),
        ("verify", "verifying pass"),
    ):
        against = f"{DEPLOYMENTS} deployments"
        yield Row(f"{what}, {2 * DEPLOYMENTS} deployments", against, [one[name] for one in doubled], Promise(2))

    say("sync: memory")
    peak = []
    for number in range(ROUNDS):
        home = scratch / f"memory.{number}"
        child("make", home)
        peak.append(child("memory", home))
    yield Row("peak memory of a process with a first and a verifying pass", "", peak, Promise(200), unit="MiB")

    say("sync: starts")
    yield Row("syncd --help", "python -c 'import airflow'", _starts(daemon, airflow, scratch), Promise(1 / 3))


def _starts(daemon: Path, airflow: Path, scratch: Path) -> list[float]:
    variables = environ(AIRFLOW_HOME=str(scratch / "airflow"), AIRFLOW__CORE__LOAD_EXAMPLES="False")

    def help_() -> float:
        return seconds([daemon / "syncd", "--help"], variables)

    def import_airflow() -> float:
        return seconds([airflow / "python", "-c", "import airflow"], variables)

    help_(), import_airflow()  # compiles what was just installed, and makes AIRFLOW_HOME
    return in_turns(STARTS, help_, import_airflow)


# What runs in the daemon's environment.


def _make(at: Path, deployments: int = DEPLOYMENTS) -> None:
    """Passwords as text and by reference, an environment with its own host, one link in ten with an override."""
    import home

    from syncd.core.model import Definition, Deployment, Key, Reference, Workspace

    named = {
        name: Deployment(name, "prod" if number % 2 else "dev", ("files",))
        for number in range(deployments)
        for name in (f"etl-{number:03}",)
    }
    definitions = {}
    for number in range(DEFINITIONS):
        key = Key("connection", f"warehouse_{number:03}")
        by_reference = Reference("env", f"WAREHOUSE_{number % _PASSWORDS}")
        definitions[key] = Definition(
            key,
            {
                "conn_type": "postgres",
                "description": "The analytics warehouse",
                "host": f"dev-{number}.warehouse.internal",
                "login": "etl",
                "password": by_reference if number % 2 else f"password {number}",
                "schema": "analytics",
                "port": 5432,
                "extra": {"sslmode": "require", "connect_timeout": 10, "api_token": f"token {number}"},
            },
            environments={"prod": {"host": f"{number}.warehouse.internal", "extra": {"sslmode": "verify-full"}}},
            links={
                name: {"schema": f"finance_{place}"} if (place + number) % 10 == 0 else {}
                for place, name in enumerate(named)
            },
        )
    settings = '[targets.files]\ntype = "directory"\npath = "files"\n[references]\nenv = ["WAREHOUSE_*"]\n'
    home.make(at, settings, Workspace(WORKSPACE, ("dev", "prod"), named, definitions))


def _timed(at: Path, wanted: dict[str, int], *, verify: bool = False) -> float:
    """How long a pass takes that has to come to just this."""
    import home

    gc.collect()  # what went before isn't to be cleared up in this one's time
    start = clock()
    counted = home.sync(at, WORKSPACE, verify=verify)
    taken = clock() - start
    if counted != wanted:
        raise RuntimeError(f"the pass came to {counted}, not to {wanted}")
    return taken


def _first(at: Path, deployments: int = DEPLOYMENTS) -> float:
    return _timed(at, {"created": DEFINITIONS * deployments + deployments})


def _verify(at: Path, deployments: int = DEPLOYMENTS) -> float:
    return _untouched(at, lambda: _timed(at, {"unchanged": DEFINITIONS * deployments + deployments}, verify=True))


def _unchanged(at: Path) -> float:
    return _untouched(at, lambda: _timed(at, {}))


def _untouched(at: Path, run: Callable[[], float]) -> float:
    before = _stamps(at / "files")
    taken = run()
    if _stamps(at / "files") != before:
        raise RuntimeError("a pass that has nothing to write wrote something")
    return taken


def _stamps(folder: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for path, _, names in os.walk(folder):
        for name in (".", *names):
            status = Path(path, name).stat()
            found[f"{path}/{name}"] = (status.st_mtime_ns, status.st_ino)
    return found


def _warm_up(at: Path) -> None:
    """A small pass, so that what is imported and compiled once isn't in the time of the others."""
    at.mkdir()
    _make(at / "small", 2)
    _first(at / "small", 2)


def _passes(root: Path) -> dict[str, Any]:
    _warm_up(root)
    at = root / "home"
    _make(at)
    first = _first(at)
    return {
        "first": first,
        "loop": _loop(at / "files", at / "loop"),
        "unchanged": _unchanged(at),
        "verify": _verify(at),
        "changed": in_turns(TURNS, lambda: _changed(at), lambda: _unchanged(at)),
    }


def _doubled(at: Path) -> dict[str, float]:
    _warm_up(at)
    one, two = at / "one", at / "two"
    _make(one)
    _make(two, 2 * DEPLOYMENTS)
    double = 2 * DEPLOYMENTS
    return {
        "first": _first(two, double) / _first(one),
        "unchanged": _unchanged(two) / _unchanged(one),
        "verify": _verify(two, double) / _verify(one),
    }


def _changed(at: Path) -> float:
    """A pass with one changed link; changing it isn't in the time."""
    import home

    from syncd.core.model import Key
    from syncd.registry import workspaces

    _, registry = home.opened(at)
    before = workspaces.load(registry, WORKSPACE)
    key = Key("connection", "warehouse_001")
    definition = before.definitions[key]
    links = {**definition.links, "etl-001": {"schema": f"revision_{before.revision}"}}
    home.save(
        registry, before, replace(before, definitions={**before.definitions, key: replace(definition, links=links)})
    )
    return _timed(at, {"updated": 1, "unchanged": 1})  # the nameplate is looked at with it


def _loop(files: Path, copies: Path) -> float:
    """The same bytes, in the order of a walk: what no pass can do without."""
    contents = [
        (
            str(copies / folder.relative_to(files)),
            [(path.name, path.read_bytes()) for path in folder.iterdir() if path.is_file()],
        )
        for folder in sorted({path.parent for path in files.rglob("*") if path.is_file()})
    ]
    gc.collect()
    start = clock()
    for folder, entries in contents:
        os.makedirs(folder)  # noqa: PTH103  os throughout: a Path costs as much as a write
        for name, content in entries:
            with open(f"{folder}/~", "wb") as file:  # noqa: PTH123  as above
                file.write(content)
            os.rename(f"{folder}/~", f"{folder}/{name}")  # noqa: PTH104  as above
    return clock() - start


def _memory(at: Path) -> float:
    import resource

    _first(at)
    _verify(at)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    _CHILDREN = {"passes": _passes, "doubled": _doubled, "make": _make, "memory": _memory}
    print(json.dumps(_CHILDREN[sys.argv[1]](Path(sys.argv[2]))))
