"""Documents are spread over another number of Secrets while workers read: each is found all the time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from servers import kubernetes as servers
from syncd.clients.kubernetes.credentials import Account
from syncd.clients.kubernetes.reading import Reader
from syncd.core.errors import FixError, Reason, SyncError
from syncd.core.layouts.kubernetes import Bundled, key_of
from syncd.core.layouts.lookup import Address, lookup
from syncd.core.layouts.spread import secret_name, slot
from syncd.core.model import Item, Scope, Workspace
from syncd.sources.answers import Times
from syncd.sources.kubernetes import KubernetesSource
from syncd.sync import Prepared, prepare
from tests.clients.fake_server import Pass, Request, Said, cut, faulty, lost, passes
from tests.targets.memory_record import MemoryRecord
from tests.targets.passes import MARK, connection, push, reasons, seal, workspace
from tests.targets.test_kubernetes import is_write, right
from tests.targets.trials import KubernetesTrial, in_kubernetes

pytestmark = [pytest.mark.kubernetes, pytest.mark.slow]

IDS = [f"c{number}" for number in range(12)]
ADDRESS = Address("analytics", "etl-prod", "analytics")
Found = Callable[[str], int]
"""The revision at which a connection was found. Raises SyncError where it can't be told, AssertionError where it
isn't linked."""


@pytest.fixture
def trial(kubernetes_server: servers.Kubernetes, tmp_path: Path) -> KubernetesTrial:
    return in_kubernetes(Bundled("analytics", 4), kubernetes_server, tmp_path)


def at(revision: int) -> Workspace:
    """All of them, as they are at a revision."""
    return workspace(*(connection(id_, port=revision) for id_ in IDS), deployments=["etl-prod"], revision=revision)


def reader(trial: KubernetesTrial) -> Found:
    """A worker that keeps nothing but the number of Secrets."""
    client = Reader(Account(trial.server.url, str(trial.server.ca), str(trial.token_path)))
    source = KubernetesSource(client, trial.target.namespace, "analytics", "etl-prod", Times(0, 0))

    def found(id_: str) -> int:
        with source.within():
            envelopes = lookup(source.get, ADDRESS, "connection", id_)
        assert envelopes is not None, f"{id_} isn't linked"
        return int(envelopes[0]["layers"]["definition"]["port"])

    return found


class Readings:
    """What workers found, and what went wrong."""

    def __init__(self) -> None:
        self.revisions: dict[str, list[int]] = {id_: [] for id_ in IDS}
        self.failed: list[Exception] = []
        self._rounds, self._another = 0, threading.Condition()

    def round(self) -> None:
        """All were looked at."""
        with self._another:
            self._rounds += 1
            self._another.notify_all()

    def wait(self) -> None:
        """Until all were looked at by somebody who began after now."""
        with self._another:
            end = self._rounds + 3
            self._another.wait_for(lambda: self._rounds >= end)


@contextmanager
def looking(trial: KubernetesTrial, threads_of_one: int = 1) -> Iterator[Readings]:
    """One worker that stays, of so many threads, and one after the other that begins anew, look at all connections."""
    readings, over = Readings(), threading.Event()
    stays = reader(trial)

    def look(worker: Callable[[], Found]) -> None:
        while not over.is_set():
            one = worker()
            for id_ in IDS:
                try:
                    readings.revisions[id_].append(one(id_))
                except Exception as error:  # noqa: BLE001  the test's own thread tells
                    readings.failed.append(error)
            readings.round()

    workers = [*[lambda: stays] * threads_of_one, lambda: reader(trial)]
    threads = [threading.Thread(target=look, args=(one,)) for one in workers]
    for thread in threads:
        thread.start()
    try:
        yield readings
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_whoever_reads_while_documents_are_spread_anew_finds_each_as_it_was_or_is(trial: KubernetesTrial) -> None:
    record = MemoryRecord(trial.target.layout)
    assert reasons(push(at(1), trial.target, record)) == {}
    with looking(trial) as readings:
        readings.wait()
        for revision, secrets in enumerate((2, 7, 1, 4), 2):
            trial.spread(secrets)
            record.layout = trial.target.layout
            assert reasons(push(at(revision), trial.target, record)) == {}
            assert right(trial, at(revision))
            assert trial.held().keys() == {secret_name("analytics", "etl-prod", number) for number in range(secrets)}
            readings.wait()
    assert readings.failed == []
    for seen in readings.revisions.values():
        assert {*seen} == {1, 2, 3, 4, 5}


def test_threads_that_share_a_worker_find_each_while_documents_are_spread_anew(trial: KubernetesTrial) -> None:
    record = MemoryRecord(trial.target.layout)
    push(at(1), trial.target, record)
    with looking(trial, threads_of_one=6) as readings:
        for revision, secrets in enumerate((1, 5, 3), 2):
            trial.spread(secrets)
            record.layout = trial.target.layout
            assert reasons(push(at(revision), trial.target, record)) == {}
            readings.wait()
    assert readings.failed == []
    assert {revision for seen in readings.revisions.values() for revision in seen} >= {4}
    assert all({*seen} <= {1, 2, 3, 4} for seen in readings.revisions.values())


def test_where_the_first_secret_is_gone_and_none_can_be_made_nothing_seems_unlinked(trial: KubernetesTrial) -> None:
    first = secret_name("analytics", "etl-prod", 0)
    record = MemoryRecord(trial.target.layout)
    push(at(1), trial.target, record)
    knows = reader(trial)
    assert {knows(id_) for id_ in IDS} == {1}
    trial.delete(first)

    def no_more(request: Request, onward: Pass) -> Said:
        return (
            cut(request, onward) if request.method == "POST" and "/secrets" in request.path else passes(request, onward)
        )

    with faulty(no_more, behind=trial.server.url, ca=trial.server.ca) as server:
        found = reasons(push(at(2), trial.through(server.address), record))
    assert found == {first: Reason.UNAVAILABLE}
    for id_ in IDS:
        lies = slot(key_of("connection", id_), 4)
        with pytest.raises(SyncError):
            reader(trial)(id_)
        if lies:
            assert knows(id_) == 2
        else:
            with pytest.raises(SyncError):
                knows(id_)

    assert reasons(push(at(2), trial.target, record)) == {}
    assert {reader(trial)(id_) for id_ in IDS} == {knows(id_) for id_ in IDS} == {2}


@pytest.mark.parametrize("id_", IDS[:6])
def test_what_was_copied_to_a_secret_that_has_no_nameplate_yet_is_found_there(trial: KubernetesTrial, id_: str) -> None:
    push(at(1), trial.target)
    trial.edit_data(trial.target.layout.home(Item("etl-prod", "connection", id_)).object, nameplate=None)
    if slot(key_of("connection", id_), 4):
        assert reader(trial)(id_) == 1
        return
    with pytest.raises(FixError, match="has no nameplate"):  # where all of them begin
        reader(trial)(id_)


@pytest.mark.parametrize("end", [cut, lost], ids=["before", "after"])
def test_a_move_that_ends_at_any_write_hides_nothing_and_is_finished_by_the_next(
    kubernetes_server: servers.Kubernetes, tmp_path: Path, end: Any
) -> None:
    for last in count(1):
        trial = in_kubernetes(Bundled("analytics", 4), kubernetes_server, tmp_path)
        record = MemoryRecord(trial.target.layout)
        push(at(1), trial.target, record)
        trial.spread(2)
        record.layout = trial.target.layout
        left = last

        def until(request: Request, onward: Pass) -> Said:
            nonlocal left
            left -= is_write(request)
            return passes(request, onward) if left > 0 else (end if left == 0 else cut)(request, onward)

        with faulty(until, behind=trial.server.url, ca=trial.server.ca) as server:
            push(at(2), trial.through(server.address), record)
        found = [reader(trial)(id_) for id_ in IDS]
        assert {*found} <= {1, 2}
        assert reasons(push(at(2), trial.target, record)) == {}
        assert right(trial, at(2))
        assert len(trial.held()) == 2
        if left > 0:
            assert {*found} == {2}
            assert last > 6
            return


def test_a_move_with_somebody_elses_secret_in_its_way_hides_nothing_and_ends_once_that_is_gone(
    trial: KubernetesTrial,
) -> None:
    record = MemoryRecord(trial.target.layout)
    push(at(1), trial.target, record)
    trial.spread(7)
    record.layout = trial.target.layout
    name = max(trial.target.layout.home(Item("etl-prod", "connection", id_)).object for id_ in IDS)
    assert name not in trial.held()
    trial.put_foreign(name)
    before = trial.held()[name]
    for revision in (2, 3):
        found = reasons(push(at(revision), trial.target, record))
        assert found[name] is Reason.NOT_OWNED
        assert {*found.values()} <= {Reason.NOT_OWNED, Reason.NOT_SYNCED_YET}
        assert {reader(trial)(id_) for id_ in IDS} == {revision}
        assert trial.held()[name] == before

    trial.delete(name)
    assert reasons(push(at(3), trial.target, record)) == {}
    assert right(trial, at(3))
    assert len(trial.held()) == 7


MOVES = [id_ for id_ in map("c{}".format, range(100)) if slot(key_of("connection", id_), 4) >= 2][:12]
STAYS = next(id_ for id_ in IDS if slot(key_of("connection", id_), 4) < 2)
"""Connections that lie elsewhere, and one that lies where it did, where there are two Secrets and no more four."""


@pytest.mark.parametrize("left", [[], MOVES[:8]], ids=["all", "a third"])
def test_deletes_that_nobody_asked_for_are_held_whatever_moves(trial: KubernetesTrial, left: list[str]) -> None:
    record = MemoryRecord(trial.target.layout)
    push(linked(MOVES, 1), trial.target, record)
    trial.spread(2)
    held = {place.key for place, error in unasked(linked(left, 2), trial, record).plan.hold.items()}
    assert {f"connections.{id_}" for id_ in MOVES if id_ not in left} <= held


def test_what_merely_moves_is_no_delete_that_anybody_has_to_ask_for(trial: KubernetesTrial) -> None:
    record = MemoryRecord(trial.target.layout)
    push(linked([STAYS, *MOVES], 1), trial.target, record)
    trial.spread(2)
    assert unasked(linked(MOVES, 2), trial, record).plan.hold == {}


def linked(ids: Iterable[str], revision: int) -> Workspace:
    return workspace(*map(connection, ids), deployments=["etl-prod"], revision=revision)


def unasked(one: Workspace, trial: KubernetesTrial, record: MemoryRecord) -> Prepared:
    """A plan of which no person said that anything is to go."""
    mark = MARK._replace(revision=one.revision)
    return prepare(one, trial.target, record, lambda _: {}, mark=mark, seal=seal, scope=Scope("files"))
