"""`syncd sync` in a pod, logged in to Vault by its service account."""

from __future__ import annotations

import pytest

from servers import kubernetes, vault
from servers.kubernetes import objects
from tests import logins
from tests.cli.runner import SETTINGS, Syncd

pytestmark = [pytest.mark.vault, pytest.mark.kubernetes]

MOUNT = "by-pods"
TARGET = """
[targets.vault]
type = "vault"
url = "{url}"
mount_point = "{mount}"
auth_type = "kubernetes"
kubernetes_role = "syncd"
kubernetes_jwt_path = "token"
"""


@pytest.fixture
def pod(
    syncd: Syncd, vault_server: vault.Vault, kubernetes_server: kubernetes.Kubernetes, kubernetes_namespace: str
) -> Syncd:
    """With what `syncd policies` prints for syncd itself, bound to the service account `syncd`."""
    logins.enable(vault_server, kubernetes_server)
    vault_server.call("POST", f"sys/mounts/{MOUNT}", {"type": "kv", "options": {"version": "2"}})
    (syncd.home / "syncd.toml").write_text(SETTINGS + TARGET.format(url=vault_server.address, mount=MOUNT))
    syncd.ok("deployment", "update", "etl-dev", "-t", "vault")
    own = syncd.json("policies", "vault", "--auth-type", "kubernetes")["policies"][-1]
    vault_server.call("PUT", f"sys/policies/acl/{own['name']}", {"policy": own["rules"]})
    binding = "bound_service_account_names=SERVICE_ACCOUNT bound_service_account_namespaces=NAMESPACE audience=AUDIENCE"
    role = f"auth/kubernetes/role/syncd {binding} token_policies={own['name']}"
    logins.role(vault_server, role, account="syncd", namespace=kubernetes_namespace)
    objects.service_account(kubernetes_server, kubernetes_namespace, "syncd")
    return syncd


def test_it_pushes_by_its_own_service_account(
    pod: Syncd, vault_server: vault.Vault, kubernetes_server: kubernetes.Kubernetes, kubernetes_namespace: str
) -> None:
    token = objects.token(kubernetes_server, kubernetes_namespace, "syncd", audiences=[logins.AUDIENCE])
    (pod.home / "token").write_text(token)

    pod.ok("sync", "--target", "vault")

    path = f"{MOUNT}/data/analytics/deployments/etl-dev/connections/warehouse"
    assert vault_server.call("GET", path).status == 200


def test_another_service_account_is_told_that_its_login_is_refused(
    pod: Syncd, kubernetes_server: kubernetes.Kubernetes, kubernetes_namespace: str
) -> None:
    token = objects.token(kubernetes_server, kubernetes_namespace, "default", audiences=[logins.AUDIENCE])
    (pod.home / "token").write_text(token)

    result = pod("sync", "--target", "vault")

    assert result.code == 1
    assert "login" in result.said
