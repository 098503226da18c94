"""The `airflow` layout of Kubernetes, read by stock KubernetesSecretsBackend: no code of ours runs in that Airflow."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("airflow.providers.cncf.kubernetes.secrets.kubernetes_secrets_backend")
from kubernetes.client import ApiException, Configuration
from kubernetes.config import incluster_config

from servers import kubernetes
from servers.kubernetes import objects
from syncd.core.layouts.kubernetes import Labelled
from syncd.core.model import Definition, Key
from tests.airflow.conftest import forget_chain
from tests.airflow.documents import connection, sample, variable
from tests.airflow.namespaces import Namespaced, service_account

pytestmark = [pytest.mark.airflow, pytest.mark.kubernetes]

BACKEND = "airflow.providers.cncf.kubernetes.secrets.kubernetes_secrets_backend.KubernetesSecretsBackend"
FULL = {
    "description": "Ä warehouse",
    "host": "db.internal",
    "login": "",
    "password": "p@ss:w/o?r#d%41 \"'\n🔑",
    "schema": "analytics",
    "port": 5432,
    "extra": {"sslmode": "require", "deep": {"list": [1, None, "é", {"a": False}]}, "x.y": "", "none": "null"},
}
IDS = ["warehouse", "a.b-c_d", "A", "a", "0", "in", "notin", "x" * 63]
"""All that a label takes: words of the selectors' language, too."""

VALUES = ["", " ", "null", "5", "0123", "true", '{"a": 1}', "[1]", "é\n🔑", "postgres://u:p@h/d", "{{ x }}"]
DEFINITIONS: list[Definition] = [
    *(connection(id_, **FULL) for id_ in IDS),
    connection("bare"),
    *(variable(f"v{number}", value) for number, value in enumerate(VALUES)),
]


@pytest.fixture
def namespaced(kubernetes_server: kubernetes.Kubernetes, kubernetes_namespace: str, tmp_path: Path) -> Namespaced:
    workspace = replace(sample(), definitions={definition.key: definition for definition in DEFINITIONS})
    layout = Labelled("analytics")
    return Namespaced(kubernetes_server, kubernetes_namespace, workspace, layout, tmp_path).sync()


@pytest.fixture
def pod(namespaced: Namespaced, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is told all that a pod is told, of a service account that may `list` Secrets and nothing else."""
    from airflow.providers.cncf.kubernetes.secrets.kubernetes_secrets_backend import KubernetesSecretsBackend

    mounted = service_account(namespaced.server, namespaced.namespace, tmp_path, "list")
    address = urlsplit(namespaced.server.url)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", str(address.hostname))
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(address.port))
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(mounted / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(mounted / "ca.crt"))
    monkeypatch.setattr(KubernetesSecretsBackend, "SERVICE_ACCOUNT_NAMESPACE_PATH", str(mounted / "namespace"))
    monkeypatch.setattr(Configuration, "_default", None)


@pytest.fixture
def stock(pod: None) -> Any:
    """KubernetesSecretsBackend, as it is where nothing is set: it finds the namespace itself."""
    from airflow.providers.cncf.kubernetes.secrets.kubernetes_secrets_backend import KubernetesSecretsBackend

    return KubernetesSecretsBackend()


@pytest.mark.parametrize("id_", IDS)
def test_airflow_gets_every_field_of_a_connection(stock: Any, id_: str, capfd: pytest.CaptureFixture[str]) -> None:
    found = stock.get_connection(id_)

    assert {name: getattr(found, name) for name in ("conn_type", *FULL) if name != "extra"} | {
        "extra": found.extra_dejson
    } == {"conn_type": "http", **FULL}
    assert "Multiple secrets" not in capfd.readouterr().out


def test_airflow_gets_a_connection_that_is_nothing_but_its_type(stock: Any) -> None:
    assert json.loads(stock.get_conn_value("bare")) == {"conn_type": "http"}


@pytest.mark.parametrize(("number", "value"), enumerate(VALUES), ids=map(repr, VALUES))
def test_airflow_gets_a_variable_as_the_text_that_it_is(stock: Any, number: int, value: str) -> None:
    assert stock.get_variable(f"v{number}") == value


def test_a_task_gets_both_through_airflows_own_chain(pod: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk import BaseHook, Variable

    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", BACKEND)
    forget_chain()
    try:
        found = BaseHook.get_connection("warehouse")
        assert (found.password, found.port, found.extra_dejson) == (FULL["password"], 5432, FULL["extra"])
        assert Variable.get("v9") == "postgres://u:p@h/d"
    finally:
        forget_chain()


def test_what_is_not_linked_is_a_miss(stock: Any, capfd: pytest.CaptureFixture[str]) -> None:
    assert (stock.get_connection("nonesuch"), stock.get_variable("nonesuch")) == (None, None)
    assert "No secret found with label airflow.apache.org/connection-id=nonesuch" in capfd.readouterr().out


def test_what_was_removed_is_a_miss_and_what_comes_back_is_found_again(stock: Any, namespaced: Namespaced) -> None:
    assert stock.get_connection("warehouse").host == "db.internal"
    namespaced.drop(Key("connection", "warehouse"))
    namespaced.drop(Key("variable", "v1"))
    assert (stock.get_connection("warehouse"), stock.get_variable("v1")) == (None, None)

    namespaced.put(connection("warehouse", host="back"))
    assert stock.get_connection("warehouse").host == "back"


def test_a_rotation_is_seen_at_the_next_lookup(stock: Any, namespaced: Namespaced) -> None:
    assert stock.get_connection("warehouse").password == FULL["password"]
    namespaced.put(connection("warehouse", password="rotated"))

    assert stock.get_connection("warehouse").password == "rotated"


def test_another_namespace_is_refused(stock: Any, namespaced: Namespaced) -> None:
    stock.namespace = objects.namespace(namespaced.server, f"{namespaced.namespace}-other")

    with pytest.raises(ApiException) as raised:
        stock.get_connection("warehouse")
    assert raised.value.status == 403
