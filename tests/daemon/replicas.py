"""Daemons that share a registry, people who change it all the time, and somebody who reads what lies in a target."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from servers import postgresql
from syncd.core import changes
from syncd.core.errors import WaitError
from tests.daemon.test_process import Run
from tests.sync.world import WAREHOUSE, World


class Replica(Run):
    """A daemon whose log is taken in all the time, as it would wait for that."""

    def __init__(self, world: World, **settings: str) -> None:
        super().__init__(world, **settings)
        self._taking = threading.Thread(target=self._take, daemon=True)
        self._taking.start()

    def told(self, message: str) -> list[Mapping[str, Any]]:
        """What was logged so far with these words."""
        return [line for line in map(json.loads, tuple(self.lines)) if line["message"] == message]

    def up(self) -> Replica:
        within(30, lambda: bool(self.told("syncd runs")))
        self.port = int(self.told("syncd runs")[0]["listen"].rpartition(":")[2])
        return self

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ends(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(30)
        self._taking.join(10)
        return code

    def _take(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                self.lines.append(line)


@contextmanager
def replicas(*worlds: World, **settings: str) -> Iterator[tuple[Replica, ...]]:
    """One over each, up; none is left at the end."""
    made = tuple(Replica(world, **settings) for world in worlds)
    try:
        for one in made:
            one.up()
        yield made
    finally:
        for one in made:
            one.process.kill()
            one.process.wait(10)
            one._taking.join(10)


class All:
    """Something that is done again and again until the end."""

    def __init__(self, act: Callable[[], None], pause: float) -> None:
        self._act, self._pause, self._over = act, pause, threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def __enter__(self) -> All:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._failed is not None:
            raise self._failed

    def _run(self) -> None:
        try:
            while not self._over.wait(self._pause):
                self._act()
        except BaseException as error:  # noqa: BLE001  it is raised where the test is
            self._failed = error


class Editing:
    """Somebody who gives a link another host, each with a number. `last` is the last that was committed."""

    def __init__(self, world: World) -> None:
        self._world, self.tried, self.last = world, 0, 0

    def __call__(self) -> None:
        self.tried += 1
        with suppress(WaitError):  # the database is away: nothing is committed, or nobody knows
            edit(self._world, f"host-{self.tried}")
            self.last = self.tried

    @property
    def had(self) -> set[str]:
        """All that the deployment may have had."""
        return {f"host-{number}" for number in range(self.tried + 1)}


def edit(world: World, host: str) -> None:
    world.change(lambda here: changes.override(here, WAREHOUSE, deployment="etl", values={("host",): host}))


def holder(server: postgresql.Postgresql) -> int:
    """The process that has the lease; 0 where nobody has."""
    (name,) = server.run("SELECT holder FROM leases")[0]
    return int(name.split(":")[1]) if name else 0


def within(seconds: float, so: Callable[[], bool]) -> float:
    """How long it took."""
    begun = time.monotonic()
    while not so():
        assert time.monotonic() - begun < seconds
        time.sleep(0.02)
    return time.monotonic() - begun
