"""What the next pass looks at: what an edit may change, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.core import changes
from syncd.core.documents import Observed, Place
from syncd.core.errors import FixError, Reason, SyncError
from syncd.core.model import Definition, Deployment, Item, Key, Reference, Scope, Workspace
from syncd.core.outcome import Outcome
from syncd.registry import history, lock_file, workspaces
from syncd.registry.database import Registry
from syncd.registry.lease import lease
from syncd.registry.record import Record
from syncd.registry.scope import scope
from tests.registry import registries
from tests.registry.registries import NAME, NOW, WHO, change, connection, save

WAREHOUSE, LAKE, OWN = Key("connection", "warehouse"), Key("connection", "lake"), Key("connection", "own", "etl")
REGION = Key("variable", "region")
PASSWORD = Reference("env", "PASSWORD")
SHARED = Definition(WAREHOUSE, {"conn_type": "postgres"}, links={"etl": {}, "bi": {"schema": "s"}})
BASE = Workspace(
    NAME,
    ("dev", "prod"),
    {
        "etl": Deployment("etl", "dev", ("files",)),
        "bi": Deployment("bi", "prod", ("files", "other")),
        "ml": Deployment("ml", "prod", ("files",)),
        "far": Deployment("far", "prod", ("other",)),
    },
    {
        WAREHOUSE: replace(SHARED, environments={"prod": {"host": "h"}}),
        LAKE: Definition(LAKE, {"conn_type": "aws", "password": PASSWORD}, links={"bi": {}}),
        REGION: Definition(REGION, {"value": "eu"}, link_all=True, exclude=frozenset({"ml"})),
        OWN: connection("own", owner="etl"),
    },
)


class Reader:
    """References as the environment gives them."""

    def __init__(self) -> None:
        self.values: dict[Reference, str | SyncError] = {PASSWORD: "one"}
        self.asked: list[Reference] = []

    def __call__(self, references: Collection[Reference]) -> Mapping[Reference, str | SyncError]:
        self.asked += references
        return {reference: self.values[reference] for reference in references}


@pytest.fixture
def read() -> Reader:
    return Reader()


@pytest.fixture(autouse=True)
def synced(registry: Registry, read: Reader) -> None:
    """A registry that is wholly synced."""
    passed(registry, save(registry, BASE), read)


def items(workspace: Workspace) -> frozenset[Item]:
    return frozenset(
        Item(name, key.kind, key.id)
        for name, deployment in workspace.deployments.items()
        for key, definition in workspace.definitions.items()
        if definition.reaches(name) and "files" in deployment.targets
    )


def passed(
    registry: Registry, workspace: Workspace, read: Reader, failing: Mapping[Item, SyncError] | None = None
) -> None:
    """A pass over everything, in which these items failed."""
    failing = failing or {}
    with lease(registry, wait=0) as taken:
        record = Record(registry, NAME, taken)
        record.replace("files", Observed())
        outcomes = [Outcome(Place(str(item)), item, "updated", failing.get(item)) for item in items(workspace)]
        digests = {
            reference: value.reason.value if isinstance(value, SyncError) else registry.seal(value)
            for reference, value in read.values.items()
        }
        record.conclude("files", workspace.revision, outcomes, digests, NOW, whole=True)


def scoped(registry: Registry, read: Reader, *, verify: bool = False) -> Scope:
    return scope(registry, workspaces.load(registry, NAME), "files", read, verify=verify)


def touched(found: Scope) -> set[str]:
    """Items of the target's own deployments, as `deployment/id`."""
    assert found.items is not None
    return {f"{item.deployment}/{item.id}" for item in found.items if item.deployment != "far"}


def test_nothing_is_looked_at_where_nothing_moved(registry: Registry, read: Reader) -> None:
    assert scoped(registry, read) == Scope("files", frozenset())


def test_everything_is_looked_at_in_a_pass_that_verifies(registry: Registry, read: Reader) -> None:
    assert scoped(registry, read, verify=True) == Scope("files", None)


def test_everything_is_looked_at_where_no_pass_has_ended(registry: Registry, read: Reader) -> None:
    assert scope(registry, workspaces.load(registry, NAME), "other", read, verify=False).items is None


HERE = {"etl", "bi", "ml"}
EDITS: Mapping[str, tuple[Callable[[Workspace], Workspace], set[str]]] = {
    "a field": (
        lambda here: changes.update_definition(here, WAREHOUSE, {("host",): "new"}),
        {f"{name}/warehouse" for name in HERE},
    ),
    "an environment's override": (
        lambda here: changes.override(here, WAREHOUSE, environment="prod", values={("host",): "new"}),
        {f"{name}/warehouse" for name in HERE},
    ),
    "a link's override": (
        lambda here: changes.override(here, WAREHOUSE, deployment="etl", values={("host",): "new"}),
        {"etl/warehouse"},
    ),
    "a link": (lambda here: changes.link(here, LAKE, "etl", {}), {"etl/lake"}),
    "an unlink": (lambda here: changes.unlink(here, WAREHOUSE, "bi"), {"bi/warehouse"}),
    "link_all": (lambda here: changes.link_all(here, LAKE, on=True), {f"{name}/lake" for name in HERE}),
    "no link_all": (lambda here: changes.link_all(here, REGION, on=False), {f"{name}/region" for name in HERE}),
    "an exclusion": (lambda here: changes.exclude(here, REGION, "etl", on=True), {f"{name}/region" for name in HERE}),
    "a definition more": (
        lambda here: changes.add_definition(here, Definition(Key("variable", "new"), {"value": "v"}, link_all=True)),
        {f"{name}/new" for name in HERE},
    ),
    "a definition less": (
        lambda here: changes.delete_definition(here, WAREHOUSE),
        {f"{name}/warehouse" for name in HERE},
    ),
    "an own definition's field": (lambda here: changes.update_definition(here, OWN, {("host",): "x"}), {"etl/own"}),
    "an own definition before a shared one": (
        lambda here: changes.add_definition(here, connection("warehouse", owner="etl")),
        {"etl/warehouse"},
    ),
    "an own definition less": (lambda here: changes.delete_definition(here, OWN), {"etl/own"}),
    "a deployment's environment": (
        lambda here: changes.update_deployment(here, "etl", environment="prod"),
        {"etl/warehouse", "etl/region", "etl/own"},
    ),
    "a target less": (
        lambda here: changes.update_deployment(here, "bi", targets=("other",)),
        {"bi/warehouse", "bi/region", "bi/lake"},
    ),
    "a deployment more": (
        lambda here: changes.add_deployment(here, Deployment("new", "dev", ("files",))),
        {"new/region"},
    ),
    "a deployment less": (
        lambda here: changes.delete_deployment(here, "etl"),
        # its links go with it, and the definition that excludes nobody stays as it is
        {"etl/warehouse", "etl/region", "etl/own"},
    ),
    "an environment more": (lambda here: changes.add_environment(here, "qa"), set()),
}


@pytest.mark.parametrize(("edit", "expected"), EDITS.values(), ids=EDITS)
def test_an_edit_touches_what_it_may_change(
    registry: Registry, read: Reader, edit: Callable[[Workspace], Workspace], expected: set[str]
) -> None:
    before = workspaces.load(registry, NAME)
    after = change(registry, edit)
    found = scoped(registry, read)
    assert touched(found) == expected
    moved = {
        name
        for name in {**before.deployments, **after.deployments}
        if before.deployments.get(name) != after.deployments.get(name)
    }
    assert found.deployments == moved


def test_a_deployment_that_names_the_target_anew_is_looked_at_whole(registry: Registry, read: Reader) -> None:
    change(registry, lambda here: changes.update_deployment(here, "far", targets=("files",)))
    found = scoped(registry, read)
    assert found.items == frozenset({Item("far", "variable", "region")})
    assert found.deployments == {"far"}


def test_an_edit_is_looked_at_until_a_pass_has_ended_without_a_failure(registry: Registry, read: Reader) -> None:
    here = change(registry, lambda here: changes.link(here, LAKE, "etl", {}))
    busy = FixError(Reason.NOT_OWNED, "there", "is somebody else's")
    passed(registry, here, read, {Item("etl", "variable", "region"): busy})
    assert touched(scoped(registry, read)) == {"etl/lake", "etl/region"}
    passed(registry, here, read)
    assert touched(scoped(registry, read)) == set()


def test_what_failed_without_an_edit_is_looked_at_again(registry: Registry, read: Reader) -> None:
    """A pass that verified found it."""
    error = FixError(Reason.NOT_OWNED, "there", "is somebody else's")
    passed(registry, workspaces.load(registry, NAME), read, {Item("bi", "variable", "region"): error})
    assert touched(scoped(registry, read)) == {"bi/region"}


@pytest.mark.parametrize("verify", [False, True])
def test_what_was_held_back_is_told(registry: Registry, read: Reader, verify: bool) -> None:
    one, other = Item("bi", "variable", "region"), Item("bi", "connection", "warehouse")
    held = FixError(Reason.DELETES_HELD, "there", "would be deleted")
    busy = FixError(Reason.NOT_OWNED, "there", "is somebody else's")
    passed(registry, workspaces.load(registry, NAME), read, {one: held, other: busy})
    assert scoped(registry, read, verify=verify).held == {one}


def test_a_reference_that_gives_something_else_touches_its_items(registry: Registry, read: Reader) -> None:
    read.values[PASSWORD] = "two"
    assert touched(scoped(registry, read)) == {f"{name}/lake" for name in HERE}


def test_a_reference_that_cannot_be_read_always_counts_as_moved(registry: Registry, read: Reader) -> None:
    read.values[PASSWORD] = FixError(Reason.REFERENCE_UNREADABLE, str(PASSWORD), "isn't set")
    assert touched(scoped(registry, read)) == {f"{name}/lake" for name in HERE}


def test_a_reference_in_an_override_counts_too(registry: Registry, read: Reader) -> None:
    read.values[Reference("env", "TOKEN")] = "one"
    values: changes.Values = {("password",): Reference("env", "TOKEN")}
    here = change(registry, lambda here: changes.override(here, WAREHOUSE, deployment="etl", values=values))
    passed(registry, here, read)
    read.values[Reference("env", "TOKEN")] = "two"
    assert "etl/warehouse" in touched(scoped(registry, read))


def test_a_reference_that_nothing_uses_any_more_is_not_read(registry: Registry, read: Reader) -> None:
    here = change(registry, lambda here: changes.update_definition(here, LAKE, {("password",): "p"}))
    passed(registry, here, read)
    read.asked.clear()
    scoped(registry, read)
    assert read.asked == []


def test_only_what_persons_took_away_is_asked_for(registry: Registry, read: Reader) -> None:
    before = workspaces.load(registry, NAME)
    save(registry, changes.unlink(before, WAREHOUSE, "bi"), asked=True)
    save(registry, changes.delete_definition(workspaces.load(registry, NAME), LAKE), asked=False)
    found = scoped(registry, read)
    assert found.asked == {Item("bi", "connection", "warehouse")}
    assert scoped(registry, read, verify=True).asked == found.asked


def test_what_a_person_added_is_not_asked_to_go(registry: Registry, read: Reader) -> None:
    change(registry, lambda here: changes.link(here, LAKE, "etl", {}))
    assert scoped(registry, read).asked == frozenset()


def test_a_persons_edit_does_not_ask_for_what_another_revision_takes_away(registry: Registry, read: Reader) -> None:
    """Though both are about one definition."""
    change(registry, lambda here: changes.update_definition(here, WAREHOUSE, {("host",): "new"}))
    save(registry, changes.delete_definition(workspaces.load(registry, NAME), WAREHOUSE), asked=False)
    assert scoped(registry, read).asked == frozenset()


def test_what_was_asked_for_is_until_it_is_gone(registry: Registry, read: Reader) -> None:
    here = change(registry, lambda here: changes.unlink(here, WAREHOUSE, "bi"))
    error = FixError(Reason.NOT_OWNED, "there", "is somebody else's")
    passed(registry, here, read, {Item("etl", "variable", "region"): error})
    assert scoped(registry, read).asked == {Item("bi", "connection", "warehouse")}
    passed(registry, here, read)
    assert scoped(registry, read).asked == frozenset()


def test_counting_on_after_a_restore_asks_for_nothing(registry: Registry, read: Reader) -> None:
    history.skip_to(registry, NAME, 9, who=WHO, now=NOW, why="restore accepted")
    assert scoped(registry, read).asked == frozenset()


def forgotten(folder: Path) -> None:
    (folder / "registry.db.lock").unlink()


def copied(folder: Path) -> None:
    lock = folder / "registry.db.lock"
    content = lock.read_bytes()
    lock.rename(folder / "elsewhere")
    lock.write_bytes(content)


def overtaken(folder: Path) -> None:
    with lock_file.lease(folder / "registry.db", wait=0) as taken:
        taken.begin(f"{NAME}/files")


@registries.SQLITE
@pytest.mark.parametrize("trace", [forgotten, copied, overtaken])
def test_everything_is_looked_at_by_a_registry_that_isnt_the_one_that_wrote_last(
    registry: Registry, read: Reader, folder: Path, trace: Callable[[Path], None]
) -> None:
    trace(folder)
    assert scoped(registry, read).items is None
    passed(registry, workspaces.load(registry, NAME), read)
    assert scoped(registry, read).items == frozenset()
