"""`syncd policies` of a Kubernetes target: what it prints is all that a worker needs, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from servers import kubernetes as servers
from servers.kubernetes import objects
from syncd.clients.kubernetes.credentials import Account
from syncd.clients.kubernetes.reading import Reader
from syncd.core.errors import FixError, Reason
from syncd.core.layouts.kubernetes import Bundled, Labelled
from syncd.core.layouts.lookup import Address, lookup
from syncd.sources.answers import Times
from syncd.sources.kubernetes import KubernetesSource
from tests.cli.runner import Syncd
from tests.targets.test_kubernetes_commands import SECOND_DEPLOYMENT, at, by_token, settle, syncd
from tests.targets.trials import KubernetesTrial, in_kubernetes

__all__ = ["syncd"]  # a fixture


def printed(syncd: Syncd, *options: str) -> list[Any]:
    return list(yaml.safe_load_all(syncd.ok("policies", "pods", *options).out))


def names(manifest: Any) -> list[str]:
    """Of the Secrets that a Role is about."""
    (rule,) = manifest["rules"]
    assert (rule["apiGroups"], rule["resources"], rule["verbs"]) == ([""], ["secrets"], ["get"])
    return list(rule["resourceNames"])


def test_each_deployment_has_a_role_for_its_own_secrets_and_its_binding(syncd: Syncd) -> None:
    settle(syncd, 'namespace = "etl"', "secrets = 2")
    syncd.ok("apply", "-f", "-", "--yes", stdin=SECOND_DEPLOYMENT.encode())
    found = printed(syncd, "--service-account", "airflow:{deployment}-worker")

    assert [(one["kind"], one["metadata"]["name"]) for one in found] == [
        ("Role", "analytics.etl.connections"),
        ("RoleBinding", "analytics.etl.connections"),
        ("Role", "analytics.other.connections"),
        ("RoleBinding", "analytics.other.connections"),
    ]
    assert {one["metadata"]["namespace"] for one in found} == {"etl"}
    assert [names(one) for one in found[::2]] == [
        ["analytics.etl.0", "analytics.etl.1"],
        ["analytics.other.0", "analytics.other.1"],
    ]
    assert [one["subjects"] for one in found[1::2]] == [
        [{"kind": "ServiceAccount", "name": f"{name}-worker", "namespace": "airflow"}] for name in ("etl", "other")
    ]
    assert syncd.json("policies", "pods", "--service-account", "airflow:{deployment}-worker")["manifests"] == found


@pytest.mark.parametrize("options", [["--templated"], ["--auth-type", "jwt"], ["--service-account", "A b"]])
def test_what_is_for_a_vault_or_no_account_is_wrong_usage(syncd: Syncd, options: list[str]) -> None:
    settle(syncd, 'namespace = "etl"')

    assert syncd("policies", "pods", *options).code == 2


def worker(trial: KubernetesTrial, manifests: list[Any]) -> Reader:
    """A service account `airflow`, and what was printed for it."""
    namespace = trial.target.namespace
    who = objects.service_account(trial.server, namespace, "airflow")
    objects.apply(trial.server, manifests)
    (rule,) = manifests[0]["rules"]
    trial.wait_for(who, *rule["verbs"], name=rule.get("resourceNames", [""])[0])
    token = trial.token_path.with_name("worker")
    token.write_text(objects.token(trial.server, namespace, "airflow"), "utf-8")
    return Reader(Account(trial.server.url, str(trial.server.ca), str(token)))


@pytest.mark.kubernetes
def test_with_what_it_prints_a_worker_reads_its_own_secrets_and_no_others(
    syncd: Syncd, kubernetes_server: servers.Kubernetes, tmp_path: Path
) -> None:
    trial = in_kubernetes(Bundled("analytics"), kubernetes_server, tmp_path)
    namespace = trial.target.namespace
    at(syncd, trial, by_token)
    syncd.ok("apply", "-f", "-", "--yes", stdin=SECOND_DEPLOYMENT.encode())
    syncd.ok("sync")
    reader = worker(trial, printed(syncd)[:2])
    source = KubernetesSource(reader, namespace, "analytics", "etl", Times(0, 0))

    assert lookup(source.get, Address("analytics", "etl", "analytics"), "connection", "warehouse") is not None
    assert lookup(source.get, Address("analytics", "etl", "analytics"), "connection", "nonesuch") is None
    for call in (lambda: reader.secret(namespace, "analytics.other.0"), lambda: reader.secrets(namespace)):
        with pytest.raises(FixError) as caught:
            call()
        assert caught.value.reason is Reason.ACCESS_DENIED


@pytest.mark.kubernetes
def test_before_their_number_changes_it_names_those_of_before_and_after(
    syncd: Syncd, kubernetes_server: servers.Kubernetes, tmp_path: Path
) -> None:
    trial = in_kubernetes(Bundled("analytics"), kubernetes_server, tmp_path)
    at(syncd, trial, by_token, "secrets = 11")
    syncd.ok("sync")
    at(syncd, trial, by_token, "secrets = 3")

    assert names(printed(syncd)[0]) == [f"analytics.etl.{number}" for number in range(11)]
    syncd.ok("sync")
    assert names(printed(syncd)[0]) == [f"analytics.etl.{number}" for number in range(3)]


@pytest.mark.kubernetes
def test_in_airflow_it_is_what_stock_backends_need(
    syncd: Syncd, kubernetes_server: servers.Kubernetes, tmp_path: Path
) -> None:
    trial = in_kubernetes(Labelled("analytics"), kubernetes_server, tmp_path)
    at(syncd, trial, by_token)
    syncd.ok("sync")
    found = worker(trial, printed(syncd)).secrets(trial.target.namespace, "airflow.apache.org/connection-id=warehouse")

    assert len(found) == 1
