"""Replicas that are killed, stopped and cut off while definitions change all the time: no change of anybody is lost."""

from __future__ import annotations

import secrets
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from servers import postgresql
from servers import vault as vaults
from syncd.registry import keys
from syncd.registry.lease import LEASE
from tests.clients.fake_server import FaultyServer, Pass, Request, Said, faulty
from tests.daemon.replicas import All, Editing, Replica, edit, holder, replicas, within
from tests.sync.world import NAME, WAREHOUSE, World, content, document, foreign

pytestmark = [pytest.mark.postgresql, pytest.mark.slow]

ETL = document("etl", WAREHOUSE)
BESIDE = f"{NAME}/deployments/etl/connections/theirs"
SETTINGS = """
[targets.files]
type = "vault"
url = "{url}"
mount_point = "{mount}"
timeout = 5
[references]
env = ["WAREHOUSE"]
"""


def host(layers: dict[str, Any]) -> str:
    return str({name: value for one in layers.values() for name, value in one.items()}["host"])


def stopped(server: postgresql.Postgresql, some: tuple[Replica, ...], *, with_lease: bool) -> Replica:
    """One of them, in the middle of a pass or between two."""
    while True:
        for one in some:
            if (holder(server) == one.process.pid) is with_lease:
                one.send(signal.SIGSTOP)
                if (holder(server) == one.process.pid) is with_lease:
                    return one
                one.send(signal.SIGCONT)


def test_whatever_befalls_replicas_each_change_is_written_and_nothing_else(
    shared: World, server: postgresql.Postgresql
) -> None:
    edit(shared, "host-0")
    shared.sync()
    theirs = foreign(shared, BESIDE)
    editing, seen = Editing(shared), set[str]()

    def read() -> None:
        seen.add(host(content(shared, ETL)["layers"]))

    def goes_on() -> None:
        """Until some more changes were written."""
        before = len(seen)
        within(30, lambda: len(seen) >= before + 5)

    with replicas(shared, shared, shared) as some:
        with All(editing, 0.05), All(read, 0.002):
            goes_on()
            stopped(server, some[:1], with_lease=False).send(signal.SIGKILL)
            goes_on()
            late = stopped(server, some[1:], with_lease=True)
            began = time.monotonic()
            server.crash()
            server.start()
            within(LEASE + 3, lambda: holder(server) not in (late.process.pid, 0))
            assert time.monotonic() - began > LEASE * 2 / 3 - 1
            goes_on()
            late.send(signal.SIGCONT)
            goes_on()
        # Before any of them reads everything back.
        within(10, lambda: host(content(shared, ETL)["layers"]) == f"host-{editing.last}")
        within(10, lambda: late.get("/readyz")[0] == 200)
        for one in some[1:]:
            assert one.ends() == 0
            assert "Traceback" not in "".join(one.lines)
    assert seen <= editing.had
    assert shared.path(BESIDE).read_bytes() == theirs


# Versions: a real Vault


class Held:
    """A fault that holds back the first write of a text, until it is let go; what is said to it then."""

    def __init__(self, text: str) -> None:
        self._text = text.encode()
        self.arrived, self.free, self.done = threading.Event(), threading.Event(), threading.Event()
        self.status = 0

    def __call__(self, request: Request, onward: Pass) -> Said:
        if self.arrived.is_set() or request.method not in ("POST", "PUT") or self._text not in request.content:
            return onward()
        self.arrived.set()
        self.free.wait(120)
        said = onward()
        self.status = said.status
        self.done.set()
        return said


class Kept:
    """An installation whose target is a Vault, which syncd reaches through a server that may hold something back."""

    def __init__(self, world: World, server: vaults.Vault, between: FaultyServer, mount: str) -> None:
        self.world, self.between, self._server, self._mount = world, between, server, mount
        self.hosts: set[str] = set()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._server.call(method, f"{self._mount}/{path}", body)
        assert answer.status in (200, 204)
        return answer.body

    def read(self) -> str:
        """As a deployment does."""
        found = host(self.call("GET", f"data/{ETL}")["data"]["data"]["layers"])
        self.hosts.add(found)
        return found

    def version(self, path: str = ETL) -> int:
        return int(self.call("GET", f"metadata/{path}")["data"]["current_version"])


@pytest.fixture
def kept(shared: World, vault_server: vaults.Vault) -> Iterator[Kept]:
    mount = f"test-{secrets.token_hex(4)}"
    vault_server.call("POST", f"sys/mounts/{mount}", {"type": "kv", "options": {"version": "2"}})
    with faulty(behind=vault_server.address) as between:
        settings = SETTINGS.format(url=between.address, mount=mount)
        (shared.home / "syncd.toml").write_text(settings)
        shared.environ["VAULT_TOKEN"] = vault_server.root_token
        edit(shared, "zero")
        assert shared.sync().error is None
        made = Kept(shared, vault_server, between, mount)
        made.call("POST", f"data/{BESIDE}", {"data": {"x": "theirs"}})
        yield made


def between_check_and_send(kept: Kept, server: postgresql.Postgresql, some: tuple[Replica, ...]) -> tuple[Held, int]:
    """A write of `one` that was allowed and isn't there yet, and the process that sent it."""
    kept.between.fault = held = Held("one")
    edit(kept.world, "one")
    assert held.arrived.wait(20)
    return held, holder(server)


@pytest.mark.vault
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_write_that_comes_after_its_lease_is_refused_where_another_wrote(
    kept: Kept, server: postgresql.Postgresql, number: signal.Signals
) -> None:
    with replicas(kept.world, kept.world) as some, All(lambda: void(kept.read()), 0.01):
        held, pid = between_check_and_send(kept, server, some)
        first, second = sorted(some, key=lambda one: one.process.pid != pid)
        first.send(number)
        began = time.monotonic()
        edit(kept.world, "two")
        within(LEASE + 3, lambda: kept.read() == "two")
        assert time.monotonic() - began > LEASE * 2 / 3 - 1
        before = kept.version()
        held.free.set()
        assert held.done.wait(10)
        assert held.status == 400
        assert (kept.read(), kept.version()) == ("two", before)
        first.send(signal.SIGCONT)
        edit(kept.world, "three")
        within(10, lambda: kept.read() == "three")
        assert second.get("/livez")[0] == 200
    assert kept.hosts <= {"zero", "two", "three"}
    assert kept.version(BESIDE) == 1


@pytest.mark.vault
def test_a_write_that_comes_after_its_lease_where_nobody_wrote_is_undone_by_the_next_verification(
    kept: Kept, server: postgresql.Postgresql
) -> None:
    with replicas(kept.world, kept.world, SYNCD_DAEMON_VERIFY="3") as some:
        held, pid = between_check_and_send(kept, server, some)
        first = next(one for one in some if one.process.pid == pid)
        first.send(signal.SIGSTOP)
        edit(kept.world, "zero")
        within(LEASE + 3, lambda: holder(server) not in (pid, 0))
        held.free.set()
        assert held.done.wait(10)
        within(10, lambda: kept.read() == "zero")
        first.send(signal.SIGCONT)
        within(10, lambda: first.get("/readyz")[0] == 200)
        edit(kept.world, "three")
        within(10, lambda: kept.read() == "three")
    assert kept.hosts <= {"zero", "one", "three"}
    assert kept.version(BESIDE) == 1


# Keys


def test_a_replica_without_the_new_key_makes_no_plan_and_goes_on_once_it_has_it(
    shared: World, server: postgresql.Postgresql, tmp_path: Path
) -> None:
    shared.sync()
    behind = shared.copy(tmp_path / "behind")
    with replicas(shared, behind) as (first, second):
        with shared.registry() as registry:
            keys.add(registry)
        shared.close()
        with shared.registry() as registry:
            keys.rotate(registry)
        within(10, lambda: bool(second.told("the registry can't be used")))
        assert second.told("the registry can't be used")[0]["reason"] == "WrongKey"
        within(10, lambda: "syncd_registry_up 0.0" in second.get("/metrics")[1])
        made = len(second.told("pass"))
        edit(shared, "under-the-new-key")
        within(10, lambda: "under-the-new-key" in shared.path(ETL).read_text())
        assert first.ends() == 0
        edit(shared, "waits")
        ticks = second.get("/metrics")[1]
        within(10, lambda: second.get("/metrics")[1] != ticks)
        assert "waits" not in shared.path(ETL).read_text()
        assert len(second.told("pass")) == made
        shutil.copy2(shared.home / "keys", behind.home / "keys")
        within(10, lambda: "waits" in shared.path(ETL).read_text())
        assert second.told("the registry can be used again")


def void(_: object) -> None:
    """What a loop has no use for."""
