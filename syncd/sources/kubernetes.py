"""Documents in Secrets, as the Kubernetes target writes them, through the API: for pods that mount none of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from syncd.clients.kubernetes.reading import Reader
from syncd.core.documents import NAMEPLATE, Place
from syncd.core.errors import FixError, Reason, WaitError
from syncd.core.layouts.layered import folder
from syncd.core.layouts.spread import SECRETS, secret_name, slot
from syncd.sources.answers import Answers, Times

_TRIES = 3

_LOOK = 60.0
"""Seconds between two looks at over how many Secrets documents are spread: it changes once in a year."""


class _Bundle:
    """The envelopes of a Secret by key, each parsed when it is asked for: a lookup wants one of many."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts
        self._parsed: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        """The same object each time; None where the key isn't there."""
        if key not in self.texts:
            return None
        if key not in self._parsed:
            self._parsed[key] = _parsed(self.texts[key])
        return self._parsed[key]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Bundle) and self.texts == other.texts

    __hash__ = None  # type: ignore[assignment]  # it is compared, and never looked up


_NOTHING = _Bundle({})


class KubernetesSource:
    """One deployment's Secrets in a namespace, which read as if each document lay at a path.

    A key is in one of so many Secrets as the nameplate says, and each has the nameplate: one small read tells a hit
    from a miss. Safe under threads; a forked child needs its own.
    """

    def __init__(self, reader: Reader, namespace: str, prefix: str, deployment: str, times: Times) -> None:
        self._reader, self._namespace, self._prefix, self._deployment = reader, namespace, prefix, deployment
        self._answers = Answers(self._read, times)
        self._clock = times.clock
        self._known: tuple[float, int] | None = None
        self._lookup = threading.local()

    @contextmanager
    def within(self) -> Iterator[None]:
        """All that is read inside has one deadline together, and is read once."""
        self._lookup.read = {}
        try:
            with self._reader.within():
                yield
        finally:
            self._lookup.read = None

    def path(self, place: Place) -> str:
        """Where a place is, for people."""
        key = self._key(place)
        secrets = self._known[1] if self._known else SECRETS
        name = self._name(0 if key == NAMEPLATE else slot(key, secrets)) if key else place.object
        return f"secret {self._namespace}/{name}, key {key}"

    def get(self, place: Place, after: Place | None = None) -> Mapping[str, Any] | None:
        key = self._key(place)
        if not key:
            return None
        envelope = self._nameplate() if key == NAMEPLATE else self._holding(key).get(key)
        if envelope is None or isinstance(envelope, Mapping):
            return envelope
        raise FixError(
            Reason.INVALID_DOCUMENT, self.path(place), "is no JSON object", "let `syncd sync` write it again"
        )

    def names(self, folder: str) -> tuple[str, ...]:
        """What lies in a folder; nothing where it isn't there."""
        start = f"{self._key(Place(f'{folder}/'))}"
        bundles = [self._bundle(self._name(number)) or _NOTHING for number in range(self._spread_over("") or 0)]
        keys = (key for bundle in bundles for key in bundle.texts)
        return tuple(key[len(start) :] for key in keys if start and key.startswith(start))

    def _key(self, place: Place) -> str:
        """The key of a place below the deployment; empty for any other."""
        start = f"{folder(self._prefix, self._deployment)}/"
        inside = not place.key and place.object.startswith(start)
        return place.object[len(start) :].replace("/", ".", 1) if inside else ""

    def _holding(self, key: str) -> _Bundle:
        """The documents of the Secret that holds a key, or would."""
        name, bundle = "", None
        for _ in range(_TRIES):
            secrets = self._spread_over(after=name)
            if secrets is None:  # no nameplate: whoever asks for it is told
                self._lookup.name, self._lookup.hit = self._name(0), False
                return self._bundle(self._name(0)) or _NOTHING
            fresh, name = bool(name), self._name(slot(key, secrets))
            bundle = self._bundle(name, after=self._name(0) if fresh else None)
            if bundle is not None:
                self._lookup.name, self._lookup.hit = name, key in bundle.texts
                # Where documents are being moved, both places hold them.
                if _spread(bundle) == secrets or (fresh and self._lookup.hit):
                    return bundle
        subject = f"secret {self._namespace}/{name}"
        if bundle is None:
            raise FixError(Reason.INVALID_DOCUMENT, subject, "isn't there", "let `syncd sync` write it again")
        raise WaitError(Reason.CONFLICT, subject, "is being moved", "try again")

    def _spread_over(self, after: str) -> int | None:
        """Over how many Secrets, as the first one says, at least every minute; anew where a reading of another one
        doesn't agree. None where there is no nameplate."""
        known = self._known
        if known is not None and not after and self._clock() < known[0]:
            return known[1]
        first = self._bundle(self._name(0), after=after or None) or _NOTHING
        secrets = _spread(first)
        if secrets is None and NAMEPLATE in first.texts:
            subject = f"secret {self._namespace}/{self._name(0)}, key {NAMEPLATE}"
            raise FixError(Reason.INVALID_DOCUMENT, subject, "can't be read", "let `syncd sync` write it again")
        if secrets is not None:  # where the first one is gone, what was known does for what lies in the others
            self._known = (self._clock() + _LOOK, secrets)
        return secrets

    def _nameplate(self) -> Any:
        """That of the Secret where a document was looked for. Where it wasn't found, the later one of two: a Secret
        that couldn't be written doesn't say what it lacks; and where it has none yet, as in one to which documents
        are copied."""
        name = getattr(self._lookup, "name", None) or self._name(0)
        names, hit = [name], getattr(self._lookup, "hit", False)
        sure = hit and NAMEPLATE in (self._bundle(name) or _NOTHING).texts
        if not sure and self._known is not None and self._known[1] > 1:
            names.append(self._name(1 if name == self._name(0) else 0))
        found = [plate for one in names if (plate := (self._bundle(one) or _NOTHING).get(NAMEPLATE)) is not None]
        return max(found, key=_revision, default=None)

    def _name(self, number: int) -> str:
        return secret_name(self._prefix, self._deployment, number)

    def _bundle(self, name: str, after: str | None = None) -> _Bundle | None:
        """What a Secret holds; within a lookup it is read once."""
        read: dict[str, _Bundle | None] | None = getattr(self._lookup, "read", None)
        if read is not None and after is None and name in read:
            return read[name]
        bundle = self._answers.get(name, after if after != name else None)
        if read is not None:
            read[name] = bundle
        return bundle

    def _read(self, name: str) -> tuple[str, _Bundle | None]:
        secret = self._reader.secret(self._namespace, name)
        if secret is None:
            return "", None
        # Bytes are no document: they are read as what can't be parsed.
        return f"{secret.uid} {secret.version}", _Bundle({**dict.fromkeys(secret.binary, ""), **secret.data})


def _spread(bundle: _Bundle) -> int | None:
    """Over how many Secrets the nameplate says that documents are spread; None where it says nothing."""
    plate = bundle.get(NAMEPLATE)
    secrets = plate.get("secrets") if isinstance(plate, Mapping) else None
    return secrets if type(secrets) is int and secrets > 0 else None


def _revision(plate: Any) -> int:
    revision = plate.get("revision") if isinstance(plate, Mapping) else None
    return revision if type(revision) is int else -1


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return ()
