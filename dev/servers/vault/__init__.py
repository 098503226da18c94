"""Vault: in memory for speed, or with raft storage and TLS where restart, seal and certificates are the subject."""

from __future__ import annotations

import json
import secrets
import signal
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from servers import binaries, calls, certificates, processes
from servers.calls import PROBE, Answer

BINARY = binaries.Binary(
    title="Vault",
    name="vault",
    version="1.21.1",
    module=Path(__file__).parent,
    packages=2574,
    takes="about 6 minutes on two cores",
    ask=("version",),
    answer=r"^Vault v(\d+)\.(\d+)",
    least=(1, 15),
)
BINARIES = (BINARY,)
_STOPS_WITHIN = 20
"""Seconds; where its data is to be kept, it isn't killed before."""


@dataclass(frozen=True)
class Vault:
    """How to reach one. Its KV version 2 is at `secret/` where it runs in memory; elsewhere nothing is mounted."""

    address: str
    root_token: str = field(repr=False)
    ca: Path | None = None

    @property
    def environ(self) -> Mapping[str, str]:
        """By which Vault's own command finds it."""
        ca = {} if self.ca is None else {"VAULT_CACERT": str(self.ca)}
        return {"VAULT_ADDR": self.address, "VAULT_TOKEN": self.root_token, **ca}

    def call(self, method: str, path: str, body: Any = None, *, timeout: float = 30) -> Answer:
        """One request as root, to a path below `/v1/`; an answer with an error's status is an answer, too.

        Raises OSError where nobody answers.
        """
        status, content = calls.send(
            method,
            f"{self.address}/v1/{path}",
            None if body is None else json.dumps(body).encode(),
            {"X-Vault-Token": self.root_token, "Content-Type": "application/json"},
            ca=self.ca,
            timeout=timeout,
        )
        return Answer(status, json.loads(content) if content else None)


def find() -> Path:
    """Where its binary is. Builds nothing; raises Missing."""
    return binaries.find(BINARY)


@contextmanager
def running() -> Iterator[Vault]:
    """In memory: ready, unsealed, with KV version 2 at `secret/`, and gone at the end. Raises Missing, Failed."""
    binary = find()
    with tempfile.TemporaryDirectory(prefix="vault.") as folder:
        process, server = processes.on_free_ports(lambda: _in_memory(binary, Path(folder)))
        try:
            yield server
        finally:
            processes.end(process)


@contextmanager
def raft(folder: Path) -> Iterator[Raft]:
    """With data, log and certificates in this folder, which stays: started, sealed, and over at the end.

    Raises Missing, Failed.
    """
    binary = find()
    server = processes.on_free_ports(lambda: Raft(binary, folder))
    try:
        yield server
    finally:
        server.stop()


class Raft:
    """A Vault that keeps its data, on one address for as long as this lives. Methods raise Failed.

    It is sealed whenever it starts. `vault` is how to reach it, with a root token once it is initialised.
    """

    def __init__(self, binary: Path, folder: Path) -> None:
        self._folder = folder
        self._authority = certificates.Authority.make()
        self._unseal_key = ""
        (folder / "data").mkdir(mode=0o700, parents=True, exist_ok=True)
        self._authority.write(folder / "ca.pem")
        self.vault = Vault(f"https://127.0.0.1:{processes.free_port()}", "", folder / "ca.pem")
        self._configure()
        self._server = processes.Server(
            [str(binary), "server", f"-config={folder / 'vault.json'}"],
            processes.environ(folder),
            folder / "vault.log",
            self._answers,
            stops_within=_STOPS_WITHIN,
        )
        self.renew_certificate()
        self.start()

    def start(self) -> None:
        """Where it isn't running: on the same address, with the same data."""
        self._server.start()

    def stop(self) -> None:
        """Where it is running."""
        self._server.stop()

    def initialise(self) -> None:
        """Once in the life of its data: makes the root token, and the key that unseals it."""
        made = self._done("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
        self._unseal_key = made["keys"][0]
        self.vault = Vault(self.vault.address, made["root_token"], self.vault.ca)

    def unseal(self) -> None:
        """It serves when this returns."""
        self._done("PUT", "sys/unseal", {"key": self._unseal_key})
        self._server.wait("Vault to serve", lambda: self._health() == 200)

    def seal(self) -> None:
        """It answers 503 to everything when this returns."""
        self._done("PUT", "sys/seal")
        self._server.wait("Vault to be sealed", lambda: self._health() == 503)

    def renew_certificate(self) -> None:
        """Another certificate of the same authority; where it runs, it serves that one when this returns."""
        certificate = self._folder / "server.pem"
        self._authority.issue(certificate, self._folder / "server-key.pem")
        if self._server.runs:
            self._server.send(signal.SIGHUP)
            renewed = ssl.PEM_cert_to_DER_cert(certificate.read_text())
            self._server.wait("the new certificate", lambda: ssl.PEM_cert_to_DER_cert(self._served()) == renewed)

    @property
    def _port(self) -> int:
        return int(self.vault.address.rpartition(":")[2])

    def _configure(self) -> None:
        cluster = f"127.0.0.1:{processes.free_port()}"
        listener = {
            "address": f"127.0.0.1:{self._port}",
            "cluster_address": cluster,
            "tls_cert_file": str(self._folder / "server.pem"),
            "tls_key_file": str(self._folder / "server-key.pem"),
        }
        settings = {
            "storage": {"raft": {"path": str(self._folder / "data"), "node_id": "one", "performance_multiplier": 1}},
            "listener": {"tcp": listener},
            "api_addr": self.vault.address,
            "cluster_addr": f"https://{cluster}",
            "disable_mlock": True,  # nothing in it is worth a privilege
        }
        (self._folder / "vault.json").write_text(json.dumps(settings), "utf-8")

    def _answers(self) -> bool:
        return self._health() in (200, 501, 503)

    def _health(self) -> int:
        return self.vault.call("GET", "sys/health", timeout=PROBE).status

    def _served(self) -> str:
        return ssl.get_server_certificate(("127.0.0.1", self._port), timeout=PROBE)

    def _done(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.vault.call(method, path, body)
        if answer.status >= 300:
            raise processes.Failed(f"Vault answers {answer.status} to {method} {path}: {answer.body}")
        return answer.body


def _in_memory(binary: Path, folder: Path) -> tuple[subprocess.Popen[bytes], Vault]:
    port, token = processes.free_port(), secrets.token_urlsafe(32)
    server = Vault(f"http://127.0.0.1:{port}", token)
    command = [str(binary), "server", "-dev", "-dev-no-store-token", f"-dev-listen-address=127.0.0.1:{port}"]
    environ = processes.environ(folder) | {"VAULT_DEV_ROOT_TOKEN_ID": token}  # arguments are for everybody to see
    # No other Vault knows this token; and KV may still be turning into version 2 when the server answers.
    return processes.start(
        command,
        environ,
        folder / "vault.log",
        lambda: server.call("GET", "secret/config", timeout=PROBE).status == 200,
    ), server
