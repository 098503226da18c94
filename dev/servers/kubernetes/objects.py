"""Objects in Kubernetes, for tests and demonstrations. All raise Failed where the server refuses, and OSError.

No controllers run: nobody makes a `default` service account, collects what an owner leaves, fills the roles `view`,
`edit` and `admin`, or finishes the removal of a namespace. A namespace of one's own, made anew, is how to be alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

from servers.kubernetes.client import Client
from servers.processes import Failed

_MANAGER = "dev-server"
_ESTABLISHED = 10
"""Seconds for a kind to be known, once its definition is applied; and for a role to be heeded, once it is written."""


def apply(client: Client, manifests: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Each as it is said here, one after the other: made, or changed where it is there. As they are afterwards."""
    return [_apply(client, manifest) for manifest in manifests]


def namespace(client: Client, name: str) -> str:
    """With the service account `default`, without which no pod could be made in it. Its name."""
    apply(client, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}])
    service_account(client, name, "default")
    return name


def service_account(client: Client, namespace: str, name: str) -> str:
    """What RBAC calls it."""
    apply(client, [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": namespace, "name": name}}])
    return f"system:serviceaccount:{namespace}:{name}"


def token(client: Client, namespace: str, account: str, *, audiences: Sequence[str] = (), seconds: int = 3600) -> str:
    """One of a service account's, which TokenRequest issues. Without an audience it is for this server.

    `seconds`: until it expires, 600 at least.
    """
    spec = {"audiences": list(audiences), "expirationSeconds": seconds}
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    issued = client.done("POST", path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})
    return str(issued["status"]["token"])


def grant(client: Client, namespace: str, account: str, rules: Sequence[Mapping[str, Any]]) -> None:
    """To a service account of a namespace, in that namespace: a role of the account's name, and its binding.

    It holds once this returns; what an earlier role granted may hold for a moment more.
    """
    group, meta = "rbac.authorization.k8s.io", {"namespace": namespace, "name": account}
    subject = {"kind": "ServiceAccount", "namespace": namespace, "name": account}
    role = {"apiGroup": group, "kind": "Role", "name": account}
    apply(
        client,
        [
            {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": meta, "rules": list(rules)},
            {
                "apiVersion": f"{group}/v1",
                "kind": "RoleBinding",
                "metadata": meta,
                "roleRef": role,
                "subjects": [subject],
            },
        ],
    )
    _heeded(client, namespace, account, rules, granted=True)


def withdraw(client: Client, namespace: str, account: str) -> None:
    """What `grant` gave. Nothing of it holds once this returns."""
    roles = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    rules = client.done("GET", f"{roles}/roles/{account}")["rules"]
    client.done("DELETE", f"{roles}/rolebindings/{account}")
    _heeded(client, namespace, account, rules, granted=False)


def may(client: Client, who: str, namespace: str, verb: str, resource: str, *, group: str = "", name: str = "") -> bool:
    """What the server would say now."""
    asked = {"namespace": namespace, "verb": verb, "group": group, "resource": resource, "name": name}
    review = {"kind": "SubjectAccessReview", "spec": {"user": who, "resourceAttributes": asked}}
    told = client.done("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(told["status"]["allowed"])


def _heeded(client: Client, namespace: str, account: str, rules: Iterable[Mapping[str, Any]], *, granted: bool) -> None:
    # The server learns of a role by a watch of its own, a moment after it was written.
    who, deadline = f"system:serviceaccount:{namespace}:{account}", time.monotonic() + _ESTABLISHED
    for rule in rules:
        every = product(rule["verbs"], rule["apiGroups"], rule["resources"], rule.get("resourceNames", [""]))
        for verb, group, resource, name in every:
            while may(client, who, namespace, verb, resource, group=group, name=name) is not granted:
                if time.monotonic() > deadline:
                    raise Failed(f"Kubernetes doesn't heed what {who} may do in {namespace}")


def _apply(client: Client, manifest: Mapping[str, Any]) -> Any:
    version, meta = manifest["apiVersion"], manifest["metadata"]
    group = f"/{'apis' if '/' in version else 'api'}/{version}"
    resource = _resource(client, group, manifest["kind"])
    folder = f"/namespaces/{meta.get('namespace', 'default')}" if resource["namespaced"] else ""
    path = f"{group}{folder}/{resource['name']}/{meta['name']}?fieldManager={_MANAGER}&force=true"
    return client.done("PATCH", path, manifest, kind="application/apply-patch+yaml")


def _resource(client: Client, group: str, kind: str) -> Any:
    """What the server says of a kind."""
    deadline = time.monotonic() + _ESTABLISHED
    while True:
        known = client.call("GET", group)
        if known.status == 200:
            for resource in known.body["resources"]:
                if resource["kind"] == kind and "/" not in resource["name"]:
                    return resource
        if time.monotonic() > deadline:
            raise Failed(f"Kubernetes knows no {kind} in {group}")
        time.sleep(0.1)
