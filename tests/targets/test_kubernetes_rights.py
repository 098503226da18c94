"""The manifests in dev/samples/kubernetes grant what is needed, and nothing that isn't."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from servers import kubernetes as servers
from servers.kubernetes import objects
from syncd.clients.kubernetes.credentials import Account
from syncd.clients.kubernetes.reading import Reader
from syncd.clients.kubernetes.writing import Kubernetes
from syncd.core.errors import FixError, Reason, SyncError
from syncd.core.layouts.kubernetes import Bundled
from syncd.core.layouts.lookup import Address, lookup
from syncd.core.model import Scope
from syncd.sources.answers import Times
from syncd.sources.kubernetes import KubernetesSource
from tests.targets.memory_record import MemoryRecord
from tests.targets.passes import WAREHOUSE, push, seal, workspace
from tests.targets.test_kubernetes import ITEM, LABEL, LAYOUTS, NOBODY, ONE, OTHER, TWO, name_of
from tests.targets.trials import RULES, KubernetesTrial, in_kubernetes

pytestmark = pytest.mark.kubernetes

SAMPLES = Path(__file__).parents[2] / "dev/samples/kubernetes"
VERBS = RULES[0]["verbs"]


@pytest.fixture(params=LAYOUTS)
def trial(request: pytest.FixtureRequest, kubernetes_server: servers.Kubernetes, tmp_path: Path) -> KubernetesTrial:
    return in_kubernetes(LAYOUTS[request.param], kubernetes_server, tmp_path)


def manifests(name: str, namespaces: Mapping[str, str]) -> list[Any]:
    """Of a sample, with its namespaces renamed."""
    found = list(yaml.safe_load_all((SAMPLES / name).read_text("utf-8")))
    for manifest in found:
        for named in (manifest["metadata"], *manifest.get("subjects", ())):
            named["namespace"] = namespaces[named["namespace"]]
    return found


def applied(trial: KubernetesTrial, sample: str, account: str, namespaces: Mapping[str, str]) -> Account:
    """The way in of a service account that a sample makes."""
    objects.apply(trial.server, manifests(sample, namespaces))
    path = trial.token_path.with_name(f"{account}-of-{sample}")
    made = next(one for one in manifests(sample, namespaces) if one["kind"] == "ServiceAccount")
    assert made["metadata"]["name"] == account
    path.write_text(objects.token(trial.server, made["metadata"]["namespace"], account), "utf-8")
    return Account(trial.server.url, str(trial.server.ca), str(path))


def live(trial: KubernetesTrial) -> list[SyncError]:
    """All that a target ever does, and what went wrong with it."""
    record = MemoryRecord(trial.target.layout)
    return list(_failures(trial, record))


def _failures(trial: KubernetesTrial, record: MemoryRecord) -> Iterator[SyncError]:
    changed = Scope("files", items=frozenset({ITEM}))
    for one, scope in (
        (ONE, None),
        (TWO, None),
        (OTHER, changed),
        (replace(TWO, revision=3), None),
        (replace(NOBODY, revision=4), None),
    ):
        try:
            yield from (outcome.error for outcome in push(one, trial.target, record, scope) if outcome.error)
            trial.target.observe(record.known.stamps.keys(), seal)
        except SyncError as error:
            yield error


def test_what_the_sample_grants_to_syncd_is_all_that_it_needs(trial: KubernetesTrial) -> None:
    trial.allow()
    home = objects.namespace(trial.server, f"{trial.target.namespace}-syncd")
    account = applied(trial, "syncd.yaml", "syncd", {"etl-dev": trial.target.namespace, "syncd": home})
    trial.target = replace(trial.target, kubernetes=Kubernetes(account))
    trial.wait_for(f"system:serviceaccount:{home}:syncd", *VERBS)
    assert live(trial) == []
    assert trial.held() == {}


def test_the_sample_grants_what_the_tests_of_the_target_are_run_with() -> None:
    (role,) = (one for one in manifests("syncd.yaml", {"etl-dev": "a", "syncd": "b"}) if one["kind"] == "Role")
    assert role["rules"] == RULES


@pytest.mark.parametrize("verb", VERBS)
def test_without_any_of_its_verbs_something_fails_and_says_which_it_was(trial: KubernetesTrial, verb: str) -> None:
    trial.allow(*(one for one in VERBS if one != verb))
    failures = live(trial)
    assert {error.reason for error in failures} & {Reason.ACCESS_DENIED}
    assert {error.remedy for error in failures if error.reason is Reason.ACCESS_DENIED} == {
        f"a Role in {trial.target.namespace} has to allow `{verb}` on `secrets`"
    }


def test_a_worker_reads_its_own_deployments_secrets_and_no_others(
    kubernetes_server: servers.Kubernetes, tmp_path: Path
) -> None:
    trial = in_kubernetes(Bundled("analytics"), kubernetes_server, tmp_path)
    namespace = trial.target.namespace
    push(workspace(WAREHOUSE), trial.target)
    worker = Reader(applied(trial, "worker.yaml", "airflow", {"etl-dev": namespace}))
    trial.wait_for(f"system:serviceaccount:{namespace}:airflow", "get", name="analytics.etl-dev.0")
    source = KubernetesSource(worker, namespace, "analytics", "etl-dev", Times(0, 0))
    address = Address("analytics", "etl-dev", "analytics")
    assert lookup(source.get, address, "connection", "warehouse") is not None
    assert lookup(source.get, address, "connection", "not-linked") is None
    for call in (lambda: worker.secret(namespace, "analytics.etl-prod.0"), lambda: worker.secrets(namespace)):
        with pytest.raises(FixError) as caught:
            call()
        assert caught.value.reason is Reason.ACCESS_DENIED


def test_a_worker_with_airflows_own_backend_lists_by_label(
    kubernetes_server: servers.Kubernetes, tmp_path: Path
) -> None:
    trial = in_kubernetes(LAYOUTS["airflow"], kubernetes_server, tmp_path)
    namespace = trial.target.namespace
    push(TWO, trial.target)
    worker = Reader(applied(trial, "worker-stock.yaml", "airflow", {"etl-prod": namespace}))
    trial.wait_for(f"system:serviceaccount:{namespace}:airflow", "list")
    assert [one.name for one in worker.secrets(namespace, f"{LABEL}=warehouse")] == [name_of(trial)]
