"""Writing Secrets, each against the state that was seen."""

from __future__ import annotations

from contextlib import suppress
from threading import Lock
from typing import Any

from syncd.clients.http.transport import Answer, inner
from syncd.clients.kubernetes.credentials import Credentials
from syncd.clients.kubernetes.failures import ANONYMOUS, Asked, failed, garbled, is_absent, nobody, told
from syncd.clients.kubernetes.reading import Reader, one, path
from syncd.clients.kubernetes.secret import Secret, manifest, parsed, replacement
from syncd.core.errors import Reason, SyncError, WaitError

MANAGER = "syncd"
"""As which we stand among a Secret's managers."""

_MANAGED = f"?fieldManager={MANAGER}"
_API = "authentication.k8s.io/v1"


class Kubernetes(Reader):
    """The same, to be written to. Who we are is looked at once, before anything else: nobody goes on as nobody.

    A write whose answer was lost, or that conflicts with what may be itself, is looked at once: it is done where it
    shows. Where that can't be seen its error is raised, and the next pass sees.
    """

    def __init__(self, credentials: Credentials | None = None, *, timeout: float = 30, patience: float = 20) -> None:
        super().__init__(credentials, timeout=timeout, patience=patience)
        self._lock = Lock()
        self._introduced = False

    def whoami(self) -> str:
        """What RBAC calls us; empty where the server is too old to say, or doesn't. Raises FixError where nobody."""
        review = {"apiVersion": _API, "kind": "SelfSubjectReview"}
        answer = super()._request("POST", f"/apis/{_API}/selfsubjectreviews", review)
        name, said = inner(answer, "status", "userInfo", "username"), told(answer)
        if name == ANONYMOUS or (answer.status == 403 and said.mentions(ANONYMOUS)):
            raise nobody()
        if answer.status in (403, 404, 405) and (said.reason or answer.status == 404):
            return ""
        if answer.status != 201:
            raise failed(answer, "who we are to Kubernetes")
        if inner(answer, "kind") != "SelfSubjectReview" or not isinstance(name, str):
            raise garbled(answer.status, "who we are to Kubernetes")
        return name

    def create(self, namespace: str, secret: Secret) -> Secret:
        """A new one; as it is then. Raises WaitError, Conflict, where there is one that says anything else."""
        asked, content = Asked(namespace, "create", secret.name), manifest(namespace, secret)
        answer = self._tried("POST", path(namespace) + _MANAGED, content)
        return self._written(answer, 201, asked, secret)

    def refuses(self, namespace: str, name: str) -> SyncError | None:
        """Why one couldn't be made now: a namespace that isn't there, or is going; a right, or room that lacks. Nothing
        is made. None where it could, or nobody can tell."""
        asked, content = Asked(namespace, "create"), manifest(namespace, Secret(namespace, name))
        answer = self._tried("POST", f"{path(namespace)}{_MANAGED}&dryRun=All", content)
        error = _error(answer, asked)
        waits = isinstance(error, WaitError) and error.reason is Reason.REFUSED
        # Anything else may be about this empty Secret alone, or a webhook's that takes no rehearsal.
        return error if waits or error.reason in (Reason.NOT_FOUND, Reason.ACCESS_DENIED) else None

    def replace(self, namespace: str, secret: Secret) -> Secret:
        """What is there by all that this says, where it is still the object and version that this was read as.

        As it is then. Raises WaitError, Conflict, where it isn't.
        """
        asked, content = Asked(namespace, "update", secret.name), replacement(namespace, secret)
        answer = self._tried("PUT", path(namespace, secret.name) + _MANAGED, content)
        return self._written(answer, 200, asked, secret)

    def delete(self, namespace: str, secret: Secret) -> None:
        """Take it away, where it is still that object and version; gone already is gone. Raises WaitError, Conflict.

        With finalizers on it, it stays until whoever put them there is done.
        """
        asked, seen = Asked(namespace, "delete", secret.name), {"uid": secret.uid, "resourceVersion": secret.version}
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": seen}
        answer = self._tried("DELETE", path(namespace, secret.name), options)
        if _is_deleted(answer, asked, secret):
            return
        error = _error(answer, asked)
        if not _is_lost(answer):
            raise error
        kept = self._looked(asked, error)
        if kept is not None and kept.uid == secret.uid and not kept.deleting:
            raise error

    def _request(self, method: str, url: str, content: Any = None) -> Answer:
        with self.within():
            if not self._introduced:
                with self._deadlines.alone(self._lock, "Kubernetes"):
                    if not self._introduced:
                        self.whoami()
                        self._introduced = True
            return super()._request(method, url, content)

    def _tried(self, method: str, url: str, content: Any) -> Answer | WaitError:
        try:
            return self._request(method, url, content)
        except WaitError as error:
            return error.with_traceback(None)

    def _written(self, answer: Answer | WaitError, status: int, asked: Asked, secret: Secret) -> Secret:
        error = _error(answer, asked)
        if isinstance(answer, Answer) and answer.status == status:
            try:
                return one(answer, status, asked)
            except SyncError as garbled_one:
                error = garbled_one.with_traceback(None)
        if _is_lost(answer) or error.reason is Reason.CONFLICT:
            # Sent twice, a write that was done is a conflict with itself.
            kept = self._looked(asked, error)
            if kept is not None and kept.says(secret) and kept.uid == (secret.uid or kept.uid):
                return kept
        raise error

    def _looked(self, asked: Asked, error: SyncError) -> Secret | None:
        """What is there now. Raises the error where nobody knows."""
        with suppress(SyncError):
            return self.secret(asked.namespace, asked.name)
        raise error


def _error(answer: Answer | WaitError, asked: Asked) -> SyncError:
    """What a write that wasn't done says."""
    if isinstance(answer, WaitError):
        return answer
    if asked.verb == "update" and is_absent(answer):
        return WaitError(Reason.CONFLICT, asked.subject, "isn't there any more", "sync again")
    return failed(answer, asked.subject, asked.needs)


def _is_lost(answer: Answer | WaitError) -> bool:
    """May it have been done all the same? No answer, one that isn't the server's own, or a failure half way."""
    return isinstance(answer, WaitError) or answer.status < 300 or answer.status >= 500


def _is_deleted(answer: Answer | WaitError, asked: Asked, secret: Secret) -> bool:
    """Told with what was removed, with what is still to be, or with a mere `Status`."""
    if isinstance(answer, WaitError):
        return False
    if answer.status == 404:
        return is_absent(answer)
    removed = parsed(answer.body, asked.namespace, asked.name)
    success = inner(answer, "kind") == "Status" and inner(answer, "status") == "Success"
    return answer.status in (200, 202) and (success or (removed is not None and removed.uid == secret.uid))
