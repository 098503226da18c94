"""A workspace in a real Vault, and whoever stands between it and an Airflow."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from servers import vault
from syncd.clients.vault.login import Credential, Login
from syncd.clients.vault.transport import Server
from syncd.clients.vault.writing import Vault
from syncd.core.layouts.airflow import AirflowPaths
from syncd.core.layouts.layered import Layered
from syncd.core.layouts.split import Split
from syncd.core.model import Workspace
from syncd.targets.vault.grants import Extent, Grant, grants
from syncd.targets.vault.target import VaultTarget
from tests.airflow.documents import Synced

MOUNT = "secret"
LAYOUTS: Mapping[str, Callable[[str], Layered | AirflowPaths]] = {
    Layered.name: Layered,
    AirflowPaths.name: AirflowPaths,
    Split.name: partial(Split, writes_policies=True),
}


class Vaulted(Synced):
    """Documents in a Vault, below a prefix of this test's own. What syncd logs in with is root's."""

    def __init__(
        self, server: vault.Vault, workspace: Workspace, prefix: str, layout: str = Layered.name, mount: str = MOUNT
    ) -> None:
        self.server, self.mount = server, mount
        ca = "" if server.ca is None else str(server.ca)
        client = Vault(Server(server.address, ca=ca), Login("token", Credential(server.root_token)), mount)
        super().__init__(VaultTarget("files", LAYOUTS[layout](prefix), client), workspace, prefix)
        self._layout = layout

    def path(self, name: str, deployment: str = "etl-dev") -> str:
        """The path of a document below the mount: `nameplate`, or `connections/warehouse`."""
        return f"{self.prefix}/deployments/{deployment}/{name}"

    def write(self, name: str, data: Any) -> None:
        """What somebody writes by hand."""
        done(self.server, "POST", f"{self.mount}/data/{self.path(name)}", {"data": data})

    def read(self, name: str) -> Any:
        """What lies there."""
        return done(self.server, "GET", f"{self.mount}/data/{self.path(name)}")["data"]["data"]

    def grants(self) -> Mapping[str, Grant]:
        """By deployment: what `syncd policies` prints, granted."""
        of = Extent("files", self.mount, self.prefix, self._layout, writes_policies=True)
        found = grants(of, self.workspace.deployments, "approle")
        for grant in found:
            done(self.server, "PUT", f"sys/policies/acl/{grant.name}", {"policy": grant.rules})
        return dict(zip(sorted(self.workspace.deployments), found, strict=False))

    def token(self, deployment: str = "etl-dev", **more: Any) -> str:
        """A token that may do what its deployment may, and nothing else."""
        policies = self.grants()[deployment].role.rpartition("token_policies=")[2].split(",")
        made = done(self.server, "POST", "auth/token/create", {"policies": policies, "no_default_policy": True, **more})
        return str(made["auth"]["client_token"])

    def approle(self, deployment: str = "etl-dev") -> dict[str, str]:
        """`backend_kwargs` of the role that `syncd policies` prints, made as it says."""
        with suppress(AssertionError):  # it is enabled already
            done(self.server, "POST", "sys/auth/approle", {"type": "approle"})
        path, *settings = self.grants()[deployment].role.split(" ")
        done(self.server, "POST", path, dict(one.split("=", 1) for one in settings))
        return {
            "auth_type": "approle",
            "role_id": done(self.server, "GET", f"{path}/role-id")["data"]["role_id"],
            "secret_id": done(self.server, "POST", f"{path}/secret-id", {})["data"]["secret_id"],
        }

    def kwargs(self, **more: Any) -> dict[str, Any]:
        """`backend_kwargs` of `etl-dev`, without a login. Nothing is kept, unless it is said."""
        ca = {} if self.server.ca is None else {"verify": str(self.server.ca)}
        return {
            "workspace": self.workspace.name,
            "prefix": self.prefix,
            "deployment": "etl-dev",
            "source": "vault",
            "url": self.server.address,
            "mount_point": self.mount,
            "cache_ttl": 0,
            **ca,
            **more,
        }


def done(server: vault.Vault, method: str, path: str, body: Any = None) -> Any:
    """A request of root's that has to succeed."""
    answer = server.call(method, path, body)
    assert answer.status < 300, (method, path, answer)
    return answer.body


class Audit:
    """What a Vault was asked, as it wrote it down itself: before it answered."""

    def __init__(self, file: Path, prefix: str) -> None:
        self._file, self._prefix = file, prefix
        self._from = 0
        self.forget()

    def forget(self) -> None:
        """Whatever was asked until now."""
        self._from = len(self._lines())

    def asked(self) -> list[str]:
        """Reads below the prefix and logins since then: the last part of each path, or `login`."""
        found = []
        for line in self._lines()[self._from :]:
            entry = json.loads(line)
            path = entry["request"].get("path", "")
            if entry["type"] == "request" and (f"/{self._prefix}/" in path or path.endswith("/login")):
                found.append(path.rpartition("/")[2])
        return found

    def _lines(self) -> list[str]:
        return self._file.read_text("utf-8").splitlines()


@contextmanager
def audited(server: vault.Vault, file: Path) -> Iterator[None]:
    """Let a Vault write down what it is asked."""
    name = f"sys/audit/{file.parent.name}"
    done(server, "PUT", name, {"type": "file", "options": {"file_path": str(file)}})
    yield
    done(server, "DELETE", name)


class Between:
    """A fake network in front of a Vault: it can be gone, and it can be slow."""

    def __init__(self, server: vault.Vault) -> None:
        host, _, port = server.address.rpartition("/")[2].partition(":")
        self._server = (host, int(port))
        self.delay = 0.0
        self._open: list[socket.socket] = []
        self._at = ("127.0.0.1", 0)
        self.come_back()
        self.url = f"http://127.0.0.1:{self._at[1]}"

    def go(self) -> None:
        """Hang up on who is connected; nobody listens any more."""
        for one in (self._listener, *self._open):
            _close(one)
        self._open.clear()

    def come_back(self) -> None:
        """At the same address."""
        self._listener = socket.create_server(self._at)
        self._at = self._listener.getsockname()
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(self._server)
                self._open += [client, server]
                for one, other, delay in ((client, server, self.delay), (server, client, 0.0)):
                    threading.Thread(target=_carry, args=(one, other, delay), daemon=True).start()


def _carry(one: socket.socket, other: socket.socket, delay: float) -> None:
    with suppress(OSError):
        while content := one.recv(65536):
            time.sleep(delay)  # to be slow is what it is for
            other.sendall(content)
    _close(one)
    _close(other)


def _close(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
