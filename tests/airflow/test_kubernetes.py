"""The backend over the API of a real Kubernetes: its service account may `get` its deployment's Secrets alone."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow")
from servers import kubernetes
from servers.kubernetes import objects
from syncd.clients.kubernetes.credentials import Account
from syncd.clients.kubernetes.writing import Kubernetes
from syncd.core.layouts.kubernetes import Bundled, key_of
from syncd.core.layouts.spread import secret_name, slot
from syncd.core.model import Key
from syncd.targets.kubernetes.target import KubernetesTarget
from tests.airflow.documents import SECRET, WAREHOUSE, Synced, connection, sample
from tests.airflow.processes import environment, python
from tests.airflow.releases import CHAIN_STOPS

pytestmark = [pytest.mark.airflow, pytest.mark.kubernetes]

NEXT = {"backend": f"{__name__}.Next"}
TRAP = {"backend": f"{__name__}.Trap"}


class Next:
    """The backend after ours: it has everything."""

    def get_conn_value(self, conn_id: str) -> str:
        return '{"conn_type": "next"}'


class Trap:
    """A backend that nobody must ask."""

    def get_conn_value(self, conn_id: str) -> str:
        raise AssertionError("asked")


class InKubernetes(Synced):
    """The sample workspace in a namespace; what syncd logs in with is an administrator's."""

    def __init__(self, server: kubernetes.Kubernetes, namespace: str, folder: Path) -> None:
        self.server, self.namespace, self.folder = server, namespace, folder
        admin = folder / "admin"
        admin.write_text(server.token, "utf-8")
        client = Kubernetes(Account(server.url, str(server.ca), str(admin)))
        target = KubernetesTarget("files", Bundled("analytics"), client, namespace, server.url)
        super().__init__(target, sample(), "analytics")

    def spread(self, secrets: int) -> None:
        """Over so many Secrets, and sync."""
        target = self.target
        assert isinstance(target, KubernetesTarget)
        self.target = KubernetesTarget("files", Bundled("analytics", secrets), target.kubernetes, self.namespace, "")
        self.sync()

    def kwargs(self, **more: Any) -> dict[str, Any]:
        """`backend_kwargs` of `etl-dev`, with a token of TokenRequest. Nothing is kept, unless it is said."""
        token = self.folder / "token"
        if not token.exists():
            names = [secret_name("analytics", "etl-dev", number) for number in range(8)]
            rules = [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": names, "verbs": ["get"]}]
            objects.service_account(self.server, self.namespace, "worker")
            objects.grant(self.server, self.namespace, "worker", rules)
            token.write_text(objects.token(self.server, self.namespace, "worker"), "utf-8")
        return {
            "workspace": "analytics",
            "deployment": "etl-dev",
            "source": "kubernetes",
            "namespace": self.namespace,
            "url": self.server.url,
            "ca": str(self.server.ca),
            "token_path": str(token),
            "cache_ttl": 0,
            **more,
        }

    def secret(self, number: int) -> str:
        return f"/api/v1/namespaces/{self.namespace}/secrets/{secret_name('analytics', 'etl-dev', number)}"

    def holding(self, conn_id: str) -> str:
        """The path of the Secret that holds a connection."""
        return self.secret(slot(key_of("connection", conn_id), 4))

    def edit(self, path: str, data: Mapping[str, str | bytes | None]) -> None:
        """By hand."""
        there = self.server.done("GET", path)
        contents = {key: text.encode() if isinstance(text, str) else text for key, text in data.items()}
        encoded = {key: text and base64.b64encode(text).decode() for key, text in contents.items()}
        there["data"] = {key: text for key, text in {**there["data"], **encoded}.items() if text is not None}
        self.server.done("PUT", path, there)


@pytest.fixture
def synced(kubernetes_server: kubernetes.Kubernetes, kubernetes_namespace: str, tmp_path: Path) -> InKubernetes:
    return InKubernetes(kubernetes_server, kubernetes_namespace, tmp_path).sync()


@pytest.fixture
def ours(backend: type[Any], synced: InKubernetes) -> Any:
    """The backend of `etl-dev`."""
    return backend(**synced.kwargs())


def found(backend: Any, conn_id: str = "warehouse") -> Any:
    value = backend.get_conn_value(conn_id)
    return None if value is None else json.loads(value)


def told(backend: Any, conn_id: str = "warehouse") -> str:
    """The error of a lookup, which stops the chain where it can be stopped."""
    with pytest.raises(Exception, match="can't be had") as raised:
        backend.get_conn_value(conn_id)
    if CHAIN_STOPS:
        assert raised.type.__name__ == "AirflowSecretsBackendAccessDenied"
    return str(raised.value)


def test_a_connection_is_its_layers_merged(ours: Any) -> None:
    assert found(ours) == WAREHOUSE
    assert (ours.get_variable("region"), ours.get_variable("empty")) == ("eu-west-1", "")
    assert found(ours, "Lake/é")["description"] == "é"


def test_what_is_not_linked_is_a_miss_and_the_next_backend_is_asked(backend: type[Any], synced: InKubernetes) -> None:
    assert found(backend(**synced.kwargs()), "theirs") is None
    assert found(backend(**synced.kwargs(next=NEXT)), "theirs") == {"conn_type": "next"}


def test_a_change_is_seen_at_the_next_lookup(ours: Any, synced: InKubernetes) -> None:
    assert found(ours) == WAREHOUSE
    synced.put(connection("warehouse", password="rotated"))
    assert found(ours) == {"conn_type": "http", "password": "rotated"}
    synced.drop(Key("connection", "warehouse"))
    assert found(ours) is None


@pytest.mark.parametrize("secrets", [1, 2, 7])
def test_over_how_many_secrets_documents_are_spread_is_found_out(ours: Any, synced: InKubernetes, secrets: int) -> None:
    assert found(ours) == WAREHOUSE
    synced.spread(secrets)
    assert found(ours) == WAREHOUSE
    assert found(ours, "Lake/é")["description"] == "é"
    assert found(ours, "theirs") is None


def gone(synced: InKubernetes) -> None:
    synced.server.done("DELETE", synced.holding("warehouse"))


def without_a_nameplate(synced: InKubernetes) -> None:
    for number in range(4):
        synced.edit(synced.secret(number), {"nameplate": None})


def another_workspaces(synced: InKubernetes) -> None:
    for number in range(4):
        plate = {"format": 1, "workspace": "finance", "deployment": "etl-dev", "count": 1, "revision": 1, "secrets": 4}
        synced.edit(synced.secret(number), {"nameplate": json.dumps(plate)})


def no_json(synced: InKubernetes) -> None:
    synced.edit(synced.holding("warehouse"), {"connections.warehouse": f"{SECRET}{{"})


def no_text(synced: InKubernetes) -> None:
    synced.edit(synced.holding("warehouse"), {"connections.warehouse": b"\xff\xfe{"})


def a_nameplate_that_is_no_text(synced: InKubernetes) -> None:
    for number in range(4):
        synced.edit(synced.secret(number), {"nameplate": b"\xff\xfe{"})


def refused(synced: InKubernetes) -> None:
    objects.withdraw(synced.server, synced.namespace, "worker")


BROKEN: dict[Callable[[InKubernetes], None], str] = {
    gone: "isn't there",
    without_a_nameplate: "has no nameplate",
    another_workspaces: "is the nameplate of another workspace",
    no_json: "is no JSON object",
    no_text: "is no JSON object",
    a_nameplate_that_is_no_text: "key nameplate: can't be read",
    refused: "a Role in",
}


@pytest.mark.parametrize("how", BROKEN, ids=lambda how: how.__name__)
def test_what_is_broken_is_an_error_that_stops_the_chain(
    backend: type[Any], synced: InKubernetes, how: Callable[[InKubernetes], None]
) -> None:
    ours = backend(**synced.kwargs(next=TRAP))
    assert found(ours) == WAREHOUSE
    how(synced)
    said = told(ours)
    assert BROKEN[how] in said
    assert SECRET not in said


def test_a_namespace_that_is_not_there_is_an_error_and_no_miss(backend: type[Any], synced: InKubernetes) -> None:
    assert "can't be had" in told(backend(**synced.kwargs(namespace="nonesuch", next=TRAP)))


def test_a_deployment_that_is_mistyped_is_an_error_and_no_miss(backend: type[Any], synced: InKubernetes) -> None:
    assert "can't be had" in told(backend(**synced.kwargs(deployment="etl-deu", next=TRAP)))


def test_outside_a_cluster_it_is_told_which_keys_are_missing(backend: type[Any], synced: InKubernetes) -> None:
    given = {key: value for key, value in synced.kwargs(next=TRAP).items() if key not in ("url", "ca", "token_path")}
    assert "give `url`, `ca` and `token_path` in backend_kwargs" in told(backend(**given))


def test_nobody_at_the_address_is_an_error_that_names_it(backend: type[Any], synced: InKubernetes) -> None:
    assert "https://127.0.0.1:1" in told(backend(**synced.kwargs(url="https://127.0.0.1:1", timeout=2, next=TRAP)))


@pytest.mark.parametrize(
    ("name", "value"),
    [("namespace", "Not A Namespace"), ("url", "https://user:pw@host"), ("token_path", "relative"), ("timeout", 0)],
)
def test_a_wrong_key_is_told_by_its_name(backend: type[Any], synced: InKubernetes, name: str, value: Any) -> None:
    assert f"backend_kwargs: {name}" in told(backend(**synced.kwargs(**{name: value})))


WITHOUT = """
import json, sys
sys.modules["kubernetes"] = None
from airflow_plugin import SharedConnectionsBackend
print(json.dumps(json.loads(SharedConnectionsBackend(**json.loads(sys.argv[1])).get_conn_value("warehouse"))))
"""


def test_an_airflow_without_the_package_kubernetes_finds_everything_too(synced: InKubernetes, tmp_path: Path) -> None:
    env = environment(tmp_path, {}, AIRFLOW__SECRETS__BACKEND="")
    assert python(WITHOUT, json.dumps(synced.kwargs()), env=env) == WAREHOUSE
