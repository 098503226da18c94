"""A workspace in a namespace of a real Kubernetes, and what a pod of that namespace gets from the kubelet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from servers import kubernetes
from servers.kubernetes import objects
from syncd.clients.kubernetes.credentials import Account
from syncd.clients.kubernetes.writing import Kubernetes
from syncd.core.layouts.kubernetes import Bundled, Labelled
from syncd.core.model import Workspace
from syncd.targets.kubernetes.target import KubernetesTarget
from tests.airflow.documents import Synced
from tests.airflow.processes import until


class Namespaced(Synced):
    """Documents in Secrets. What syncd logs in with is an administrator's."""

    def __init__(
        self,
        server: kubernetes.Kubernetes,
        namespace: str,
        workspace: Workspace,
        layout: Bundled | Labelled,
        folder: Path,
    ) -> None:
        self.server, self.namespace = server, namespace
        admin = folder / "admin"
        admin.write_text(server.token, "utf-8")
        client = Kubernetes(Account(server.url, str(server.ca), str(admin)))
        target = KubernetesTarget("files", layout, client, namespace, server.url)
        super().__init__(target, workspace, layout.prefix)

    def sync(self) -> Namespaced:
        """One pass, and until the API server's cache has it: readers may ask for what that holds."""
        super().sync()
        until(lambda: self._listed("?resourceVersion=0") == self._listed(), lambda: "the cache isn't what is stored")
        return self

    def spread(self, secrets: int) -> None:
        """Over so many Secrets, and sync."""
        assert isinstance(self.target, KubernetesTarget)
        self.target = replace(self.target, layout=Bundled(self.prefix, secrets))
        self.sync()

    def _listed(self, query: str = "") -> list[Any]:
        listed = self.server.done("GET", f"/api/v1/namespaces/{self.namespace}/secrets{query}")
        return sorted(listed["items"], key=lambda secret: str(secret["metadata"]["name"]))


def service_account(server: kubernetes.Kubernetes, namespace: str, folder: Path, *verbs: str) -> Path:
    """What the kubelet mounts in every pod, for an account that may do this with the namespace's Secrets."""
    objects.service_account(server, namespace, "worker")
    objects.grant(server, namespace, "worker", [{"apiGroups": [""], "resources": ["secrets"], "verbs": list(verbs)}])
    mounted = folder / "serviceaccount"
    mounted.mkdir()
    (mounted / "ca.crt").write_bytes(server.ca.read_bytes())
    (mounted / "namespace").write_text(namespace, "utf-8")
    (mounted / "token").write_text(objects.token(server, namespace, "worker"), "utf-8")
    return mounted
