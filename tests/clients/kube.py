"""A client of Kubernetes as tests make it, and answers as an API server gives them."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from typing import Any

from syncd.clients.http.deadlines import Deadlines
from syncd.clients.http.transport import Address
from syncd.clients.kubernetes.credentials import Credentials, Identity
from syncd.clients.kubernetes.secret import Secret
from syncd.clients.kubernetes.writing import Kubernetes
from tests.clients.fake_server import Fault, FaultyServer, Pass, Request, Said
from tests.clients.quiet import SENTINEL

TOKEN = f"{SENTINEL}-token"
REVIEWS = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
SECRET = Secret("etl", "a", {"k": SENTINEL}, {"of": "us"}, {"syncd/mark": "{}"})


@dataclass
class Shown:
    """Somebody, by a token; another one each time that it was refused."""

    url: str
    token: str = TOKEN
    again: float = 0
    anew: int = 0
    looked: int = 0

    def identity(self, deadlines: Deadlines, *, anew: bool) -> Identity:
        self.looked += 1
        self.anew += anew
        token = f"{self.token}-{self.anew}" if self.anew else self.token
        return Identity(Address(self.url), f"Bearer {token}")


def client(address: str, credentials: Credentials | None = None, **settings: Any) -> Kubernetes:
    return Kubernetes(credentials or Shown(address), **{"timeout": 5, **settings})


def told(secret: Secret = SECRET, *, uid: str = "u-1", version: str = "7", **metadata: Any) -> dict[str, Any]:
    """What an API server says of a Secret."""
    meta = {"namespace": secret.namespace, "name": secret.name, "uid": uid, "resourceVersion": version, **metadata}
    meta |= {"labels": dict(secret.labels), "annotations": dict(secret.annotations)}
    data = {key: b64encode(text.encode()).decode() for key, text in secret.data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": secret.type, "data": data}


def listed(*items: dict[str, Any], more: str = "") -> dict[str, Any]:
    """A page of a list, whose items don't say what they are."""
    said = [{key: value for key, value in item.items() if key not in ("kind", "apiVersion")} for item in items]
    return {
        "kind": "SecretList",
        "apiVersion": "v1",
        "metadata": {"continue": more, "resourceVersion": "9"},
        "items": said,
    }


def status(
    code: int, reason: str, message: str = "", *causes: tuple[str, str], kind: str = "secrets"
) -> dict[str, Any]:
    """What an API server says instead."""
    details = {
        "kind": kind,
        "name": "a",
        "causes": [{"reason": one, "field": where, "message": SENTINEL} for one, where in causes],
    }
    said = {"status": "Failure", "code": code, "reason": reason, "message": message, "details": details}
    return {"kind": "Status", "apiVersion": "v1", **said}


def of(code: int, body: Any = b"", **headers: str) -> Said:
    """An answer; what isn't bytes is told as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Said(code, content, {name.replace("_", "-"): value for name, value in headers.items()})


def somebody(name: str = "system:serviceaccount:syncd:syncd") -> Said:
    """Who asks."""
    return of(201, {"kind": "SelfSubjectReview", "status": {"userInfo": {"username": name}}})


def known(fault: Fault) -> Fault:
    """The fault, to somebody whom the server knows."""

    def answer(request: Request, onward: Pass) -> Said:
        return somebody() if request.path == REVIEWS else fault(request, onward)

    return answer


def asked(server: FaultyServer) -> list[Request]:
    """What arrived but for the question who we are."""
    return [request for request in server.requests if request.path != REVIEWS]
