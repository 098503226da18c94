"""A pass over 10,000 items, on a real registry and a directory in memory; and how soon `syncd --help` is there."""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from backend import RELEASE
from runs import answer, clock, environ, environment, in_turns, say, scratch, seconds
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
PASSWORDS = 50


def rows() -> Iterator[Row]:
    daemon, airflow = environment("daemon") / "python", environment(RELEASE) / "python"
    yield from _against_each_other(_rounds(daemon, "passes"))
    yield from _doubled_against_once(_rounds(daemon, "doubled"))
    yield Row(
        "a process with a first and a verifying pass", "(peak memory)", _rounds(daemon, "memory"), Promise(200), "MiB"
    )
    say("sync: starts")
    starts = _starts(daemon.with_name("syncd"), airflow)
    yield Row("syncd --help, the whole process", "python -c 'import airflow'", starts, Promise(0.33))


def _rounds(python: Path, what: str) -> list[Any]:
    variables = environ(**{f"WAREHOUSE_{number}": f"secret {number}" for number in range(PASSWORDS)})
    answers = []
    for number in range(ROUNDS):
        say(f"sync: {what}, round {number + 1} of {ROUNDS}")
        with scratch() as folder:
            if what == "memory":
                answer([python, __file__, "make", folder / "home"], variables)
            answers.append(answer([python, __file__, what, folder / "home"], variables))
    return answers


def _against_each_other(found: list[Any]) -> Iterator[Row]:
    loop = f"a loop that makes the folders, writes and renames {_places(DEPLOYMENTS):,} files"
    yield Row("first pass", loop, [one["first"] / one["loop"] for one in found], Promise(6))
    unchanged = [one["unchanged"] / one["first"] for one in found]
    yield Row("pass where nothing changed", "first pass", unchanged, Promise(0.1))
    verify = [one["verify"] / one["first"] for one in found]
    yield Row("pass that verifies every file", "first pass", verify, Promise(1))
    changed = [ratio for one in found for ratio in one["changed"]]
    yield Row("pass with one changed link", "pass where nothing changed", changed, Promise(1.5))


def _doubled_against_once(found: list[Any]) -> Iterator[Row]:
    passes = {"first": "first pass", "unchanged": "pass where nothing changed", "verify": "verifying pass"}
    for name, what in passes.items():
        ratios = [ratio for one in found for ratio in one[name]]
        promise = Promise(2, decimals=1)
        yield Row(f"{what}, {2 * DEPLOYMENTS} deployments", f"{DEPLOYMENTS} deployments", ratios, promise)


def _starts(syncd: Path, python: Path) -> list[float]:
    with scratch() as home:
        variables = environ(AIRFLOW_HOME=str(home), AIRFLOW__CORE__LOAD_EXAMPLES="False")

        def help_() -> float:
            return seconds([syncd, "--help"], variables)

        def import_airflow() -> float:
            return seconds([python, "-c", "import airflow"], variables)

        help_(), import_airflow()  # compiles what was just installed, and makes AIRFLOW_HOME
        return in_turns(STARTS, help_, import_airflow)


# What runs in the daemon's environment.


SETTINGS = '[targets.files]\ntype = "directory"\npath = "files"\n'


def make(at: Path, deployments: int = DEPLOYMENTS, settings: str = SETTINGS) -> None:
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
        by_reference = Reference("env", f"WAREHOUSE_{number % PASSWORDS}")
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
    settings += '[references]\nenv = ["WAREHOUSE_*"]\n'
    home.make(at, settings, Workspace(WORKSPACE, ("dev", "prod"), named, definitions))


def _timed(at: Path, *, written: dict[str, int], looked_at: int = 0, verify: bool = False) -> float:
    """How long a pass takes; it has to write just so much, and to look at no less than that."""
    import home

    gc.collect()  # what went before isn't to be cleared up in this one's time
    start = clock()
    counted = home.sync(at, WORKSPACE, verify=verify)
    taken = clock() - start
    left = counted.pop("unchanged", 0)
    if counted != written or left < looked_at:
        raise RuntimeError(f"the pass wrote {counted} and left {left}, instead of {written} and {looked_at}")
    return taken


def _places(deployments: int) -> int:
    return DEFINITIONS * deployments + deployments  # a nameplate each


def _first(at: Path, deployments: int = DEPLOYMENTS) -> float:
    return _timed(at, written={"created": _places(deployments)})


def _verify(at: Path, deployments: int = DEPLOYMENTS) -> float:
    return _untouched(at, lambda: _timed(at, written={}, looked_at=_places(deployments), verify=True))


def _unchanged(at: Path) -> float:
    return _untouched(at, lambda: _timed(at, written={}))


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
    make(at / "small", 2)
    _first(at / "small", 2)


def _passes(root: Path) -> dict[str, Any]:
    _warm_up(root)
    at = root / "home"
    make(at)
    first = _first(at)
    return {
        "first": first,
        "loop": _loop(at / "files", at / "loop"),
        "unchanged": _unchanged(at),
        "verify": _verify(at),
        "changed": in_turns(TURNS, lambda: _changed(at), lambda: _unchanged(at)),
    }


def _doubled(at: Path) -> dict[str, list[float]]:
    _warm_up(at)
    once, twice = at / "once", at / "twice"
    make(once)
    make(twice, 2 * DEPLOYMENTS)
    _first(once)
    _first(twice, 2 * DEPLOYMENTS)
    return {
        "first": in_turns(2, lambda: _fresh(at, 2 * DEPLOYMENTS), lambda: _fresh(at, DEPLOYMENTS)),
        "unchanged": in_turns(2, lambda: _unchanged(twice), lambda: _unchanged(once)),
        "verify": in_turns(2, lambda: _verify(twice, 2 * DEPLOYMENTS), lambda: _verify(once)),
    }


def _fresh(at: Path, deployments: int) -> float:
    home = at / "fresh"
    make(home, deployments)
    taken = _first(home, deployments)
    shutil.rmtree(home)
    return taken


def _changed(at: Path) -> float:
    """A pass with one changed link; changing it isn't in the time."""
    change_one_link(at)
    return _timed(at, written={"updated": 1})


def change_one_link(at: Path) -> None:
    """In one revision."""
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
    _CHILDREN = {"passes": _passes, "doubled": _doubled, "make": make, "memory": _memory}
    print(json.dumps(_CHILDREN[sys.argv[1]](Path(sys.argv[2]))))
