"""What a namespace refuses is told by name, and the rest is written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from servers import kubernetes as servers
from servers.kubernetes import objects
from syncd.clients.kubernetes.credentials import Account
from syncd.clients.kubernetes.writing import Kubernetes
from syncd.core.errors import FixError, Reason, SyncError, WaitError
from syncd.core.layouts.kubernetes import LARGEST, Bundled, Labelled
from syncd.core.model import Deployment, Item, Scope, Workspace
from syncd.core.outcome import Outcome
from tests.clients.fake_server import faulty, passes
from tests.targets.passes import (
    REGION,
    WAREHOUSE,
    connection,
    finished,
    planned,
    push,
    reasons,
    seal,
    variable,
    workspace,
)
from tests.targets.test_kubernetes import LAYOUTS, ONE, OTHER, TWO, is_write, name_of, remembered, right
from tests.targets.trials import KubernetesTrial, in_kubernetes

pytestmark = pytest.mark.kubernetes


@pytest.fixture(params=LAYOUTS)
def trial(request: pytest.FixtureRequest, kubernetes_server: servers.Kubernetes, tmp_path: Path) -> KubernetesTrial:
    return in_kubernetes(LAYOUTS[request.param], kubernetes_server, tmp_path)


@pytest.fixture
def airflow(kubernetes_server: servers.Kubernetes, tmp_path: Path) -> KubernetesTrial:
    return in_kubernetes(Labelled("analytics"), kubernetes_server, tmp_path)


@pytest.fixture
def layered(kubernetes_server: servers.Kubernetes, tmp_path: Path) -> KubernetesTrial:
    return in_kubernetes(Bundled("analytics"), kubernetes_server, tmp_path)


def errors(outcomes: tuple[Outcome, ...]) -> dict[Item | None, SyncError]:
    return {one.item: one.error for one in outcomes if one.error is not None}


# One deployment to a namespace


SCOPES = {
    "whole": Scope("files"),
    "partial": Scope("files", items=frozenset({Item("etl-prod", "connection", "warehouse")})),
}


@pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES)
def test_a_second_deployment_in_a_namespace_is_refused_by_name_before_anything_is_written(
    airflow: KubernetesTrial, scope: Scope
) -> None:
    record = remembered(airflow)
    before = airflow.held()
    with pytest.raises(FixError, match="etl-dev, etl-prod") as caught:
        push(workspace(connection("warehouse", host="x"), revision=2), airflow.target, record, scope)
    assert (caught.value.reason, caught.value.subject) == (Reason.OVERLAP, "target files")
    assert airflow.held() == before


def test_a_second_deployment_that_names_another_target_is_none_here(airflow: KubernetesTrial) -> None:
    both = workspace(WAREHOUSE)
    deployments = {**both.deployments, "etl-dev": Deployment("etl-dev", "prod", ("other",))}
    assert reasons(push(replace(both, deployments=deployments), airflow.target)) == {}
    assert right(airflow, ONE)


def test_layered_holds_many_deployments_in_a_namespace(layered: KubernetesTrial) -> None:
    both = workspace(WAREHOUSE)
    assert reasons(push(both, layered.target)) == {}
    assert right(layered, both)


def moved_in() -> Workspace:
    """Another deployment's, where ONE's was."""
    return workspace(connection("warehouse", host="x"), deployments=["etl-new"], revision=2)


def test_what_another_deployment_left_goes_before_anything_of_the_next_is_there(
    airflow: KubernetesTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = remembered(airflow)
    client, seen = type(airflow.target.kubernetes), []
    create = client.create

    def looked(*given: Any) -> Any:
        seen.append({*airflow.held()})
        return create(*given)

    monkeypatch.setattr(client, "create", looked)
    assert reasons(push(moved_in(), airflow.target, record)) == {}
    assert seen == [set()]
    assert right(airflow, moved_in())


def test_while_what_another_deployment_left_can_not_go_nothing_of_the_next_is_written(airflow: KubernetesTrial) -> None:
    record, old = remembered(airflow), name_of(airflow)
    airflow.allow("get", "list", "create", "update")
    new = airflow.target.layout.home(Item("etl-new", "connection", "warehouse")).object
    prepared = planned(moved_in(), airflow.target, record)
    assert any("etl-prod" in warning for warning in prepared.warnings)
    found = reasons(push(moved_in(), airflow.target, record))
    assert found == {old: Reason.ACCESS_DENIED, new: Reason.NOT_SYNCED_YET}
    assert airflow.held().keys() == {old}


# What nothing there can hold


IDS = ["-a", "a-", "é", "x" * 64, "a/b", "a:b"]


def test_an_id_that_no_label_can_hold_is_refused_by_name_and_the_rest_is_written(airflow: KubernetesTrial) -> None:
    fine = ["a", "A.b_c-d", "x" * 63]
    one = workspace(*map(connection, (*IDS, *fine)), variable("no label", "x"), REGION, deployments=["etl-prod"])
    found = errors(push(one, airflow.target))
    refused = {Item("etl-prod", "connection", id_) for id_ in IDS} | {Item("etl-prod", "variable", "no label")}
    assert {item: error.reason for item, error in found.items()} == dict.fromkeys(refused, Reason.NOT_HOLDABLE)
    assert all(str(item) in str(error) for item, error in found.items())
    assert right(airflow, workspace(*map(connection, fine), REGION, deployments=["etl-prod"]))


@pytest.mark.parametrize("size", [LARGEST - 200, LARGEST + 1, 3 * LARGEST])
def test_a_document_that_no_secret_can_hold_is_refused_by_name_and_the_rest_is_written(
    trial: KubernetesTrial, size: int
) -> None:
    small = [connection(f"c{number}") for number in range(10)]
    large = connection("warehouse", extra={"x": "x" * size})
    one = workspace(*small, large, REGION, deployments=["etl-prod"])
    found = errors(push(one, trial.target))
    if size < LARGEST and trial.target.layout.name == "airflow":  # where nothing else lies beside it
        assert found == {}
        return
    assert {item: error.reason for item, error in found.items()} == {
        Item("etl-prod", "connection", "warehouse"): Reason.NOT_HOLDABLE
    }
    assert "no Secret holds more" in str(*found.values())
    assert right(trial, workspace(*small, REGION, deployments=["etl-prod"]))


def test_documents_that_are_too_large_together_are_told_the_setting_that_spreads_them(
    layered: KubernetesTrial,
) -> None:
    layered.spread(1)
    many = workspace(*(connection(f"c{n}", extra={"x": "x" * 300_000}) for n in range(6)), deployments=["etl-prod"])
    found = errors(push(many, layered.target))
    assert {error.reason for error in found.values()} == {Reason.NOT_HOLDABLE}
    assert all("double `secrets` of target files" in str(error) for error in found.values())
    assert layered.held() == {}

    layered.spread(6)
    assert reasons(push(many, layered.target)) == {}
    assert right(layered, many)


def test_a_new_one_that_does_not_fit_beside_the_others_keeps_none_of_them_from_rotating(
    layered: KubernetesTrial,
) -> None:
    layered.spread(1)
    filling = [connection(f"c{n}", extra={"x": "x" * 300_000}) for n in range(3)]
    push(workspace(*filling, connection("rotated", port=1), deployments=["etl-prod"]), layered.target)
    large, small = connection("large", extra={"x": "x" * 300_000}), connection("rotated", port=2)
    found = errors(push(workspace(*filling, small, large, deployments=["etl-prod"], revision=2), layered.target))
    assert {item: error.reason for item, error in found.items()} == {
        Item("etl-prod", "connection", "large"): Reason.NOT_HOLDABLE
    }
    data = layered.data("analytics.etl-prod.0")
    assert json.loads(data["connections.rotated"])["layers"]["definition"]["port"] == 2
    assert json.loads(data["nameplate"])["awaits"] == ["connections/large"]


def test_more_secret_fields_than_an_annotation_holds_are_refused(airflow: KubernetesTrial) -> None:
    many = connection("warehouse", extra={f"token-{number:05}": "x" for number in range(12_000)})
    name = name_of(airflow)
    assert reasons(push(workspace(many, REGION, deployments=["etl-prod"]), airflow.target)) == {
        name: Reason.NOT_HOLDABLE
    }
    assert name not in airflow.held()
    assert len(airflow.held()) == 1


# A namespace that takes nothing, or little


def test_a_namespace_that_is_not_there_is_told(kubernetes_server: servers.Kubernetes, trial: KubernetesTrial) -> None:
    """To somebody who may look at every namespace: to anybody else it is refused."""
    admin = trial.token_path.with_name("admin")
    admin.write_text(kubernetes_server.token, "utf-8")
    client = Kubernetes(Account(kubernetes_server.url, str(kubernetes_server.ca), str(admin)))
    found = errors(push(ONE, replace(trial.target, kubernetes=client, namespace="not-there")))
    assert {(type(error), error.reason, error.problem) for error in found.values()} == {
        (FixError, Reason.NOT_FOUND, "its namespace isn't there")
    }


def test_a_plan_says_that_nothing_can_be_made_there_and_makes_nothing(trial: KubernetesTrial) -> None:
    trial.allow("get", "list", "update", "delete")
    prepared = planned(ONE, trial.target)
    assert prepared.plan.changes == ()
    assert {(error.reason, error.remedy) for error in prepared.plan.hold.values()} == {
        (Reason.ACCESS_DENIED, f"a Role in {trial.target.namespace} has to allow `create` on `secrets`")
    }
    trial.allow("get", "list", "create", "update", "delete")
    assert planned(ONE, trial.target).plan.hold == {}
    assert trial.held() == {}


def test_where_something_of_ours_lies_a_plan_asks_for_nothing_to_be_made(trial: KubernetesTrial) -> None:
    push(ONE, trial.target)
    with faulty(passes, behind=trial.server.url, ca=trial.server.ca) as server:
        planned(workspace(WAREHOUSE, REGION, deployments=["etl-prod"], revision=2), trial.through(server.address))
        assert not any(is_write(request) for request in server.requests)


def test_a_namespace_that_is_being_removed_is_waited_for(trial: KubernetesTrial) -> None:
    trial.done("DELETE", f"/api/v1/namespaces/{trial.target.namespace}")
    found = errors(push(ONE, trial.target))
    assert {(type(error), error.reason, error.problem) for error in found.values()} == {
        (WaitError, Reason.REFUSED, "its namespace is being removed")
    }
    assert trial.held() == {}


def quota(trial: KubernetesTrial, secrets: int) -> None:
    """How many Secrets its namespace may hold. No controller runs: the quota's status is said here."""
    path = f"/api/v1/namespaces/{trial.target.namespace}/resourcequotas"
    hard, used = {"count/secrets": str(secrets)}, {"count/secrets": str(len(trial.held()))}
    meta = {"namespace": trial.target.namespace, "name": "q"}
    manifest = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta, "spec": {"hard": hard}}
    (made,) = objects.apply(trial.server, [manifest])
    trial.done("PUT", f"{path}/q/status", {**made, "status": {"hard": hard, "used": used}})


def test_where_a_quota_is_used_up_what_fits_is_written_and_the_rest_once_it_does(trial: KubernetesTrial) -> None:
    record = remembered(trial)
    count = len(trial.held())
    quota(trial, count)
    more = workspace(
        connection("warehouse", host="other.internal"), REGION, deployments=["etl-prod", "etl-new"], revision=2
    )
    if trial.target.layout.name == "airflow":
        more = workspace(connection("warehouse", host="other.internal"), REGION, deployments=["etl-prod"], revision=2)
    found = errors(push(more, trial.target, record))
    assert {(type(error), error.reason) for error in found.values()} == {(WaitError, Reason.REFUSED)}
    assert all("quota" in error.problem for error in found.values())
    assert len(trial.held()) == count
    assert Item("etl-prod", "connection", "warehouse") not in found

    quota(trial, 100)
    assert reasons(push(more, trial.target, record)) == {}
    assert right(trial, more)


def test_a_role_that_was_taken_away_is_an_error_and_never_an_empty_namespace(trial: KubernetesTrial) -> None:
    record = remembered(trial)
    before = trial.held()
    trial.allow()
    with pytest.raises(FixError, match="has to allow `list` on `secrets`") as caught:
        push(OTHER, trial.target, record)
    assert (caught.value.reason, trial.target.namespace in caught.value.subject) == (Reason.ACCESS_DENIED, True)
    with pytest.raises(FixError):
        trial.target.observe(list(before), seal)
    assert trial.held() == before


def test_a_role_that_is_taken_away_between_plan_and_write_is_told_of_each(trial: KubernetesTrial) -> None:
    record, name = remembered(trial), name_of(trial)
    prepared = planned(OTHER, trial.target, record)
    trial.allow()
    before = trial.held()
    assert reasons(finished(prepared, OTHER, trial.target, record)) == {name: Reason.ACCESS_DENIED}
    assert trial.held() == before
    trial.allow("get", "list", "create", "update", "delete")
    assert reasons(push(OTHER, trial.target, record)) == {}


def test_a_token_that_expired_is_told_and_its_successor_on_disk_is_taken(trial: KubernetesTrial) -> None:
    fine = trial.token_path.read_text("utf-8")
    trial.token_path.write_text(f"{fine[:-8]}expired!", "utf-8")
    with pytest.raises(FixError) as caught:
        push(TWO, trial.target)
    assert caught.value.reason is Reason.ACCESS_DENIED
    trial.token_path.write_text(fine, "utf-8")
    assert reasons(push(TWO, trial.target)) == {}
    assert right(trial, TWO)
