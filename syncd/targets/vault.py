"""Vault: a path per document on a KV version 2 mount, each written against the version that was seen.

Nothing superseded stays readable: a path of ours keeps one version, and what goes leaves a tombstone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import Field

from syncd.core.documents import (
    REMOVED,
    Document,
    Mark,
    Observed,
    Place,
    Seal,
    Stamp,
    View,
    decode,
    envelope,
    is_removed,
    read_mark,
    view,
)
from syncd.core.errors import FixError, Reason, SyncError, WaitError
from syncd.core.layouts.airflow import AirflowPaths, found_fields
from syncd.core.layouts.layered import Layered, written_document
from syncd.core.model import KINDS
from syncd.core.plan import Write
from syncd.targets.settings import TargetSettings

if TYPE_CHECKING:  # hvac costs a command 0.2 s: it is imported where a Vault is asked
    from syncd.clients.vault import Kept, Vault

T = TypeVar("T")
R = TypeVar("R")

LAYOUTS: Mapping[str, type[Layered | AirflowPaths]] = {layout.name: layout for layout in (Layered, AirflowPaths)}
"""The layouts that a Vault holds."""

_AT_ONCE = 8
"""Requests: more of them make two cores no faster."""

_MARK, _SECRETS = "syncd-mark", "syncd-secrets"
"""In the metadata of a path, where the document itself has no room for it."""

_LONGEST = 512
"""Characters of a text in a path's metadata, by Vault's own limit."""


class Settings(TargetSettings):
    """type = "vault". Names are those of Airflow's VaultBackend. VAULT_TOKEN and VAULT_SECRET_ID are read, too."""

    layout: str = Layered.name
    url: str = Field(pattern=r"^https?://[^/?#@\s]+(/[^?#\s]*)?$")
    mount_point: str = Field(default="secret", pattern=r"^[^/\s][^\s]*[^/\s]$|^[^/\s]$")
    namespace: str = ""
    verify: bool | str = True
    """False, or the file of the authority that signed Vault's certificate."""

    cert: tuple[str, str] | None = Field(default=None, strict=False)
    """Certificate and key, where Vault asks for one."""

    timeout: float = Field(default=30, gt=0, strict=False)
    """Seconds for one request, in all."""

    auth_type: str = "token"
    auth_mount_point: str = ""
    token_path: str = ""
    role_id: str = ""
    secret_id_path: str = ""
    jwt_role: str = ""
    jwt_token_path: str = ""
    kubernetes_role: str = ""
    kubernetes_jwt_path: str = ""


def opened(name: str, settings: Settings, prefix: str, home: Path, environ: Mapping[str, str]) -> VaultTarget:
    """The target that these settings describe. Raises FixError where hvac or what a login needs is missing."""
    return VaultTarget(name, LAYOUTS[settings.layout](prefix), _client(name, settings, home, environ))


def reader(name: str, settings: Settings, home: Path, environ: Mapping[str, str], mount: str) -> Vault:
    """The same Vault and login, for another mount: what references are read through. Raises FixError."""
    return _client(name, settings.model_copy(update={"mount_point": mount}), home, environ)


def _client(name: str, settings: Settings, home: Path, environ: Mapping[str, str]) -> Vault:
    try:
        from syncd.clients.vault import Server, Vault, login
    except ImportError:
        raise FixError(
            Reason.INVALID_SETTINGS, f"targets.{name}", "needs hvac", "pip install 'airflow-shared-connections[vault]'"
        ) from None
    given = {key: value for key, value in settings.model_dump().items() if isinstance(value, str) and value}
    paths = {key: str(home / value) for key, value in given.items() if key.endswith("_path")}
    secrets = {"token": environ.get("VAULT_TOKEN", ""), "secret_id": environ.get("VAULT_SECRET_ID", "")}
    ca = str(home / settings.verify) if isinstance(settings.verify, str) else ""
    certificate, key = settings.cert or ("", "")
    server = Server(
        settings.url.rstrip("/"),
        settings.namespace,
        ca,
        certificate and str(home / certificate),
        key and str(home / key),
        settings.verify is not False,
        settings.timeout,
        patience=settings.timeout,
    )
    entered = login(f"targets.{name}", {**secrets, **given, **paths})
    return Vault(server, entered, settings.mount_point)


def extent(settings: Settings, prefix: str, home: Path) -> str:
    """Where all that it writes lies: two targets whose extents are the same, or one in the other, overlap."""
    return f"{settings.url.rstrip('/')}/{settings.namespace}/{settings.mount_point}/{prefix}"


@dataclass(frozen=True)
class VaultTarget:
    """The lease makes it one writer at a time; whoever else writes there is met by the version check."""

    name: str
    layout: Layered | AirflowPaths
    vault: Vault

    @property
    def where(self) -> str:
        namespace = f" namespace {self.vault.server.namespace}," if self.vault.server.namespace else ""
        return (
            f"{self.vault.server.url},{namespace} {self.vault.mount}/{self.layout.prefix}/deployments, "
            f"layout {self.layout.name}"
        )

    def observe(self, objects: Collection[str] | None, seal: Seal) -> Observed:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            if objects is None:
                self.vault.check()
                objects = self._everything(pool)
            seen = dict(zip(names := sorted(objects), _all(pool, self._read, names), strict=True))
        views: dict[Place, View] = {}
        stamps: dict[str, Stamp] = {}
        unread: dict[str, SyncError] = {}
        for name, kept in seen.items():
            if isinstance(kept, SyncError):
                unread[name] = kept
            elif kept is not None:
                try:
                    mark, document = self._found(name, kept)
                except FixError as error:  # of a newer release's format
                    unread[name] = error
                    continue
                stamps[name] = Stamp(mark, str(kept.version))
                if document is not None:
                    views[Place(name)] = view(document, seal)
        return Observed(views, stamps, unread)

    def write(self, writes: Sequence[Write], mark: Mark, seal: Seal) -> Mapping[str, Stamp | SyncError | None]:
        batch = _Batch(self, mark)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return {write.object: one for write, one in zip(writes, pool.map(batch.write, writes), strict=True)}

    def _everything(self, pool: ThreadPoolExecutor) -> list[str]:
        """All paths of this layout below the prefix."""
        top = f"{self.layout.prefix}/deployments"
        found: list[str] = []
        folders = [f"{top}/{name.rstrip('/')}" for name in self.vault.names(top) if name.endswith("/")]
        folders += [f"{folder}/{row.plural}" for folder in folders for row in KINDS.values()]
        for folder, names in zip(folders, _all(pool, self.vault.names, folders), strict=True):
            if isinstance(names, SyncError):
                raise names
            found += [f"{folder}/{name}" for name in names if not name.endswith("/")]
        plates = {place.object for name in folders for place in self.layout.plates(self.layout.deployment(Place(name)))}
        return [name for name in found if name in plates or self.layout.item(Place(name)) is not None]

    def _read(self, name: str) -> Kept | None:
        return self.vault.read(name)

    def _found(self, name: str, kept: Kept) -> tuple[Mark | None, Document | None]:
        """Whose it is, and what it holds: nothing where it was deleted, destroyed, or is a tombstone."""
        item = self.layout.item(Place(name))
        if isinstance(self.layout, AirflowPaths):
            mark = read_mark(_parsed(kept.metadata.get(_MARK)))
            if mark is None or kept.data is None or is_removed(kept.data) or item is None:
                return mark, None if kept.data is None or is_removed(kept.data) else Document({})
            return mark, found_fields(item, kept.data, _parsed(kept.metadata.get(_SECRETS)))
        if kept.data is None:
            return None, None
        try:
            mark, content = decode(kept.data, name)
        except FixError as error:
            if error.reason is Reason.NEWER_DOCUMENT:
                raise
            return None, Document({})
        return mark, None if is_removed(content) else written_document(item, content)


class _Batch:
    """The writes of a batch, each of which stands alone. Once Vault is gone, the rest isn't tried."""

    def __init__(self, target: VaultTarget, mark: Mark) -> None:
        self._target, self._vault, self._mark = target, target.vault, mark
        self._gone: SyncError | None = None

    def write(self, write: Write) -> Stamp | SyncError | None:
        if self._gone is not None:
            return self._gone
        try:
            return self._write(write)
        except SyncError as error:
            if error.reason is Reason.UNAVAILABLE:
                self._gone = error
            return error

    def _write(self, write: Write) -> Stamp | None:
        expected = int(write.expected.version) if write.expected else 0
        if not write.put and not write.drop:
            return write.expected
        data, metadata = self._content(write)
        if expected or metadata:
            # Before the write: from it on no version but the new one can be read.
            self._vault.describe(write.object, metadata)
        try:
            version = self._vault.write(write.object, data, expected=expected)
        except WaitError as error:
            version = self._settled(write, data, expected, error)
        return Stamp(self._mark, str(version))

    def _content(self, write: Write) -> tuple[Mapping[str, Any], Mapping[str, str] | None]:
        document = write.put.get("")
        if not isinstance(self._target.layout, AirflowPaths):
            return envelope(REMOVED if document is None else document.content, self._mark), None
        mark = json.dumps(self._mark._asdict())
        if document is None:
            return envelope(REMOVED, None), {_MARK: mark}
        secrets = json.dumps(sorted(map(list, document.secret)))
        return document.content, {_MARK: mark, **({_SECRETS: secrets} if len(secrets) <= _LONGEST else {})}

    def _settled(self, write: Write, data: Mapping[str, Any], expected: int, error: WaitError) -> int:
        """The version, where the write was done and only its answer was lost."""
        try:
            kept = self._vault.read(write.object)
        except SyncError:
            raise error from None
        if kept is not None and kept.version == expected + 1 and kept.data == data:
            return kept.version
        raise error


def _all(pool: ThreadPoolExecutor, ask: Callable[[T], R], about: Iterable[T]) -> list[R | SyncError]:
    """An answer for each; raised is only what is wrong with all of them: nobody answers."""

    def one(subject: T) -> R | SyncError:
        try:
            return ask(subject)
        except FixError as error:
            return error

    return list(pool.map(one, about))


def _parsed(text: str | None) -> Any:
    try:
        return json.loads(text or "null")
    except ValueError:
        return None
