"""Reading KV version 2: all that a worker needs of a Vault, with the standard library alone."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from syncd.clients.http.transport import Answer, inner
from syncd.clients.vault.calls import Calls, failure
from syncd.clients.vault.failures import garbled
from syncd.clients.vault.login import Login
from syncd.clients.vault.transport import Server
from syncd.core.errors import FixError, Reason


@dataclass(frozen=True)
class Kept:
    """What a path holds: its latest version, and None as data where that was deleted or destroyed."""

    data: Mapping[str, Any] | None = field(repr=False)
    version: int
    metadata: Mapping[str, str]


class Reader:
    """One mount of one Vault, logged in at the first call. Threads may share it; a forked child needs its own.

    Every method raises WaitError where Vault can't be reached, is sealed or fails, and FixError where it refuses.
    """

    def __init__(self, server: Server, login: Login, mount: str) -> None:
        self.server, self.mount = server, mount
        self._calls = Calls(server, login)

    def within(self) -> AbstractContextManager[None]:
        """All calls of this thread inside have one deadline together: the server's timeout, from now on."""
        return self._calls.within()

    def read(self, path: str) -> Kept | None:
        """The latest version, and the metadata beside it, of one moment; None where there never was one."""
        subject = self.subject(path)
        answer = self._calls.request("get", f"/v1/{self.mount}/data/{quote(path)}")
        if answer.status == 404:
            if not inner(answer, "data", "metadata"):
                self._only_absent(answer, subject)
                return None
        elif answer.status != 200:
            raise failure(answer, subject)
        metadata, data = inner(answer, "data", "metadata"), inner(answer, "data", "data")
        custom = metadata.get("custom_metadata") if isinstance(metadata, Mapping) else None
        if (
            not isinstance(metadata, Mapping)
            or not isinstance(metadata.get("version"), int)
            or not isinstance(data, Mapping if answer.status == 200 else (Mapping, type(None)))
            or not isinstance(custom, (Mapping, type(None)))
        ):
            raise garbled(answer.status, subject)
        return Kept(data if answer.status == 200 else None, metadata["version"], custom or {})

    def names(self, path: str) -> tuple[str, ...]:
        """What lies below a path, a folder with a slash at its end; nothing where nothing ever did."""
        answer = self._calls.request("list", f"/v1/{self.mount}/metadata/{quote(path)}")
        if answer.status == 404:
            self._only_absent(answer, f"{self.subject(path)}/")
            return ()
        if answer.status != 200:
            raise failure(answer, f"{self.subject(path)}/")
        keys = inner(answer, "data", "keys")
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise garbled(answer.status, f"{self.subject(path)}/")
        return tuple(keys)

    def check(self) -> None:
        """Raises FixError where there is no mount, or one that isn't KV version 2, as far as this login may know."""
        answer = self._calls.request("get", f"/v1/sys/internal/ui/mounts/{self.mount}")
        if answer.status == 403:
            raise FixError(
                Reason.ACCESS_DENIED,
                f"mount {self.mount}",
                "isn't there, or this login may do nothing in it, or is no more",
                "check `mount_point`, the policy of the login, and that its token is valid",
            )
        if answer.status != 200:
            raise failure(answer, f"mount {self.mount}")
        type_, version = inner(answer, "data", "type"), inner(answer, "data", "options", "version")
        if (type_, version) != ("kv", "2"):
            kind = f"KV version {version or 1}" if type_ == "kv" else "another secrets engine"
            raise FixError(
                Reason.INVALID_SETTINGS, f"mount {self.mount}", f"is {kind}, and has to be KV version 2", "name another"
            )

    def subject(self, path: str) -> str:
        """What an error about a path is about."""
        return f"{self.mount}/{path}"

    def _only_absent(self, answer: Answer, subject: str) -> None:
        """Of a path that isn't there Vault says nothing, in its own way; any other 404 is somebody else's."""
        errors = inner(answer, "errors")
        if not isinstance(errors, list):
            raise garbled(answer.status, subject)
        if errors:
            raise FixError(Reason.INVALID_SETTINGS, f"mount {self.mount}", "isn't there", "check `mount_point`")
