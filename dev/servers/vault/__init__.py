"""Vault: in memory for speed, or with raft storage and TLS where restart, seal and certificates are the subject."""

from __future__ import annotations

import json
import os
import secrets
import signal
import ssl
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import BaseHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from servers import binaries, certificates, processes

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
_PROBE = 2
"""Seconds for an answer, where it will be asked again."""

_STOPS_WITHIN = 20
"""Seconds; where its data is to be kept, it isn't killed before."""


@dataclass(frozen=True)
class Answer:
    """What Vault says to a request: its status, and the JSON of its body, None where that is empty."""

    status: int
    body: Any


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
        request = Request(  # noqa: S310  our own address
            f"{self.address}/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"X-Vault-Token": self.root_token, "Content-Type": "application/json"},
        )
        handlers: list[BaseHandler] = [ProxyHandler({})]  # no proxy is between us and this machine
        if self.ca is not None:
            handlers.append(HTTPSHandler(context=ssl.create_default_context(cafile=self.ca)))
        try:
            with build_opener(*handlers).open(request, timeout=timeout) as answer:
                return _answer(answer.status, answer.read())
        except HTTPError as error:
            with error:
                return _answer(error.code, error.read())


def find() -> Path:
    """Where its binary is. Builds nothing; raises Missing."""
    return binaries.find(BINARY)


def build() -> Path:
    """The same, but where there is none it is built. Raises Missing."""
    return binaries.build(BINARY)


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
    server = processes.on_free_ports(lambda: Raft(find(), folder))
    try:
        yield server
    finally:
        server.stop()


class Raft:
    """A Vault that keeps its data, on one address for as long as this lives. Methods raise Failed.

    It is sealed whenever it starts. `vault` is how to reach it, with a root token once it is initialised.
    """

    def __init__(self, binary: Path, folder: Path) -> None:
        self._binary, self._folder = binary, folder
        self._authority = certificates.Authority.make()
        self._process: subprocess.Popen[bytes] | None = None
        self._unseal_key = ""
        (folder / "data").mkdir(mode=0o700, parents=True, exist_ok=True)
        self._authority.write(folder / "ca.pem")
        self.vault = Vault(f"https://127.0.0.1:{processes.free_port()}", "", folder / "ca.pem")
        self._configure()
        self.renew_certificate()
        self.start()

    def start(self) -> None:
        """Where it isn't running: on the same address, with the same data."""
        if self._process is None:
            command = [str(self._binary), "server", f"-config={self._folder / 'vault.json'}"]
            self._process = processes.start(command, _environ(self._folder), self._log, self._answers)

    def stop(self) -> None:
        """Where it is running."""
        if self._process is not None:
            processes.end(self._process, patience=_STOPS_WITHIN)
            self._process = None

    def initialise(self) -> None:
        """Once in the life of its data: makes the root token, and the key that unseals it."""
        made = self._done("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
        self._unseal_key = made["keys"][0]
        self.vault = Vault(self.vault.address, made["root_token"], self.vault.ca)

    def unseal(self) -> None:
        """It serves when this returns."""
        self._done("PUT", "sys/unseal", {"key": self._unseal_key})
        self._wait("Vault to serve", lambda: self._health() == 200)

    def seal(self) -> None:
        """It answers 503 to everything when this returns."""
        self._done("PUT", "sys/seal")
        self._wait("Vault to be sealed", lambda: self._health() == 503)

    def renew_certificate(self) -> None:
        """Another certificate of the same authority; where it runs, it serves that one when this returns."""
        certificate = self._folder / "server.pem"
        self._authority.issue(certificate, self._folder / "server-key.pem")
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)
            renewed = ssl.PEM_cert_to_DER_cert(certificate.read_text())
            self._wait("the new certificate", lambda: ssl.PEM_cert_to_DER_cert(self._served()) == renewed)

    @property
    def _log(self) -> Path:
        return self._folder / "vault.log"

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
        return self.vault.call("GET", "sys/health", timeout=_PROBE).status

    def _served(self) -> str:
        return ssl.get_server_certificate(("127.0.0.1", self._port), timeout=_PROBE)

    def _done(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.vault.call(method, path, body)
        if answer.status >= 300:
            raise processes.Failed(f"Vault answers {answer.status} to {method} {path}: {answer.body}")
        return answer.body

    def _wait(self, what: str, ready: Callable[[], bool]) -> None:
        if self._process is None:
            raise processes.Failed(f"waited for {what}, but it isn't running")
        processes.wait_until(ready, what, self._process, self._log)


def _in_memory(binary: Path, folder: Path) -> tuple[subprocess.Popen[bytes], Vault]:
    port, token = processes.free_port(), secrets.token_urlsafe(32)
    server = Vault(f"http://127.0.0.1:{port}", token)
    command = [str(binary), "server", "-dev", "-dev-no-store-token", f"-dev-listen-address=127.0.0.1:{port}"]
    environ = _environ(folder) | {"VAULT_DEV_ROOT_TOKEN_ID": token}  # arguments are for everybody to see
    # No other Vault knows this token; and KV may still be turning into version 2 when the server answers.
    return processes.start(
        command,
        environ,
        folder / "vault.log",
        lambda: server.call("GET", "secret/config", timeout=_PROBE).status == 200,
    ), server


def _environ(folder: Path) -> dict[str, str]:
    """What a developer has set for their own Vault is no part of it."""
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder)}


def _answer(status: int, content: bytes) -> Answer:
    return Answer(status, json.loads(content) if content else None)
