"""Kubernetes: a real kube-apiserver on a real etcd. RBAC and the tokens of service accounts are real; controllers and
nodes there are none."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from servers import binaries, certificates, files, processes
from servers.calls import PROBE
from servers.kubernetes import store
from servers.kubernetes.client import Client

_ISSUER = "https://kubernetes.default.svc"
APISERVER = binaries.Binary(
    title="kube-apiserver",
    name="kube-apiserver",
    version="1.36.3",
    module=Path(__file__).parent / "apiserver",
    package="k8s.io/kubernetes/cmd/kube-apiserver",
    stamp="k8s.io/component-base/version.gitVersion",
    packages=1803,
    takes="about 4 minutes on two cores",
    ask=("--version",),
    answer=r"^Kubernetes v(\d+)\.(\d+)",
    least=(1, 30),
    server="kubernetes",
    folder=store.BINARY.folder,
)
BINARIES = (store.BINARY, APISERVER)


@dataclass(frozen=True)
class Kubernetes(Client):
    """How to reach one as its administrator, and the two that it is made of: each can be stopped, and started again.

    Both keep their address and, as long as this one is not over, their data.
    """

    folder: Path
    etcd: processes.Server
    apiserver: processes.Server

    @property
    def environ(self) -> Mapping[str, str]:
        """By which `kubectl` and every library find it."""
        return {"KUBECONFIG": str(self.folder / "kubeconfig")}

    def wait(self) -> None:
        """Until it serves, where etcd was away. Raises Failed."""
        self.apiserver.wait("Kubernetes to serve", lambda: _serves(self))


@contextmanager
def running() -> Iterator[Kubernetes]:
    """Ready, and gone at the end. Raises Missing, Failed."""
    etcd, apiserver = map(binaries.find, BINARIES)
    with TemporaryDirectory(prefix="kubernetes.") as name, ExitStack() as ending:
        folder = Path(name)
        data = store.server(etcd, folder)
        ending.callback(data.stop)
        data.start()
        server = processes.on_free_ports(lambda: _begin(apiserver, folder, data))
        ending.callback(server.apiserver.stop)
        server.write_kubeconfig(folder / "kubeconfig")
        yield server


def _begin(binary: Path, folder: Path, data: processes.Server) -> Kubernetes:
    """On a port that is free right now."""
    port, token = processes.free_port(), secrets.token_urlsafe(32)
    authority = certificates.Authority.make()
    authority.write(folder / "ca.pem")
    authority.issue(folder / "server.pem", folder / "server-key.pem")
    certificates.write_signing_key(folder / "accounts.pem")
    files.write(folder / "tokens.csv", f'{token},admin,admin,"system:masters"\n'.encode())  # whom RBAC doesn't ask
    options = {
        "etcd-servers": store.URL,
        "secure-port": str(port),
        "bind-address": "127.0.0.1",
        "advertise-address": "127.0.0.1",  # or it looks for a route to elsewhere, and there may be none,
        "endpoint-reconciler-type": "none",  # and tells of that address, which may not be this machine's own
        "tls-cert-file": "server.pem",
        "tls-private-key-file": "server-key.pem",
        "token-auth-file": "tokens.csv",
        "authorization-mode": "RBAC",
        "service-account-issuer": _ISSUER,
        "service-account-key-file": "accounts.pem",
        "service-account-signing-key-file": "accounts.pem",
        "service-cluster-ip-range": "10.0.0.0/24",
    }
    apiserver = processes.Server(
        [str(binary), *(f"--{name}={value}" for name, value in options.items())],
        processes.environ(folder),
        folder / "apiserver.log",
        lambda: _serves(server),
    )
    server = Kubernetes(f"https://127.0.0.1:{port}", folder / "ca.pem", token, folder, data, apiserver)
    apiserver.start()
    return server


def _serves(server: Client) -> bool:
    """It is ready a moment before it has made what every cluster has."""
    paths = ("/readyz", "/api/v1/namespaces/default")
    return all(server.call("GET", path, timeout=PROBE).status == 200 for path in paths)
