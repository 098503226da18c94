"""What an API server's answers say to people. Never with a body or its message: they may hold what was sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from syncd.clients.http.transport import Answer, inner
from syncd.core.errors import FixError, Reason, SyncError, WaitError

ANONYMOUS = "system:anonymous"
"""Whoever shows no credentials, as RBAC calls them."""

_POLICY = ("denied the request", "denied request")
"""So say webhooks and admission policies."""


@dataclass(frozen=True)
class Asked:
    """What a call was about: `verb` is what a Role has to allow."""

    namespace: str
    verb: str
    name: str = ""

    @property
    def subject(self) -> str:
        """What an error about it is about."""
        return f"secret {self.namespace}/{self.name}" if self.name else f"secrets of {self.namespace}"

    @property
    def needs(self) -> str:
        """What lets us ask it."""
        return f"a Role in {self.namespace} has to allow `{self.verb}` on `secrets`"


class Told(NamedTuple):
    """What a `Status` says, to be looked at and not repeated; all empty where an answer is none."""

    reason: str = ""
    message: str = ""
    kind: str = ""
    causes: tuple[tuple[str, str], ...] = ()
    """Reason and field of each."""

    def __repr__(self) -> str:
        return f"Told({self.reason})"

    def mentions(self, *words: str) -> bool:
        return any(word in self.message for word in words)

    def has(self, reason: str, field: str = "") -> bool:
        """Is there such a cause, in this field or below it?"""
        return any(one == reason and where.startswith(field) for one, where in self.causes)


def told(answer: Answer) -> Told:
    """The `Status` of an answer."""
    if inner(answer, "kind") != "Status":
        return Told()
    causes = inner(answer, "details", "causes")
    found = tuple(
        (_text(one.get("reason")), _text(one.get("field")))
        for one in (causes if isinstance(causes, Sequence) else ())
        if isinstance(one, Mapping)
    )
    reason, message, kind = inner(answer, "reason"), inner(answer, "message"), inner(answer, "details", "kind")
    return Told(_text(reason), _text(message), _text(kind), found)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


class _Case(NamedTuple):
    """A way to fail that has words of its own."""

    statuses: tuple[int, ...]
    applies: Callable[[Told], bool]
    kind: type[SyncError]
    reason: Reason
    problem: str
    remedy: str


_LARGE = "is larger than Kubernetes takes"
_LESS = "spread its deployment's documents over more Secrets"
_NEW = "delete it: it is made anew"
_CASES = (
    _Case((403,), lambda it: it.has("NamespaceTerminating"), WaitError, Reason.REFUSED,
          "its namespace is being removed", "wait until it is made anew, or unlink the deployment"),
    _Case((403,), lambda it: it.mentions("exceeded quota"), WaitError, Reason.REFUSED,
          "a quota of its namespace is used up", "raise it, or remove what isn't needed"),
    _Case((403,), lambda it: it.mentions(ANONYMOUS), FixError, Reason.ACCESS_DENIED, "Kubernetes doesn't know who asks",
          "look at the credentials: the call came without any"),
    _Case((400, 403, 422), lambda it: it.mentions(*_POLICY), FixError, Reason.REFUSED,
          "an admission policy of the cluster denies it", "look at its webhooks and admission policies"),
    _Case((422,), lambda it: it.mentions("field is immutable when"), FixError, Reason.REFUSED, "is immutable", _NEW),
    _Case((422,), lambda it: it.has("FieldValueInvalid", "type"), FixError, Reason.REFUSED,
          "has another type, which can't be changed", _NEW),
    _Case((422,), lambda it: it.has("FieldValueTooLong", "metadata.annotations"), FixError, Reason.NOT_HOLDABLE,
          "its annotations are larger than Kubernetes takes", "make them smaller"),
    _Case((422,), lambda it: it.has("FieldValueTooLong", "data"), FixError, Reason.NOT_HOLDABLE, _LARGE, _LESS),
    _Case((422,), lambda it: it.has("FieldValueInvalid", "data["), FixError, Reason.NOT_HOLDABLE,
          "has a key that Kubernetes doesn't take", "keys are letters, digits, '-', '_' and '.', 253 at most"),
    _Case((422,), lambda it: it.has("FieldValueInvalid", "metadata"), FixError, Reason.NOT_HOLDABLE,
          "has a name, label or annotation that Kubernetes doesn't take", "choose another name"),
    _Case((413,), lambda _: True, FixError, Reason.NOT_HOLDABLE, _LARGE, _LESS),
    _Case((500,), lambda it: it.mentions("request is too large"), FixError, Reason.NOT_HOLDABLE, _LARGE, _LESS),
    _Case((500, 504), lambda it: it.mentions("failed calling webhook"), WaitError, Reason.UNAVAILABLE,
          "an admission webhook of the cluster doesn't answer", "look at its webhooks"),
    _Case((404,), lambda it: it.kind == "namespaces", FixError, Reason.NOT_FOUND,
          "its namespace isn't there", "make it"),
    _Case((404,), lambda it: it.reason == "NotFound", FixError, Reason.NOT_FOUND, "isn't there", "check the address"),
    _Case((409,), lambda it: it.reason == "AlreadyExists", WaitError, Reason.CONFLICT,
          "is there already", "sync again"),
    _Case((409,), lambda _: True, WaitError, Reason.CONFLICT,
          "was changed since it was looked at", "sync again"),
    _Case((429,), lambda _: True, WaitError, Reason.UNAVAILABLE, "Kubernetes asks for fewer requests",
          "sync less often, or give syncd a priority level of its own"),
)  # fmt: skip


def failed(answer: Answer, subject: str, needs: str = "") -> SyncError:
    """What an answer says that is no success. `needs` is said where a right is missing."""
    status, said = answer.status, told(answer)
    for case in _CASES:
        if status in case.statuses and case.applies(said):
            return case.kind(case.reason, subject, case.problem, case.remedy)
    if status == 401:
        return unknown(subject)
    if status == 403:
        return FixError(Reason.ACCESS_DENIED, subject, "Kubernetes refuses it", needs)
    if 300 <= status < 400:
        problem = "the API server sends to another address"
        return FixError(Reason.INVALID_SETTINGS, subject, problem, "name that one: none is followed")
    if status < 300 or status == 404:
        return garbled(status, subject)
    if status >= 500:
        return WaitError(Reason.UNAVAILABLE, subject, f"Kubernetes fails ({status})", "look at the API server's log")
    return FixError(Reason.REFUSED, subject, f"Kubernetes doesn't take it ({status})", "look at its audit log")


def unknown(subject: str) -> FixError:
    """Credentials that aren't taken, or none."""
    problem, remedy = (
        "Kubernetes doesn't take our credentials",
        "look at the token, certificate or plugin they are from",
    )
    return FixError(Reason.ACCESS_DENIED, subject, problem, remedy)


def nobody() -> FixError:
    """The server knows us as anonymous: whatever it allows to nobody isn't ours."""
    problem = f"takes us for nobody ({ANONYMOUS})"
    remedy = "no credentials arrived: look at the kubeconfig and its plugin, and at what is between here and there"
    return FixError(Reason.ACCESS_DENIED, "Kubernetes", problem, remedy)


def garbled(status: int, subject: str) -> WaitError:
    """An answer that no API server gives."""
    problem = f"the answer ({status}) isn't Kubernetes'"
    remedy = "is something between here and the API server, or is its address wrong?"
    return WaitError(Reason.UNAVAILABLE, subject, problem, remedy)


def is_absent(answer: Answer) -> bool:
    """Does an API server say that there is no such Secret? Any other 404 is somebody else's."""
    said = told(answer)
    return answer.status == 404 and said.reason == "NotFound" and said.kind in ("secrets", "")
