"""How to reach an API server, and as whom."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from servers import calls, files
from servers.calls import Answer
from servers.processes import Failed


@dataclass(frozen=True)
class Client:
    """Somebody, by their token; nobody where that is empty."""

    url: str
    ca: Path
    token: str = field(repr=False)

    def bearer(self, token: str) -> Client:
        """The same server for somebody else."""
        return Client(self.url, self.ca, token)

    def call(
        self, method: str, path: str, body: Any = None, *, kind: str = "application/json", timeout: float = 30
    ) -> Answer:
        """One request; an answer with an error's status is an answer, too. A body that is no object stays text.

        Raises OSError where nobody answers.
        """
        headers = {"Content-Type": kind, "Accept": "application/json, */*"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        content = None if body is None else json.dumps(body).encode()
        status, answered = calls.send(method, f"{self.url}{path}", content, headers, ca=self.ca, timeout=timeout)
        return Answer(status, json.loads(answered) if answered.startswith(b"{") else answered.decode())

    def done(self, method: str, path: str, body: Any = None, *, kind: str = "application/json") -> Any:
        """The body of an answer that is no error. Raises Failed, with what the server says, and OSError."""
        answer = self.call(method, path, body, kind=kind)
        if answer.status >= 300:
            why = answer.body.get("message") if isinstance(answer.body, dict) else answer.body
            raise Failed(f"Kubernetes answers {answer.status} to {method} {path}: {why}")
        return answer.body

    def write_kubeconfig(self, path: Path, namespace: str = "default") -> None:
        """For `kubectl` and every library: as JSON, which is YAML, and without another file."""
        name = "dev"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": name, "cluster": {"server": self.url, "certificate-authority-data": self._authority}}
            ],
            "users": [{"name": name, "user": {"token": self.token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}],
            "current-context": name,
        }
        files.write(path, json.dumps(config, indent=2).encode())

    @property
    def _authority(self) -> str:
        return base64.b64encode(self.ca.read_bytes()).decode()
