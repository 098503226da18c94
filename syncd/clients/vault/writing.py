"""Writing KV version 2: what hvac knows of Vault's API, through calls of our own. Here alone hvac is imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hvac.adapters import Adapter
from hvac.api.secrets_engines.kv_v2 import KvV2
from hvac.api.system_backend.policies import Policies

from syncd.clients.http.transport import Answer, inner
from syncd.clients.vault.calls import Calls, failure
from syncd.clients.vault.failures import garbled
from syncd.clients.vault.login import Login
from syncd.clients.vault.reading import Reader
from syncd.clients.vault.transport import Server


class Vault(Reader):
    """The same, to be written to."""

    def __init__(self, server: Server, login: Login, mount: str) -> None:
        super().__init__(server, login, mount)
        self._kv, self._policies = KvV2(_Adapter(self._calls)), Policies(_Adapter(self._calls))

    def write(self, path: str, data: Mapping[str, Any], *, expected: int) -> int:
        """A new version on top of the one expected, 0 for none; its number. Raises WaitError, Conflict, otherwise."""
        answer = self._kv.create_or_update_secret(path, data, cas=expected, mount_point=self.mount)
        subject = self.subject(path)
        if answer.status != 200:
            raise failure(answer, subject)
        version = inner(answer, "data", "version")
        if version != expected + 1:
            raise garbled(answer.status, subject)
        return expected + 1

    def describe(self, path: str, metadata: Mapping[str, str] | None = None) -> None:
        """Let a path keep one version only, from the next write on; with metadata beside it, where that is given."""
        answer = self._kv.update_metadata(path, max_versions=1, mount_point=self.mount, custom_metadata=metadata)
        _require_done(answer, self.subject(path))

    def release(self, path: str, metadata: Mapping[str, str] | None = None) -> None:
        """Take back what `describe` said of a path: it keeps what its mount says, with this metadata."""
        answer = self._kv.update_metadata(
            path, max_versions=0, mount_point=self.mount, custom_metadata=dict(metadata or {})
        )
        _require_done(answer, self.subject(path))

    def destroy(self, path: str, version: int) -> None:
        """Take the content of this very version away; a later one stays as it is."""
        answer = self._kv.destroy_secret_versions(path, [version], mount_point=self.mount)
        _require_done(answer, self.subject(path))

    def policies(self) -> tuple[str, ...]:
        """The names of all policies."""
        answer = self._policies.list_acl_policies()
        keys = inner(answer, "data", "keys")
        if answer.status != 200:
            raise failure(answer, "the list of policies")
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise garbled(answer.status, "the list of policies")
        return tuple(keys)

    def policy(self, name: str) -> str | None:
        """The text of a policy; None where there is none."""
        answer = self._policies.read_acl_policy(name)
        subject, text = f"policy {name}", inner(answer, "data", "policy")
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise failure(answer, subject)
        if not isinstance(text, str):
            raise garbled(answer.status, subject)
        return text

    def set_policy(self, name: str, text: str) -> None:
        """Make a policy, or replace it: Vault has no version to write against."""
        _require_done(self._policies.create_or_update_acl_policy(name, text), f"policy {name}")

    def delete_policy(self, name: str) -> None:
        """Take a policy away; one that isn't there is taken away already."""
        _require_done(self._policies.delete_acl_policy(name), f"policy {name}")


class _Adapter(Adapter):  # type: ignore[misc]  # hvac has no types
    """What hvac sends its calls through."""

    def __init__(self, calls: Calls) -> None:
        # Not the base's: it would make a session of `requests`, and read the environment.
        self._calls = calls

    def request(self, method: str, url: str, json: Any = None) -> Answer:
        return self._calls.request(method, url, json)

    def get_login_token(self, response: Answer) -> str:
        raise NotImplementedError  # nobody logs in through this


def _require_done(answer: Answer, subject: str) -> None:
    # With something to warn of, Vault answers 200 and says so.
    if answer.status != 204 and not (answer.status == 200 and inner(answer, "request_id")):
        raise failure(answer, subject)
