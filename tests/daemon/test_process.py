"""`syncd run` as a process: signals, health, logs, exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from syncd.core import changes
from tests.strategies import SENTINEL
from tests.sync.world import BASE, WAREHOUSE, World, document

pytestmark = pytest.mark.slow

SYNCD = Path(sys.executable).with_name("syncd")


class Run:
    """A daemon, and each line that it logs as it comes."""

    def __init__(self, world: World, **settings: str) -> None:
        quick = {"SYNCD_DAEMON_LISTEN": "127.0.0.1:0", "SYNCD_DAEMON_POLL": "0.1"}
        environ = {**os.environ, **world.environ, **quick, **settings}
        self.world = world
        self.process = subprocess.Popen([SYNCD, "run"], env=environ, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self.port = 0

    def until(self, *messages: str) -> Mapping[str, Any]:
        """The next line that says one of these."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            told = json.loads(line)
            if told["message"] in messages:
                assert isinstance(told, dict)
                return told
        raise AssertionError(f"it ended without {messages}")

    def started(self) -> Run:
        """Up, and through its first passes."""
        self.port = int(str(self.until("syncd runs")["listen"]).rpartition(":")[2])
        self.until("pass")
        return self

    def get(self, path: str, method: str = "GET") -> tuple[int, str]:
        try:
            with urlopen(Request(f"http://127.0.0.1:{self.port}{path}", method=method), timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def ends(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        assert self.process.stderr is not None
        self.lines += self.process.stderr.readlines()
        return self.process.wait(30)


@pytest.fixture
def run(world: World) -> Iterator[Run]:
    made = Run(world)
    try:
        yield made.started()
    finally:
        made.process.kill()
        made.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_it_is_told_with_0(run: Run, number: signal.Signals) -> None:
    assert run.ends(number) == 0
    assert json.loads(run.lines[-1])["message"] == "syncd ends"


def test_a_commit_is_at_the_target_within_a_second_or_so(run: Run) -> None:
    run.world.change(lambda here: changes.link(here, WAREHOUSE, "etl", {("host",): "new-host"}))
    assert run.until("pass")["updated"] == 1
    assert "new-host" in run.world.path(document("etl", WAREHOUSE)).read_text()


def test_health_is_told(run: Run) -> None:
    assert run.get("/livez") == (200, "ok\n")
    assert run.get("/readyz") == (200, "ok\n")
    code, metrics = run.get("/metrics")
    assert code == 200
    assert 'syncd_items{target="files",workspace="analytics"} 7.0' in metrics
    assert run.get("/nonesuch")[0] == 404
    assert run.get("/livez", "POST")[0] == 405


def test_who_asks_for_the_head_alone_gets_no_more(run: Run) -> None:
    with socket.create_connection(("127.0.0.1", run.port), timeout=10) as asking, asking.makefile("rb") as answer:
        asking.sendall(b"HEAD /metrics HTTP/1.0\r\n\r\n")
        head, _, body = answer.read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 OK")
    assert body == b""


def test_each_write_has_an_audit_record_without_a_value(run: Run) -> None:
    run.ends()
    audit = [told for line in run.lines if (told := json.loads(line))["log"] == "syncd.audit"]
    assert {one["object"] for one in audit} == run.world.files().keys()
    assert {one["outcome"] for one in audit} == {"written"}
    assert all(re.fullmatch(r"\S+@\S+", one["by"]) and one["revision"] == 1 for one in audit)
    assert SENTINEL not in "".join(run.lines)


def test_settings_are_read_again_when_it_is_told(run: Run) -> None:
    with (run.world.home / "syncd.toml").open("a") as file:
        file.write('[targets.third]\ntype = "directory"\npath = "third"\n')
    run.process.send_signal(signal.SIGHUP)
    run.until("settings were read again")
    everywhere = {name: replace(one, targets=("files", "third")) for name, one in BASE.deployments.items()}
    run.world.change(lambda here: replace(here, deployments=everywhere))
    while run.until("pass")["target"] != "third":
        pass
    assert (run.world.home / "third").is_dir()


def test_settings_that_are_wrong_change_nothing_and_are_told(run: Run) -> None:
    path = run.world.home / "syncd.toml"
    before = path.read_text()
    path.write_text(before + "[daemon]\npasses = 0\ninterval = -1\n")
    run.process.send_signal(signal.SIGHUP)
    told = [run.until("settings can't be used, and stay as they were")["subject"] for _ in range(2)]
    assert {one.rpartition(" ")[2] for one in told} == {"daemon.passes", "daemon.interval"}
    while "syncd_reload_failed 1.0" not in run.get("/metrics")[1]:
        pass
    assert run.get("/livez")[0] == 200
    path.write_text(before)
    for _ in range(20):
        run.process.send_signal(signal.SIGHUP)
    run.until("settings were read again")


def test_a_storm_of_hangups_loses_no_change_and_leaves_nothing_behind(run: Run) -> None:
    def descriptors() -> int:
        return len(list(Path(f"/proc/{run.process.pid}/fd").iterdir()))

    def hung_up() -> None:
        run.process.send_signal(signal.SIGHUP)
        run.until("settings were read again")

    hung_up()
    before = descriptors()
    for number in range(60):
        run.world.change(lambda here, number=number: changes.link(here, WAREHOUSE, "etl", {("host",): f"h-{number}"}))  # type: ignore[misc]
        for _ in range(5):
            run.process.send_signal(signal.SIGHUP)
        hung_up()
    path = run.world.path(document("etl", WAREHOUSE))
    while "h-59" not in path.read_text():
        run.until("pass")
    assert descriptors() <= before + 8  # those of two registries, and of a pass
    assert run.get("/livez")[0] == run.get("/readyz")[0] == 200
    assert run.ends() == 0


def test_two_over_one_installation_write_each_change_once(run: Run) -> None:
    path = run.world.path(document("etl", WAREHOUSE))
    other = Run(run.world)
    try:
        other.until("syncd runs")
        for number in range(5):
            host = f"h-{number}"
            run.world.change(lambda here, host=host: changes.link(here, WAREHOUSE, "etl", {("host",): host}))  # type: ignore[misc]
            while host not in path.read_text():
                time.sleep(0.01)
        for one in (run, other):
            assert one.ends() == 0
    finally:
        other.process.kill()
        other.process.communicate()
    told = [json.loads(line) for line in run.lines + other.lines]
    writes = [one for one in told if one["message"] == "write" and one["revision"] > 1]
    assert [one["outcome"] for one in writes] == ["written"] * 5


@pytest.fixture
def draining(world: World) -> Iterator[Run]:
    """One that was told to end while a pass waits for the registry, which somebody else writes to."""
    run = Run(world, SYNCD_DAEMON_INTERVAL="0.2", SYNCD_DAEMON_GRACE="3").started()
    with world.registry() as registry, registry.engine.connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            ticks: set[str] = set()
            while len(ticks) < 5:  # a pass that doesn't wait ends within one
                metrics = run.get("/metrics")[1]
                (tick,) = re.findall(r"^syncd_last_tick_timestamp_seconds (.*)$", metrics, re.MULTILINE)
                ticks = {*ticks, tick} if "syncd_passes_at_work 1.0" in metrics else set()
            run.process.send_signal(signal.SIGTERM)
            assert run.until("syncd was told to end")["passes_at_work"] == 1
            yield run
        finally:
            other.rollback()
            run.process.kill()
            run.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_twice_it_ends_at_once(draining: Run, number: signal.Signals) -> None:
    assert draining.ends(number) == 128 + number


def test_what_is_still_at_work_when_the_grace_is_over_is_left_behind_with_1(draining: Run) -> None:
    assert draining.until("syncd ends")["passes_left_behind"] == 1
    assert draining.process.wait(10) == 1


def test_where_it_cannot_listen_it_says_so_and_does_not_begin(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        environ = {**os.environ, **world.environ, "SYNCD_DAEMON_LISTEN": listen}
        done = subprocess.run([SYNCD, "run"], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert listen in done.stderr
    assert "Address already in use" in done.stderr
    assert world.files() == {}


def test_settings_that_are_wrong_at_the_start_are_all_told(world: World) -> None:
    environ = {**os.environ, **world.environ, "SYNCD_DAEMON_POLL": "0", "SYNCD_DAEMON_GRACE": "x"}
    done = subprocess.run([SYNCD, "run"], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "SYNCD_DAEMON_POLL" in done.stderr
    assert "SYNCD_DAEMON_GRACE" in done.stderr
    assert "Traceback" not in done.stderr
