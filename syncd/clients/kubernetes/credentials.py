"""Who we are to an API server: a pod's own token, and how credentials are had anew where they are refused."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import NamedTuple, Protocol

from syncd.clients.http.deadlines import Deadlines
from syncd.clients.http.transport import UNHOLDABLE, Address, Connections
from syncd.clients.http.trust import Remedies
from syncd.clients.http.wire import holdable
from syncd.core.errors import FixError, Reason, SyncError

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where the kubelet mounts a pod's own token, and the authority of its API server."""

_WHO = "Kubernetes"
"""As errors name it, where no address is known yet."""

_UNMOUNTED = "a pod has its token there unless it says automountServiceAccountToken: false"

_LOOK = 60.0
"""Seconds between two looks at whether credentials were replaced: the kubelet does it well before they expire."""

_QUIET = 5.0
"""Seconds in which credentials that couldn't be had aren't asked for again."""

_REMEDIES = Remedies(
    ca="it is to hold the authority that signed the API server's certificate",
    certificate="the kubeconfig names a certificate and its key",
    untrusted="name the authority's file as `ca`, or in the kubeconfig",
)

SERVICE = ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT")
"""What a pod's environment says of its cluster's API server."""


@dataclass(frozen=True)
class Identity:
    """Where we go, and what we show there: the value of a header, or a certificate's files in the address."""

    address: Address
    authorization: str = field(default="", repr=False)


class Credentials(Protocol):
    """A way in."""

    @property
    def again(self) -> float:
        """Seconds between two times that they are had anew because they were refused: where that starts a program."""

    def identity(self, deadlines: Deadlines, *, anew: bool) -> Identity:
        """As it is now; anew where it was refused. Raises SyncError."""


@dataclass(frozen=True)
class Account:
    """A service account, by its token in a file. What is left empty is as the kubelet gives it to a pod."""

    url: str = ""
    ca: str = ""
    token_path: str = ""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False, compare=False)
    elsewhere: str = "give its `url` and `token_path`, or a `kubeconfig`"
    """What whoever made it has to be given where this is no pod."""

    @property
    def again(self) -> float:
        """Each time: a file costs nothing."""
        return 0.0

    def identity(self, deadlines: Deadlines, *, anew: bool) -> Identity:
        """Raises FixError where the token can't be read, or this is no pod and no address is given."""
        ca = self.ca or ("" if self.url else f"{SERVICE_ACCOUNT}/ca.crt")
        address = Address(self.url or _own(self.environ, self.elsewhere), ca)
        return Identity(address, f"Bearer {_token(self.token_path)}")


def _own(environ: Mapping[str, str], elsewhere: str) -> str:
    """The API server of the pod that we are in."""
    host, port = (environ.get(name, other) for name, other in zip(SERVICE, ("", "443"), strict=True))
    if not host:
        problem = "this isn't a pod, and no API server is named"
        raise FixError(Reason.INVALID_SETTINGS, _WHO, problem, elsewhere)
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def _token(given: str) -> str:
    path = given or f"{SERVICE_ACCOUNT}/token"
    try:
        with Path(path).open(encoding="utf-8") as file:
            token = file.read().strip()
    except (OSError, UnicodeDecodeError):
        token = ""
    if not token:
        problem = "can't be read, or is empty"
        remedy = "`token_path` is to name the file that holds the service account's token"
        raise FixError(Reason.ACCESS_DENIED, path, problem, remedy if given else f"{_UNMOUNTED}; elsewhere {remedy}")
    if not holdable(token):
        raise FixError(Reason.INVALID_SETTINGS, path, UNHOLDABLE, "it is to hold a token alone")
    return token


class Held(NamedTuple):
    """Connections, and who we are on them."""

    connections: Connections
    identity: Identity

    def headers(self) -> dict[str, str]:
        sent = {"Accept": "application/json"}
        if self.identity.authorization:
            sent["Authorization"] = self.identity.authorization
        return sent

    def __repr__(self) -> str:
        return f"Held({self.identity.address.url})"


class Session:
    """What is in use. Threads may share one: only one of them gets credentials, and the others wait for it."""

    def __init__(self, credentials: Credentials, deadlines: Deadlines) -> None:
        self._credentials, self._deadlines = credentials, deadlines
        self._clock: Callable[[], float] = deadlines.clock
        self._lock = Lock()
        self._held: Held | None = None
        self._look_at = float("-inf")
        self._anew_at = float("-inf")
        self._failed: tuple[float, SyncError] | None = None

    def held(self) -> Held:
        """What should do. Raises SyncError where there are no credentials to be had."""
        held = self._held
        if held is None or self._clock() >= self._look_at:
            with self._deadlines.alone(self._lock, _WHO):
                held = self._held
                if held is None or self._clock() >= self._look_at:
                    held = self._looked(held)
        return held

    def another(self, refused: Held) -> Held | None:
        """Something else to try, now that this was refused; None where there isn't."""
        with self._deadlines.alone(self._lock, _WHO):
            if self._held is not None and self._held is not refused:
                return self._held
            if self._clock() - self._anew_at < self._credentials.again:
                return None
            self._anew_at = self._clock()
            # With connections of its own: a certificate that was replaced is shown when one begins.
            return self._use(self._had(anew=True))

    def _looked(self, held: Held | None) -> Held:
        try:
            identity = self._had(anew=False)
        except SyncError:
            if held is None:
                raise
            # What is held may do for long yet; the server says when it doesn't.
            self._look_at = self._clock() + _LOOK
            return held
        if held is not None and held.identity == identity:
            self._look_at = self._clock() + _LOOK
            return held
        return self._use(identity)

    def _use(self, identity: Identity) -> Held:
        self._held = Held(Connections(identity.address, _REMEDIES, self._deadlines), identity)
        self._look_at = self._clock() + _LOOK
        return self._held

    def _had(self, *, anew: bool) -> Identity:
        if self._failed is not None and self._clock() < self._failed[0]:
            raise self._failed[1].with_traceback(None)
        try:
            identity = self._credentials.identity(self._deadlines, anew=anew)
        except SyncError as error:
            if self._credentials.again:
                self._failed = (self._clock() + _QUIET, error)
            raise
        self._failed = None
        return identity
