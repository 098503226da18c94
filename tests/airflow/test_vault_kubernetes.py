"""A worker in a pod, logged in to Vault by its service account, which a real API server issues and vouches for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow")
from servers import kubernetes, vault
from servers.kubernetes import objects
from syncd.targets.vault.grants import Extent, grants
from tests import logins
from tests.airflow.documents import WAREHOUSE, sample
from tests.airflow.vaults import MOUNT, Vaulted, done

pytestmark = [pytest.mark.airflow, pytest.mark.vault, pytest.mark.kubernetes]

PREFIX = "pods"


@pytest.fixture
def kwargs(
    vault_server: vault.Vault, kubernetes_server: kubernetes.Kubernetes, kubernetes_namespace: str, tmp_path: Path
) -> dict[str, Any]:
    """`backend_kwargs` of `etl-dev`; its token lies where the kubelet would put it."""
    logins.enable(vault_server, kubernetes_server)
    synced = Vaulted(vault_server, sample(), PREFIX).sync()
    grant = grants(Extent("files", MOUNT, PREFIX), ["etl-dev"], "kubernetes")[0]
    done(vault_server, "PUT", f"sys/policies/acl/{grant.name}", {"policy": grant.rules})
    logins.role(vault_server, grant.role, account="worker", namespace=kubernetes_namespace)
    objects.service_account(kubernetes_server, kubernetes_namespace, "worker")
    token = objects.token(kubernetes_server, kubernetes_namespace, "worker", audiences=[logins.AUDIENCE])
    (tmp_path / "token").write_text(token, "utf-8")
    login = {"auth_type": "kubernetes", "kubernetes_role": grant.name, "kubernetes_jwt_path": str(tmp_path / "token")}
    return synced.kwargs(**login)


def test_a_pod_finds_its_connections_by_its_own_service_account(backend: type[Any], kwargs: dict[str, Any]) -> None:
    assert json.loads(backend(**kwargs).get_conn_value("warehouse")) == WAREHOUSE


def test_another_service_account_is_refused(
    backend: type[Any], kwargs: dict[str, Any], kubernetes_server: kubernetes.Kubernetes, kubernetes_namespace: str
) -> None:
    token = objects.token(kubernetes_server, kubernetes_namespace, "default", audiences=[logins.AUDIENCE])
    Path(kwargs["kubernetes_jwt_path"]).write_text(token, "utf-8")
    with pytest.raises(Exception, match="login"):
        backend(**kwargs).get_conn_value("warehouse")


def test_a_token_for_somebody_else_is_refused(
    backend: type[Any], kwargs: dict[str, Any], kubernetes_server: kubernetes.Kubernetes, kubernetes_namespace: str
) -> None:
    token = objects.token(kubernetes_server, kubernetes_namespace, "worker", audiences=["somebody-else"])
    Path(kwargs["kubernetes_jwt_path"]).write_text(token, "utf-8")
    with pytest.raises(Exception, match="login"):
        backend(**kwargs).get_conn_value("warehouse")
