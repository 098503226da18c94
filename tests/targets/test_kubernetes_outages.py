"""An API server, or its etcd, that goes in the middle of a pass: what was done is known, the next does the rest."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from servers import kubernetes as servers
from servers.kubernetes import objects
from syncd.clients.kubernetes.credentials import Account
from syncd.clients.kubernetes.writing import Kubernetes
from syncd.core.errors import FixError, Reason, WaitError
from syncd.core.layouts.kubernetes import Bundled, Labelled
from syncd.core.model import Workspace
from tests.clients.fake_server import Fault, Pass, Request, Said, faulty, in_turn, passes, says
from tests.clients.kube import status
from tests.targets.memory_record import MemoryRecord
from tests.targets.passes import REGION, WAREHOUSE, connection, finished, planned, push, reasons, seal, workspace
from tests.targets.test_kubernetes import ONE, OTHER, is_write, name_of, remembered, right
from tests.targets.trials import KubernetesTrial, in_kubernetes

pytestmark = [pytest.mark.kubernetes, pytest.mark.slow]

MANY = workspace(*(connection(f"c{number:02}") for number in range(40)), deployments=["etl-prod"])
"""More than one page of a list."""


@pytest.fixture(scope="module")
def server() -> Iterator[servers.Kubernetes]:
    """One that is stopped now and then."""
    with servers.running() as server:
        yield server


@pytest.fixture
def airflow(server: servers.Kubernetes, tmp_path: Path) -> KubernetesTrial:
    return in_kubernetes(Labelled("analytics"), server, tmp_path)


@pytest.fixture
def layered(server: servers.Kubernetes, tmp_path: Path) -> KubernetesTrial:
    return in_kubernetes(Bundled("analytics"), server, tmp_path)


def at_write(number: int, does: Callable[[], object]) -> Fault:
    """Right before the n-th write arrives."""
    seen = 0

    def fault(request: Request, onward: Pass) -> Said:
        nonlocal seen
        seen += is_write(request)
        if seen == number and is_write(request):
            does()
        return onward()

    return fault


@pytest.mark.parametrize("what", ["etcd", "the API server"])
def test_where_a_part_goes_in_the_middle_of_a_batch_the_rest_waits_for_the_next_pass(
    airflow: KubernetesTrial, what: str
) -> None:
    record, server = MemoryRecord(airflow.target.layout), airflow.server
    part = server.etcd if what == "etcd" else server.apiserver
    with faulty(at_write(15, part.stop), behind=server.url, ca=server.ca) as between:
        target = airflow.through(between.address, timeout=1)
        began = time.monotonic()
        try:
            outcomes = push(MANY, target, record)
            took = time.monotonic() - began
            with pytest.raises(WaitError):
                target.observe(None, seal)
        finally:
            part.start()
            server.wait()  # before what still waits for an answer is hung up on
    assert set(reasons(outcomes).values()) == {Reason.UNAVAILABLE}
    assert took < 10
    there = airflow.held()
    told = {one.place.object for one in outcomes if one.error is None}
    assert 0 < len(told) < 40
    assert told <= there.keys()

    assert reasons(push(MANY, airflow.target, record)) == {}
    assert right(airflow, MANY)
    after = airflow.held()
    assert {name: after[name] for name in there} == there


def test_an_api_server_that_hangs_costs_a_pass_two_timeouts_and_not_one_for_each(airflow: KubernetesTrial) -> None:
    record = remembered(airflow, MANY)
    client = Kubernetes(Account(airflow.server.url, str(airflow.server.ca), str(airflow.token_path)), timeout=1)
    target = type(airflow.target)("files", airflow.target.layout, client, airflow.target.namespace, airflow.server.url)
    changed = workspace(
        *(connection(f"c{number:02}", host="x") for number in range(40)), deployments=["etl-prod"], revision=2
    )
    prepared = planned(changed, target, record)
    airflow.server.apiserver.send(signal.SIGSTOP)
    try:
        began = time.monotonic()
        found = reasons(finished(prepared, changed, target, record))
        assert time.monotonic() - began < 5
    finally:
        airflow.server.apiserver.send(signal.SIGCONT)
    assert found == dict.fromkeys(airflow.held(), Reason.UNAVAILABLE)
    assert reasons(push(changed, airflow.target, record)) == {}
    assert right(airflow, changed)


def test_fake_a_list_whose_rest_is_forgotten_begins_again_and_is_never_short(airflow: KubernetesTrial) -> None:
    remembered(airflow, MANY)
    whole = airflow.target.observe(None, seal)
    gone = says(410, status(410, "Expired"))
    second: Fault = in_turn(gone, passes)
    once: Fault = lambda request, onward: (second if "continue=" in request.path else passes)(request, onward)  # noqa: E731
    always: Fault = lambda request, onward: (gone if "continue=" in request.path else passes)(request, onward)  # noqa: E731
    with faulty(once, behind=airflow.server.url, ca=airflow.server.ca) as server:
        assert airflow.through(server.address).observe(None, seal) == whole
    before = airflow.held()
    with faulty(always, behind=airflow.server.url, ca=airflow.server.ca) as server, pytest.raises(WaitError):
        push(workspace(deployments=["etl-prod"], revision=2), airflow.through(server.address))
    assert airflow.held() == before


def test_fake_a_pass_that_is_asked_to_go_slower_does_and_writes_all(airflow: KubernetesTrial) -> None:
    slower: Fault = in_turn(says(429, status(429, "TooManyRequests"), Retry_After="1"), passes)
    fault: Fault = lambda request, onward: (slower if is_write(request) else passes)(request, onward)  # noqa: E731
    with faulty(fault, behind=airflow.server.url, ca=airflow.server.ca) as server:
        assert reasons(push(MANY, airflow.through(server.address))) == {}
    assert right(airflow, MANY)


def test_fake_a_pass_that_is_asked_to_wait_for_an_hour_ends_and_says_so(layered: KubernetesTrial) -> None:
    record, name = remembered(layered), name_of(layered)
    later = says(429, status(429, "TooManyRequests"), Retry_After="3600")
    fault: Fault = lambda request, onward: (later if is_write(request) else passes)(request, onward)  # noqa: E731
    with faulty(fault, behind=layered.server.url, ca=layered.server.ca) as server:
        outcomes = push(OTHER, layered.through(server.address), record)
    assert reasons(outcomes) == {name: Reason.UNAVAILABLE}
    assert any("fewer requests" in str(one.error) for one in outcomes if one.error)
    assert right(layered, ONE)


@pytest.mark.parametrize("content", [status(500, "InternalError"), b"<html>"], ids=["a status", "a page"])
def test_fake_a_secret_that_kubernetes_fails_at_for_ever_stops_no_other(
    airflow: KubernetesTrial, content: object
) -> None:
    record = remembered(airflow, workspace(WAREHOUSE, REGION, deployments=["etl-prod"]))
    name = name_of(airflow)
    fault: Fault = lambda request, onward: (says(500, content) if name in request.path else passes)(request, onward)  # noqa: E731
    changed = workspace(
        connection("warehouse", host="x"), *MANY.definitions.values(), deployments=["etl-prod"], revision=2
    )
    with faulty(fault, behind=airflow.server.url, ca=airflow.server.ca) as server:
        assert reasons(push(changed, airflow.through(server.address), record)) == {name: Reason.UNAVAILABLE}
    assert len(airflow.held()) == 41
    assert reasons(push(changed, airflow.target, record)) == {}
    assert right(airflow, changed)


def test_fake_where_kubernetes_fails_at_every_write_the_rest_is_not_tried(airflow: KubernetesTrial) -> None:
    fails = says(500, status(500, "InternalError"))
    fault: Fault = lambda request, onward: (fails if is_write(request) else passes)(request, onward)  # noqa: E731
    with faulty(fault, behind=airflow.server.url, ca=airflow.server.ca) as server:
        assert set(reasons(push(MANY, airflow.through(server.address))).values()) == {Reason.UNAVAILABLE}
        assert len([request for request in server.requests if is_write(request)]) < 30


def test_an_admission_policy_that_denies_one_secret_stops_no_other(airflow: KubernetesTrial) -> None:
    name, namespace = name_of(airflow), airflow.target.namespace
    _deny(airflow.server, namespace, name)
    outcomes = push(_with(MANY), airflow.target)
    (error,) = (one.error for one in outcomes if one.error)
    assert (type(error), error.reason, name in error.subject) == (FixError, Reason.REFUSED, True)
    assert right(airflow, MANY)


def _with(many: Workspace) -> Workspace:
    return workspace(WAREHOUSE, *many.definitions.values(), deployments=["etl-prod"])


def _deny(server: servers.Kubernetes, namespace: str, name: str) -> None:
    """That a Secret of this name is made."""
    meta = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": f"deny-{namespace}"}}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["secrets"]}
    match = {"resourceRules": [rule], "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    validation = {"expression": f"object.metadata.name != '{name}'"}
    spec = {"matchConstraints": match, "validations": [validation]}
    bound = {"policyName": f"deny-{namespace}", "validationActions": ["Deny"]}
    objects.apply(
        server,
        [
            {**meta, "kind": "ValidatingAdmissionPolicy", "spec": spec},
            {**meta, "kind": "ValidatingAdmissionPolicyBinding", "spec": bound},
        ],
    )
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}
    while server.call("POST", f"/api/v1/namespaces/{namespace}/secrets?dryRun=All", secret).status == 201:
        pass  # the server learns of a policy within a second
