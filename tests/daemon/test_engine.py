"""Ticks over a whole installation: what is due is passed over, and nothing that goes wrong ends it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event, Lock

import pytest
from sqlalchemy import and_, select, update

from syncd.core import changes
from syncd.core.documents import Observed, Seal
from syncd.core.errors import Reason, WaitError
from syncd.core.model import Deployment
from syncd.daemon import work
from syncd.daemon.clock import Clock
from syncd.daemon.process import _Process
from syncd.daemon.schedule import Kind
from syncd.daemon.settings import load
from syncd.registry import keys as rotation
from syncd.registry import record, status, tables
from syncd.registry.database import writing
from syncd.registry.lease import lease
from syncd.targets.directory import DirectoryTarget
from tests.daemon.ticking import FILES, Ticking
from tests.strategies import SENTINEL
from tests.sync.world import BASE, LAKE, NAME, WAREHOUSE, World, deployments, document

BOTH = replace(BASE, deployments={**BASE.deployments, "ml": Deployment("ml", "prod", ("other",))})


def host(live: Ticking, text: str) -> None:
    """Somebody changes a connection in the registry."""
    live.world.change(lambda here: changes.link(here, WAREHOUSE, "etl", {("host",): text}))


def rotated(world: World) -> None:
    """Everything is encrypted with a key that is new."""
    with world.registry() as registry:
        rotation.add(registry)
    world.close()
    with world.registry() as registry:
        rotation.rotate(registry)


def written_by(live: Ticking) -> float:
    """Documents, by one daemon."""
    return sum(value for name, value in live.metrics().items() if name.startswith("syncd_writes_total"))


def told(caplog: pytest.LogCaptureFixture, message: str) -> list[dict[str, object]]:
    return [one.fields for one in caplog.records if one.getMessage() == message]  # type: ignore[attr-defined]  # ours


# What is due


def test_at_the_start_every_target_is_read_back_and_written(world: World) -> None:
    world.save(BOTH)
    live = Ticking(world)
    assert not live.daemon.begun
    live.settle()
    assert live.daemon.begun
    assert document("bi", WAREHOUSE) in world.files()
    assert document("ml", LAKE) in world.files("elsewhere")


def test_a_change_in_the_registry_is_written_at_the_next_tick(live: Ticking) -> None:
    host(live, "new-host")
    live.tick()
    assert "new-host" in live.world.path(document("etl", WAREHOUSE)).read_text()


def test_a_preview_goes_with_its_documents_at_the_tick_after_its_time(world: World) -> None:
    preview = Deployment("pr-1", "dev", ("files",), "etl", "2026-01-01T00:05:00Z")
    world.save(changes.add_deployment(BASE, preview))
    live = Ticking(world)
    live.settle()
    live.later(240)
    assert document("pr-1", WAREHOUSE) in world.files()
    live.later(61)
    live.settle()
    assert "pr-1" not in world.load().deployments
    assert [name for name in world.files() if "pr-1" in name] == []
    assert document("etl", WAREHOUSE) in world.files()


def test_where_nothing_changed_nothing_is_written(live: Ticking) -> None:
    before = live.world.stats()
    for seconds in (60, 60, 900):
        live.later(seconds)
    assert live.passes() == 4
    assert live.world.stats() == before


def test_between_intervals_nothing_is_looked_at(live: Ticking) -> None:
    for _ in range(50):
        live.later(1)
    assert live.passes() == 1


def test_a_reference_that_gives_something_else_is_written_within_an_interval(live: Ticking) -> None:
    live.world.environ["WAREHOUSE"] = "rotated"
    live.reload()
    live.later(60)
    assert "rotated" in live.world.path(document("etl", WAREHOUSE)).read_text()


def test_drift_is_repaired_within_the_time_for_that(live: Ticking) -> None:
    path = live.world.path(document("etl", WAREHOUSE))
    before = path.read_bytes()
    path.unlink()
    live.later(899)
    assert not path.exists()
    live.later(1)
    assert path.read_bytes().partition(b"layers")[2] == before.partition(b"layers")[2]


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Event, Event]]:
    """While the first is set everything is being read back, and until the second is."""
    read, go_on, observe = Event(), Event(), DirectoryTarget.observe

    def slow(target: DirectoryTarget, objects: Collection[str] | None, seal: Seal) -> Observed:
        found = observe(target, objects, seal)
        if objects is None:
            read.set()
            assert go_on.wait(30)
        return found

    monkeypatch.setattr(DirectoryTarget, "observe", slow)
    yield read, go_on
    go_on.set()


def beside(live: Ticking, text: str, read: Event) -> None:
    """A change, and the pass over it, while everything is being read back."""
    live.seconds += 900
    live.daemon.tick()
    assert read.wait(30)
    host(live, text)
    live.daemon.tick()
    while live.passes() < 2:
        live.daemon.wait(5)


def test_a_change_is_written_while_everything_is_read_back(live: Ticking, reading: tuple[Event, Event]) -> None:
    read, go_on = reading
    beside(live, "new-host", read)
    assert "new-host" in live.world.path(document("etl", WAREHOUSE)).read_text()

    before = live.world.stats()
    go_on.set()
    live.settled()
    assert live.passes() == 3
    assert live.world.stats() == before


def test_drift_is_repaired_though_something_changed_while_it_was_found(
    live: Ticking, reading: tuple[Event, Event]
) -> None:
    read, go_on = reading
    drifted = live.world.path(document("bi", WAREHOUSE))
    drifted.unlink()
    beside(live, "new-host", read)
    assert not drifted.exists()
    go_on.set()
    live.settled()
    assert drifted.exists()


def test_a_workspace_that_is_made_while_it_runs_is_passed_over(live: Ticking) -> None:
    live.world.save(replace(BASE, name="finance", revision=0), name="finance")
    live.settle()
    assert (live.world.home / "out" / "finance" / "deployments").is_dir()


def test_a_target_that_no_deployment_names_any_more_is_cleared_and_forgotten(live: Ticking) -> None:
    live.world.change(
        lambda here: replace(
            here, deployments={name: replace(one, targets=()) for name, one in here.deployments.items()}
        )
    )
    live.settle().later(60)
    assert live.world.files() == {}
    assert not [name for name in live.metrics() if "syncd_items{" in name]


def test_by_a_crontab_passes_are_made_when_it_fires(world: World) -> None:
    live = Ticking(world, cron="0 * * * *").settle()
    live.later(3599)
    assert live.passes() == 2  # the verification, by its own time
    live.later(1)
    assert live.passes() == 3


# Clocks


@pytest.mark.parametrize("jump", [timedelta(days=-365), timedelta(seconds=-60), timedelta(days=1), timedelta(days=365)])
def test_a_clock_that_is_set_moves_no_interval(live: Ticking, jump: timedelta) -> None:
    live.utc += jump
    live.later(59)
    assert live.passes() == 1
    live.later(1)
    assert live.passes() == 2


def test_after_a_long_sleep_each_target_has_one_pass(live: Ticking) -> None:
    live.later(8 * 3600)
    live.tick()
    assert live.passes() == 2


# What goes wrong


def test_a_target_that_fails_holds_up_no_other(world: World) -> None:
    world.save(BOTH)
    (world.home / "elsewhere").mkdir()
    (world.home / "elsewhere" / NAME).symlink_to("nowhere")
    live = Ticking(world).settle()
    host(live, "new-host")
    live.tick()
    assert "new-host" in live.world.path(document("etl", WAREHOUSE)).read_text()
    assert live.daemon.begun


def test_what_is_wrong_is_told_once_and_that_it_is_over(live: Ticking, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "syncd")
    del live.world.environ["WAREHOUSE"]
    live.reload()
    for _ in range(5):
        live.later(60)
    assert [one["reason"] for one in told(caplog, "not in sync")] == ["ReferenceUnreadable"] * 2  # etl's and bi's
    live.world.environ["WAREHOUSE"] = "back"
    live.reload()
    live.later(60)
    assert told(caplog, "in sync again") == [FILES._asdict()]


def test_a_registry_that_is_locked_is_waited_for(live: Ticking, caplog: pytest.LogCaptureFixture) -> None:
    with live.world.registry() as registry:
        registry.engine.dispose()
    path = live.world.home / "registry.db"
    path.rename(path.with_suffix(".away"))
    for _ in range(3):
        live.later(60)
    assert [one["problem"] for one in told(caplog, "the registry can't be used")] == ["the registry is gone"]
    assert live.metrics()["syncd_registry_up"] == 0
    path.with_suffix(".away").rename(path)
    host(live, "after")
    live.tick()
    assert live.metrics()["syncd_registry_up"] == 1
    assert "after" in live.world.path(document("etl", WAREHOUSE)).read_text()


def test_a_registry_that_was_replaced_is_opened_anew(live: Ticking, tmp_path: Path) -> None:
    live.world.close()
    copy = tmp_path / "registry.db"
    shutil.copy2(live.world.home / "registry.db", copy)
    copy.replace(live.world.home / "registry.db")
    host(live, "in-the-new-file")
    live.settle()
    assert live.metrics()[f'syncd_registry_revision{{workspace="{NAME}"}}'] == live.world.load().revision


def test_a_workspace_that_is_damaged_stops_no_other(live: Ticking, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "syncd")
    live.world.save(replace(BASE, name="finance", revision=0), name="finance")
    live.settle()
    with live.world.registry() as registry, writing(registry.engine) as connection:
        parts, known = tables.parts, tables.workspaces
        there = and_(parts.c.workspace == "finance", parts.c.sealed.is_not(None))
        kept = connection.execute(select(parts.c.sealed).where(there)).scalar_one()
        connection.execute(update(parts).where(there).values(sealed="damaged"))
        connection.execute(update(known).where(known.c.name == "finance").values(revision=2))
    host(live, "new-host")
    live.tick().tick()
    assert "new-host" in live.world.path(document("etl", WAREHOUSE)).read_text()
    assert [one["workspace"] for one in told(caplog, "a workspace can't be used")] == ["finance"]
    with live.world.registry() as registry, writing(registry.engine) as connection:
        connection.execute(update(parts).where(there).values(sealed=kept))
    live.tick()
    assert [one["workspace"] for one in told(caplog, "a workspace can be used again")] == ["finance"]


def test_settings_that_come_while_the_registry_is_gone_change_nothing(live: Ticking) -> None:
    live.configure("definitions", path="nowhere")
    configured, registry = load(live.world.environ), live.world.installation.registry()
    path = live.world.home / "registry.db"
    path.rename(path.with_suffix(".away"))
    with pytest.raises(WaitError):
        live.daemon.configure(configured, registry)
    path.with_suffix(".away").rename(path)
    live.tick()
    assert live.metrics()["syncd_definitions_error"] == 0


def test_a_target_that_was_forgotten_is_passed_over_no_more(world: World) -> None:
    world.save(BOTH)
    live = Ticking(world).settle()
    world.change(lambda here: deployments(here, ml=()))
    path = world.home / "syncd.toml"
    path.write_text(path.read_text().replace("[targets.other]", "[targets.another]"))
    live.reload()
    live.settle()
    with world.registry() as registry:
        record.forget(registry, NAME, "other")
    live.later(300).later(300)
    assert not [name for name in live.metrics() if name.startswith("syncd_target_failing") and '"other"' in name]


def test_keys_that_were_rotated_are_read_again(live: Ticking) -> None:
    rotated(live.world)
    host(live, "under-the-new-key")
    live.tick()
    assert "under-the-new-key" in live.world.path(document("etl", WAREHOUSE)).read_text()


def test_with_a_key_that_is_not_the_registrys_no_pass_is_made(live: Ticking, tmp_path: Path) -> None:
    live.world.close()
    keys = live.world.home / "keys"
    old = keys.read_bytes()
    rotated(live.world)
    host(live, "unseen")
    live.world.close()
    keys.write_bytes(old)
    live.later(60)
    assert live.passes() == 1
    assert live.metrics()["syncd_registry_up"] == 0


def test_a_pass_that_is_somebody_elses_turn_is_made_after_it(live: Ticking) -> None:
    with live.world.registry() as registry, lease(registry, wait=0):
        host(live, "waits")
        live.tick()
        assert "waits" not in live.world.path(document("etl", WAREHOUSE)).read_text()
    live.tick()
    assert "waits" in live.world.path(document("etl", WAREHOUSE)).read_text()


def test_whoever_has_the_lease_when_it_starts_leaves_it_ready(world: World) -> None:
    live = Ticking(world)
    with world.registry() as registry, lease(registry, wait=0):
        live.tick()
    assert live.daemon.begun
    assert world.files() == {}


def test_a_pass_that_was_overtaken_before_it_had_the_lease_goes_on_from_there(live: Ticking) -> None:
    world, before = live.world, live.world.load()
    host(live, "new-host")
    assert world.sync().error is None
    with world.registry() as registry, lease(registry, wait=0) as taken:
        ended = work.over(
            world.installation,
            registry,
            before,
            FILES,
            Kind.VERIFY,
            taken,
            Lock(),
            clock=Clock(),
            opener=world.installation.target,
        )
        assert ended.failure is None
        assert ended.revision == world.load().revision
        assert status.failure(registry, *FILES) is None


def test_a_guard_is_held_for_a_day_and_told_once(live: Ticking, caplog: pytest.LogCaptureFixture) -> None:
    live.world.save(replace(live.world.load(), definitions={}), asked=False)
    before = live.world.files().keys()
    for _ in range(24):
        live.later(3600)
    assert live.world.files().keys() == before
    assert {one["reason"] for one in told(caplog, "not in sync")} == {"DeletesHeld"}
    assert len(told(caplog, "not in sync")) == len({str(one) for one in told(caplog, "not in sync")})
    since = {one.since for item, one in live.world.statuses().items() if one.reason is Reason.DELETES_HELD}
    assert since == {"2026-01-01T01:00:00Z"}


# How it ends


@pytest.fixture
def stuck(live: Ticking) -> Iterator[Callable[[], None]]:
    """A pass that waits for the registry, which somebody else writes to, before its first write; lets it go on."""
    host(live, "stuck")
    with live.world.registry() as registry, registry.engine.connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE")
        live.daemon.tick()
        yield other.rollback
        other.rollback()
    live.tick()


def is_written(live: Ticking) -> bool:
    return "stuck" in live.world.path(document("etl", WAREHOUSE)).read_text()


def test_a_pass_that_takes_longer_than_its_deadline_writes_no_more(live: Ticking, stuck: Callable[[], None]) -> None:
    live.seconds += 301
    stuck()
    live.settled()
    assert not is_written(live)
    live.later(5)
    assert is_written(live)


def test_a_pass_that_hangs_is_told_and_keeps_nobody_from_the_lease(live: Ticking, stuck: Callable[[], None]) -> None:
    live.seconds += 361
    live.daemon.wait(0)
    assert live.daemon.hanging == (FILES,)
    with live.world.registry() as registry, lease(registry, wait=0):
        stuck()
        live.settled()
    assert not live.daemon.hanging
    assert not is_written(live)


def test_a_pass_longer_than_its_interval_is_alone_and_the_next_is_an_interval_after_it(
    live: Ticking, stuck: Callable[[], None]
) -> None:
    for _ in range(4):
        live.seconds += 60
        live.daemon.tick()
        assert live.daemon.at_work == (FILES,)
    stuck()
    live.settled()
    assert is_written(live)
    live.later(59)
    assert live.passes() == 2
    live.later(1)
    assert live.passes() == 3


def test_a_registry_that_somebody_locks_for_long_holds_up_passes_and_no_tick(
    live: Ticking, stuck: Callable[[], None]
) -> None:
    for _ in range(10):
        live.utc += timedelta(seconds=1)
        live.daemon.tick()
        assert live.metrics()["syncd_last_tick_timestamp_seconds"] == live.utc.timestamp()
        assert live.metrics()["syncd_registry_up"] == 1
    assert not is_written(live)
    stuck()
    live.settled()
    assert is_written(live)


def test_when_it_drains_what_is_not_written_yet_is_left_to_the_next(live: Ticking, stuck: Callable[[], None]) -> None:
    assert not live.daemon.drain(0)
    assert live.daemon.at_work == (FILES,)
    stuck()
    live.settled()
    assert not is_written(live)
    assert live.world.last() is not None
    Ticking(live.world).settle()
    assert is_written(live)


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, MemoryError, RecursionError])
def test_whatever_ends_a_pass_ends_nothing_else(
    live: Ticking, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> object:
        raise error(SENTINEL)

    with monkeypatch.context() as patch:
        patch.setattr(DirectoryTarget, "observe", fails)
        live.later(900)
    assert live.passes() == 2
    assert SENTINEL not in caplog.text
    assert "test_engine.py" in caplog.text
    live.later(5)
    assert live.passes() == 3


# Health


def health(live: Ticking) -> _Process:
    return _Process(live.world.environ, load(live.world.environ), live.daemon)


def test_a_pass_that_hangs_ends_liveness_until_it_ends(live: Ticking, stuck: Callable[[], None]) -> None:
    live.seconds += 361
    live.daemon.tick()
    assert health(live)._livez()[:2] == (False, b"analytics/files: the pass hangs\n")
    stuck()
    live.tick()
    assert health(live)._livez().well


def test_without_a_tick_for_two_minutes_it_is_not_alive(live: Ticking) -> None:
    live.seconds += 121
    assert not health(live)._livez().well
    live.tick()
    assert health(live)._livez().well


def test_a_target_that_fails_leaves_it_alive_and_ready(world: World) -> None:
    world.save(BOTH)
    (world.home / "elsewhere").write_text("in the way")
    live = Ticking(world).settle()
    for _ in range(10):
        live.later(300)
    assert any("syncd_target_failing{" in name and 'target="other"' in name for name in live.metrics())
    assert health(live)._livez().well
    assert health(live)._readyz().well


# Others


def test_whoever_reverts_each_write_makes_it_write_once_per_verification_and_no_more(live: Ticking) -> None:
    path = live.world.path(document("etl", WAREHOUSE))
    theirs = path.read_bytes().replace(b"dev-host", b"theirs--")
    before = written_by(live)
    for _ in range(60):
        path.write_bytes(theirs)
        live.later(60)
    assert written_by(live) - before == 4  # an hour
    assert b"theirs--" not in path.read_bytes()


def test_whoever_reverts_each_write_of_what_people_change_costs_one_write_each_interval(live: Ticking) -> None:
    path = live.world.path(document("etl", WAREHOUSE))
    theirs = path.read_bytes()
    before = written_by(live)
    for number in range(30):
        path.write_bytes(theirs)
        host(live, f"host-{number}")
        live.later(60)
    assert written_by(live) - before <= 30
    live.later(60).later(900)
    assert b"host-29" in path.read_bytes()


def test_two_daemons_over_one_installation_write_each_change_once(live: Ticking) -> None:
    other = Ticking(live.world).settle()
    before = written_by(live) + written_by(other)
    for number in range(10):
        host(live, f"host-{number}")
        live.daemon.tick()
        other.tick()
        live.settled().tick()
        other.tick()
    assert written_by(live) + written_by(other) - before == 10
    assert "host-9" in live.world.path(document("etl", WAREHOUSE)).read_text()


# Settings that change


def test_a_pass_ends_by_the_settings_that_it_began_with_and_the_next_is_made_at_once(
    live: Ticking, stuck: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    settings = live.world.home / "syncd.toml"
    settings.write_text(settings.read_text().replace('path = "out"', 'path = "moved"', 1))
    live.reload()
    stuck()
    live.settled()
    assert is_written(live)
    live.settle()
    assert [one["reason"] for one in told(caplog, "can't be synced")] == ["TargetMoved"]
