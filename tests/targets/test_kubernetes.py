"""The Secrets of the Kubernetes target: no one else's is touched, whatever was done to ours is mended or told."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from servers import kubernetes as servers
from servers.kubernetes import objects
from syncd.core.errors import Reason
from syncd.core.layouts.kubernetes import Bundled, Labelled
from syncd.core.layouts.spread import is_plate
from syncd.core.model import Item, Scope, Workspace
from syncd.core.plan import writes
from tests.clients.fake_server import Pass, Request, Said, faulty, lost, says
from tests.clients.kube import status
from tests.targets.memory_record import MemoryRecord
from tests.targets.passes import (
    MARK,
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
from tests.targets.trials import KubernetesTrial, in_kubernetes

pytestmark = pytest.mark.kubernetes

LAYOUTS = {layout.name: layout for layout in (Bundled("analytics"), Labelled("analytics"))}
ITEM = Item("etl-prod", "connection", "warehouse")
ONE = workspace(WAREHOUSE, deployments=["etl-prod"])
OTHER = workspace(connection("warehouse", host="other.internal"), deployments=["etl-prod"], revision=2)
NONE = workspace(deployments=["etl-prod"], revision=3)
TWO = workspace(WAREHOUSE, REGION, deployments=["etl-prod"])
LABEL = "airflow.apache.org/connection-id"


@pytest.fixture(params=LAYOUTS)
def trial(request: pytest.FixtureRequest, kubernetes_server: servers.Kubernetes, tmp_path: Path) -> KubernetesTrial:
    return in_kubernetes(LAYOUTS[request.param], kubernetes_server, tmp_path)


@pytest.fixture
def airflow(kubernetes_server: servers.Kubernetes, tmp_path: Path) -> KubernetesTrial:
    return in_kubernetes(LAYOUTS["airflow"], kubernetes_server, tmp_path)


@pytest.fixture
def layered(kubernetes_server: servers.Kubernetes, tmp_path: Path) -> KubernetesTrial:
    return in_kubernetes(LAYOUTS["layered"], kubernetes_server, tmp_path)


def right(trial: KubernetesTrial, one: Workspace) -> bool:
    """A nameplate tells of passes before, too; and what else somebody put there isn't ours."""
    views, layout = trial.target.observe(None, seal).views, trial.target.layout
    found = {place: view for place, view in views.items() if layout.item(place)}
    return found == {place: view for place, view in wanted(one, layout).items() if layout.item(place)}


def remembered(trial: KubernetesTrial, one: Workspace = ONE) -> MemoryRecord:
    """What is known once this was pushed."""
    record = MemoryRecord(trial.target.layout)
    assert reasons(push(one, trial.target, record)) == {}
    return record


def name_of(trial: KubernetesTrial) -> str:
    """The Secret that holds the warehouse."""
    return trial.target.layout.home(ITEM).object


def key_of(trial: KubernetesTrial) -> str:
    return "value" if trial.target.layout.name == "airflow" else trial.target.layout.home(ITEM).key


def is_write(request: Request) -> bool:
    return request.method in ("POST", "PUT", "DELETE") and "/secrets" in request.path


# Whose it is


def test_what_another_wrote_is_never_touched_until_a_person_takes_it_over(trial: KubernetesTrial) -> None:
    name = name_of(trial)
    trial.put_foreign(name)
    before, record = trial.held()[name], MemoryRecord(trial.target.layout)
    assert reasons(push(TWO, trial.target, record)) == {name: Reason.NOT_OWNED}
    assert trial.held()[name] == before

    record.adoptions = {name: trial.metadata(name)["resourceVersion"]}
    assert reasons(push(TWO, trial.target, record)) == {}
    assert right(trial, TWO)
    assert trial.data(name)["somebody"] == "else"


def test_what_changed_since_a_person_took_it_over_is_left_alone(trial: KubernetesTrial) -> None:
    name, record = name_of(trial), MemoryRecord(trial.target.layout)
    trial.put_foreign(name)
    record.adoptions = {name: trial.metadata(name)["resourceVersion"]}
    trial.edit_data(name, somebody="again")
    assert reasons(push(ONE, trial.target, record)) == {name: Reason.NOT_OWNED}
    assert trial.data(name) == {"somebody": "again"}


def test_what_another_target_of_ours_wrote_is_not_this_ones(trial: KubernetesTrial) -> None:
    theirs = planned(ONE, trial.target)
    trial.target.write(writes(theirs.plan, theirs.goal, theirs.observed), MARK._replace(target="other"), seal)
    before = trial.held()
    assert set(reasons(push(OTHER, trial.target)).values()) == {Reason.NOT_OWNED}
    assert trial.held() == before


def test_without_its_annotation_it_is_somebody_elses_and_kept(trial: KubernetesTrial) -> None:
    record, name = remembered(trial), name_of(trial)
    trial.edit(name, metadata={"annotations": None})
    before = trial.held()[name]
    for one in (OTHER, NONE):
        found = reasons(push(one, trial.target, record))
        assert found.get(name) == (None if one is NONE and trial.target.layout.name == "airflow" else Reason.NOT_OWNED)
        assert trial.held()[name] == before

    record.adoptions = {name: before["metadata"]["resourceVersion"]}
    assert reasons(push(replace(OTHER, revision=4), trial.target, record)) == {}
    assert right(trial, OTHER)


def test_another_ones_secret_under_no_name_of_ours_is_never_seen(trial: KubernetesTrial) -> None:
    names = ("theirs", "analytics.etl-prod", "analyticsx.etl-prod.0", "analytics.etl-prod.00", "science.etl-prod.0")
    for name in names:
        trial.put(name, {"somebody": "else"}, labels={LABEL: "warehouse"})
    before = {name: trial.held()[name] for name in names}
    record = remembered(trial)
    assert reasons(push(NONE, trial.target, record)) == {}
    assert {name: trial.held()[name] for name in names} == before


# What a hand does to ours


def test_a_key_that_was_edited_is_as_it_was_after_the_next_pass(trial: KubernetesTrial) -> None:
    record, name = remembered(trial), name_of(trial)
    edited = trial.data(name)[key_of(trial)].replace("db.internal", f"by-hand {SECRET}")
    trial.edit_data(name, **{key_of(trial): edited})
    assert [change.place.object for change in planned(ONE, trial.target, record).plan.changes] == [name]
    assert reasons(push(ONE, trial.target, record)) == {}
    assert right(trial, ONE)


@pytest.mark.parametrize("content", ["{", "[1]", "null", b"\xff\x00"], ids=["cut", "a list", "null", "bytes"])
def test_a_key_that_holds_nonsense_is_as_it_was_after_the_next_pass(
    trial: KubernetesTrial, content: str | bytes
) -> None:
    record, name = remembered(trial), name_of(trial)
    trial.edit_data(name, **{key_of(trial): content})
    assert reasons(push(ONE, trial.target, record)) == {}
    assert right(trial, ONE)


@pytest.mark.parametrize("content", ["{", b"\xff\x00", None], ids=["text", "bytes", "nothing"])
def test_what_a_hand_spoilt_goes_where_it_is_unlinked(trial: KubernetesTrial, content: str | bytes | None) -> None:
    record, name = remembered(trial), name_of(trial)
    trial.edit_data(name, **{key_of(trial): content})
    assert reasons(push(NONE, trial.target, record)) == {}
    assert right(trial, NONE)
    assert SECRET not in "".join(text for one in trial.held() for text in trial.data(one).values())
    assert name not in trial.held() or trial.target.layout.name == "layered"


@pytest.mark.parametrize("content", ["theirs", b"\xff\x00"], ids=["text", "bytes"])
def test_a_key_that_was_added_is_no_difference_and_stays(trial: KubernetesTrial, content: str | bytes) -> None:
    record, name = remembered(trial), name_of(trial)
    trial.edit_data(name, theirs=content)
    added, before = trial.data(name)["theirs"], trial.held()
    assert reasons(push(ONE, trial.target, record)) == {}
    assert trial.held() == before
    assert reasons(push(OTHER, trial.target, record)) == {}
    assert right(trial, OTHER)
    assert trial.data(name)["theirs"] == added


@pytest.mark.parametrize("content", ["theirs", b"\xff\x00"], ids=["text", "bytes"])
def test_a_key_that_was_added_stays_where_all_of_ours_goes(layered: KubernetesTrial, content: str | bytes) -> None:
    record, name = remembered(layered), name_of(layered)
    layered.edit_data(name, theirs=content)
    added = layered.data(name)["theirs"]
    assert reasons(push(workspace(deployments=(), revision=3), layered.target, record)) == {}
    assert layered.held().keys() == {name}
    assert layered.data(name) == {"theirs": added}


def test_what_was_added_to_a_document_of_its_own_goes_with_it(airflow: KubernetesTrial) -> None:
    record = remembered(airflow)
    airflow.edit_data(name_of(airflow), theirs="x")
    assert reasons(push(NONE, airflow.target, record)) == {}
    assert airflow.held() == {}


def test_labels_that_were_stripped_are_no_difference_and_come_back_with_the_next_write(
    layered: KubernetesTrial,
) -> None:
    record, name = remembered(layered), name_of(layered)
    labels = layered.metadata(name)["labels"]
    layered.edit(name, metadata={"labels": None})
    before = layered.held()
    assert reasons(push(ONE, layered.target, record)) == {}
    assert layered.held() == before
    assert reasons(push(OTHER, layered.target, record)) == {}
    assert layered.metadata(name)["labels"] == labels


@pytest.mark.parametrize("label", [None, "another", ""])
def test_the_label_that_airflow_finds_it_by_is_as_it_was_after_the_next_pass(
    airflow: KubernetesTrial, label: str | None
) -> None:
    record, name = remembered(airflow), name_of(airflow)
    airflow.edit(name, metadata={"labels": {LABEL: label}})
    prepared = planned(ONE, airflow.target, record)
    assert [change.place.object for change in prepared.plan.changes] == [name]
    assert SECRET not in repr(prepared.plan)
    assert reasons(push(ONE, airflow.target, record)) == {}
    assert airflow.metadata(name)["labels"][LABEL] == "warehouse"
    assert right(airflow, ONE)


@pytest.mark.parametrize("label", [None, "another"])
def test_without_its_label_it_goes_all_the_same_where_it_is_unlinked(
    airflow: KubernetesTrial, label: str | None
) -> None:
    record = remembered(airflow)
    airflow.edit(name_of(airflow), metadata={"labels": {LABEL: label}})
    assert reasons(push(NONE, airflow.target, record)) == {}
    assert airflow.held() == {}


EDITED_ID = {"annotations": {"syncd/id": "another"}}


@pytest.mark.parametrize("label", ["warehouse", None])
def test_whatever_a_hand_made_of_its_id_it_goes_where_it_is_unlinked(
    airflow: KubernetesTrial, label: str | None
) -> None:
    push(ONE, airflow.target)
    airflow.edit(name_of(airflow), metadata={**EDITED_ID, "labels": {LABEL: label}})
    assert reasons(push(NONE, airflow.target)) == {}
    assert airflow.held() == {}


@pytest.mark.parametrize("label", ["warehouse", None])
def test_whatever_a_hand_made_of_its_id_it_is_as_it_was_where_it_is_linked(
    airflow: KubernetesTrial, label: str | None
) -> None:
    record, name = remembered(airflow), name_of(airflow)
    airflow.edit(name, metadata={**EDITED_ID, "labels": {LABEL: label}})
    assert reasons(push(ONE, airflow.target, record)) == {}
    assert right(airflow, ONE)
    assert airflow.metadata(name)["annotations"]["syncd/id"] == "warehouse"
    assert {place.key for place in record.known.views if place.object == name} == {"warehouse"}
    assert planned(ONE, airflow.target, record).plan.changes == ()


def test_whatever_a_hand_made_of_its_id_it_is_kept_while_nobody_knows_what_it_is_to_be(
    airflow: KubernetesTrial,
) -> None:
    push(ONE, airflow.target)
    airflow.edit(name_of(airflow), metadata={**EDITED_ID, "labels": {LABEL: None}})
    broken = workspace(connection("warehouse", conn_type=None), deployments=["etl-prod"], revision=2)
    push(broken, airflow.target)
    assert [*airflow.held()] == [name_of(airflow)]


def test_what_another_wrote_under_such_a_name_is_theirs(airflow: KubernetesTrial) -> None:
    push(ONE, airflow.target)
    meta = {"annotations": {"syncd/id": "another", "syncd/mark": None}, "labels": {LABEL: None}}
    airflow.edit(name_of(airflow), metadata=meta)
    push(NONE, airflow.target)
    assert [*airflow.held()] == [name_of(airflow)]


def test_a_label_of_ones_own_stays(trial: KubernetesTrial) -> None:
    record, name = remembered(trial), name_of(trial)
    trial.edit(name, metadata={"labels": {"team": "data"}, "annotations": {"note": "theirs"}})
    assert reasons(push(OTHER, trial.target, record)) == {}
    meta = trial.metadata(name)
    assert (meta["labels"]["team"], meta["annotations"]["note"]) == ("data", "theirs")


def test_what_was_deleted_by_hand_is_made_again(trial: KubernetesTrial) -> None:
    record, name = remembered(trial), name_of(trial)
    trial.delete(name)
    assert reasons(push(ONE, trial.target, record)) == {}
    assert right(trial, ONE)


@pytest.mark.parametrize("how", ["the Secret", "its keys"])
def test_what_was_deleted_beside_what_changes_is_made_again_where_only_changes_are_looked_for(
    trial: KubernetesTrial, how: str
) -> None:
    more = [connection(f"c{number}") for number in range(20)]
    record = remembered(trial, workspace(WAREHOUSE, *more, deployments=["etl-prod"]))
    changed, only = connection("warehouse", host="x"), Scope("files", items=frozenset({ITEM}))
    after = workspace(changed, *more, deployments=["etl-prod"], revision=2)
    if how == "the Secret":
        trial.delete(name_of(trial))
    else:
        keys = [key for key in trial.data(name_of(trial)) if not is_plate(key)]
        trial.edit(name_of(trial), data=dict.fromkeys(keys))
    assert {*reasons(push(after, trial.target, record, only)).values()} == {Reason.CONFLICT}
    assert reasons(push(after, trial.target, record, only)) == {}
    assert right(trial, after)


def test_what_was_made_immutable_is_told_until_somebody_deletes_it(trial: KubernetesTrial) -> None:
    record, name = remembered(trial), name_of(trial)
    trial.edit(name, immutable=True)
    before = trial.held()[name]
    outcomes = push(OTHER, trial.target, record)
    assert reasons(outcomes) == {name: Reason.REFUSED}
    assert {str(one.error).partition(": ")[2] for one in outcomes if one.error} == {
        "is immutable; delete it: it is made anew"
    }
    assert trial.held()[name] == before

    trial.delete(name)
    assert reasons(push(OTHER, trial.target, record)) == {}
    assert right(trial, OTHER)


def test_what_was_made_immutable_goes_where_it_is_unlinked(airflow: KubernetesTrial) -> None:
    record = remembered(airflow)
    airflow.edit(name_of(airflow), immutable=True)
    assert reasons(push(NONE, airflow.target, record)) == {}
    assert airflow.held() == {}


NOBODY = workspace(deployments=(), revision=3)


def test_what_a_finalizer_keeps_is_empty_until_it_goes(trial: KubernetesTrial) -> None:
    record, name = remembered(trial), name_of(trial)
    trial.edit(name, metadata={"finalizers": ["test/wait"]})
    assert reasons(push(NOBODY, trial.target, record)) == {}
    assert trial.held().keys() == {name}
    assert trial.data(name) == {}
    before = trial.held()
    assert planned(NOBODY, trial.target, record).plan.changes == ()
    assert reasons(push(NOBODY, trial.target, record)) == {}
    assert trial.held() == before


def test_what_was_deleted_and_a_finalizer_keeps_is_emptied_where_it_is_unlinked(trial: KubernetesTrial) -> None:
    record, name = remembered(trial), name_of(trial)
    trial.edit(name, metadata={"finalizers": ["test/wait"]})
    trial.delete(name)
    assert reasons(push(NOBODY, trial.target, record)) == {}
    assert trial.data(name) == {}


def test_what_is_going_takes_no_document_and_is_made_anew_once_it_is_gone(trial: KubernetesTrial) -> None:
    record, name = remembered(trial), name_of(trial)
    trial.edit(name, metadata={"finalizers": ["test/wait"]})
    trial.delete(name)
    outcomes = push(OTHER, trial.target, record)
    assert reasons(outcomes) == {name: Reason.REFUSED}
    assert all("test/wait" in str(one.error) for one in outcomes if one.error)

    trial.edit(name, metadata={"finalizers": None})
    assert name not in trial.held()
    assert reasons(push(OTHER, trial.target, record)) == {}
    assert right(trial, OTHER)


def test_what_another_manager_applied_over_ours_is_as_it_was_and_what_it_added_stays(trial: KubernetesTrial) -> None:
    record, name = remembered(trial), name_of(trial)
    encoded = {key: b64encode(b'{"by": "hand"}').decode() for key in (key_of(trial), "theirs")}
    meta = {"namespace": trial.target.namespace, "name": name}
    objects.apply(trial.server, [{"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": encoded}])
    assert reasons(push(ONE, trial.target, record)) == {}
    assert right(trial, ONE)
    assert trial.data(name)["theirs"] == '{"by": "hand"}'
    managed = {one["manager"]: one["fieldsV1"].get("f:data", {}) for one in trial.metadata(name)["managedFields"]}
    assert f"f:{key_of(trial)}" in managed["syncd"]
    assert managed["dev-server"].keys() == {"f:theirs"}
    again = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": encoded}
    path = f"/api/v1/namespaces/{trial.target.namespace}/secrets/{name}?fieldManager=dev-server"
    assert trial.server.call("PATCH", path, again, kind="application/apply-patch+yaml").status == 409


def test_a_nameplate_of_a_hand_leaves_nothing_where_nobody_looks(layered: KubernetesTrial) -> None:
    record = remembered(layered)
    names = layered.held().keys()
    for secrets in (3, 64, 65, 10**12):
        plate = {**json.loads(layered.data("analytics.etl-prod.0")["nameplate"]), "secrets": secrets}
        layered.edit_data("analytics.etl-prod.0", nameplate=json.dumps(plate))
        assert reasons(push(ONE, layered.target, record)) == {}
        assert layered.held().keys() == names
        assert right(layered, ONE)


# Who comes between


@pytest.mark.parametrize("after", [OTHER, NONE], ids=["an update", "a removal"])
def test_a_hand_edit_between_plan_and_write_is_a_conflict_and_stays(trial: KubernetesTrial, after: Workspace) -> None:
    record, name = remembered(trial), name_of(trial)
    prepared = planned(after, trial.target, record)
    trial.edit_data(name, by="hand")
    before = trial.held()[name]
    assert reasons(finished(prepared, after, trial.target, record))[name] is Reason.CONFLICT
    assert trial.held()[name] == before
    assert reasons(push(after, trial.target, record)) == {}
    assert right(trial, after)


def test_what_somebody_made_between_plan_and_write_is_a_conflict_and_stays(trial: KubernetesTrial) -> None:
    record, name = MemoryRecord(trial.target.layout), name_of(trial)
    prepared = planned(ONE, trial.target, record)
    trial.put_foreign(name)
    before = trial.held()[name]
    assert reasons(finished(prepared, ONE, trial.target, record)) == {name: Reason.CONFLICT}
    assert trial.held()[name] == before
    assert reasons(push(ONE, trial.target, record)) == {name: Reason.NOT_OWNED}
    assert trial.held()[name] == before


@pytest.mark.parametrize("after", [OTHER, NONE], ids=["an update", "a removal"])
def test_what_somebody_made_anew_between_plan_and_write_stays(trial: KubernetesTrial, after: Workspace) -> None:
    record, name = remembered(trial), name_of(trial)
    prepared = planned(after, trial.target, record)
    trial.delete(name)
    trial.put_foreign(name)
    before = trial.held()[name]
    assert reasons(finished(prepared, after, trial.target, record))[name] is Reason.CONFLICT
    assert trial.held()[name] == before


@pytest.mark.parametrize("after", [OTHER, NOBODY], ids=["an update", "a removal"])
def test_a_hand_edit_between_our_look_and_our_write_is_a_conflict_and_stays(
    trial: KubernetesTrial, after: Workspace
) -> None:
    record, name = remembered(trial), name_of(trial)

    def between(request: Request, onward: Pass) -> Said:
        if is_write(request) and name in request.path:
            trial.edit_data(name, by="hand")
        return onward()

    with faulty(between, behind=trial.server.url, ca=trial.server.ca) as server:
        found = reasons(push(after, trial.through(server.address), record))
    assert found == {name: Reason.CONFLICT}
    assert trial.data(name)["by"] == "hand"
    assert reasons(push(after, trial.target, record)) == {}
    assert right(trial, after)


@pytest.mark.parametrize("one", [ONE, OTHER, NOBODY], ids=["creation", "update", "removal"])
def test_a_write_whose_answer_is_lost_is_done(trial: KubernetesTrial, one: Workspace) -> None:
    record = MemoryRecord(trial.target.layout) if one is ONE else remembered(trial)

    def loses(request: Request, onward: Pass) -> Said:
        return lost(request, onward) if is_write(request) else onward()

    with faulty(loses, behind=trial.server.url, ca=trial.server.ca) as server:
        assert reasons(push(one, trial.through(server.address), record)) == {}
    assert right(trial, one)
    assert planned(one, trial.target, record).plan.changes == ()


@pytest.mark.parametrize("one", [ONE, OTHER, NOBODY], ids=["creation", "update", "removal"])
def test_fake_a_failure_after_it_was_done_is_no_failure(trial: KubernetesTrial, one: Workspace) -> None:
    record = MemoryRecord(trial.target.layout) if one is ONE else remembered(trial)
    late = says(500, status(500, "InternalError", "etcdserver: request timed out"))

    def done_and_failed(request: Request, onward: Pass) -> Said:
        said = onward()
        return late(request, onward) if is_write(request) else said

    with faulty(done_and_failed, behind=trial.server.url, ca=trial.server.ca) as server:
        assert reasons(push(one, trial.through(server.address), record)) == {}
    assert right(trial, one)


# What lies there


def test_a_second_pass_writes_nothing(trial: KubernetesTrial) -> None:
    record = remembered(trial, TWO)
    before = trial.held()
    push(TWO, trial.target, record)
    push(TWO, trial.target)
    assert trial.held() == before


def test_what_lies_beside_a_document_holds_no_secret(trial: KubernetesTrial) -> None:
    push(TWO, trial.target)
    assert SECRET not in repr([one["metadata"] for one in trial.held().values()])


def test_what_airflow_reads_is_what_its_own_backend_takes(airflow: KubernetesTrial) -> None:
    push(TWO, airflow.target)
    held: dict[str, Any] = {}
    for one in airflow.held():
        labels = airflow.metadata(one)["labels"]
        label = labels.get(LABEL) or labels["airflow.apache.org/variable-key"]
        held[label] = airflow.data(one)
    assert held["region"] == {"value": "eu"}
    assert held["warehouse"].keys() == {"value"}
    assert json.loads(held["warehouse"]["value"]) == {
        "conn_type": "postgres",
        "host": "db.internal",
        "password": f"{SECRET} warehouse",
        "extra": {"sslmode": "require", "token": SECRET},
    }


def test_what_a_newer_release_wrote_is_left_alone_and_stops_no_other(layered: KubernetesTrial) -> None:
    many = workspace(*(connection(f"c{n}") for n in range(20)), WAREHOUSE, deployments=["etl-prod"])
    record, name = remembered(layered, many), name_of(layered)
    layered.edit_data(name, **{key_of(layered): json.dumps({"format": 99, "news": SECRET})})
    before = layered.held()[name]
    changed = workspace(*(connection(f"c{n}", host="x") for n in range(20)), deployments=["etl-prod"], revision=2)
    assert reasons(push(changed, layered.target, record)) == {name: Reason.NEWER_DOCUMENT}
    assert layered.held()[name] == before
    assert sum("x" in layered.data(one)[key] for one in layered.held() for key in layered.data(one)) > 0
