"""A Secret as a value: from what the API says of it, and back."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OPAQUE = "Opaque"


@dataclass(frozen=True)
class Secret:
    """What one holds, as text, and what stands beside it. What the server gives is empty in one that isn't made yet."""

    namespace: str
    name: str
    data: Mapping[str, str] = field(default_factory=dict, repr=False)
    labels: Mapping[str, str] = field(default_factory=dict, repr=False)
    annotations: Mapping[str, str] = field(default_factory=dict, repr=False)
    type: str = OPAQUE
    immutable: bool = False
    binary: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What is no text, and so isn't in `data`: by key, as the API says it. A replace says it again."""

    uid: str = ""
    version: str = ""
    deleting: bool = False
    """Its removal has begun, and waits for somebody's finalizer."""

    managers: frozenset[str] = field(default=frozenset(), repr=False)
    """Who wrote to it, as they call themselves."""

    kept: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """What a replace must say again, or it would be gone: whose it is to the garbage collector, and its finalizers."""

    @property
    def size(self) -> int:
        """Bytes, as the server counts them against its limit."""
        binary = sum(len(binascii.a2b_base64(content)) for content in self.binary.values())
        return binary + sum(len(content.encode()) for content in self.data.values())

    def says(self, other: Secret) -> bool:
        """The same, to whoever reads it?"""
        return _said(self) == _said(other) and not self.deleting


def manifest(namespace: str, secret: Secret) -> dict[str, Any]:
    """What the API is told of a new one."""
    metadata: dict[str, Any] = {"namespace": namespace, "name": secret.name}
    if secret.labels:
        metadata["labels"] = dict(secret.labels)
    if secret.annotations:
        metadata["annotations"] = dict(secret.annotations)
    made: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": secret.type}
    texts = {key: base64.b64encode(text.encode()).decode("ascii") for key, text in secret.data.items()}
    made["data"] = {**secret.binary, **texts}
    if secret.immutable:
        made["immutable"] = True
    return made


def replacement(namespace: str, secret: Secret) -> dict[str, Any]:
    """What the API is told to put in the place of this very object, in the state that it was seen in."""
    made = manifest(namespace, secret)
    made["metadata"] |= {**secret.kept, "uid": secret.uid, "resourceVersion": secret.version}
    return made


def parsed(body: Any, namespace: str, name: str = "") -> Secret | None:
    """The Secret that a body holds; None where it holds none, or not this one. In a list none says what it is."""
    if not isinstance(body, Mapping) or body.get("kind", "Secret" if not name else "") != "Secret":
        return None
    try:
        found = _parsed(body)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    right = found.namespace == namespace and found.name == (name or found.name)
    return found if right and found.name and found.uid and found.version else None


def _parsed(body: Mapping[str, Any]) -> Secret:
    metadata = body["metadata"]
    data, binary = _decoded(_texts(body.get("data")))
    return Secret(
        _text(metadata["namespace"]),
        _text(metadata["name"]),
        data,
        _texts(metadata.get("labels")),
        _texts(metadata.get("annotations")),
        _text(body.get("type", OPAQUE)),
        body.get("immutable") is True,
        binary,
        _text(metadata["uid"]),
        _text(metadata["resourceVersion"]),
        "deletionTimestamp" in metadata,
        frozenset(_text(one.get("manager", "")) for one in metadata.get("managedFields") or ()),
        {key: metadata[key] for key in ("ownerReferences", "finalizers") if metadata.get(key)},
    )


def _decoded(encoded: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    data: dict[str, str] = {}
    binary: dict[str, str] = {}
    for key, text in encoded.items():
        content = binascii.a2b_base64(text)
        try:
            data[key] = content.decode()
        except UnicodeDecodeError:
            binary[key] = text
    return data, binary


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _texts(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError
    return {_text(key): _text(text) for key, text in value.items()}


def _said(secret: Secret) -> tuple[object, ...]:
    beside = (dict(secret.labels), dict(secret.annotations), secret.type, secret.immutable, dict(secret.binary))
    return (dict(secret.data), *beside)
