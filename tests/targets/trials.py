"""The targets that the contract is held against: a new one adds a line to TRIALS."""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import pytest

from servers import kubernetes
from servers import vault as servers
from servers.kubernetes import objects
from servers.processes import free_port
from syncd.clients.kubernetes.credentials import Account
from syncd.clients.kubernetes.writing import Kubernetes
from syncd.clients.vault.login import Credential, Login
from syncd.clients.vault.transport import Server
from syncd.clients.vault.writing import Vault
from syncd.core.layouts.airflow import AirflowFiles, AirflowPaths
from syncd.core.layouts.kubernetes import Bundled, Labelled
from syncd.core.layouts.layered import Layered
from syncd.core.layouts.split import Split
from syncd.core.ports import Target
from syncd.targets.directory import DirectoryTarget
from syncd.targets.kubernetes.target import KubernetesTarget
from syncd.targets.vault.target import VaultTarget


class Trial(Protocol):
    """A target, empty at first, and what is done to it behind its back."""

    @property
    def target(self) -> Target:
        """Named `files`, for the workspace `analytics`."""

    def held(self) -> Mapping[str, object]:
        """All that lies there and what tells a write of it: the same again where nothing was written."""

    def put_foreign(self, object_: str) -> None:
        """Put something there that no syncd wrote."""

    def spoil(self, object_: str) -> None:
        """Make an object that is there unreadable."""

    def cut_off(self) -> None:
        """Put the target as a whole out of reach."""


@dataclass(frozen=True)
class DirectoryTrial:
    """A folder that isn't there at first."""

    target: DirectoryTarget

    def held(self) -> Mapping[str, object]:
        return snapshot(Path(self.target.root))

    def put_foreign(self, object_: str) -> None:
        path = Path(self.target.root, object_)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"somebody": "else"}', "utf-8")

    def spoil(self, object_: str) -> None:
        path = Path(self.target.root, object_)
        path.unlink()
        os.mkfifo(path)

    def cut_off(self) -> None:
        volume = Path(self.target.root).parent
        volume.rename(volume.with_name("unmounted"))


def snapshot(root: Path) -> dict[str, object]:
    """Every file and folder with its mode, owner, time and content."""
    found: dict[str, object] = {}
    for path in [root, *root.rglob("*")] if root.exists() else ():
        status = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else None
        when = status.st_mtime_ns if path.is_file() else 0
        found[str(path.relative_to(root))] = (oct(status.st_mode), status.st_uid, status.st_gid, when, content)
    return found


def directory(layout: Layered | AirflowFiles, folder: Path) -> DirectoryTrial:
    """In a volume of its own."""
    volume = folder / "volume"
    volume.mkdir(parents=True)
    return DirectoryTrial(DirectoryTarget("files", layout, str(volume / "shared")))


_mounts = count()


@dataclass(frozen=True)
class Proxied(VaultTarget):
    """The same target by another address."""

    told: str

    @property
    def where(self) -> str:
        return self.told


@dataclass
class VaultTrial:
    """A mount of its own, and a login that may do in it what the target asks for."""

    server: servers.Vault
    target: VaultTarget
    token: str

    def held(self) -> Mapping[str, object]:
        return {path: self.metadata(path) for path in self._below("")}

    def put_foreign(self, object_: str) -> None:
        self.edit(object_, {"somebody": "else"})

    def spoil(self, object_: str) -> None:
        policy = f'{_POLICY.format(mount=self.mount)} path "{self.mount}/data/{object_}" {{ capabilities = ["deny"] }}'
        self.done("PUT", f"sys/policies/acl/{self.mount}", {"policy": policy})

    def cut_off(self) -> None:
        nobody = Server(f"http://127.0.0.1:{free_port()}", timeout=2)
        vault = Vault(nobody, Login("token", Credential(self.token)), self.mount)
        self.target = VaultTarget(self.target.name, self.target.layout, vault)

    @property
    def mount(self) -> str:
        return self.target.vault.mount

    def through(self, address: str) -> VaultTarget:
        """The same target by another address."""
        vault = Vault(Server(address, timeout=5), Login("token", Credential(self.token)), self.mount)
        return Proxied(self.target.name, self.target.layout, vault, self.target.where)

    def reader(self, deployment: str) -> str:
        """The token of one that may read its own documents, and nothing else."""
        name = f"{self.mount}-{deployment}"
        rules = f'path "{self.mount}/data/analytics/deployments/{deployment}/*" {{ capabilities = ["read"] }}'
        self.done("PUT", f"sys/policies/acl/{name}", {"policy": rules})
        token: str = self.done("POST", "auth/token/create-orphan", {"policies": [name]})["auth"]["client_token"]
        return token

    def edit(self, object_: str, data: Mapping[str, object]) -> int:
        """A new version by hand; its number."""
        made: int = self.done("POST", f"{self.mount}/data/{object_}", {"data": data})["data"]["version"]
        return made

    def metadata(self, object_: str) -> Any:
        return self.done("GET", f"{self.mount}/metadata/{object_}")["data"]

    def readable(self, object_: str, token: str = "") -> Mapping[int, Any]:
        """The content of each version that can be read, by this token."""
        reader = servers.Vault(self.server.address, token or self.server.root_token, self.server.ca)
        latest = self.metadata(object_)["current_version"]
        found = {
            number: reader.call("GET", f"{self.mount}/data/{quote(object_)}?version={number}")
            for number in range(1, latest + 1)
        }
        return {number: answer.body["data"]["data"] for number, answer in found.items() if answer.status == 200}

    def done(self, method: str, path: str, body: Any = None) -> Any:
        """A call as root that succeeds."""
        answer = self.server.call(method, quote(path, safe="/?="), body)
        assert answer.status in (200, 204), answer
        return answer.body

    def _below(self, path: str) -> list[str]:
        answer = self.server.call("LIST", f"{self.mount}/metadata/{quote(path)}")
        keys = answer.body["data"]["keys"] if answer.status == 200 else ()
        return [
            name for key in keys for name in (self._below(f"{path}{key}") if key.endswith("/") else [f"{path}{key}"])
        ]


_POLICY = """
path "{mount}/data/*" {{ capabilities = ["create", "read", "update"] }}
path "{mount}/metadata/*" {{ capabilities = ["create", "update", "list"] }}
path "{mount}/destroy/*" {{ capabilities = ["update"] }}
path "sys/policies/acl" {{ capabilities = ["list"] }}
path "sys/policies/acl/airflow_files_*" {{ capabilities = ["create", "read", "update", "delete"] }}
"""


def vault(layout: Layered | AirflowPaths, server: servers.Vault) -> VaultTrial:
    """On a mount that is new, with no policies of another one."""
    mount = f"trial-{os.getpid()}-{next(_mounts)}"
    assert server.call("POST", f"sys/mounts/{mount}", {"type": "kv", "options": {"version": "2"}}).status == 204
    for _ in range(1000):
        # KV may still be turning into version 2.
        if server.call("GET", f"{mount}/config").status == 200:
            break
    for name in server.call("LIST", "sys/policies/acl").body["data"]["keys"]:
        if name.startswith("airflow_files_"):
            server.call("DELETE", f"sys/policies/acl/{name}")
    policy = {"policy": _POLICY.format(mount=mount)}
    assert server.call("PUT", f"sys/policies/acl/{mount}", policy).status == 204
    answer = server.call("POST", "auth/token/create-orphan", {"policies": [mount]})
    token: str = answer.body["auth"]["client_token"]
    client = Vault(Server(server.address, ca=str(server.ca or "")), Login("token", Credential(token)), mount)
    return VaultTrial(server, VaultTarget("files", layout, client), token)


@dataclass
class KubernetesTrial:
    """A namespace of its own, and a service account that may do in it what the target asks for."""

    server: kubernetes.Kubernetes
    target: KubernetesTarget
    token_path: Path

    def held(self) -> Mapping[str, Any]:
        return {one["metadata"]["name"]: one for one in self.done("GET", self._path())["items"]}

    def put_foreign(self, object_: str) -> None:
        self.put(object_, {"somebody": "else"})

    def spoil(self, object_: str) -> None:
        """A later release's."""
        if isinstance(self.target.layout, Labelled):
            pytest.skip("a list gives all of them, and none says of which release it is")
        there = self.done("GET", self._path(object_))
        newer = json.dumps({"format": 99})
        there["data"] = {key: b64encode(newer.encode()).decode() for key in there["data"]}
        self.done("PUT", self._path(object_), there)

    def cut_off(self) -> None:
        nobody = Account(f"http://127.0.0.1:{free_port()}", token_path=str(self.token_path))
        self.target = replace(self.target, kubernetes=Kubernetes(nobody, timeout=2))

    def put(self, object_: str, data: Mapping[str, str], **metadata: Any) -> Any:
        """A Secret by hand, whatever was there."""
        meta = {"name": object_, "namespace": self.target.namespace, **metadata}
        encoded = {key: b64encode(text.encode()).decode() for key, text in data.items()}
        manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": encoded}
        if object_ in self.held():
            return self.done("PUT", self._path(object_), manifest)
        return self.done("POST", self._path(), manifest)

    def edit(self, object_: str, **changes: Any) -> Any:
        """By hand, as a merge patch: what is None goes."""
        return self.done("PATCH", self._path(object_), changes, kind="application/merge-patch+json")

    def edit_data(self, object_: str, **changes: str | bytes | None) -> Any:
        """Keys of a Secret by hand; a `__` stands for a dot."""
        encoded = {
            key.replace("__", "."): None
            if content is None
            else b64encode(content.encode() if isinstance(content, str) else content).decode()
            for key, content in changes.items()
        }
        return self.edit(object_, data=encoded)

    def delete(self, object_: str) -> None:
        self.done("DELETE", self._path(object_))

    def data(self, object_: str) -> Mapping[str, str]:
        """What a Secret holds; what is no text as its digits."""
        found = self.done("GET", self._path(object_)).get("data") or {}
        return {key: b64decode(text).decode(errors="backslashreplace") for key, text in found.items()}

    def metadata(self, object_: str) -> Any:
        return self.done("GET", self._path(object_))["metadata"]

    def through(self, address: str, *, timeout: float = 5) -> KubernetesTarget:
        """The same target by another address."""
        client = Kubernetes(Account(address, token_path=str(self.token_path)), timeout=timeout, patience=timeout)
        return replace(self.target, kubernetes=client)

    def spread(self, secrets: int) -> None:
        """Over so many Secrets from now on."""
        self.target = replace(self.target, layout=Bundled(self.target.layout.prefix, secrets))

    def allow(self, *verbs: str) -> None:
        """From now on the service account may do this with Secrets, and nothing else."""
        namespace = self.target.namespace
        objects.grant(self.server, namespace, "syncd", [{**RULES[0], "verbs": [*verbs]}] if verbs else [])
        self.wait_for(f"system:serviceaccount:{namespace}:syncd", *verbs)

    def wait_for(self, who: str, *verbs: str, name: str = "") -> None:
        """Until they may do this and nothing else: the server learns of a role in a moment."""
        while {verb for verb in RULES[0]["verbs"] if self._may(who, verb, name)} != {*verbs}:
            pass

    def done(self, method: str, path: str, body: Any = None, **how: str) -> Any:
        """A call as an administrator that succeeds."""
        return self.server.done(method, path, body, **how)

    def _may(self, who: str, verb: str, name: str) -> bool:
        return objects.may(self.server, who, self.target.namespace, verb, "secrets", name=name)

    def _path(self, name: str = "") -> str:
        folder = f"/api/v1/namespaces/{self.target.namespace}/secrets"
        return f"{folder}/{name}" if name else folder


RULES: list[dict[str, list[str]]] = [
    {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "create", "update", "delete"]}
]
"""What the target needs in its namespace."""


def in_kubernetes(layout: Bundled | Labelled, server: kubernetes.Kubernetes, folder: Path) -> KubernetesTrial:
    """In a namespace that is new."""
    namespace = objects.namespace(server, f"trial-{os.getpid()}-{next(_mounts)}")
    objects.service_account(server, namespace, "syncd")
    token_path = folder / f"{namespace}-token"
    token_path.write_text(objects.token(server, namespace, "syncd"), "utf-8")
    client = Kubernetes(Account(server.url, str(server.ca), str(token_path)))
    trial = KubernetesTrial(server, KubernetesTarget("files", layout, client, namespace, server.url), token_path)
    trial.allow(*RULES[0]["verbs"])
    return trial


TRIALS: Mapping[str, Callable[[Path], Trial]] = {
    "directory, layered": lambda folder: directory(Layered("analytics"), folder),
    "directory, airflow": lambda folder: directory(AirflowFiles("analytics"), folder),
}
"""Each makes a trial anew; it may use the folder."""

VAULT_TRIALS: Mapping[str, Callable[[servers.Vault], Trial]] = {
    "vault, layered": lambda server: vault(Layered("analytics"), server),
    "vault, airflow": lambda server: vault(AirflowPaths("analytics"), server),
    "vault, split": lambda server: vault(Split("analytics"), server),
}
"""The same, each in a mount of its own."""

KUBERNETES_TRIALS: Mapping[str, Callable[[kubernetes.Kubernetes, Path], Trial]] = {
    "kubernetes, layered": lambda server, folder: in_kubernetes(Bundled("analytics"), server, folder),
    "kubernetes, airflow": lambda server, folder: in_kubernetes(Labelled("analytics"), server, folder),
}
"""The same, each in a namespace of its own."""

PARAMETERS = [
    *TRIALS,
    *(pytest.param(name, marks=pytest.mark.vault) for name in VAULT_TRIALS),
    *(pytest.param(name, marks=pytest.mark.kubernetes) for name in KUBERNETES_TRIALS),
]
