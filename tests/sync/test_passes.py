"""Whole passes: what is written, and what is left as it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core import changes
from syncd.core.errors import Reason
from syncd.core.model import Item
from tests.strategies import SENTINEL
from tests.sync.world import (
    BASE,
    LAKE,
    NAME,
    REGION,
    WAREHOUSE,
    World,
    content,
    deployments,
    document,
    held,
    nameplate,
    written,
)

EVERYTHING = {
    *(document(name, WAREHOUSE) for name in ("etl", "bi")),
    *(document(name, LAKE) for name in ("bi", "ml")),
    *(document(name, REGION) for name in BASE.deployments),
    *(nameplate(name) for name in BASE.deployments),
}


def test_a_first_pass_writes_what_is_linked(world: World) -> None:
    assert written(world.sync()) == EVERYTHING
    assert world.files().keys() == EVERYTHING


def test_a_document_holds_the_layers_that_its_deployment_uses(world: World) -> None:
    world.sync()
    assert content(world, document("bi", WAREHOUSE))["layers"] == {
        "definition": {"conn_type": "postgres", "password": f"{SENTINEL}-1", "extra": {"sslmode": "require"}},
        "environment": {"host": "prod-host"},
        "link": {"schema": "finance"},
    }


def test_airflows_own_files_hold_the_effective_values(either: World) -> None:
    either.sync()
    if f"{NAME}/deployments/bi/variables.json" in either.files():
        assert content(either, f"{NAME}/deployments/bi/variables.json") == {"region": "eu"}
        assert content(either, f"{NAME}/deployments/bi/connections.json")["warehouse"]["host"] == "prod-host"


@pytest.mark.parametrize("verify", [False, True])
def test_where_nothing_changed_nothing_is_written(either: World, verify: bool) -> None:
    either.sync()
    before = either.stats()
    assert written(either.sync(verify=verify)) == set()
    assert either.stats() == before


def test_a_revision_that_changes_no_document_writes_nothing(either: World) -> None:
    either.sync()
    before = either.stats()
    either.change(lambda here: changes.add_environment(here, "qa"))
    assert written(either.sync()) == set()
    assert either.stats() == before
    last = either.last()
    assert last is not None
    assert (last.revision, last.behind_since) == (2, None)


def test_one_change_is_one_write(world: World) -> None:
    world.sync()
    before = world.stats()
    world.change(lambda here: changes.override(here, WAREHOUSE, deployment="bi", values={("port",): 5433}))
    assert written(world.sync()) == {document("bi", WAREHOUSE)}
    changed = {path for path, stat in world.stats().items() if stat != before[path]}
    assert changed == {document("bi", WAREHOUSE), f"{NAME}/deployments/bi/connections"}


def test_a_pass_looks_only_at_what_may_have_changed(world: World) -> None:
    world.sync()
    world.change(lambda here: changes.override(here, WAREHOUSE, deployment="bi", values={("port",): 5433}))
    assert {outcome.item for outcome in world.sync().outcomes} == {None, Item("bi", "connection", "warehouse")}


def test_a_new_link_writes_its_document_and_the_nameplate(world: World) -> None:
    world.sync()
    world.change(lambda here: changes.link(here, LAKE, "etl", {}))
    assert written(world.sync()) == {document("etl", LAKE), nameplate("etl")}
    assert content(world, nameplate("etl"))["count"] == 3


def test_an_unlink_deletes_the_document(either: World) -> None:
    either.sync()
    either.change(lambda here: changes.unlink(here, LAKE, "bi"))
    one = either.sync()
    assert {outcome.place: outcome.action for outcome in one.outcomes if outcome.item}.popitem()[1] == "deleted"
    assert b"aws" not in b"".join(value for path, value in either.files().items() if "/bi/" in path)
    assert Item("bi", "connection", "Lake") not in either.statuses()


def test_the_last_unlink_of_a_kind_leaves_no_folder(world: World) -> None:
    world.sync()
    world.change(lambda here: changes.unlink(here, LAKE, "ml"))
    world.sync()
    assert not world.path(f"{NAME}/deployments/ml/connections").exists()
    assert world.path(nameplate("ml")).exists()


def test_a_deployment_without_a_link_has_its_nameplate_alone(world: World) -> None:
    world.change(lambda here: changes.link_all(here, REGION, on=False))
    world.change(lambda here: changes.unlink(here, LAKE, "ml"))
    world.sync()
    assert [path for path in world.files() if "/ml/" in path] == [nameplate("ml")]
    assert content(world, nameplate("ml"))["count"] == 0


def test_what_was_edited_by_hand_is_put_right_by_a_pass_that_verifies(either: World) -> None:
    either.sync()
    before = either.files()
    path = next(path for path, value in before.items() if b"prod-host" in value)
    either.path(path).write_bytes(before[path].replace(b"prod-host", b"attacker"))
    assert written(either.sync()) == set()
    assert written(either.sync(verify=True))
    assert either.files() == before


def test_what_was_deleted_by_hand_comes_back(either: World) -> None:
    either.sync()
    before = either.files()
    for path in before:
        if "/bi/" in path:
            either.path(path).unlink()
    either.sync(verify=True)
    assert either.files() == before


def test_what_was_edited_by_hand_and_changes_now_is_not_overwritten_unseen(world: World) -> None:
    """The first pass finds out, the second one has looked."""
    world.sync()
    edited = world.path(document("bi", WAREHOUSE))
    edited.write_bytes(edited.read_bytes().replace(b"prod-host", b"attacker"))
    world.change(lambda here: changes.override(here, WAREHOUSE, deployment="bi", values={("port",): 5433}))
    assert held(world.sync()) == {document("bi", WAREHOUSE): Reason.CONFLICT}
    assert b"attacker" in edited.read_bytes()
    assert written(world.sync()) == {document("bi", WAREHOUSE)}
    assert b"attacker" not in edited.read_bytes()


def test_a_plan_changes_nothing(either: World) -> None:
    planned = either.plan()
    assert planned.prepared is not None
    assert planned.prepared.plan.changes
    assert not (either.home / "out").exists()
    assert either.last() is None


def test_a_plan_is_what_the_sync_does(world: World) -> None:
    world.sync()
    world.change(lambda here: changes.unlink(here, LAKE, "bi"))
    world.change(lambda here: changes.update_definition(here, WAREHOUSE, {("host",): "new"}))
    planned = world.plan()
    assert planned.prepared is not None
    assert {str(change.place) for change in planned.prepared.plan.changes} == written(world.sync())


@pytest.mark.parametrize("verify", [False, True])
def test_a_deployment_that_moved_to_another_environment_gets_that_ones_values(either: World, verify: bool) -> None:
    either.sync()
    either.change(lambda here: changes.update_deployment(here, "etl", environment="prod"))
    either.sync(verify=verify)
    found = b"".join(value for path, value in either.files().items() if "/etl/" in path)
    assert b"prod-host" in found
    assert b"dev-host" not in found


@pytest.mark.parametrize("verify", [False, True])
def test_a_deleted_deployment_leaves_no_folder(either: World, verify: bool) -> None:
    either.sync()
    either.change(lambda here: changes.delete_deployment(here, "bi"))
    either.sync(verify=verify)
    assert not either.path(f"{NAME}/deployments/bi").exists()
    assert either.path(f"{NAME}/deployments/etl").exists()
    assert not [item for item in either.statuses() if item.deployment == "bi"]
    assert not either.behind()


@pytest.mark.parametrize("verify", [False, True])
def test_a_target_that_a_deployment_names_no_more_is_emptied_of_it(either: World, verify: bool) -> None:
    either.all()
    either.change(lambda here: changes.update_deployment(here, "bi", targets=("other",)))
    either.all(verify=verify)
    assert not either.path(f"{NAME}/deployments/bi").exists()
    assert [path for path in either.files("elsewhere") if "/bi/" in path]
    assert not [path for path in either.files("elsewhere") if "/etl/" in path]


def test_a_target_that_nobody_names_is_visited_until_it_is_empty(either: World) -> None:
    either.save(deployments(BASE, **dict.fromkeys(BASE.deployments, ("files", "other"))))
    assert either.all().keys() == {"files", "other"}
    either.save(BASE)
    assert either.all().keys() == {"files", "other"}
    assert either.files("elsewhere") == {}
    assert either.all().keys() == {"files"}


def test_the_last_deployment_goes_with_all_that_it_had(either: World) -> None:
    either.sync()
    either.save(replace(BASE, deployments={}, definitions={}))
    either.all()
    assert either.files() == {}
    assert either.all() == {}


def test_two_workspaces_lie_side_by_side_in_one_directory(either: World) -> None:
    either.save(
        replace(BASE, definitions={REGION: replace(BASE.definitions[REGION], fields={"value": "us"})}), name="finance"
    )
    either.sync()
    either.sync(name="finance")
    finance = {path: value for path, value in either.files().items() if path.startswith("finance/")}
    assert finance
    either.save(replace(BASE, deployments={}, definitions={}))
    either.all(verify=True)
    assert either.files() == finance
    assert written(either.sync(name="finance", verify=True)) == set()


def test_no_secret_is_in_what_a_pass_gives_back(either: World) -> None:
    one = either.sync()
    assert SENTINEL not in repr(one)
    either.environ["WAREHOUSE"] = f"{SENTINEL}-3"
    assert SENTINEL not in repr(either.plan())
    assert SENTINEL not in repr(either.sync())


def test_no_secret_of_a_reference_is_in_the_registry(either: World) -> None:
    either.sync()
    for path in either.home.glob("registry.db*"):
        assert SENTINEL.encode() not in path.read_bytes()
