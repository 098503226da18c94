"""A daemon over 10,000 links in a real Vault, from a change to its target: alone, beside a dead Vault, reading all."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from runs import answer, environ, environment, say, scratch
from sync import PASSWORDS, WORKSPACE, make
from table import Promise, Row

ROUNDS = 2
"""Fresh Vaults, registries and daemons, alone and beside a dead Vault in turns."""

CHANGES = 60
"""One each second."""

IDLE = 20
"""Seconds that a daemon is left alone, for its processor time."""

_LOOK = 0.002
"""Seconds between two looks at the target."""

OTHER = "finance"


def rows() -> Iterator[Row]:
    found: dict[str, list[Any]] = {how: [] for how in _HOWS}
    for number in range(ROUNDS):
        for how in _HOWS if number % 2 else reversed(_HOWS):
            say(f"daemon: round {number + 1} of {ROUNDS}, {how}")
            found[how].append(_round(how))
    alone, dead = found["alone"], found["beside a dead Vault"]
    own = "the target's own write"
    yield Row("from a change to its target, median", own, [median(one["waits"]) / median(one["own"]) for one in alone])
    yield Row("the same, 99th percentile", own, [_99th(one["waits"]) / median(one["own"]) for one in alone])
    yield Row("the same, 99th percentile", "a second", [_99th(one["waits"]) for one in alone], Promise(1))
    beside = [median(one["waits"]) / median(other["waits"]) for one, other in zip(dead, alone, strict=True)]
    yield Row("median beside a workspace whose Vault is dead", "median alone", beside, Promise(1.2))
    slow = [_99th(one["waits"]) / _99th(other["waits"]) for one, other in zip(dead, alone, strict=True)]
    yield Row("99th percentile beside it", "99th percentile alone", slow, Promise(1.5))
    longest = [max(one["waits"]) for one in found["reading all"]]
    yield Row("the longest, while all is read back over and over", "a second", longest, Promise(5))
    yield Row("processor time of a daemon left alone", "the time", [one["idle"] for one in alone], Promise(0.02))
    yield Row("a daemon with all that", "(peak memory)", [one["memory"] for one in alone], Promise(250), "MiB")


def _99th(waits: list[float]) -> float:
    return quantiles(waits, n=100, method="inclusive")[-1]


_HOWS = ("alone", "beside a dead Vault", "reading all")


def _round(how: str) -> Any:
    sys.path.append(str(Path(__file__).parents[1]))
    from servers import vault

    variables = environ(**{f"WAREHOUSE_{one}": f"secret {one}" for one in range(PASSWORDS)})
    with scratch() as folder, vault.running() as server, _silent() as nobody:
        mine = variables | {"VAULT_TOKEN": server.root_token, "VAULT_ADDR": server.address}
        dead = nobody if how == "beside a dead Vault" else ""
        often = {"SYNCD_DAEMON_VERIFY": "1"} if how == "reading all" else {}
        return answer([environment("daemon") / "python", __file__, folder / "home", dead], mine | often)


@contextmanager
def _silent() -> Iterator[str]:
    """The address of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


# What runs in the daemon's environment.


def _settings(dead: str) -> str:
    live = f'[targets.files]\ntype = "vault"\nurl = "{os.environ["VAULT_ADDR"]}"\n'
    return live + (f'[targets.dead]\ntype = "vault"\nurl = "{dead}"\n' if dead else "")


def _measured(at: Path, dead: str) -> Mapping[str, Any]:
    make(at, settings=_settings(dead))
    if dead:
        _one_more(at)
    variables = {**os.environ, "SYNCD_HOME": str(at), "SYNCD_DAEMON_LISTEN": ""}
    with subprocess.Popen(
        [Path(sys.executable).with_name("syncd"), "run"], env=variables, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            for line in process.stderr or ():
                told = json.loads(line)
                if told["message"] == "pass" and told["target"] == "files":
                    break
            return _watched(at, process)
        finally:
            process.terminate()
            process.communicate()


def _watched(at: Path, process: subprocess.Popen[str]) -> Mapping[str, Any]:
    waits, own = [], []
    for number in range(CHANGES):
        began = time.monotonic()
        _change(at, f"change-{number}")
        committed = time.monotonic()
        while f"change-{number}" not in _lies():
            time.sleep(_LOOK)
        waits.append(time.monotonic() - committed)
        own.append(_own_write(number))
        time.sleep(max(0, 1 - (time.monotonic() - began)))
    before = _processor(process.pid)
    time.sleep(IDLE)
    idle = (_processor(process.pid) - before) / IDLE
    return {"waits": waits, "own": own, "idle": idle, "memory": _peak(process.pid)}


def _one_more(at: Path) -> None:
    """A second workspace, whose target is the dead one."""
    import home

    from syncd.core.model import Definition, Deployment, Key, Workspace
    from syncd.registry import workspaces

    _, registry = home.opened(at)
    empty = workspaces.create(registry, OTHER, who="bench", now=home.NOW, environments=("dev",))
    key = Key("connection", "lake")
    deployments = {"bi": Deployment("bi", "dev", ("dead",))}
    definitions = {key: Definition(key, {"conn_type": "aws"}, link_all=True)}
    home.save(registry, empty, Workspace(OTHER, ("dev",), deployments, definitions))


@cache
def _opened(at: Path) -> Any:
    import home

    return home.opened(at)[1]


def _change(at: Path, text: str) -> None:
    import home

    from syncd.core import changes
    from syncd.core.model import Key
    from syncd.registry import workspaces

    key = Key("connection", "warehouse_000")
    workspaces.change(
        _opened(at),
        WORKSPACE,
        lambda here: changes.link(here, key, "etl-000", {("schema",): text}),
        who="bench",
        now=home.NOW,
        why="bench",
    )


@cache
def _kv() -> Any:
    import hvac

    return hvac.Client(os.environ["VAULT_ADDR"], os.environ["VAULT_TOKEN"]).secrets.kv.v2


_LINK = f"{WORKSPACE}/deployments/etl-000/connections/warehouse_000"


def _lies() -> str:
    found = _kv().read_secret_version(_LINK, raise_on_deleted_version=True)["data"]["data"]
    return json.dumps(found)


def _own_write(number: int) -> float:
    document = _kv().read_secret_version(_LINK, raise_on_deleted_version=True)["data"]["data"]
    start = time.monotonic()
    _kv().create_or_update_secret("bench/own", document, cas=number)
    return time.monotonic() - start


def _processor(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak(pid: int) -> float:
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    print(json.dumps(_measured(Path(sys.argv[1]), sys.argv[2])))
