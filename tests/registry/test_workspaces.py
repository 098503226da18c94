"""Workspaces in the registry: saved, loaded, gone back to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.changes import link, unlink
from syncd.core.edits import edits
from syncd.core.errors import FixError, Problems, Reason, WaitError
from syncd.core.model import Key, Reference, Workspace
from syncd.registry import history, record, workspaces
from syncd.registry.database import Registry
from tests import strategies as some
from tests.registry import registries
from tests.registry.registries import NAME, NOW, WHO, change, connection, rollback, save, workspace

WAREHOUSE = Key("connection", "warehouse")
LINKED = workspace(connection("warehouse", password="p", links={"etl": {"password": "q"}}), etl="dev", bi="prod")


def test_what_was_saved_is_loaded(registry: Registry) -> None:
    saved = save(registry, LINKED)
    assert workspaces.load(registry, NAME) == saved
    assert saved == replace(LINKED, revision=1)


def test_each_revision_stays_as_it_was(registry: Registry) -> None:
    saved = [save(registry, replace(LINKED, environments=("dev", "prod", *more))) for more in ((), ("qa",), ())]
    assert [workspaces.load(registry, NAME, at=one.revision) for one in saved] == saved


def test_at_revision_0_a_workspace_was_empty(registry: Registry) -> None:
    save(registry, LINKED)
    assert workspaces.load(registry, NAME, at=0) == Workspace(NAME)


def test_any_states_one_after_the_other_are_loaded_as_they_were(
    registry: Registry,
) -> None:
    @given(st.lists(some.workspaces(), min_size=1, max_size=3))
    def check(states: list[Workspace]) -> None:
        saved = [save(registry, one) for one in states]
        assert [workspaces.load(registry, NAME, at=one.revision) for one in saved] == saved

    check()


@pytest.mark.parametrize("at", [-1, 2])
def test_a_revision_that_never_was_is_refused(registry: Registry, at: int) -> None:
    save(registry, LINKED)
    with pytest.raises(FixError, match=f"workspace {NAME}: has no revision {at}"):
        workspaces.load(registry, NAME, at=at)


def test_a_workspace_that_is_not_there_is_refused_with_the_way_out(registry: Registry) -> None:
    with pytest.raises(FixError, match="workspace bi: isn't in this registry; `syncd workspace create bi`"):
        workspaces.load(registry, "bi")


def test_where_nothing_differs_no_revision_is_made(registry: Registry) -> None:
    saved = save(registry, LINKED)
    assert save(registry, LINKED) == saved
    assert len(history.revisions(registry, NAME, last=9)) == 1


def test_a_change_against_an_old_revision_is_refused(registry: Registry) -> None:
    old = save(registry, LINKED)
    save(registry, replace(LINKED, environments=("dev", "prod", "qa")))
    with pytest.raises(WaitError, match="is at revision 2, and what you looked at was 1; run it again") as caught:
        workspaces.save(registry, old, unlink(old, WAREHOUSE, "etl"), who=WHO, now=NOW, why="late")
    assert caught.value.reason is Reason.CONFLICT


def test_what_was_refused_left_nothing(registry: Registry) -> None:
    saved = save(registry, LINKED)
    wrong = replace(saved, definitions={WAREHOUSE: connection("warehouse", colour="red", port=0)})
    with pytest.raises(Problems) as caught:
        workspaces.save(registry, saved, wrong, who=WHO, now=NOW, why="wrong")
    assert len(caught.value.errors) == 2
    assert workspaces.load(registry, NAME) == saved


def test_a_change_is_made_again_on_what_another_writer_left_in_between(registry: Registry) -> None:
    save(registry, LINKED)
    others = iter(["qa", "it"])

    def edit(here: Workspace) -> Workspace:
        if (name := next(others, "")) != "":
            change(registry, lambda there: replace(there, environments=(*there.environments, name)))
        return link(here, WAREHOUSE, "bi", {("schema",): "finance"})

    before, after = workspaces.change(registry, NAME, edit, who=WHO, now=NOW, why="link")
    assert before.environments == ("dev", "prod", "qa", "it")
    assert workspaces.load(registry, NAME) == after
    assert after.definitions[WAREHOUSE].links["bi"] == {"schema": "finance"}


def test_a_change_gives_back_before_and_after(registry: Registry) -> None:
    saved = save(registry, LINKED)
    before, after = workspaces.change(
        registry, NAME, lambda here: unlink(here, WAREHOUSE, "etl"), who=WHO, now=NOW, why="unlink"
    )
    assert (before, after.revision) == (saved, 2)


def test_workspaces_are_apart(registry: Registry) -> None:
    one = save(registry, LINKED)
    other = save(registry, workspace(connection("warehouse", password="other"), etl="prod"), name="finance")
    save(registry, Workspace("finance", ("dev",)), name="finance")
    assert workspaces.load(registry, NAME) == one
    assert workspaces.load(registry, "finance", at=1) == other
    assert workspaces.names(registry) == (NAME, "finance")


def test_a_name_is_given_once(registry: Registry) -> None:
    workspaces.create(registry, NAME, who=WHO, now=NOW, environments=("dev",))
    with pytest.raises(FixError, match="is there already") as caught:
        workspaces.create(registry, NAME, who=WHO, now=NOW)
    assert caught.value.reason is Reason.REFUSED
    assert workspaces.load(registry, NAME).environments == ("dev",)


def test_a_new_workspace_is_a_revision(registry: Registry) -> None:
    made = workspaces.create(registry, NAME, who=WHO, now=NOW)
    assert made == Workspace(NAME, revision=1)
    assert history.revisions(registry, NAME, last=9)[0].who == WHO


def test_a_workspace_with_deployments_is_not_removed(registry: Registry) -> None:
    save(registry, LINKED)
    with pytest.raises(FixError, match="has deployments"):
        workspaces.remove(registry, NAME)


def test_a_removed_workspace_leaves_nothing_and_no_other_is_touched(registry: Registry, folder: Path) -> None:
    other = save(registry, LINKED, name="finance")
    save(registry, workspace(connection("gone", host="visible-host")))
    workspaces.remove(registry, NAME)
    assert workspaces.names(registry) == ("finance",)
    assert workspaces.load(registry, "finance") == other
    registry.engine.dispose()
    assert b"visible-host" not in registries.on_disk(folder)


def test_a_removed_workspace_may_be_made_again(registry: Registry) -> None:
    save(registry, workspace())
    workspaces.remove(registry, NAME)
    assert workspaces.create(registry, NAME, who=WHO, now=NOW).revision == 1


def test_a_workspace_that_still_has_documents_in_a_target_is_not_removed(registry: Registry) -> None:
    save(registry, workspace())
    registries.seen(registry, "files", "analytics/deployments/etl/nameplate")
    with pytest.raises(FixError, match="has documents in files; `syncd sync` takes them away"):
        workspaces.remove(registry, NAME)
    record.forget(registry, NAME, "files")
    workspaces.remove(registry, NAME)
    assert workspaces.names(registry) == ()


def test_history_tells_who_when_and_why_the_newest_first(registry: Registry) -> None:
    save(registry, LINKED, why="first")
    save(registry, workspace(), why="second")
    assert history.revisions(registry, NAME, last=9) == ((2, NOW, WHO, "second"), (1, NOW, WHO, "first"))
    assert len(history.revisions(registry, NAME, last=1)) == 1


def test_revisions_compared_show_fields_and_no_secret(registry: Registry) -> None:
    save(registry, workspace(connection("warehouse", host="old", password=some.SENTINEL)))
    save(registry, workspace(connection("warehouse", host="new", password=f"{some.SENTINEL} 2")))
    found = edits(workspaces.load(registry, NAME, at=1), workspaces.load(registry, NAME, at=2))
    assert {(one.field, one.before, one.after) for one in found} == {
        ("host", '"old"', '"new"'),
        ("password", "•••", "•••"),
    }


def test_a_rollback_is_a_new_revision_that_is_the_old_one(registry: Registry) -> None:
    first = save(registry, LINKED)
    save(registry, workspace(connection("other", password=Reference("env", "X")), etl="dev"))
    before, after = rollback(registry, 1)
    assert (before.revision, after) == (2, replace(first, revision=3))
    assert workspaces.load(registry, NAME) == after


def test_a_rollback_to_what_is_there_makes_no_revision(registry: Registry) -> None:
    save(registry, LINKED)
    save(registry, workspace())
    save(registry, LINKED)
    assert rollback(registry, 1)[1].revision == 3


@pytest.mark.parametrize("to", [0, 7])
def test_a_rollback_to_no_revision_is_refused(registry: Registry, to: int) -> None:
    saved = save(registry, LINKED)
    with pytest.raises(FixError):
        rollback(registry, to)
    assert workspaces.load(registry, NAME) == saved


def test_a_registry_that_is_behind_counts_on_from_what_it_is_told(registry: Registry) -> None:
    saved = save(registry, LINKED)
    history.skip_to(registry, NAME, 9, who=WHO, now=NOW, why="restore accepted")
    assert workspaces.load(registry, NAME) == replace(saved, revision=9)
    assert save(registry, workspace()).revision == 10


def test_a_registry_never_counts_back(registry: Registry) -> None:
    save(registry, LINKED)
    saved = save(registry, workspace())
    for revision in (1, 2):
        history.skip_to(registry, NAME, revision, who=WHO, now=NOW, why="restore accepted")
    assert workspaces.load(registry, NAME) == saved
    assert len(history.revisions(registry, NAME, last=9)) == 2
