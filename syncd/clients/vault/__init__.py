"""Vault: KV version 2 of one mount, and policies. Here alone hvac is imported, and its answers become ours."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from hvac.adapters import Adapter
from hvac.api.secrets_engines.kv_v2 import KvV2
from hvac.api.system_backend.policies import Policies

from syncd.clients.vault.failures import failed, garbled
from syncd.clients.vault.login import Credential, Login, Session, login
from syncd.clients.vault.transport import Answer, Server, Transport
from syncd.core.errors import FixError, Reason, SyncError

__all__ = ["Credential", "Kept", "Login", "Server", "Vault", "login"]


@dataclass(frozen=True)
class Kept:
    """What a path holds: its latest version, and None as data where that was deleted or destroyed."""

    data: Mapping[str, Any] | None = field(repr=False)
    version: int
    metadata: Mapping[str, str]


class Vault:
    """One mount of one Vault, logged in at the first call. Threads may share it; a forked child needs its own.

    Every method raises WaitError where Vault can't be reached, is sealed or fails, and FixError where it refuses.
    """

    def __init__(self, server: Server, login: Login, mount: str) -> None:
        self.server, self.mount = server, mount
        self._transport = Transport(server)
        self._adapter = _LoggedIn(self._transport, Session(self._transport, login))
        self._kv, self._policies = KvV2(self._adapter), Policies(self._adapter)

    def within(self) -> AbstractContextManager[None]:
        """All calls of this thread inside have one deadline together: the server's timeout, from now on."""
        return self._transport.within()

    def read(self, path: str) -> Kept | None:
        """The latest version, and the metadata beside it, of one moment; None where there never was one."""
        subject = self._subject(path)
        answer = self._kv.read_secret_version(path, mount_point=self.mount, raise_on_deleted_version=False)
        if answer.status == 404:
            if not _inner(answer, "data", "metadata"):
                self._only_absent(answer, subject)
                return None
        elif answer.status != 200:
            raise _failed(answer, subject)
        metadata, data = _inner(answer, "data", "metadata"), _inner(answer, "data", "data")
        custom = metadata.get("custom_metadata") if isinstance(metadata, Mapping) else None
        if (
            not isinstance(metadata, Mapping)
            or not isinstance(metadata.get("version"), int)
            or not isinstance(data, Mapping if answer.status == 200 else (Mapping, type(None)))
            or not isinstance(custom, (Mapping, type(None)))
        ):
            raise garbled(answer.status, subject)
        return Kept(data if answer.status == 200 else None, metadata["version"], custom or {})

    def write(self, path: str, data: Mapping[str, Any], *, expected: int) -> int:
        """A new version on top of the one expected, 0 for none; its number. Raises WaitError, Conflict, otherwise."""
        answer = self._kv.create_or_update_secret(path, data, cas=expected, mount_point=self.mount)
        subject = self._subject(path)
        if answer.status != 200:
            raise _failed(answer, subject)
        version = _inner(answer, "data", "version")
        if version != expected + 1:
            raise garbled(answer.status, subject)
        return expected + 1

    def describe(self, path: str, metadata: Mapping[str, str] | None = None) -> None:
        """Let a path keep one version only, from the next write on; with metadata beside it, where that is given."""
        answer = self._kv.update_metadata(path, max_versions=1, mount_point=self.mount, custom_metadata=metadata)
        _require_done(answer, self._subject(path))

    def release(self, path: str) -> None:
        """Take back what `describe` said of a path: what lies there isn't ours."""
        answer = self._kv.update_metadata(path, max_versions=0, mount_point=self.mount, custom_metadata={})
        _require_done(answer, self._subject(path))

    def destroy(self, path: str, version: int) -> None:
        """Take the content of this very version away; a later one stays as it is."""
        answer = self._kv.destroy_secret_versions(path, [version], mount_point=self.mount)
        _require_done(answer, self._subject(path))

    def purge(self, path: str) -> None:
        """Take a path away with all its versions and its metadata. There is no version check."""
        answer = self._kv.delete_metadata_and_all_versions(path, mount_point=self.mount)
        _require_done(answer, self._subject(path))

    def names(self, path: str) -> tuple[str, ...]:
        """What lies below a path, a folder with a slash at its end; nothing where nothing ever did."""
        answer = self._kv.list_secrets(path, mount_point=self.mount)
        if answer.status == 404:
            self._only_absent(answer, f"{self._subject(path)}/")
            return ()
        if answer.status != 200:
            raise _failed(answer, f"{self._subject(path)}/")
        keys = _inner(answer, "data", "keys")
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise garbled(answer.status, f"{self._subject(path)}/")
        return tuple(keys)

    def check(self) -> None:
        """Raises FixError where there is no mount, or one that isn't KV version 2, as far as this login may know."""
        answer = self._adapter.request("get", f"/v1/sys/internal/ui/mounts/{self.mount}")
        if answer.status == 403:
            raise FixError(
                Reason.ACCESS_DENIED,
                f"mount {self.mount}",
                "isn't there, or this login may do nothing in it",
                "check `mount_point`, and the policy of the login",
            )
        if answer.status != 200:
            raise _failed(answer, f"mount {self.mount}")
        type_, version = _inner(answer, "data", "type"), _inner(answer, "data", "options", "version")
        if (type_, version) != ("kv", "2"):
            kind = f"KV version {version or 1}" if type_ == "kv" else "another secrets engine"
            raise FixError(
                Reason.INVALID_SETTINGS, f"mount {self.mount}", f"is {kind}, and has to be KV version 2", "name another"
            )

    def policy(self, name: str) -> str | None:
        """The text of a policy; None where there is none."""
        answer = self._policies.read_acl_policy(name)
        if answer.status == 404 and _inner(answer, "errors") == []:
            return None
        text = _inner(answer, "data", "policy")
        if answer.status != 200:
            raise _failed(answer, f"policy {name}")
        if not isinstance(text, str):
            raise garbled(answer.status, f"policy {name}")
        return text

    def _subject(self, path: str) -> str:
        return f"{self.mount}/{path}"

    def _only_absent(self, answer: Answer, subject: str) -> None:
        """Of a path that isn't there Vault says nothing, in its own way; any other 404 is somebody else's."""
        errors = _inner(answer, "errors")
        if not isinstance(errors, list):
            raise garbled(answer.status, subject)
        if errors:
            raise FixError(Reason.INVALID_SETTINGS, f"mount {self.mount}", "isn't there", "check `mount_point`")


class _LoggedIn(Adapter):  # type: ignore[misc]  # hvac has no types
    """Calls with a token; one that is refused is tried once more with another token, where there is one."""

    def __init__(self, transport: Transport, session: Session) -> None:
        # Not the base's: it would make a session of `requests`.
        self._transport, self._session = transport, session
        self._resume = 0.0

    def request(self, method: str, url: str, headers: Mapping[str, str] | None = None, **more: Any) -> Answer:
        token = self._session.token()
        answer = self._patiently(method, url, {**(headers or {}), "X-Vault-Token": token}, **more)
        if answer.status == 403 and self._session.another(token):
            again = {**(headers or {}), "X-Vault-Token": self._session.token()}
            answer = self._patiently(method, url, again, **more)
        return answer

    def _patiently(self, method: str, url: str, headers: Mapping[str, str], **more: Any) -> Answer:
        """Again where Vault asks for fewer requests, as late as it says; all threads wait together."""
        until = time.monotonic() + self._transport.server.patience
        while True:
            wait = min(self._resume, until) - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            answer = self._transport.request(method, url, headers, **more)
            pause = _pause(answer)
            if answer.status != 429 or time.monotonic() + pause > until:
                return answer
            self._resume = max(self._resume, time.monotonic() + pause)

    def get_login_token(self, response: Answer) -> str:
        raise NotImplementedError  # nobody logs in through this


def _pause(answer: Answer) -> float:
    """Seconds that Vault asks for, in whatever way it does; some, where it doesn't say."""
    told = answer.headers.get("retry-after", "")
    seconds = float(told) if told.isdecimal() else 0.5
    return seconds * random.uniform(1.0, 1.3)  # noqa: S311  so that not all come back at once


def _inner(answer: Answer, *path: str) -> Any:
    found = answer.body
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _require_done(answer: Answer, subject: str) -> None:
    # With something to warn of, Vault answers 200 and says so.
    if answer.status != 204 and not (answer.status == 200 and _inner(answer, "request_id")):
        raise _failed(answer, subject)


def _failed(answer: Answer, subject: str) -> SyncError:
    return failed(answer.status, _inner(answer, "errors"), subject)
