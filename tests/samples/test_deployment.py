"""dev/samples/daemon/deployment.yaml: an API server takes it, and what its pods run does what it is for."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet

from servers import kubernetes as servers
from servers.kubernetes import objects
from servers.processes import free_port
from syncd.daemon.settings import Settings
from tests.samples.running import running

SAMPLES = Path(__file__).parents[2] / "dev/samples"
HERE = Path(sys.executable).parent
DEFINITIONS = """\
workspace: analytics
environments: [dev]
deployments:
  etl-dev: {environment: dev, targets: [pods]}
connections:
  warehouse: {conn_type: postgres, password: {$from: "env:WAREHOUSE_PASSWORD"}, link_all: true}
"""

pytestmark = [pytest.mark.slow]


def manifests(name: str) -> dict[str, Any]:
    """Of a sample, by kind."""
    return {one["kind"]: one for one in yaml.safe_load_all((SAMPLES / name).read_text("utf-8"))}


FOUND = manifests("daemon/deployment.yaml")
POD = FOUND["Deployment"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
(FIRST,) = POD["initContainers"]


def test_a_pod_is_given_longer_to_end_than_it_takes_for_that() -> None:
    assert POD["terminationGracePeriodSeconds"] > Settings.model_fields["grace"].default


def test_it_runs_as_the_service_account_that_is_granted_something() -> None:
    account = manifests("kubernetes/syncd.yaml")["ServiceAccount"]["metadata"]
    assert {one["metadata"]["namespace"] for one in FOUND.values()} == {account["namespace"]}
    assert POD["serviceAccountName"] == account["name"]


def test_every_container_is_locked_in() -> None:
    assert POD["securityContext"]["runAsNonRoot"] is True
    for one in (FIRST, CONTAINER):
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert all(mount["readOnly"] for mount in one["volumeMounts"])


@pytest.fixture
def namespaces(kubernetes_server: servers.Kubernetes, kubernetes_namespace: str) -> Mapping[str, str]:
    """Those of the samples, each by the name that this test has for it."""
    return {"etl-dev": kubernetes_namespace, "syncd": objects.namespace(kubernetes_server, f"{kubernetes_namespace}-s")}


def applied(server: servers.Kubernetes, sample: str, namespaces: Mapping[str, str]) -> list[Any]:
    """As the server has it afterwards."""
    found = list(yaml.safe_load_all((SAMPLES / sample).read_text("utf-8")))
    for one in found:
        for named in (one["metadata"], *one.get("subjects", ())):
            named["namespace"] = namespaces[named["namespace"]]
    return objects.apply(server, found)


@pytest.fixture
def pod(
    kubernetes_server: servers.Kubernetes, namespaces: Mapping[str, str], postgresql_database: str, tmp_path: Path
) -> Iterator[Mapping[str, str]]:
    """The environment that the kubelet would give: the ConfigMap as a folder to read, the Secret as variables."""
    applied(kubernetes_server, "kubernetes/syncd.yaml", namespaces)
    made = {one["kind"]: one for one in applied(kubernetes_server, "daemon/deployment.yaml", namespaces)}
    (mount,) = CONTAINER["volumeMounts"]
    (given,) = CONTAINER["envFrom"]
    assert given["secretRef"]["name"] == made["Secret"]["metadata"]["name"]
    settings = tmp_path / "settings"
    settings.mkdir()
    token = tmp_path / "token"
    token.write_text(objects.token(kubernetes_server, namespaces["syncd"], POD["serviceAccountName"]))
    # What a pod has by itself.
    outside = f'url = "{kubernetes_server.url}"\nca = "{kubernetes_server.ca}"\ntoken_path = "{token}"\n'
    for name, text in made["ConfigMap"]["data"].items():
        text = re.sub(r'^namespace = "etl-dev".*$', f'namespace = "{namespaces["etl-dev"]}"', text, flags=re.MULTILINE)
        (settings / name).write_text(text.replace('type = "kubernetes"\n', f'type = "kubernetes"\n{outside}'))
    settings.chmod(0o555)
    secrets = {
        "SYNCD_REGISTRY": postgresql_database,
        "SYNCD_KEYS": Fernet.generate_key().decode(),
        "WAREHOUSE_PASSWORD": "p",
    }
    assert secrets.keys() == made["Secret"]["data"].keys()
    said = {one["name"]: one["value"].replace(mount["mountPath"], str(settings)) for one in CONTAINER["env"]}
    yield {"PATH": f"{HERE}:/usr/bin:/bin", "HOME": "/", **said, **secrets}
    settings.chmod(0o755)


@pytest.mark.kubernetes
@pytest.mark.postgresql
def test_what_its_pods_run_keeps_a_namespace_in_sync_and_nothing_is_written_elsewhere(
    kubernetes_server: servers.Kubernetes, namespaces: Mapping[str, str], pod: Mapping[str, str], tmp_path: Path
) -> None:
    first = [subprocess.Popen(FIRST["args"], env=pod, stdout=subprocess.DEVNULL) for _ in range(2)]  # both replicas'
    assert [one.wait(60) for one in first] == [0, 0]
    before = sorted(Path(pod["SYNCD_HOME"]).iterdir())

    with ExitStack() as stack:
        replicas = [stack.enter_context(running(CONTAINER["args"], listening(pod))) for _ in range(2)]
        definitions = tmp_path / "definitions.yaml"
        definitions.write_text(DEFINITIONS)
        subprocess.run(["syncd", "apply", "-f", definitions, "--yes"], env=pod, check=True, capture_output=True)
        until_written(kubernetes_server, namespaces["etl-dev"])
        for probe in ("livenessProbe", "readinessProbe"):
            assert {one.get(CONTAINER[probe]["httpGet"]["path"]) for one in replicas} == {200}
        assert [one.ends() for one in replicas] == [0, 0]

    assert sorted(Path(pod["SYNCD_HOME"]).iterdir()) == before


def listening(pod: Mapping[str, str]) -> Mapping[str, str]:
    """At the address that it says, and at a port that is free here: two pods have one each."""
    host, _, port = pod["SYNCD_DAEMON_LISTEN"].rpartition(":")
    assert (host, int(port)) == ("", CONTAINER["ports"][0]["containerPort"])
    return {**pod, "SYNCD_DAEMON_LISTEN": f"{host}:{free_port()}"}


def until_written(server: servers.Kubernetes, namespace: str) -> None:
    while True:  # the test's own timeout ends it
        found = server.done("GET", f"/api/v1/namespaces/{namespace}/secrets")["items"]
        if "connections.warehouse" in {key for one in found for key in one.get("data", ())}:
            return
