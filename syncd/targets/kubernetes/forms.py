"""What a Secret holds: many documents by key, or one that Airflow's own backend finds by its label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from syncd.clients.kubernetes.secret import Secret
from syncd.core.airflow_form import FORMS
from syncd.core.documents import Document, Mark, Place, Seal, decode, encode, read_mark
from syncd.core.errors import FixError, Reason
from syncd.core.layouts.airflow import found_fields
from syncd.core.layouts.kubernetes import Bundled, Labelled
from syncd.core.plan import Write
from syncd.targets.beside import parsed, secrets, told, told_secrets

_MARK, _ID, _SECRETS = "syncd/mark", "syncd/id", "syncd/secrets"
"""Annotations: whose it is; and in `airflow`, whose document it holds, by which one without its label is known, and
which fields are secret."""

_VALUE = "value"
"""The key that KubernetesSecretsBackend reads."""

_LABELS = {"connection": "airflow.apache.org/connection-id", "variable": "airflow.apache.org/variable-key"}
"""How it finds one, by kind (apache-airflow-providers-cncf-kubernetes 10.13)."""


class Form(Protocol):
    """How documents stand in a Secret, and back."""

    def found(self, secret: Secret, subject: str, seal: Seal) -> Mapping[Place, Document]:
        """The documents in it. Raises FixError where one is of a format that this release can't read."""

    def written(self, write: Write, before: Secret, mark: Mark, seal: Seal) -> Secret | None:
        """The same Secret with the write carried out; None where nothing is left in it."""


def mark_of(secret: Secret) -> Mark | None:
    """Whose it is; None where it isn't one of ours."""
    return read_mark(parsed(secret.annotations.get(_MARK)))


@dataclass(frozen=True)
class Bundles:
    """An envelope by key. What else somebody put beside them stays."""

    layout: Bundled

    def found(self, secret: Secret, subject: str, seal: Seal) -> Mapping[Place, Document]:
        return {Place(secret.name, key): self._found(secret, key, subject) for key in (*secret.data, *secret.binary)}

    def written(self, write: Write, before: Secret, mark: Mark, seal: Seal) -> Secret | None:
        data = {**_kept(before.data, write), **{key: encode(one, None) for key, one in write.put.items()}}
        binary = _kept(before.binary, write)
        if not data and not binary:
            return None
        return _replaced(before, data, binary, {_MARK: told(mark._asdict())}, self._labels(write.object))

    def _found(self, secret: Secret, key: str, subject: str) -> Document:
        envelope = parsed(secret.data.get(key))
        if not isinstance(envelope, Mapping):
            return Document({})
        try:
            _, content = decode(envelope, f"{subject} {key}")
        except FixError as error:
            if error.reason is Reason.NEWER_DOCUMENT:
                raise FixError(error.reason, subject, f"{key} {error.problem}", error.remedy) from None
            return Document({})
        return self.layout.found(Place(secret.name, key), content)

    def _labels(self, name: str) -> Mapping[str, str]:
        return _labels(self.layout.prefix, self.layout.deployment(Place(name)))


@dataclass(frozen=True)
class Labels:
    """One document, as Airflow takes it: what somebody put beside it stays, and goes with it."""

    layout: Labelled

    def found(self, secret: Secret, subject: str, seal: Seal) -> Mapping[Place, Document]:
        kind = self._kind(secret.name)
        label, value = secret.labels.get(_LABELS.get(kind, ""), ""), secret.data.get(_VALUE)
        shown = secret.annotations.get(_ID, label)
        places = [Place(secret.name, id_) for id_ in (shown, label)]
        place = next(filter(self.layout.item, places), Place(secret.name))
        item = self.layout.item(place)
        if item is None:  # it says no id that its name is of
            return {place: Document({})}
        content = {"value": value} if kind == "variable" else parsed(value)
        if value is None or not isinstance(content, Mapping):
            return {place: Document({})}
        found = found_fields(item, content, secrets(secret.annotations.get(_SECRETS), content, seal))
        # A difference: Airflow doesn't find it, or finds it as another; or nobody would know it without its label.
        astray = {name: said for name, said in (("label", label), ("id", shown)) if said != item.id}
        return {place: Document({**found.content, **astray}, found.secret) if astray else found}

    def written(self, write: Write, before: Secret, mark: Mark, seal: Seal) -> Secret | None:
        for id_, document in write.put.items():
            kind = self._kind(write.object)
            labels = {
                **_labels(self.layout.prefix, self.layout.deployment(Place(write.object))),
                _LABELS[kind]: id_,
            }
            annotations = {_MARK: told(mark._asdict()), _ID: id_, _SECRETS: told_secrets(document, seal)}
            data = {**before.data, _VALUE: FORMS[kind].text(document.content)}
            binary = {key: content for key, content in before.binary.items() if key != _VALUE}
            return _replaced(before, data, binary, annotations, labels)
        return None

    def _kind(self, name: str) -> str:
        return name[len(self.layout.prefix) + 1 :].partition(".")[2].partition(".")[0]


def _labels(prefix: str, deployment: str) -> Mapping[str, str]:
    """For people: `kubectl get secrets -l syncd/deployment=etl-dev`."""
    return {"app.kubernetes.io/managed-by": "syncd", "syncd/prefix": prefix, "syncd/deployment": deployment}


def _kept(held: Mapping[str, str], write: Write) -> dict[str, str]:
    return {key: content for key, content in held.items() if key not in write.drop and key not in write.put}


def _replaced(
    before: Secret,
    data: Mapping[str, str],
    binary: Mapping[str, str],
    annotations: Mapping[str, str],
    labels: Mapping[str, str],
) -> Secret:
    return replace(
        before,
        data=data,
        binary=binary,
        annotations={**before.annotations, **annotations},
        labels={**before.labels, **labels},
    )
