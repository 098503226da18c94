"""What a pass holds back, refuses, or can't do: one bad thing stops no other."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from syncd import passes, takeover
from syncd.core import changes
from syncd.core.documents import Mark
from syncd.core.errors import Reason, SyncError, WaitError
from syncd.core.model import Definition, Deployment, Item, Key, Reference, Workspace
from syncd.registry import history
from syncd.registry.lease import lease
from syncd.registry.record import Record
from tests.registry.registries import NOW, WHO
from tests.strategies import SENTINEL
from tests.sync.world import (
    AIRFLOW,
    BASE,
    LAKE,
    LAYERED,
    NAME,
    REGION,
    SETTINGS,
    WAREHOUSE,
    World,
    content,
    deployments,
    document,
    foreign,
    held,
    nameplate,
    refusal,
    written,
)

MANY = [f"d{number}" for number in range(12)]


def many(*, linked: int = 12) -> Workspace:
    """Twelve deployments with two items each, of which some have a third."""
    return Workspace(
        NAME,
        ("dev",),
        {name: Deployment(name, "dev", ("files",)) for name in MANY},
        {
            REGION: Definition(REGION, {"value": "eu"}, link_all=True),
            LAKE: Definition(LAKE, {"conn_type": "aws"}, link_all=True),
            WAREHOUSE: Definition(WAREHOUSE, {"conn_type": "postgres"}, links={name: {} for name in MANY[:linked]}),
        },
    )


# --- deletes that nobody asked for ---


@pytest.mark.parametrize("verify", [False, True])
def test_deletes_that_no_person_asked_for_are_held_where_they_are_many(world: World, verify: bool) -> None:
    """As after a folder of definitions that was read half."""
    world.save(many())
    world.sync()
    before = world.files()
    world.save(many(linked=0), asked=False)
    one = world.sync(verify=verify)
    assert held(one) == {document(name, WAREHOUSE): Reason.DELETES_HELD for name in MANY}
    assert {path: value for path, value in world.files().items() if "nameplate" not in path} == {
        path: value for path, value in before.items() if "nameplate" not in path
    }
    assert world.statuses()[Item("d0", "connection", "warehouse")].reason is Reason.DELETES_HELD
    assert world.behind()


def test_held_deletes_are_carried_out_once_a_person_accepts_their_digest(world: World) -> None:
    world.save(many())
    world.sync()
    world.save(many(linked=0), asked=False)
    planned = world.sync().prepared
    assert planned is not None
    assert written(world.sync(accept="0" * 12)) == set()
    assert written(world.sync(accept=planned.plan.digest)) == {document(name, WAREHOUSE) for name in MANY}
    assert not [path for path in world.files() if "warehouse" in path]
    assert not world.behind()


def test_a_digest_is_good_for_what_was_seen_alone(world: World) -> None:
    world.save(many())
    world.sync()
    world.save(many(linked=1), asked=False)
    planned = world.sync().prepared
    assert planned is not None
    world.save(many(linked=0), asked=False)
    assert len(held(world.sync(accept=planned.plan.digest))) == 12


@pytest.mark.parametrize("verify", [False, True])
def test_what_was_held_stays_held_however_much_is_written_beside_it(world: World, verify: bool) -> None:
    """Else it would go with the second pass: it is a smaller part of what lies there by then."""
    world.save(many(linked=12))
    world.sync()
    renamed = replace(many(linked=12).definitions[WAREHOUSE], key=Key("connection", "renamed"))
    half = many(linked=0)
    world.save(replace(half, definitions={**half.definitions, renamed.key: renamed}), asked=False)
    for _ in range(3):
        assert set(held(world.sync(verify=verify))) == {document(name, WAREHOUSE) for name in MANY}


def test_few_deletes_that_no_person_asked_for_are_carried_out(world: World) -> None:
    world.save(many())
    world.sync()
    world.save(many(linked=10), asked=False)
    assert held(world.sync()) == {}
    assert document("d11", WAREHOUSE) not in world.files()


def test_as_many_deletes_as_a_person_asks_for_are_carried_out(world: World) -> None:
    world.save(many())
    world.sync()
    world.save(many(linked=0), asked=True)
    assert held(world.sync()) == {}
    assert not [path for path in world.files() if "warehouse" in path]


def test_all_of_a_deployment_is_never_deleted_unasked(either: World) -> None:
    either.sync()
    before = either.files()
    either.save(replace(BASE, definitions={LAKE: BASE.definitions[LAKE]}), asked=False)
    assert set(held(either.sync()).values()) == {Reason.DELETES_HELD}
    assert {path for path in before if "/etl/" in path} <= either.files().keys()


@pytest.mark.parametrize("verify", [False, True])
def test_a_workspace_that_is_empty_all_at_once_deletes_nothing(either: World, verify: bool) -> None:
    either.sync()
    before = either.files()
    either.save(Workspace(NAME, ("dev", "prod")), asked=False)
    assert set(held(either.sync(verify=verify)).values()) == {Reason.DELETES_HELD}
    assert either.files() == before
    either.save(BASE)
    assert written(either.sync(verify=verify)) == set()
    assert not either.behind()


def test_what_was_held_goes_where_a_person_deletes_it_after_all(world: World) -> None:
    world.save(many())
    world.sync()
    world.save(many(linked=0), asked=False)
    world.sync()
    world.save(many())
    world.sync()
    world.save(many(linked=0), asked=True)
    assert held(world.sync()) == {}


# --- references ---


def test_a_broken_reference_blocks_its_items_alone_and_they_keep_what_they_have(either: World) -> None:
    either.sync()
    before = either.files()
    del either.environ["WAREHOUSE"]
    assert set(held(either.sync()).values()) == {Reason.REFERENCE_UNREADABLE}
    either.change(lambda here: changes.update_definition(here, LAKE, {("host",): "new-host"}))
    one = either.sync()
    assert {outcome.item for outcome in one.outcomes if outcome.error} == {
        Item("etl", "connection", "warehouse"),
        Item("bi", "connection", "warehouse"),
    }
    assert b"new-host" in b"".join(either.files().values())
    assert b"".join(either.files().values()).count(f"{SENTINEL}-1".encode()) == 2
    assert either.files() != before


def test_a_broken_reference_is_told_by_status_and_forgotten_once_it_is_mended(either: World) -> None:
    either.sync()
    value = either.environ.pop("WAREHOUSE")
    for _ in range(2):
        either.sync()
    found = either.statuses()[Item("etl", "connection", "warehouse")]
    assert (found.reason, found.failures, found.since) == (Reason.REFERENCE_UNREADABLE, 2, "2026-01-01T00:00:02Z")
    assert found.last_success == "2026-01-01T00:00:01Z"
    assert "env:WAREHOUSE: isn't set" in found.message
    assert found.remedy
    assert either.behind()
    either.environ["WAREHOUSE"] = value
    assert written(either.sync()) == set()
    assert either.statuses()[Item("etl", "connection", "warehouse")].reason is Reason.SYNCED
    assert not either.behind()


def test_an_item_that_was_never_written_and_is_unlinked_leaves_no_status(world: World) -> None:
    del world.environ["WAREHOUSE"]
    world.sync()
    world.change(lambda here: changes.delete_definition(here, WAREHOUSE))
    world.sync()
    assert [item for item in world.statuses() if item.id == "warehouse"] == []
    assert not world.behind()


@pytest.mark.parametrize("verify", [False, True])
def test_a_reference_that_moved_rewrites_its_documents_alone(world: World, verify: bool) -> None:
    world.sync()
    world.environ["WAREHOUSE"] = f"{SENTINEL}-3"
    assert written(world.sync(verify=verify)) == {document("etl", WAREHOUSE), document("bi", WAREHOUSE)}
    assert content(world, document("bi", WAREHOUSE))["layers"]["definition"]["password"] == f"{SENTINEL}-3"
    assert written(world.sync()) == set()


def test_a_reference_that_is_not_allowed_blocks_with_the_setting_to_change(world: World) -> None:
    world.environ["HOME_SECRET"] = SENTINEL
    world.change(
        lambda here: changes.update_definition(here, WAREHOUSE, {("password",): Reference("env", "HOME_SECRET")})
    )
    assert set(held(world.sync()).values()) == {Reason.REFERENCE_REFUSED}
    found = world.statuses()[Item("etl", "connection", "warehouse")]
    assert "[references] env in syncd.toml" in found.remedy
    assert SENTINEL not in repr(found)


@pytest.mark.parametrize("name", ["registry.db", "registry.db-wal", "registry.db-shm", "keys"])
def test_the_registry_and_its_keys_are_never_read_whatever_is_allowed(world: World, name: str) -> None:
    settings = world.home / "syncd.toml"
    settings.write_text(settings.read_text() + 'files = ["."]\n')
    assert (world.home / name).exists()
    for path in (name, f"{world.home}/./{name}"):
        reference = Reference("file", path)
        found = world.installation.read()([reference])[reference]
        assert isinstance(found, SyncError)
        assert found.reason is Reason.REFERENCE_REFUSED
        assert "never readable" in found.problem


def test_a_reference_that_goes_back_while_some_of_it_failed_is_right_everywhere(world: World) -> None:
    """One document had the new value, one had not; then somebody put the old one back."""
    world.sync()
    before = world.files()
    hindered = world.path(document("etl", WAREHOUSE))
    kept = hindered.read_bytes()
    hindered.unlink()
    hindered.mkdir()
    world.environ["WAREHOUSE"] = f"{SENTINEL}-3"
    assert held(world.sync()) == {document("etl", WAREHOUSE): Reason.NOT_OWNED}
    hindered.rmdir()
    hindered.write_bytes(kept)
    world.environ["WAREHOUSE"] = f"{SENTINEL}-1"
    world.sync()
    assert world.files() == before
    assert not world.behind()


# --- what is somebody else's ---


def test_a_foreign_file_is_left_alone_and_the_others_are_written(world: World) -> None:
    theirs = foreign(world, document("bi", WAREHOUSE))
    one = world.sync()
    assert held(one) == {document("bi", WAREHOUSE): Reason.NOT_OWNED}
    assert document("etl", WAREHOUSE) in written(one) | world.files().keys()
    assert world.path(document("bi", WAREHOUSE)).read_bytes() == theirs
    found = world.statuses()[Item("bi", "connection", "warehouse")]
    assert found.reason is Reason.NOT_OWNED
    assert "`syncd target adopt files`" in found.remedy


@pytest.mark.parametrize("verify", [False, True])
def test_a_foreign_file_is_never_deleted(world: World, verify: bool) -> None:
    theirs = foreign(world, document("bi", WAREHOUSE))
    world.sync()
    world.change(lambda here: changes.delete_definition(here, WAREHOUSE))
    one = world.sync(verify=verify)
    assert held(one) == {}
    assert world.path(document("bi", WAREHOUSE)).read_bytes() == theirs
    assert not world.behind()
    assert world.all().keys() == {"files"}


def test_a_foreign_file_that_was_moved_away_makes_room(world: World) -> None:
    """The next pass looks for itself, though it verifies nothing else."""
    foreign(world, document("bi", WAREHOUSE))
    world.sync()
    world.path(document("bi", WAREHOUSE)).unlink()
    assert written(world.sync()) == {document("bi", WAREHOUSE)}
    assert not world.behind()


def test_a_foreign_nameplate_is_left_alone_until_it_is_moved_away(world: World) -> None:
    theirs = foreign(world, nameplate("bi"))
    assert held(world.sync()) == {nameplate("bi"): Reason.NOT_OWNED}
    assert world.path(nameplate("bi")).read_bytes() == theirs
    world.path(nameplate("bi")).unlink()
    assert written(world.sync()) == {nameplate("bi")}
    assert not world.behind()


def test_what_another_registry_wrote_is_somebody_elses(world: World) -> None:
    theirs = foreign(world, document("bi", WAREHOUSE), Mark("another", NAME, "files", 99))
    assert held(world.sync()) == {document("bi", WAREHOUSE): Reason.NOT_OWNED}
    assert world.path(document("bi", WAREHOUSE)).read_bytes() == theirs


def adopted(world: World) -> set[str]:
    with world.registry() as registry:
        found = takeover.adoptable(world.installation, registry, NAME, "files")
        takeover.adopt(registry, NAME, "files", {one: version for one, (version, _) in found.items()})
    return set(found)


@pytest.mark.parametrize("verify", [False, True])
def test_a_file_that_was_adopted_is_written_and_ours_from_then_on(world: World, verify: bool) -> None:
    foreign(world, document("bi", WAREHOUSE))
    world.sync()
    assert adopted(world) == {document("bi", WAREHOUSE)}
    assert written(world.sync(verify=verify)) == {document("bi", WAREHOUSE)}
    world.change(lambda here: changes.unlink(here, WAREHOUSE, "bi"))
    assert document("bi", WAREHOUSE) in written(world.sync())


def test_a_file_that_changed_after_it_was_adopted_is_somebody_elses_again(world: World) -> None:
    foreign(world, document("bi", WAREHOUSE))
    world.sync()
    adopted(world)
    world.path(document("bi", WAREHOUSE)).write_text("theirs, and new")
    assert held(world.sync()) == {document("bi", WAREHOUSE): Reason.NOT_OWNED}


def test_a_lost_registrys_documents_are_taken_over(world: World, tmp_path: Path) -> None:
    world.sync()
    before = world.files()
    world.close()
    lost = tmp_path / "lost"
    world.home.rename(lost)
    anew = World.make(new_registry(tmp_path), tmp_path / "home")
    shutil.move(lost / "out", anew.home / "out")
    anew.save(BASE)
    assert set(held(anew.sync()).values()) == {Reason.NOT_OWNED}
    adopted(anew)
    assert held(anew.sync()) == {}
    assert anew.files().keys() == before.keys()
    assert written(anew.sync(verify=True)) == set()


def new_registry(folder: Path) -> Path:
    """A registry that is another instance than the tests' own."""
    from tests.registry import registries

    made = folder / "new"
    made.mkdir()
    registries.make(made)
    return made


# --- registries that were restored or copied ---


def restored(world: World, backup: Path) -> None:
    """The registry as it was, as somebody brings it back: its own files replaced, the rest as it lies there."""
    world.close()
    for path in world.home.glob("registry.db*"):
        if not path.name.endswith(".lock"):
            path.unlink()
    shutil.copy2(backup / "registry.db", world.home / "registry.db")


def backup(world: World, folder: Path) -> Path:
    world.close()
    folder.mkdir()
    shutil.copy2(world.home / "registry.db", folder / "registry.db")
    return folder


def nothing(world: World) -> None:
    pass


def another_link(world: World) -> None:
    world.change(lambda here: changes.link(here, LAKE, "etl", {}))


def five_edits(world: World) -> None:
    """More than the target has seen: its revision is lower than the registry's."""
    for port in range(6000, 6005):
        world.change(lambda here, port=port: changes.update_definition(here, LAKE, {("port",): port}))  # type: ignore[misc]


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("meanwhile", [nothing, another_link, five_edits])
def test_a_restored_registry_is_stopped_before_it_writes(
    either: World, tmp_path: Path, verify: bool, meanwhile: Callable[[World], None]
) -> None:
    either.sync()
    kept = backup(either, tmp_path / "backup")
    for port in (5433, 5434):
        either.change(lambda here, port=port: changes.update_definition(here, WAREHOUSE, {("port",): port}))  # type: ignore[misc]
        either.sync()
    restored(either, kept)
    meanwhile(either)
    before = either.stats()
    one = either.sync(verify=verify)
    assert refusal(one) is Reason.LATER_REVISION
    assert "`syncd target accept-restore files`" in str(one.error)
    assert either.stats() == before
    assert refusal(either.sync(verify=verify)) is Reason.LATER_REVISION


def test_a_restored_registry_that_a_person_accepts_goes_on(either: World, tmp_path: Path) -> None:
    either.sync()
    first = either.files()
    kept = backup(either, tmp_path / "backup")
    either.change(lambda here: changes.update_definition(here, LAKE, {("port",): 5433}))
    either.sync()
    restored(either, kept)
    with either.registry() as registry:
        there = takeover.standing(either.installation, registry, NAME, "files")
        assert there.revision == 2
        Record(registry, NAME).stands("files", there)
        history.skip_to(registry, NAME, there.revision + 1, who=WHO, now=NOW, why="restore accepted")
    assert held(either.sync()) == {}
    assert b"5433" not in b"".join(either.files().values())
    assert either.files().keys() == first.keys()
    assert not either.behind()


def test_a_copied_installation_is_stopped_where_the_original_went_on(either: World, tmp_path: Path) -> None:
    either.sync()
    copy = either.copy(tmp_path / "copy")
    either.change(lambda here: changes.update_definition(here, LAKE, {("port",): 5433}))
    either.sync()
    before = either.stats()
    assert refusal(copy.sync()) is Reason.LATER_REVISION
    assert either.stats() == before


@pytest.mark.parametrize("verify", [False, True])
def test_a_registry_restored_from_before_its_first_sync_is_stopped(either: World, tmp_path: Path, verify: bool) -> None:
    kept = backup(either, tmp_path / "backup")
    five_edits(either)
    either.sync()
    restored(either, kept)
    five_edits(either)
    five_edits(either)
    before = either.stats()
    assert refusal(either.sync(verify=verify)) is Reason.LATER_REVISION
    assert either.stats() == before


def test_copies_that_are_at_the_same_revision_are_stopped_by_what_the_other_wrote(world: World, tmp_path: Path) -> None:
    world.sync()
    copy = world.copy(tmp_path / "copy")
    copy.change(lambda here: changes.link(here, LAKE, "etl", {}))
    copy.sync(verify=True)
    world.change(lambda here: changes.unlink(here, WAREHOUSE, "bi"))
    assert refusal(world.sync(verify=True)) is Reason.LATER_REVISION


def test_what_was_accepted_to_be_elsewhere_is_looked_at_and_not_taken_for_known(world: World) -> None:
    world.sync()
    settings = SETTINGS.replace("{layout}", LAYERED).replace('path = "out"', 'path = "moved"')
    (world.home / "syncd.toml").write_text(settings)
    with world.registry() as registry:
        Record(registry, NAME).stands("files", takeover.standing(world.installation, registry, NAME, "files"))
    assert len(written(world.sync(verify=False))) == len(world.files("out"))


def test_a_copied_registry_alone_is_stopped_too(either: World, tmp_path: Path) -> None:
    either.sync()
    copy = either.copy(tmp_path / "copy")
    (copy.home / "registry.db.lock").unlink()
    either.change(lambda here: changes.update_definition(here, LAKE, {("port",): 5433}))
    either.sync()
    assert refusal(copy.sync()) is Reason.LATER_REVISION


def test_a_copy_that_has_synced_itself_never_overwrites_what_the_original_changed(world: World, tmp_path: Path) -> None:
    """It can't know until it looks; what it would write is compared with what lies there."""
    world.sync()
    copy = world.copy(tmp_path / "copy")
    copy.sync()
    world.change(lambda here: changes.update_definition(here, LAKE, {("port",): 5433}))
    world.change(lambda here: changes.update_definition(here, LAKE, {("port",): 5434}))
    world.sync()
    copy.change(lambda here: changes.update_definition(here, LAKE, {("port",): 9999}))
    assert set(held(copy.sync()).values()) == {Reason.CONFLICT}
    assert b"9999" not in b"".join(world.files().values())
    assert refusal(copy.sync()) is Reason.LATER_REVISION


# --- targets ---


def test_what_could_not_be_written_is_awaited_until_it_is(world: World) -> None:
    world.sync()
    for _ in range(2):
        in_the_way = world.path(document("etl", LAKE)).parent / ".syncd~" / "x"
        in_the_way.mkdir(parents=True, exist_ok=True)
        if not world.behind():
            world.change(lambda here: changes.link(here, LAKE, "etl", {}))
        assert document("etl", LAKE) in held(world.sync())
        assert content(world, nameplate("etl"))["awaits"] == ["connections/.lake"]
    in_the_way.rmdir()
    in_the_way.parent.rmdir()
    assert held(world.sync()) == {}
    assert "awaits" not in content(world, nameplate("etl"))
    assert written(world.sync(verify=True)) == set()


def test_one_dead_target_stops_no_other(either: World) -> None:
    either.save(deployments(BASE, **dict.fromkeys(BASE.deployments, ("files", "other"))))
    (either.home / "out").write_text("no folder")
    found = either.all()
    assert found["files"].error is not None
    assert held(found["other"]) == {}
    assert either.files("elsewhere")
    (either.home / "out").unlink()
    assert all(not held(one) for one in either.all().values())
    assert either.files() == either.files("elsewhere") or either.files().keys() == either.files("elsewhere").keys()


def test_a_target_whose_volume_is_gone_is_unreachable_and_not_empty(either: World) -> None:
    settings = SETTINGS.replace('path = "out"', 'path = "volume/out"')
    (either.home / "syncd.toml").write_text(settings.replace("{layout}", LAYERED))
    (either.home / "volume").mkdir()
    either.sync()
    (either.home / "volume").rename(either.home / "unmounted")
    one = either.sync(verify=True)
    assert isinstance(one.error, WaitError)
    assert one.error.reason is Reason.UNAVAILABLE
    assert either.statuses()
    (either.home / "unmounted").rename(either.home / "volume")
    assert written(either.sync(verify=True)) == set()


def test_a_target_that_the_settings_name_no_more_is_told_with_the_way_out(world: World) -> None:
    world.save(deployments(BASE, etl=("files", "nowhere")))
    found = world.all()
    assert "target nowhere: isn't in" in str(found["nowhere"].error)
    assert "[targets.nowhere]" in str(found["nowhere"].error)
    assert held(found["files"]) == {}


def test_targets_that_overlap_are_refused_before_any_write(world: World) -> None:
    settings = SETTINGS.replace('path = "elsewhere"', 'path = "out"')
    (world.home / "syncd.toml").write_text(settings.replace("{layout}", LAYERED))
    world.save(deployments(BASE, etl=("files", "other")))
    found = world.all()
    assert [refusal(one) for one in found.values()] == [Reason.OVERLAP, Reason.OVERLAP]
    assert not (world.home / "out").exists()


def test_one_in_the_other_is_an_overlap_also_through_a_link(world: World) -> None:
    settings = SETTINGS.replace('path = "elsewhere"', f'path = "link/{NAME}"\nprefix = "deployments"')
    (world.home / "syncd.toml").write_text(settings.replace("{layout}", LAYERED))
    (world.home / "out").mkdir()
    (world.home / "link").symlink_to("out")
    assert refusal(world.sync()) is Reason.OVERLAP
    assert world.files() == {}


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("setting", ['path = "moved"', 'path = "out"\nprefix = "moved"', f'path = "out"\n{AIRFLOW}'])
def test_a_target_that_stands_elsewhere_now_is_refused_until_a_person_accepts_it(
    world: World, setting: str, verify: bool
) -> None:
    world.sync()
    before = world.stats()
    settings = SETTINGS.replace("{layout}", LAYERED)
    (world.home / "syncd.toml").write_text(settings.replace('path = "out"', setting))
    assert refusal(world.sync(verify=verify)) is Reason.TARGET_MOVED
    assert world.stats() == before
    assert not (world.home / "moved").exists()
    with world.registry() as registry:
        there = takeover.standing(world.installation, registry, NAME, "files")
        Record(registry, NAME).stands("files", there._replace(revision=1))
    assert held(world.sync(verify=True)) == {}


def test_workspaces_with_one_prefix_overlap(world: World) -> None:
    settings = SETTINGS.replace('path = "out"', 'path = "out"\nprefix = "shared"')
    (world.home / "syncd.toml").write_text(settings.replace("{layout}", LAYERED))
    assert held(world.sync()) == {}
    world.save(BASE, name="finance")
    before = world.files()
    for name in (NAME, "finance"):
        assert refusal(world.sync(name=name)) is Reason.OVERLAP
    assert world.files() == before


def test_a_workspace_that_a_target_is_not_for_is_refused(world: World) -> None:
    settings = SETTINGS.replace('path = "out"', 'path = "out"\nworkspaces = ["finance"]')
    (world.home / "syncd.toml").write_text(settings.replace("{layout}", LAYERED))
    one = world.sync()
    assert refusal(one) is Reason.INVALID_SETTINGS
    assert str(one.error) == (
        f"target files: isn't for workspace {NAME}; an operator can add it: [targets.files] workspaces in syncd.toml"
    )
    assert not (world.home / "out").exists()


def test_a_pass_that_finds_another_one_at_work_waits_and_says_so(world: World) -> None:
    told = pytest.raises(WaitError, match="another pass has been writing")
    with world.registry() as registry, lease(registry, wait=0), told:
        passes.sync(world.installation, registry, NAME, (), verify=False, wait=0, now=NOW)
    assert held(world.sync()) == {}


def test_reading_needs_no_lease(world: World) -> None:
    with world.registry() as registry, lease(registry, wait=0):
        assert world.plan().error is None


def test_a_mistake_of_our_own_stops_one_target_and_tells_no_value(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A reference's text stands for any value that an exception may carry."""
    world.save(deployments(BASE, **dict.fromkeys(BASE.deployments, ("files", "other"))))

    def progress(target: str, done: int, total: int) -> None:
        if target == "files":
            raise LookupError(SENTINEL)

    with world.registry() as registry:
        found = passes.sync(world.installation, registry, NAME, (), verify=False, wait=0, now=NOW, progress=progress)
    errors = {one.target: one.error for one in found}
    assert errors["files"] is not None
    assert errors["files"].reason is Reason.INTERNAL
    assert "(LookupError at test_refusals.py:" in errors["files"].problem
    assert errors["other"] is None
    assert "LookupError" in caplog.text
    assert SENTINEL not in caplog.text + str(errors["files"])
    assert held(world.sync()) == {}


def test_an_id_that_a_target_cannot_hold_is_refused_by_name_and_the_others_are_written(world: World) -> None:
    long = Key("connection", "A" * 200)
    world.change(lambda here: changes.add_definition(here, Definition(long, {"conn_type": "http"}, links={"etl": {}})))
    one = world.sync()
    assert set(held(one).values()) == {Reason.NOT_HOLDABLE}
    assert document("etl", WAREHOUSE) in written(one)


def test_a_disk_that_is_read_only_for_a_while_is_caught_up_with(world: World) -> None:
    world.sync()
    folder = world.path(f"{NAME}/deployments/bi")
    away = world.home / "away"
    folder.rename(away)
    folder.write_text("in the way")
    world.change(lambda here: changes.update_definition(here, WAREHOUSE, {("host",): "new"}))
    world.change(lambda here: changes.override(here, WAREHOUSE, environment="prod", values={}, remove=[("host",)]))
    one = world.sync()
    assert set(held(one)) == {document("bi", WAREHOUSE)}
    assert document("etl", WAREHOUSE) in written(one)
    folder.unlink()
    os.rename(away, folder)  # noqa: PTH104  as the other way round
    assert written(world.sync()) == {document("bi", WAREHOUSE)}
    assert not world.behind()


def test_what_stays_somebody_elses_is_awaited_and_its_nameplate_written_once(world: World) -> None:
    world.sync()
    path = world.path(document("etl", WAREHOUSE))
    path.unlink()
    path.mkdir()
    world.sync(verify=True)
    for _ in range(3):
        again = world.sync()
        assert held(again) == {document("etl", WAREHOUSE): Reason.NOT_OWNED}
        assert written(again) == set()
    assert content(world, nameplate("etl"))["awaits"] == ["connections/warehouse"]
