"""Vault's login by a Kubernetes service account: Vault asks the API server whose a token is."""

from __future__ import annotations

from servers import kubernetes, vault
from servers.kubernetes import objects

AUDIENCE = "https://kubernetes.default.svc"
_NAMESPACE, _REVIEWER = "vault-system", "reviewer"


def enable(server: vault.Vault, cluster: kubernetes.Kubernetes) -> None:
    """At `auth/kubernetes`; again is harmless. It is told of the API server once: a changed authority would wait."""
    if "kubernetes/" in server.call("GET", "sys/auth").body["data"]:
        return
    objects.namespace(cluster, _NAMESPACE)
    objects.service_account(cluster, _NAMESPACE, _REVIEWER)
    group = "rbac.authorization.k8s.io"
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": _REVIEWER},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "system:auth-delegator"},
        "subjects": [{"kind": "ServiceAccount", "namespace": _NAMESPACE, "name": _REVIEWER}],
    }
    objects.apply(cluster, [binding])
    _done(server, "sys/auth/kubernetes", {"type": "kubernetes"})
    config = {
        "kubernetes_host": cluster.url,
        "kubernetes_ca_cert": cluster.ca.read_text("utf-8"),
        "token_reviewer_jwt": objects.token(cluster, _NAMESPACE, _REVIEWER),
        "disable_local_ca_jwt": True,
    }
    _done(server, "auth/kubernetes/config", config)


def role(server: vault.Vault, printed: str, *, account: str, namespace: str) -> None:
    """A role as `syncd policies` prints it, with the words in capitals filled in."""
    filled = printed.replace("SERVICE_ACCOUNT", account).replace("NAMESPACE", namespace).replace("AUDIENCE", AUDIENCE)
    path, *settings = filled.split(" ")
    _done(server, path, dict(one.split("=", 1) for one in settings))


def _done(server: vault.Vault, path: str, body: object) -> None:
    answer = server.call("POST", path, body)
    assert answer.status in (200, 204), answer
