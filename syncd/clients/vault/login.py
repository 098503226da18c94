"""Who we are to Vault: how a token is had, kept alive, and had anew where it is refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from urllib.parse import quote

from syncd.clients.http.transport import UNHOLDABLE, Answer
from syncd.clients.http.wire import holdable
from syncd.clients.vault.failures import failed, garbled
from syncd.clients.vault.transport import Transport
from syncd.core.errors import FixError, Reason, SyncError

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/token"
"""Where the kubelet mounts a pod's own token."""

_AGAIN = 60.0
"""Seconds between two logins because of refusals: a path that is denied stays denied."""

_QUIET = 5.0
"""Seconds in which a login that failed isn't tried again."""


@dataclass(frozen=True)
class Credential:
    """A secret that a login needs, as text or in a file, which is read at each login."""

    text: str = field(default="", repr=False)
    path: str = ""

    def read(self) -> str:
        """Raises FixError where the file can't be read, or is empty."""
        if not self.path:
            return self.text.strip()
        try:
            with Path(self.path).open(encoding="utf-8") as file:
                text = file.read().strip()
        except (OSError, UnicodeDecodeError):
            text = ""
        if not text:
            raise FixError(
                Reason.ACCESS_DENIED, self.path, "can't be read, or is empty", "it holds what logs in to Vault"
            )
        return text


@dataclass(frozen=True)
class Login:
    """`method` is one of METHODS; `mount` is where it is enabled; `role` is the role, for AppRole its role id."""

    method: str
    credential: Credential
    role: str = ""
    mount: str = ""


def login(at: str, given: Mapping[str, str], variables: Mapping[str, str] | None = None) -> Login:
    """A login from settings with the names of Airflow's VaultBackend: `auth_type` and what belongs to it.

    Raises FixError, naming the setting behind `at`, where one is missing. `variables` are what may be given in the
    environment instead, by the setting that it is.
    """
    method = given.get("auth_type") or "token"
    if method not in METHODS:
        raise FixError(
            Reason.INVALID_SETTINGS,
            f"{at}auth_type",
            "is no login of this release",
            f"known are {', '.join(METHODS)}",
        )
    role, (text, path) = METHODS[method]
    credential = Credential(given.get(text, ""), given.get(path, ""))
    if method == "kubernetes" and credential == Credential():
        credential = Credential(path=SERVICE_ACCOUNT)
    missing = [role] if role and not given.get(role) else []
    missing += [path] if credential == Credential() else []
    if missing:
        variable = (variables or {}).get(text) if missing[0] == path else None
        remedy = f"set it, or {variable} in the environment" if variable else "set it"
        raise FixError(Reason.INVALID_SETTINGS, f"{at}{missing[0]}", f"auth_type {method} needs it", remedy)
    return Login(method, credential, given.get(role, ""), given.get("auth_mount_point", ""))


_FIELDS = {
    "approle": ("role_id", "secret_id"),
    "jwt": ("role", "jwt"),
    "kubernetes": ("role", "jwt"),
}
"""What Vault calls a role and its credential, by method."""

METHODS = {
    "token": ("", ("token", "token_path")),
    "approle": ("role_id", ("secret_id", "secret_id_path")),
    "jwt": ("jwt_role", ("jwt_token", "jwt_token_path")),
    "kubernetes": ("kubernetes_role", ("", "kubernetes_jwt_path")),
}
"""By `auth_type`: the setting of its role, and those of its credential as text and as a file."""


@dataclass(frozen=True)
class _Held:
    token: str = field(repr=False)
    renewable: bool = False
    life: float = float("inf")
    renew_at: float = float("inf")
    file: tuple[int, ...] = ()


class Session:
    """The token in use. Threads may share one: only one of them logs in, and the others wait for it."""

    def __init__(self, transport: Transport, login: Login, clock: Callable[[], float] = time.monotonic) -> None:
        self._transport, self._login, self._clock = transport, login, clock
        self._lock = Lock()
        self._held: _Held | None = None
        self._failed: tuple[float, SyncError] | None = None
        self._refused_at = float("-inf")

    def token(self) -> str:
        """One that should do. Raises SyncError where the login fails."""
        held = self._held
        if held is None or self._due(held):
            with self._transport.alone(self._lock):
                held = self._held
                if held is None or self._due(held):
                    held = self._held = self._renewed(held) or self._logged_in()
        return held.token

    def another(self, refused: str) -> bool:
        """Is there another token to try, now that this one was refused? At most one login a minute is tried for it."""
        with self._transport.alone(self._lock):
            if self._held is not None and self._held.token != refused:
                return True
            if self._clock() - self._refused_at < _AGAIN:
                return False
            self._refused_at = self._clock()
            self._held = self._logged_in()
            return self._held.token != refused

    def _due(self, held: _Held) -> bool:
        return self._clock() >= held.renew_at or held.file != self._file()

    def _file(self) -> tuple[int, ...]:
        """Which state of the token's file it is: Vault Agent replaces it."""
        if self._login.method != "token" or not self._login.credential.path:
            return ()
        try:
            status = Path(self._login.credential.path).stat()
        except OSError:
            return ()
        return (status.st_mtime_ns, status.st_ino, status.st_size)

    def _renewed(self, held: _Held | None) -> _Held | None:
        if held is None or not held.renewable:
            return None
        answer = self._transport.request("put", "/v1/auth/token/renew-self", {}, token=held.token)
        renewed = self._taken(answer) if answer.status == 200 else None
        # A life that shrinks nears its end, by the token's longest: log in again in time.
        return None if renewed is None or renewed.life < held.life else renewed

    def _logged_in(self) -> _Held:
        if self._failed is not None and self._clock() < self._failed[0]:
            raise self._failed[1].with_traceback(None)
        try:
            held = self._ask()
        except SyncError as error:
            self._failed = (self._clock() + _QUIET, error)
            raise
        self._failed = None
        return held

    def _ask(self) -> _Held:
        login = self._login
        if login.method == "token":
            file = self._file()
            token = login.credential.read()
            if not holdable(token):
                where = login.credential.path
                remedy = "it is to hold a token alone" if where else "look at VAULT_TOKEN, or whatever sets `token`"
                raise FixError(Reason.INVALID_SETTINGS, where or "the token for Vault", UNHOLDABLE, remedy)
            return _Held(token, file=file)
        role, credential = _FIELDS[login.method]
        body = {role: login.role, credential: login.credential.read()}
        mount = login.mount or login.method
        answer = self._transport.request("post", f"/v1/auth/{quote(mount, errors='replace')}/login", body)
        subject = f"login {login.method} at auth/{mount}"
        if answer.status in (400, 403):
            raise FixError(
                Reason.ACCESS_DENIED, subject, f"Vault refuses it ({answer.status})", "check its role and credential"
            )
        if answer.status != 200:
            errors = answer.body.get("errors") if isinstance(answer.body, Mapping) else None
            raise failed(answer.status, errors, subject)
        held = self._taken(answer)
        if held is None:
            raise garbled(answer.status, subject)
        return held

    def _taken(self, answer: Answer) -> _Held | None:
        """The token of a login or renewal; None where the answer isn't one."""
        try:
            auth = answer.body["auth"]
            token, life, renewable = auth["client_token"], float(auth["lease_duration"]), bool(auth["renewable"])
        except (KeyError, TypeError, ValueError):
            return None
        if not isinstance(token, str) or not holdable(token):
            return None
        life = life or float("inf")  # 0 is for ever
        return _Held(token, renewable, life, self._clock() + life * 2 / 3)
