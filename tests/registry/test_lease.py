"""One writer of targets at a time, among the replicas that share a registry in PostgreSQL."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from servers import postgresql
from syncd.core.documents import Observed
from syncd.core.errors import Reason, SyncError, WaitError
from syncd.core.ports import Standing
from syncd.registry import database, lease_row
from syncd.registry.database import Registry, reading, writing
from syncd.registry.lease import LEASE, lease, trace
from syncd.registry.record import Record
from tests.registry import registries
from tests.registry.registries import NAME, save, workspace

pytestmark = pytest.mark.postgresql

SHORT = 1.5
"""Seconds of a lease that a test waits for the end of."""
STANDING = Standing("/srv/shared", 1)
OBJECT = "analytics/deployments/etl/nameplate"


@pytest.fixture
def kind() -> str:
    """Which database the registry is in."""
    return "postgresql"


class Replica:
    """A process that takes the lease and does what it is told, one letter at a time.

    `b` begins, `i` intends, `s` settles, `g` gives back. Its answer to each is a line.
    """

    def __init__(self, folder: Path, length: float = SHORT, wait: float = 0) -> None:
        orders, self._orders = os.pipe()
        self._answers, answers = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._orders)  # so that the end of the test is the end of its orders
            try:
                _obey(folder, length, wait, orders, answers)
            finally:
                os._exit(0)
        os.close(orders)
        os.close(answers)
        self._read = os.fdopen(self._answers, "r")

    def heard(self) -> str:
        """Its next answer."""
        return self._read.readline().strip()

    def told(self, order: str) -> str:
        os.write(self._orders, order.encode())
        return self.heard()

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def end(self) -> None:
        self.send(signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._orders)
        self._read.close()


def _obey(folder: Path, length: float, wait: float, orders: int, answers: int) -> None:
    def answer(text: str) -> None:
        os.write(answers, f"{text}\n".encode())

    with registries.opened(folder) as registry:
        try:
            with lease(registry, wait=wait, length=length) as taken:
                answer("taken")
                record = Record(registry, NAME, taken)
                acts: dict[str, Any] = {
                    "b": lambda: taken.begin(f"{NAME}/files"),
                    "i": lambda: record.intend("files", [OBJECT], STANDING),
                    "s": lambda: record.settle("files", Observed(), frozenset({OBJECT})),
                }
                while (order := os.read(orders, 1).decode()) in acts:
                    try:
                        acts[order]()
                        answer("done")
                    except SyncError as error:
                        answer(f"{type(error).__name__} {error}")
            answer("given back")
        except SyncError as error:
            answer(f"{type(error).__name__} {error.reason.value}")


@contextmanager
def replica(folder: Path, **given: float) -> Iterator[Replica]:
    one = Replica(folder, **given)
    try:
        yield one
    finally:
        one.end()


def row(registry: Registry) -> Any:
    with reading(registry.engine) as connection:
        return connection.exec_driver_sql("SELECT holder, generation FROM leases").one()


def holding(registry: Registry) -> int:
    """The process that holds it, once there is one."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with reading(registry.engine) as connection:
            holder = connection.exec_driver_sql("SELECT holder FROM leases WHERE holder <> ''").scalar()
        if holder is not None:
            return int(holder.split(":")[1])
        time.sleep(0.02)
    raise AssertionError("nobody")


def unsettled(registry: Registry) -> frozenset[str]:
    return Record(registry, NAME).unsettled("files")


def test_a_lease_is_fifteen_seconds() -> None:
    assert LEASE == 15


def test_a_second_pass_is_told_to_wait_longer(registry: Registry) -> None:
    told = r"another pass has been writing for 0\.3 s; wait longer with --wait"
    before = time.monotonic()
    with lease(registry, wait=0), pytest.raises(WaitError, match=told) as caught, lease(registry, wait=0.3):
        pass
    assert caught.value.reason is Reason.BUSY
    assert time.monotonic() - before < 2


def test_it_is_given_back_after_a_pass_and_by_one_that_fails(registry: Registry) -> None:
    with pytest.raises(LookupError), lease(registry, wait=0):
        raise LookupError
    with lease(registry, wait=0):
        assert row(registry).holder != ""
    assert row(registry).holder == ""


def test_each_take_is_another_generation(registry: Registry) -> None:
    for generation in (1, 2, 3):
        with lease(registry, wait=0):
            assert row(registry).generation == generation


def test_what_was_given_back_is_good_for_nothing(registry: Registry) -> None:
    with lease(registry, wait=0) as taken:
        pass
    with pytest.raises(WaitError, match="was given back"):
        taken.begin("analytics/files")
    with pytest.raises(WaitError, match="was given back"), writing(registry.engine) as connection:
        taken.check(connection)


def test_it_is_kept_alive_while_it_is_held(registry: Registry, folder: Path) -> None:
    save(registry, workspace(etl="dev"))
    with lease(registry, wait=0, length=0.6) as taken:
        with replica(folder, wait=1.5) as other:
            assert other.heard() == "WaitError Busy"
        Record(registry, NAME, taken).intend("files", [OBJECT], STANDING)
    assert unsettled(registry) == {OBJECT}


def test_who_waits_gets_it_when_the_other_gives_it_back(folder: Path) -> None:
    with replica(folder, length=LEASE) as first:
        assert first.heard() == "taken"
        with replica(folder, wait=10) as second:
            assert first.told("g") == "given back"
            assert second.heard() == "taken"


def test_of_three_replicas_one_has_it_at_a_time(folder: Path) -> None:
    with (
        registries.opened(folder) as registry,
        replica(folder, wait=10) as one,
        replica(folder, wait=10) as two,
        replica(folder, wait=10) as three,
    ):
        waiting = {each.pid: each for each in (one, two, three)}
        generations = []
        while waiting:
            holder = waiting.pop(holding(registry))
            generations.append(row(registry).generation)
            assert (holder.heard(), holder.told("b")) == ("taken", "done")
            assert holder.told("g") == "given back"
        assert generations == [1, 2, 3]


def test_what_a_killed_holder_had_is_taken_over_within_its_lease_and_not_before(
    registry: Registry, folder: Path
) -> None:
    save(registry, workspace(etl="dev"))
    with replica(folder, length=2) as first:
        assert (first.heard(), first.told("i")) == ("taken", "done")
        with replica(folder, wait=10) as second:
            time.sleep(0.3)
            first.send(signal.SIGKILL)
            before = time.monotonic()
            assert second.heard() == "taken"
            # It may have been kept alive up to a third of its length before.
            assert 2 * 2 / 3 - 0.5 < time.monotonic() - before < 2 + 1
            assert unsettled(registry) == {OBJECT}
            assert second.told("s") == "done"
    assert unsettled(registry) == frozenset()


def test_a_holder_that_was_stopped_past_its_lease_writes_nothing_more(registry: Registry, folder: Path) -> None:
    save(registry, workspace(etl="dev"))
    with replica(folder) as first:
        assert first.heard() == "taken"
        first.send(signal.SIGSTOP)
        with replica(folder, wait=10) as second:
            assert second.heard() == "taken"
            first.send(signal.SIGCONT)
            for order in "bis":
                assert first.told(order).startswith("WaitError lease: ")
            assert unsettled(registry) == frozenset()
            assert second.told("i") == "done"
            assert first.told("s").startswith("WaitError lease: ")
            assert unsettled(registry) == {OBJECT}
            assert first.told("g") == "given back"
            assert f":{second.pid}:" in row(registry).holder


def test_a_stopped_holder_knows_though_nobody_took_over(folder: Path) -> None:
    with replica(folder, length=0.5) as first:
        assert first.heard() == "taken"
        first.send(signal.SIGSTOP)
        time.sleep(0.7)
        first.send(signal.SIGCONT)
        assert "has run out" in first.told("i")


def test_a_takeover_waits_for_an_intent_that_is_being_committed(registry: Registry, folder: Path) -> None:
    """And an intent is none where the takeover was first, though its holder believes that it is in time."""
    with lease(registry, wait=0, length=0.5) as taken:
        assert isinstance(taken, lease_row.RowLease)
        taken._ending.set()  # as if it were stopped
        with writing(registry.engine) as connection:
            taken.check(connection)
            time.sleep(0.7)
            with replica(folder) as second:
                time.sleep(0.5)
                assert row(registry).generation == 1
                connection.commit()
                assert second.heard() == "taken"
        taken._deadline += 60
        with pytest.raises(WaitError, match="was taken over"), writing(registry.engine) as connection:
            taken.check(connection)


def test_threads_share_one(registry: Registry) -> None:
    with (
        lease(registry, wait=0) as taken,
        writing(registry.engine) as writer,
        database.brief(registry.engine) as connection,
    ):
        taken.check(writer)
        taken.check(connection)


@pytest.fixture
def own(folder: Path, tmp_path: Path) -> Iterator[tuple[postgresql.Postgresql, Registry]]:
    """A server that may be stopped, with a registry."""
    with postgresql.running() as server:
        (tmp_path / "own").mkdir()
        registries.make(tmp_path / "own", server.url("postgres"))
        with registries.opened(tmp_path / "own") as registry:
            yield server, registry


def crashing(server: postgresql.Postgresql, registry: Registry) -> None:
    with writing(registry.engine) as connection:
        server.crash()
        connection.exec_driver_sql("SELECT 1")


@pytest.mark.slow
def test_a_database_that_was_started_anew_is_waited_for_and_the_next_try_works(
    own: tuple[postgresql.Postgresql, Registry],
) -> None:
    server, registry = own
    save(registry, workspace(etl="dev"))
    with lease(registry, wait=0) as taken:
        record = Record(registry, NAME, taken)
        with pytest.raises(WaitError) as within:
            crashing(server, registry)
        with pytest.raises(WaitError) as away:
            record.intend("files", [OBJECT], STANDING)
        server.start()
        record.intend("files", [OBJECT], STANDING)
    for caught in (within, away):
        assert caught.value.reason is Reason.UNAVAILABLE
        assert caught.value.subject == f"postgresql://127.0.0.1:{server.port}/postgres"
    assert unsettled(registry) == {OBJECT}
    assert row(registry).holder == ""


@pytest.mark.slow
def test_a_lease_that_cannot_be_kept_alive_is_lost_and_giving_it_back_fails_nothing(
    own: tuple[postgresql.Postgresql, Registry],
) -> None:
    server, registry = own
    with lease(registry, wait=0, length=0.6) as taken:
        server.stop()
        time.sleep(0.7)
        with pytest.raises(WaitError, match="has run out: it couldn't be kept alive"):
            taken.begin("analytics/files")
    server.start()
    with lease(registry, wait=0):
        pass


def test_a_pass_that_writes_leaves_a_trace_and_one_that_does_not_leaves_none(registry: Registry) -> None:
    traces = []
    for writes in (False, True, False, True):
        with lease(registry, wait=0) as taken:
            if writes:
                taken.begin("analytics/files")
                taken.begin("analytics/files")
                taken.begin("analytics/other")
        traces.append(trace(registry, "analytics/files"))
    assert len(set(traces)) == 3
    assert traces[1] == traces[2] != trace(registry, "analytics/other")


def test_a_copy_of_the_database_has_another_trace(
    registry: Registry, folder: Path, postgresql_server: postgresql.Postgresql
) -> None:
    with lease(registry, wait=0) as taken:
        taken.begin("analytics/files")
    before = trace(registry, "analytics/files")
    name = registries.url(folder).rpartition("/")[2]
    registry.engine.dispose()
    with postgresql_server.database(template=name) as copy:
        (folder / "registry.url").write_text(postgresql_server.url(copy))
        with registries.opened(folder) as restored:
            assert trace(restored, "analytics/files") != before


def test_where_the_timeline_is_not_told_a_trace_does_without(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, _, begun = trace(registry, "analytics/files").split(":")
    monkeypatch.setattr(lease_row, "_TIMELINE", "SELECT not_here()")
    assert trace(registry, "analytics/files") == f"{database}:{begun}"


def test_where_no_thread_can_keep_it_alive_it_is_given_back_at_once(registry: Registry) -> None:
    before = threading.stack_size(2**46)  # which no memory has room for
    try:
        with pytest.raises(WaitError) as raised, lease(registry, wait=0):
            pass
    finally:
        threading.stack_size(before)
    assert raised.value.reason is Reason.UNAVAILABLE
    with lease(registry, wait=0):
        pass
