"""Many at once: threads, forked children, and a writer that replaces documents meanwhile."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

pytest.importorskip("airflow")
from tests.airflow.documents import WAREHOUSE, Shared, connection

pytestmark = pytest.mark.airflow

THREADS = 50


def in_child(look: Callable[[], Any]) -> Any:
    """What a forked child finds, as JSON."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(60)  # a child that waits for ever is ended
        try:
            answer = look()
        except BaseException as error:  # noqa: BLE001  it is what the parent asks about
            answer = repr(error)
        os.write(write, json.dumps(answer).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        answer = json.load(told)
    os.waitpid(child, 0)
    return answer


@pytest.fixture
def ours(backend: type[Any], shared: Shared) -> Any:
    return backend(**shared.kwargs())


def pair(backend: Any) -> tuple[str, str]:
    """Two fields that change together."""
    found = json.loads(backend.get_conn_value("moving"))
    return found["host"], found["password"]


def test_threads_see_whole_documents_while_they_are_replaced(ours: Any, backend: type[Any], shared: Shared) -> None:
    shared.put(connection("moving", host="host-0", password="of-host-0"))
    written = threading.Event()
    start = threading.Barrier(THREADS + 1)

    def hammer(own: bool) -> set[tuple[str, str]]:
        start.wait()
        seen = set()
        while True:
            last = written.is_set()
            seen.add(pair(backend(**shared.kwargs()) if own else ours))
            if last:
                return seen

    with ThreadPoolExecutor(THREADS) as pool:
        seen = [pool.submit(hammer, number % 2 == 0) for number in range(THREADS)]
        start.wait()
        try:
            for number in range(1, 9):
                shared.put(connection("moving", host=f"host-{number}", password=f"of-host-{number}"))
        finally:
            written.set()
        pairs = set().union(*(one.result() for one in seen))

    assert all(password == f"of-{host}" for host, password in pairs)
    assert pair(ours) == ("host-8", "of-host-8")


def test_the_first_lookup_may_be_made_by_many_threads_at_once(backend: type[Any], shared: Shared) -> None:
    start = threading.Barrier(THREADS)

    def first(_: int) -> Any:
        start.wait()
        return json.loads(backend(**shared.kwargs()).get_conn_value("warehouse"))

    def all_first() -> Any:
        for name in [name for name in sys.modules if name.partition(".")[0] in ("airflow_plugin", "syncd")]:
            del sys.modules[name]  # so that they import it, too
        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(first, range(THREADS)))

    assert in_child(all_first) == [WAREHOUSE] * THREADS


def test_a_forked_child_looks_up(ours: Any) -> None:
    assert ours.get_conn_value("warehouse") is not None

    assert in_child(lambda: json.loads(ours.get_conn_value("warehouse"))) == WAREHOUSE


def test_a_forked_child_sees_what_changed_since(ours: Any, shared: Shared) -> None:
    assert ours.get_conn_value("warehouse") is not None
    shared.put(connection("warehouse", host="changed"))

    assert in_child(lambda: json.loads(ours.get_conn_value("warehouse"))["host"]) == "changed"


def test_a_forked_child_keeps_nothing_of_its_parent(ours: Any) -> None:
    from airflow_plugin.lookup import for_kwargs

    kept = for_kwargs(repr(ours.kwargs), ours.kwargs)

    assert in_child(lambda: for_kwargs(repr(ours.kwargs), ours.kwargs) is kept) is False


def test_a_child_forked_while_threads_look_up_for_the_first_time_looks_up(
    ours: Any, backend: type[Any], shared: Shared
) -> None:
    ours.get_conn_value("warehouse")  # imports what a lookup needs: to fork meanwhile is safe for no module
    done = threading.Event()

    def hammer() -> None:
        number = 0
        while not done.is_set():
            number += 1
            backend(**shared.kwargs(), local={"connections": {"other": {"port": number}}}).get_conn_value("warehouse")

    threads = [threading.Thread(target=hammer) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        found = [in_child(lambda: json.loads(ours.get_conn_value("warehouse"))) for _ in range(10)]
    finally:
        done.set()
        for thread in threads:
            thread.join()

    assert found == [WAREHOUSE] * 10


def test_a_pool_of_processes_looks_up(ours: Any) -> None:
    assert ours.get_conn_value("warehouse") is not None

    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map(ours.get_conn_value, ["warehouse"] * 20)

    assert [json.loads(value) for value in found] == [WAREHOUSE] * 20
