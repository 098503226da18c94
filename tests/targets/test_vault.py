"""The paths of the Vault target: no one else's is touched, nothing superseded is readable, any failure is mended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from servers import vault as servers
from syncd.core.errors import FixError, Reason, WaitError
from syncd.core.layouts.airflow import AirflowPaths
from syncd.core.layouts.layered import Layered
from syncd.core.model import KINDS, Item, Workspace
from syncd.core.plan import writes
from syncd.targets.vault import Settings, extent, opened
from tests.clients.fake_vault import Fault, Pass, Request, Said, cut, faulty, lost, passes
from tests.targets.memory_record import MemoryRecord
from tests.targets.passes import (
    BOTH_KINDS,
    CHANGED,
    MARK,
    NOTHING,
    REGION,
    SECRET,
    WAREHOUSE,
    connection,
    finished,
    planned,
    push,
    reasons,
    seal,
    wanted,
    workspace,
)
from tests.targets.trials import VaultTrial, vault

pytestmark = pytest.mark.vault

LAYOUTS = {layout.name: layout for layout in (Layered("analytics"), AirflowPaths("analytics"))}
ONE = workspace(WAREHOUSE, deployments=["etl-prod"])
OTHER = workspace(connection("warehouse", host="other.internal"), deployments=["etl-prod"], revision=2)
NONE = workspace(deployments=["etl-prod"], revision=3)
TWO = workspace(WAREHOUSE, REGION, deployments=["etl-prod"])
PATH = "analytics/deployments/etl-prod/connections/warehouse"


@pytest.fixture(params=LAYOUTS)
def trial(request: pytest.FixtureRequest, vault_server: servers.Vault) -> VaultTrial:
    return vault(LAYOUTS[request.param], vault_server)


@pytest.fixture
def airflow(vault_server: servers.Vault) -> VaultTrial:
    return vault(LAYOUTS["airflow"], vault_server)


@pytest.fixture
def layered(vault_server: servers.Vault) -> VaultTrial:
    return vault(LAYOUTS["layered"], vault_server)


def right(trial: VaultTrial, one: Workspace) -> bool:
    """A nameplate tells of passes before, too."""
    views, layout = (trial.target.observe(None, seal).views, trial.target.layout)
    goal = wanted(one, layout)
    assert views.keys() == goal.keys()
    return all(views[place] == view for place, view in goal.items() if layout.item(place))


def remembered(trial: VaultTrial, one: Workspace = ONE) -> MemoryRecord:
    """What is known once this was pushed."""
    record = MemoryRecord(trial.target.layout)
    assert reasons(push(one, trial.target, record)) == {}
    return record


def is_write(request: Request, path: str = "") -> bool:
    return request.method in ("POST", "PUT") and f"/data/{path or 'analytics'}" in request.path


# What others write


@pytest.mark.parametrize("after", [OTHER, NONE], ids=["an update", "a removal"])
def test_a_hand_edit_between_plan_and_write_is_a_conflict_and_stays(trial: VaultTrial, after: Workspace) -> None:
    record = remembered(trial)
    prepared = planned(after, trial.target, record)
    trial.edit(PATH, {"by": "hand"})
    before = trial.held()[PATH]
    assert reasons(finished(prepared, after, trial.target, record))[PATH] is Reason.CONFLICT
    assert trial.held()[PATH] == before


def test_what_somebody_made_between_plan_and_write_is_a_conflict_and_stays(trial: VaultTrial) -> None:
    record = MemoryRecord(trial.target.layout)
    prepared = planned(ONE, trial.target, record)
    trial.edit(PATH, {"by": "hand"})
    before = trial.held()[PATH]
    assert reasons(finished(prepared, ONE, trial.target, record)) == {PATH: Reason.CONFLICT}
    assert trial.held()[PATH] == before
    assert reasons(push(ONE, trial.target, record)) == {PATH: Reason.NOT_OWNED}
    assert trial.held()[PATH] == before


@pytest.mark.parametrize("after", [OTHER, NONE], ids=["an update", "a removal"])
def test_a_path_that_was_purged_and_made_anew_is_not_ours_even_at_the_same_version(
    trial: VaultTrial, after: Workspace
) -> None:
    record = remembered(trial)
    prepared = planned(after, trial.target, record)
    version = trial.metadata(PATH)["current_version"]
    trial.done("DELETE", f"{trial.mount}/metadata/{PATH}")
    while trial.edit(PATH, {"somebody": "else"}) < version:
        pass
    before = trial.held()[PATH]
    assert reasons(finished(prepared, after, trial.target, record))[PATH] is Reason.CONFLICT
    assert trial.held()[PATH] == before


def test_what_another_wrote_is_never_touched_until_a_person_takes_it_over(trial: VaultTrial) -> None:
    for number in range(3):
        trial.edit(PATH, {"somebody": number})
    before, record = trial.held()[PATH], MemoryRecord(trial.target.layout)
    assert reasons(push(TWO, trial.target, record)) == {PATH: Reason.NOT_OWNED}
    assert trial.held()[PATH] == before

    record.adoptions = {PATH: "3"}
    assert reasons(push(TWO, trial.target, record)) == {}
    assert right(trial, TWO)
    assert [*trial.readable(PATH)] == [4]


def test_what_another_deleted_is_still_theirs(trial: VaultTrial) -> None:
    trial.edit(PATH, {"somebody": "else"})
    trial.done("DELETE", f"{trial.mount}/data/{PATH}")
    before = trial.held()[PATH]
    assert reasons(push(ONE, trial.target)) == {PATH: Reason.NOT_OWNED}
    assert trial.held()[PATH] == before


def test_what_another_target_of_ours_wrote_is_not_this_ones(trial: VaultTrial) -> None:
    theirs = planned(ONE, trial.target)
    trial.target.write(writes(theirs.plan, theirs.goal, theirs.observed), MARK._replace(target="other"), seal)
    before = trial.held()
    assert set(reasons(push(OTHER, trial.target)).values()) == {Reason.NOT_OWNED}
    assert trial.held() == before


def test_a_hand_edit_is_found_by_the_next_look_and_mended(trial: VaultTrial) -> None:
    record = remembered(trial)
    version = trial.metadata(PATH)["current_version"]
    content = dict(trial.readable(PATH)[version])
    edited = json.loads(json.dumps(content).replace("db.internal", f"by-hand {SECRET}"))
    trial.edit(PATH, edited)
    assert [change.place.object for change in planned(ONE, trial.target, record).plan.changes] == [PATH]
    push(ONE, trial.target, record)
    assert right(trial, ONE)
    assert [*trial.readable(PATH)] == [version + 2]


@pytest.mark.parametrize("how", ["DELETE data", "POST destroy"])
def test_what_was_deleted_or_destroyed_by_hand_is_written_again(trial: VaultTrial, how: str) -> None:
    record = remembered(trial)
    version = trial.metadata(PATH)["current_version"]
    method, _, verb = how.partition(" ")
    trial.done(method, f"{trial.mount}/{verb}/{PATH}", {"versions": [version]} if verb == "destroy" else None)
    assert reasons(push(ONE, trial.target, record)) == {}
    assert right(trial, ONE)
    assert [*trial.readable(PATH)] == [version + 1]


def test_a_path_with_metadata_and_no_version_is_nobodys(trial: VaultTrial) -> None:
    trial.done("POST", f"{trial.mount}/metadata/{PATH}", {"max_versions": 5})
    assert reasons(push(ONE, trial.target)) == {}
    assert right(trial, ONE)


def test_a_purged_path_is_written_again(trial: VaultTrial) -> None:
    record = remembered(trial)
    trial.done("DELETE", f"{trial.mount}/metadata/{PATH}")
    assert reasons(push(ONE, trial.target, record)) == {}
    assert right(trial, ONE)


def test_a_mount_that_asks_for_versions_gets_them(trial: VaultTrial) -> None:
    trial.done("POST", f"{trial.mount}/config", {"cas_required": True})
    for one in (BOTH_KINDS, CHANGED, NOTHING, replace(BOTH_KINDS, revision=4)):
        assert Reason.CONFLICT not in reasons(push(one, trial.target)).values()
        assert right(trial, one)


# What can be read


def test_with_a_deployments_own_token_no_version_but_the_current_can_be_read(trial: VaultTrial) -> None:
    token, record = trial.reader("etl-prod"), MemoryRecord(trial.target.layout)
    for revision, host in enumerate(["one", "two", "three", None, "five", "six", None], 1):
        definitions = [] if host is None else [connection("warehouse", host=host)]
        push(workspace(*definitions, deployments=["etl-prod"], revision=revision), trial.target, record)
        current = trial.metadata(PATH)["current_version"]
        found = trial.readable(PATH, token)
        gone_altogether = host is None and trial.target.layout.name == "airflow"
        assert [*found] == ([] if gone_altogether else [current])
        assert (SECRET in repr(found)) == (host is not None)


def test_what_airflow_reads_is_what_its_own_backend_takes(airflow: VaultTrial) -> None:
    push(BOTH_KINDS, airflow.target)
    (content,) = airflow.readable(PATH).values()
    assert content == {
        "conn_type": "postgres",
        "host": "db.internal",
        "password": f"{SECRET} warehouse",
        "extra": {"sslmode": "require", "token": SECRET},
    }
    assert content.keys() <= KINDS["connection"].fields.keys()
    (value,) = airflow.readable("analytics/deployments/etl-prod/variables/region").values()
    assert value == {"value": "eu"}


def test_what_lies_beside_a_document_holds_no_secret(trial: VaultTrial) -> None:
    push(BOTH_KINDS, trial.target)
    assert SECRET not in repr(trial.held())


def test_a_second_pass_writes_nothing(trial: VaultTrial) -> None:
    record = remembered(trial, TWO)
    before = trial.held()
    push(TWO, trial.target, record)
    push(TWO, trial.target)
    assert trial.held() == before


def test_many_secret_fields_are_told_apart_from_the_others(trial: VaultTrial) -> None:
    many = connection("warehouse", extra={"a": "shown", **{f"token-{number:04}": "x" for number in range(300)}})
    one = workspace(many, deployments=["etl-prod"])
    assert reasons(push(one, trial.target)) == {}
    assert right(trial, one)


def test_more_secret_fields_than_can_be_told_are_refused(airflow: VaultTrial) -> None:
    many = connection("warehouse", extra={f"token-{number:04}": "x" for number in range(3000)})
    assert reasons(push(workspace(many, REGION, deployments=["etl-prod"]), airflow.target)) == {
        PATH: Reason.NOT_HOLDABLE
    }
    assert PATH not in airflow.held()


@pytest.mark.parametrize("number", [2**53 + 1, -(2**60), 30.0, [1, [0.0]], [{"n": [30.0]}]])
def test_a_number_that_vault_would_change_is_refused(trial: VaultTrial, number: object) -> None:
    one = workspace(connection("warehouse", extra={"x": number}), REGION, deployments=["etl-prod"])
    assert reasons(push(one, trial.target)) == {PATH: Reason.NOT_HOLDABLE}
    assert PATH not in trial.held()


@pytest.mark.parametrize("number", [2**53, -(2**53), 0.5, 1e-7, 1e300, 1.1, [[1, True]]])
def test_a_number_that_vault_keeps_is_kept(trial: VaultTrial, number: object) -> None:
    one = workspace(connection("warehouse", extra={"x": number}), deployments=["etl-prod"])
    assert reasons(push(one, trial.target)) == {}
    assert right(trial, one)


AWKWARD = ["a..b", "..a", "a.", "#x", "(a)", "a!b", "\\", "a:b", "é", "日本", "x" * 250]


def test_any_id_lies_at_a_path_of_its_own(trial: VaultTrial) -> None:
    ids = [id_ for id_ in AWKWARD if trial.target.layout.name == "airflow" or id_.isascii()]
    one = workspace(*(connection(id_) for id_ in ids), deployments=["etl-prod"])
    assert reasons(push(one, trial.target)) == {}
    assert right(trial, one)


# What fails


@pytest.mark.parametrize("one", [ONE, OTHER, NONE], ids=["creation", "update", "removal"])
def test_a_lost_answer_is_no_failure_and_makes_no_second_version(trial: VaultTrial, one: Workspace) -> None:
    record = MemoryRecord(trial.target.layout)
    if one is not ONE:
        record = remembered(trial)
    before = trial.metadata(PATH)["current_version"] if PATH in trial.held() else 0
    fault: Fault = lambda request, onward: (lost if is_write(request, PATH) else passes)(request, onward)  # noqa: E731
    with faulty(fault, behind=trial.server.address) as server:
        assert reasons(push(one, trial.through(server.address), record)) == {}
    steps = 2 if one is ONE and trial.target.layout.name == "airflow" else 1
    assert trial.metadata(PATH)["current_version"] == before + steps
    assert right(trial, one)


@pytest.mark.slow
@pytest.mark.parametrize("end", [cut, lost], ids=["before", "after"])
@pytest.mark.parametrize("one", [ONE, OTHER, NONE], ids=["creation", "update", "removal"])
def test_a_pass_that_ends_at_any_request_is_finished_by_the_next(
    request: pytest.FixtureRequest, vault_server: servers.Vault, one: Workspace, end: Fault
) -> None:
    for layout in LAYOUTS.values():
        for last in range(1, 100):
            trial = vault(layout, vault_server)
            record = remembered(trial) if one is not ONE else MemoryRecord(layout)
            prepared, left = planned(one, trial.target, record), last

            def until(request: Request, onward: Pass) -> Said:
                nonlocal left
                left -= 1
                return passes(request, onward) if left > 0 else (end if left == 0 else cut)(request, onward)

            with faulty(until, behind=trial.server.address) as server:
                finished(prepared, one, trial.through(server.address), record)
            assert reasons(push(one, trial.target, record)) == {}
            assert right(trial, one)
            assert len(trial.readable(PATH)) == (0 if one is NONE and layout.name == "airflow" else 1)
            if left > 0:
                assert last > 1
                break
        else:
            pytest.fail("it never ran to its end")


def test_a_field_that_was_secret_is_not_shown_where_its_update_ended_half_way(airflow: VaultTrial) -> None:
    """What is secret lies beside the document, and is written before it: it tells of the new version alone."""
    hidden = replace(connection("warehouse", host=SECRET), secret_fields=frozenset({("host",)}))
    shown = workspace(connection("warehouse"), deployments=["etl-prod"], revision=2)
    record = remembered(airflow, workspace(hidden, deployments=["etl-prod"]))
    fault: Fault = lambda request, onward: (cut if is_write(request) else passes)(request, onward)  # noqa: E731
    with faulty(fault, behind=airflow.server.address) as server:
        assert reasons(push(shown, airflow.through(server.address), record)) == {PATH: Reason.UNAVAILABLE}
    assert SECRET not in repr(airflow.target.observe(None, seal).views)
    assert reasons(push(shown, airflow.target, record)) == {}
    assert right(airflow, shown)


def test_whoever_comes_between_the_claim_of_a_path_and_its_content_keeps_it(airflow: VaultTrial) -> None:
    """They wrote over our tombstone, at its version or without one: theirs is left, and has no mark of ours."""
    for point in range(1, 3):
        trial = vault(LAYOUTS["airflow"], airflow.server)
        record, seen = MemoryRecord(trial.target.layout), [0]

        def between(request: Request, onward: Pass) -> Said:
            seen[0] += is_write(request, PATH)  # noqa: B023
            if seen[0] == point and is_write(request, PATH):  # noqa: B023
                trial.edit(PATH, {"somebody": "else"})  # noqa: B023
            return onward()

        with faulty(between, behind=trial.server.address) as server:
            outcomes = push(ONE, trial.through(server.address), record)
        assert reasons(outcomes) == {PATH: Reason.CONFLICT}
        after = trial.metadata(PATH)
        assert not after["custom_metadata"]
        assert after["max_versions"] == 0
        assert reasons(push(ONE, trial.target, record)) == {PATH: Reason.NOT_OWNED}
        assert trial.metadata(PATH) == after
        assert list(trial.readable(PATH).values()) == [{"somebody": "else"}]


@pytest.fixture
def raft(tmp_path: Path) -> Iterator[servers.Raft]:
    with servers.raft(tmp_path) as server:
        server.initialise()
        server.unseal()
        yield server


@pytest.mark.slow
@pytest.mark.parametrize("how", ["sealed", "stopped"])
def test_where_vault_goes_in_the_middle_of_a_batch_the_rest_waits_for_the_next_pass(
    raft: servers.Raft, how: str
) -> None:
    trial = vault(LAYOUTS["layered"], raft.vault)
    many = workspace(*(connection(f"c{number}") for number in range(100)), deployments=["etl-prod"])
    record, seen = MemoryRecord(trial.target.layout), [0]

    def goes(request: Request, onward: Pass) -> Said:
        seen[0] += is_write(request)
        if seen[0] == 30 and is_write(request):
            (raft.seal if how == "sealed" else raft.stop)()
        return onward()

    with faulty(goes, behind=raft.vault.address, ca=raft.vault.ca) as server:
        outcomes = push(many, trial.through(server.address), record)
        assert len([request for request in server.requests if is_write(request)]) < 60
    assert set(reasons(outcomes).values()) == {Reason.UNAVAILABLE}
    with pytest.raises(WaitError, match="sealed" if how == "sealed" else "refuses"):
        trial.target.observe(None, seal)

    raft.start()
    raft.unseal()
    there = {name: stamp.version for name, stamp in trial.target.observe(None, seal).stamps.items()}
    told = {one.place.object for one in outcomes if one.error is None}
    assert 20 < len(told) < 60
    assert told <= there.keys()
    assert reasons(push(many, trial.target, record)) == {}
    assert right(trial, many)
    assert {trial.metadata(name)["current_version"] for name in there} == {1}


@pytest.mark.slow
def test_a_document_that_is_too_large_fails_alone(raft: servers.Raft) -> None:
    for layout in LAYOUTS.values():
        trial = vault(layout, raft.vault)
        for extra in ({"x": "x" * 2**21}, {f"x{number}": "x" * 900_000 for number in range(3)}):
            one = workspace(connection("warehouse", extra=extra), REGION, deployments=["etl-prod"])
            assert reasons(push(one, trial.target)) == {PATH: Reason.NOT_HOLDABLE}
            assert "analytics/deployments/etl-prod/variables/region" in trial.held()
            assert PATH not in trial.held() or trial.readable(PATH) == {}
        assert reasons(push(ONE, trial.target)) == {}


def test_a_policy_that_denies_one_path_holds_it_alone(trial: VaultTrial) -> None:
    record = remembered(trial, TWO)
    trial.spoil(PATH)
    after = workspace(
        connection("warehouse", host="x"), REGION, connection("new"), deployments=["etl-prod"], revision=2
    )
    assert reasons(push(after, trial.target, record)) == {PATH: Reason.ACCESS_DENIED}
    assert trial.target.layout.home(Item("etl-prod", "connection", "new")) in trial.target.observe(None, seal).views


@pytest.mark.parametrize("content", [b'{"errors": ["internal error"]}', b"<html>"])
def test_a_path_that_vault_fails_at_for_ever_stops_no_other(trial: VaultTrial, content: bytes) -> None:
    many = workspace(
        WAREHOUSE, *(connection(f"{letter}{n}") for letter in "az" for n in range(10)), deployments=["etl-prod"]
    )
    fails: Fault = lambda request, onward: Said(500, content) if PATH in request.path else onward()  # noqa: E731
    with faulty(fails, behind=trial.server.address) as server:
        target, record = trial.through(server.address), MemoryRecord(trial.target.layout)
        finished(planned(many, trial.target, record), many, target, record)
        assert len(target.observe(record.known.stamps.keys() | {PATH}, seal).stamps) >= 20
        assert reasons(push(many, target, record)) == {PATH: Reason.UNAVAILABLE}
        with pytest.raises(WaitError):
            target.observe([PATH], seal)


def test_where_vault_fails_at_every_path_the_rest_is_not_tried(layered: VaultTrial) -> None:
    many = workspace(*(connection(f"c{number}") for number in range(100)), deployments=["etl-prod"])
    fails: Fault = lambda request, onward: Said(500) if is_write(request) else onward()  # noqa: E731
    with faulty(fails, behind=layered.server.address) as server:
        assert set(reasons(push(many, layered.through(server.address))).values()) == {Reason.UNAVAILABLE}
        assert len([request for request in server.requests if is_write(request)]) < 30


def test_a_document_of_a_newer_release_is_left_alone_and_stops_no_other(layered: VaultTrial) -> None:
    layered.edit(PATH, {"format": 2, "mark": MARK._asdict(), "news": SECRET})
    before = layered.held()[PATH]
    assert reasons(push(TWO, layered.target)) == {PATH: Reason.NEWER_DOCUMENT}
    assert layered.held()[PATH] == before


def test_what_somebody_puts_where_ours_was_removed_is_theirs(trial: VaultTrial) -> None:
    record = remembered(trial)
    assert reasons(push(NONE, trial.target, record)) == {}
    trial.edit(PATH, {"somebody": "else"})
    before = trial.held()[PATH]
    push(NONE, trial.target, record)
    assert reasons(push(replace(ONE, revision=9), trial.target, record)) == {PATH: Reason.NOT_OWNED}
    assert trial.held()[PATH] == before


def test_an_update_that_somebody_was_faster_than_leaves_no_mark_on_theirs(trial: VaultTrial) -> None:
    record = remembered(trial)

    def between(request: Request, onward: Pass) -> Said:
        if is_write(request, PATH):
            trial.edit(PATH, {"somebody": "else"})
        return onward()

    with faulty(between, behind=trial.server.address) as server:
        assert reasons(push(OTHER, trial.through(server.address), record))[PATH] is Reason.CONFLICT
    assert not trial.metadata(PATH)["custom_metadata"]
    assert reasons(push(OTHER, trial.target, record)) == {PATH: Reason.NOT_OWNED}
    assert list(trial.readable(PATH).values())[-1] == {"somebody": "else"}


def test_somebody_elses_tombstone_is_left_alone(trial: VaultTrial) -> None:
    record = MemoryRecord(trial.target.layout)
    trial.edit(PATH, {"format": 1, "removed": True})
    record.intents = {PATH}
    before = trial.held()[PATH]
    push(workspace(deployments=["etl-prod"]), trial.target, record)
    assert trial.held()[PATH] == before


def test_a_login_that_is_refused_is_told_once_and_not_of_each_document(trial: VaultTrial) -> None:
    record = remembered(trial)
    with faulty(_forbids_login, behind=trial.server.address) as server:
        settings = Settings(
            url=server.address,
            mount_point=trial.mount,
            auth_type="approle",
            role_id="r",
            layout=trial.target.layout.name,
        )
        target = opened("files", settings, "analytics", Path("/"), {"VAULT_SECRET_ID": SECRET})
        with pytest.raises(FixError, match="login approle") as caught:
            target.observe([PATH], seal)
        assert SECRET not in repr(caught.value)
        prepared = planned(OTHER, trial.target, record)
        record.stood = None
        assert set(reasons(finished(prepared, OTHER, target, record)).values()) == {Reason.ACCESS_DENIED}
        assert server.logins() == 1


# Settings


def test_two_targets_with_one_place_have_one_extent() -> None:
    def lies(**settings: Any) -> str:
        given = {"url": "https://vault:8200", "mount_point": "kv", "layout": "layered", **settings}
        return extent(Settings(**given), "analytics", Path("/"))

    assert lies() == lies(url="https://vault:8200/") == lies(layout="airflow") == lies(namespace="/")
    assert len({lies(), lies(mount_point="kv2"), lies(namespace="team"), lies(url="https://other:8200")}) == 4


def _forbids_login(request: Request, onward: Pass) -> Said:
    return Said(403, b'{"errors": ["permission denied"]}') if request.is_login else onward()
