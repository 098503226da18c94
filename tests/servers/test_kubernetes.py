"""What `dev/servers` promises of Kubernetes: there when it is needed, as it is needed, and gone afterwards."""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from servers import kubernetes, processes
from servers.kubernetes import objects
from servers.kubernetes.client import Client
from tests.servers import traces

pytestmark = [pytest.mark.kubernetes, pytest.mark.slow]

STARTED_AND_LEFT = """
import os, signal
from servers import kubernetes
with kubernetes.running() as server:
    print(server.url, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
READ = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}
COLOUR = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "colours.tests.internal"},
    "spec": {
        "group": "tests.internal",
        "scope": "Namespaced",
        "names": {"plural": "colours", "kind": "Colour"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"name": {"type": "string"}}}},
            }
        ],
    },
}


@pytest.fixture(scope="module")
def own() -> Iterator[kubernetes.Kubernetes]:
    """One that may be stopped."""
    with kubernetes.running() as server:
        yield server


def secret(namespace: str, name: str, **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": namespace, "name": name},
        "stringData": data,
    }


def got(client: Client, namespace: str, name: str) -> dict[str, str]:
    data = client.done("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def who(client: Client) -> Any:
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = client.done("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
    return answer["status"]["userInfo"]["username"]


def claims(token: str) -> Any:
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def test_it_keeps_what_it_is_given(kubernetes_server: kubernetes.Kubernetes, kubernetes_namespace: str) -> None:
    objects.apply(kubernetes_server, [secret(kubernetes_namespace, "lake", host="lake.internal")])

    assert got(kubernetes_server, kubernetes_namespace, "lake") == {"host": "lake.internal"}


def test_who_started_it_is_its_administrator(kubernetes_server: kubernetes.Kubernetes) -> None:
    assert who(kubernetes_server) == "admin"
    assert kubernetes_server.call("GET", "/api/v1/secrets").status == 200
    assert kubernetes_server.token not in repr(kubernetes_server)


def test_who_brings_no_token_is_anonymous_and_refused(
    kubernetes_server: kubernetes.Kubernetes, kubernetes_namespace: str
) -> None:
    refused = kubernetes_server.bearer("").call("GET", f"/api/v1/namespaces/{kubernetes_namespace}/secrets")

    assert refused.status == 403
    assert 'User "system:anonymous" cannot list' in refused.body["message"]


def test_an_unknown_token_is_refused(kubernetes_server: kubernetes.Kubernetes) -> None:
    assert kubernetes_server.bearer("a token of nobody").call("GET", "/api").status == 401


def test_a_token_is_its_service_accounts(kubernetes_server: kubernetes.Kubernetes, kubernetes_namespace: str) -> None:
    account = objects.service_account(kubernetes_server, kubernetes_namespace, "worker")
    token = objects.token(kubernetes_server, kubernetes_namespace, "worker", seconds=600)

    assert who(kubernetes_server.bearer(token)) == account == claims(token)["sub"]
    assert claims(token)["exp"] == pytest.approx(time.time() + 600, abs=60)


def test_a_token_for_another_audience_is_refused(
    kubernetes_server: kubernetes.Kubernetes, kubernetes_namespace: str
) -> None:
    token = objects.token(kubernetes_server, kubernetes_namespace, "default", audiences=["vault"])

    assert claims(token)["aud"] == ["vault"]
    assert kubernetes_server.bearer(token).call("GET", "/api").status == 401


def test_a_service_account_may_do_only_what_it_is_granted(
    kubernetes_server: kubernetes.Kubernetes, kubernetes_namespace: str
) -> None:
    objects.apply(kubernetes_server, [secret(kubernetes_namespace, "lake", host="lake.internal")])
    worker = kubernetes_server.bearer(objects.token(kubernetes_server, kubernetes_namespace, "default"))
    with pytest.raises(processes.Failed, match=r"403 to GET .* cannot get resource \"secrets\""):
        got(worker, kubernetes_namespace, "lake")

    objects.grant(kubernetes_server, kubernetes_namespace, "default", [READ])

    assert got(worker, kubernetes_namespace, "lake") == {"host": "lake.internal"}
    assert worker.call("DELETE", f"/api/v1/namespaces/{kubernetes_namespace}/secrets/lake").status == 403
    assert worker.call("GET", "/api/v1/namespaces/default/secrets").status == 403


def test_what_is_applied_may_be_of_a_kind_that_was_applied_before_it(
    kubernetes_server: kubernetes.Kubernetes, kubernetes_namespace: str
) -> None:
    meta = {"namespace": kubernetes_namespace, "name": "sky"}
    blue = {"apiVersion": "tests.internal/v1", "kind": "Colour", "metadata": meta, "name": "blue"}

    _, made = objects.apply(kubernetes_server, [COLOUR, blue])
    (changed,) = objects.apply(kubernetes_server, [{**blue, "name": "grey"}])

    assert (made["name"], changed["name"]) == ("blue", "grey")


def test_a_kind_that_nobody_knows_is_told(
    kubernetes_server: kubernetes.Kubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "_ESTABLISHED", 0)
    sound = {"apiVersion": "tests.internal/v2", "kind": "Sound", "metadata": {"name": "hum"}}

    with pytest.raises(processes.Failed, match=r"knows no Sound in /apis/tests.internal/v2"):
        objects.apply(kubernetes_server, [sound])


def test_a_kubeconfig_leads_to_it(
    kubernetes_server: kubernetes.Kubernetes, kubernetes_namespace: str, tmp_path: Path
) -> None:
    token = objects.token(kubernetes_server, kubernetes_namespace, "default")
    path = tmp_path / "kubeconfig"

    kubernetes_server.bearer(token).write_kubeconfig(path, kubernetes_namespace)

    assert path.stat().st_mode & 0o777 == 0o600
    config = yaml.safe_load(path.read_text())
    (context,) = [one["context"] for one in config["contexts"] if one["name"] == config["current-context"]]
    (cluster,) = [one["cluster"] for one in config["clusters"] if one["name"] == context["cluster"]]
    (user,) = [one["user"] for one in config["users"] if one["name"] == context["user"]]
    assert context["namespace"] == kubernetes_namespace
    authority = tmp_path / "ca.pem"
    authority.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
    client = Client(cluster["server"], authority, user["token"])
    assert who(client) == f"system:serviceaccount:{kubernetes_namespace}:default"


def test_the_administrators_kubeconfig_is_there_for_every_client(kubernetes_server: kubernetes.Kubernetes) -> None:
    config = yaml.safe_load(Path(kubernetes_server.environ["KUBECONFIG"]).read_text())

    assert config["clusters"][0]["cluster"]["server"] == kubernetes_server.url
    assert config["users"][0]["user"]["token"] == kubernetes_server.token


def test_a_restart_of_the_api_server_keeps_address_data_and_tokens(own: kubernetes.Kubernetes) -> None:
    namespace = objects.namespace(own, "restart")
    objects.apply(own, [secret(namespace, "lake", host="lake.internal")])
    worker = own.bearer(objects.token(own, namespace, "default"))
    objects.grant(own, namespace, "default", [READ])

    own.apiserver.stop()
    with pytest.raises(OSError, match="refused"):
        own.call("GET", "/readyz")
    own.apiserver.start()

    assert got(worker, namespace, "lake") == {"host": "lake.internal"}


def test_without_etcd_it_says_so_and_with_it_it_has_its_data_again(own: kubernetes.Kubernetes) -> None:
    namespace = objects.namespace(own, "without-etcd")
    objects.apply(own, [secret(namespace, "lake", host="lake.internal")])

    own.etcd.stop()
    try:
        own.apiserver.wait("word of etcd", lambda: own.call("GET", "/readyz/etcd").status == 500)
        late = own.call("POST", f"/api/v1/namespaces/{namespace}/secrets?timeout=1s", secret(namespace, "late"))
        assert (late.status, late.body["reason"]) == (504, "Timeout")
    finally:
        own.etcd.start()
    own.wait()

    assert got(own, namespace, "lake") == {"host": "lake.internal"}


def test_its_administrators_token_is_no_argument(own: kubernetes.Kubernetes) -> None:
    arguments = [(Path("/proc") / str(pid) / "cmdline").read_bytes() for pid in traces.at_work(own.folder)]

    assert sum(b"--authorization-mode=RBAC" in one for one in arguments) == 1
    assert not any(own.token.encode() in one for one in arguments)


def test_nothing_is_left_of_one_that_has_ended_even_by_an_error(scratch: Path) -> None:
    at_work: list[int] = []
    with pytest.raises(ZeroDivisionError), kubernetes.running() as server:  # noqa: PT012  it raises at its end
        at_work += traces.at_work(scratch)
        raise ZeroDivisionError

    assert len(at_work) == 2
    assert not traces.listens(server.url)
    assert list(traces.at_work(scratch)) == []
    assert list(scratch.iterdir()) == []


def test_nothing_is_left_of_one_that_does_not_start(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes, "_ISSUER", ":")

    with pytest.raises(processes.Failed, match="issuer"), kubernetes.running():
        pass

    assert list(traces.at_work(scratch)) == []
    assert list(scratch.iterdir()) == []


def test_it_ends_with_whoever_started_it(scratch: Path) -> None:
    traces.assert_ends_with_its_parent(STARTED_AND_LEFT, scratch)


def test_a_port_that_somebody_took_is_asked_for_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = [taken.getsockname()[1], processes.free_port()]
        monkeypatch.setattr(processes, "free_port", lambda: ports.pop(0))

        with kubernetes.running() as server:
            assert ports == []
            assert traces.listens(server.url)
