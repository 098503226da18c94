"""Vault: a path per document on a KV version 2 mount, each written against the version that was seen.

Nothing superseded stays readable: a path of ours keeps one version, and what goes leaves a tombstone.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from syncd.core.addresses import MOUNT, is_address
from syncd.core.canonical import text
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
from syncd.core.merge import leaves
from syncd.core.model import KINDS
from syncd.core.plan import Write
from syncd.targets.settings import TargetSettings

if TYPE_CHECKING:  # hvac costs a command 0.2 s: it is imported where a Vault is asked
    from syncd.clients.vault.reading import Kept
    from syncd.clients.vault.writing import Vault

LAYOUTS: Mapping[str, type[Layered | AirflowPaths]] = {layout.name: layout for layout in (Layered, AirflowPaths)}
"""The layouts that a Vault holds."""

_AT_ONCE = 8
"""Requests: more of them make two cores no faster."""

_OURS = "syncd-"
_MARK, _SECRETS, _EMPTIED = f"{_OURS}mark", f"{_OURS}secrets", f"{_OURS}emptied"
"""In the metadata of a path, where the document itself has no room for it."""

_LONGEST, _PARTS = 512, 60
"""Characters of a text in a path's metadata, and how many of them, by Vault's own limits."""

_EXACT, _WITH_EXPONENT = 2**53, 1e21
"""Whole numbers up to the first keep every digit; from the second on, Vault writes a number with its exponent."""


def _address(url: str) -> str:
    if not is_address(url):
        raise PydanticCustomError("address", "is no address of a Vault: https://host:8200, with nothing secret in it")
    return url


Text = Annotated[str, Field(pattern=r"^[\x20-\x7e]*$")]
"""What a request, or a path, can hold."""


class Settings(TargetSettings):
    """type = "vault". Names are those of Airflow's VaultBackend. VAULT_TOKEN and VAULT_SECRET_ID are read, too."""

    layout: str = Layered.name
    url: Annotated[str, AfterValidator(_address)]
    mount_point: str = Field(default="secret", pattern=MOUNT.pattern)
    namespace: Text = ""
    verify: bool | Text = True
    """False, or the file of the authority that signed Vault's certificate."""

    cert: tuple[Text, Text] | None = Field(default=None, strict=False)
    """Certificate and key, where Vault asks for one."""

    timeout: float = Field(default=30, gt=0, le=3600)
    """Seconds for one request, in all."""

    auth_type: str = "token"
    auth_mount_point: Text = ""
    token_path: Text = ""
    role_id: Text = ""
    secret_id_path: Text = ""
    jwt_role: Text = ""
    jwt_token_path: Text = ""
    kubernetes_role: Text = ""
    kubernetes_jwt_path: Text = ""

    def credentials(self, home: Path) -> tuple[Path, ...]:
        paths = (self.token_path, self.secret_id_path, self.jwt_token_path, self.kubernetes_jwt_path)
        return tuple(home / path for path in (*paths, *(self.cert or ())) if path)


def opened(name: str, settings: Settings, prefix: str, home: Path, environ: Mapping[str, str]) -> VaultTarget:
    """The target that these settings describe. Raises FixError where hvac or what a login needs is missing."""
    return VaultTarget(name, LAYOUTS[settings.layout](prefix), _client(name, settings, home, environ))


def reader(name: str, settings: Settings, home: Path, environ: Mapping[str, str], mount: str) -> Vault:
    """The same Vault and login, for another mount: what references are read through. Raises FixError."""
    return _client(name, settings.model_copy(update={"mount_point": mount}), home, environ)


def _client(name: str, settings: Settings, home: Path, environ: Mapping[str, str]) -> Vault:
    try:
        from syncd.clients.vault.login import login
        from syncd.clients.vault.transport import Server
        from syncd.clients.vault.writing import Vault
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
    entered = login(f"targets.{name}.", {**secrets, **given, **paths})
    return Vault(server, entered, settings.mount_point)


def extent(settings: Settings, prefix: str, home: Path) -> str:
    """Where all that it writes lies: two targets whose extents are the same, or one in the other, overlap."""
    return f"{settings.url.rstrip('/')}/{settings.namespace.strip('/')}/{settings.mount_point}/{prefix}"


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
            seen = dict(zip(names := sorted(objects), pool.map(self._read, names), strict=True))
        failing = [one for one in seen.values() if isinstance(one, SyncError) and one.reason is Reason.UNAVAILABLE]
        if failing and len(failing) == len(seen):
            raise failing[0]
        views: dict[Place, View] = {}
        stamps: dict[str, Stamp] = {}
        unread: dict[str, SyncError] = {}
        for name, kept in seen.items():
            if isinstance(kept, SyncError):
                unread[name] = kept
            elif kept is not None:
                try:
                    mark, document = self.found(name, kept, seal)
                except FixError as error:  # of a newer release's format
                    unread[name] = error
                    continue
                stamps[name] = Stamp(mark, str(kept.version))
                if document is not None:
                    views[Place(name)] = view(document, seal)
        return Observed(views, stamps, unread)

    def write(self, writes: Sequence[Write], mark: Mark, seal: Seal) -> Mapping[str, Stamp | SyncError | None]:
        batch = _Batch(self, mark, seal)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return {write.object: one for write, one in zip(writes, pool.map(batch.write, writes), strict=True)}

    def _everything(self, pool: ThreadPoolExecutor) -> list[str]:
        """All paths of this layout below the prefix."""
        top = f"{self.layout.prefix}/deployments"
        found: list[str] = []
        folders = [f"{top}/{name.rstrip('/')}" for name in self.vault.names(top) if name.endswith("/")]
        folders += [f"{folder}/{row.plural}" for folder in folders for row in KINDS.values()]
        for folder, names in zip(folders, pool.map(self.vault.names, folders), strict=True):
            found += [f"{folder}/{name}" for name in names if not name.endswith("/")]
        plates = {place.object for name in folders for place in self.layout.plates(self.layout.deployment(Place(name)))}
        return [name for name in found if name in plates or self.layout.item(Place(name)) is not None]

    def _read(self, name: str) -> Kept | SyncError | None:
        """What is wrong with this path alone is an answer; raised is what is wrong with all of them."""
        try:
            return self.vault.read(name)
        except SyncError as error:
            if not self.of_one(error, name):
                raise
            return error

    def of_one(self, error: SyncError, name: str) -> bool:
        """Is it about this path, and not about Vault or the login?"""
        return error.subject == self.subject(name)

    def subject(self, name: str) -> str:
        """How errors name a path."""
        return f"{self.vault.mount}/{name}"

    def found(self, name: str, kept: Kept, seal: Seal) -> tuple[Mark | None, Document | None]:
        """Whose it is, and what it holds: nothing where it was deleted, destroyed, or is a tombstone.

        Raises FixError where it is of a format that this release can't read.
        """
        item = self.layout.item(Place(name))
        beside = isinstance(self.layout, AirflowPaths)
        mark = read_mark(_parsed(kept.metadata.get(_MARK))) if beside else None
        if kept.data is None:
            return mark, None
        if beside and not is_removed(kept.data):
            if _EMPTIED in kept.metadata:  # put there since
                return None, Document({})
            if mark is None or item is None:
                return mark, Document({})
            return mark, found_fields(item, kept.data, _secrets(kept, seal))
        try:
            mark, content = decode(kept.data, self.subject(name))
        except FixError as error:
            if error.reason is Reason.NEWER_DOCUMENT:
                raise
            return None, Document({})
        return mark, None if is_removed(content) else written_document(item, content)


class _Batch:
    """The writes of a batch, each of which stands alone. Once Vault is gone, the rest isn't tried."""

    def __init__(self, target: VaultTarget, mark: Mark, seal: Seal) -> None:
        self._target, self._vault, self._mark, self._seal = target, target.vault, mark, seal
        self._beside = isinstance(target.layout, AirflowPaths)
        self._gone: SyncError | None = None
        self._failing = 0

    def write(self, write: Write) -> Stamp | SyncError | None:
        if self._gone is not None:
            return self._gone
        try:
            self._refuse_unholdable(write)
            expected = write.expected if write.put or write.drop else None
            done = self._begun(write) if expected is None else self._changed(write, expected)
        except SyncError as error:
            # Of one path alone Vault may fail for ever: only many in a row are all of it.
            self._failing = self._failing + 1 if error.reason is Reason.UNAVAILABLE else 0
            if not self._target.of_one(error, write.object) or self._failing >= _AT_ONCE:
                self._gone = error
            return error
        self._failing = 0
        return done

    def _refuse_unholdable(self, write: Write) -> None:
        self._content(write)
        for document in write.put.values():
            for path, value in leaves(document.content):
                if _changes(value):
                    raise FixError(
                        Reason.NOT_HOLDABLE,
                        self._target.subject(write.object),
                        f"{'.'.join(path)} holds a number that Vault would change",
                        "write it without a fraction, or as text",
                    )

    def _begun(self, write: Write) -> Stamp | None:
        """What isn't there is made; where nothing is asked for, what is there is told."""
        if not write.put:
            kept = self._vault.read(write.object)
            mark = None if kept is None else self._target.found(write.object, kept, self._seal)[0]
            if self._mark.same_owner(mark):
                self._clear(write.object, kept)
            return None if kept is None else Stamp(mark, str(kept.version))
        if not self._beside:
            return self._put(write, 0)
        # A path can be claimed against a version by its content alone: with our mark beside it first, whoever came
        # between would have made a path of ours, and a crash would leave it so. A tombstone says whose it is itself.
        self._version(write.object, envelope(REMOVED, self._mark), 0)
        try:
            return self._put(write, 1)
        except WaitError as error:
            self._leave(write.object, {}, error)
            raise
        except FixError:
            self._vault.destroy(write.object, 1)
            raise

    def _changed(self, write: Write, expected: Stamp) -> Stamp | None:
        """Looked at once more: what a pass knows may be days old, and a path that was purged counts anew from 1."""
        kept = self._vault.read(write.object)
        mark, document = (None, None) if kept is None else self._target.found(write.object, kept, self._seal)
        if not write.put and document is None and (kept is None or self._mark.same_owner(mark)):
            self._clear(write.object, kept)
            return None if kept is None else Stamp(mark, str(kept.version))
        adopted = expected.mark is not None and expected.mark.revision == 0
        silent = mark is None and document is None
        if (
            kept is None
            or str(kept.version) != expected.version
            or not (silent or adopted or self._mark.same_owner(mark))
        ):
            subject = self._target.subject(write.object)
            raise WaitError(Reason.CONFLICT, subject, "was changed since it was looked at", "sync again")
        data, metadata = self._content(write)
        if kept.data == data and metadata in (None, kept.metadata):
            return Stamp(mark, expected.version)
        try:
            return self._put(write, kept.version)
        except WaitError as error:
            self._leave(write.object, kept.metadata, error)
            raise

    def _put(self, write: Write, expected: int) -> Stamp:
        data, metadata = self._content(write)
        if expected:
            # Before the write: from it on no version but the new one can be read.
            self._vault.describe(write.object, metadata)
        version = self._version(write.object, data, expected)
        if not write.put and self._beside:
            self._empty(write.object, version)
        return Stamp(self._mark, str(version))

    def _empty(self, name: str, version: int) -> None:
        """Airflow's own backend stumbles over a tombstone: its path is to look as if it weren't there.

        Our mark stays, and says that nothing of ours is left: what somebody puts there later is theirs.
        """
        self._vault.describe(name, {_MARK: _text(self._mark._asdict()), _EMPTIED: str(version)})
        self._vault.destroy(name, version)

    def _clear(self, name: str, kept: Kept | None) -> None:
        if self._beside and kept is not None and kept.data is not None and is_removed(kept.data):
            self._empty(name, kept.version)

    def _leave(self, name: str, metadata: Mapping[str, str], error: WaitError) -> None:
        """Where somebody wrote before us, it is theirs: without our mark, with as many versions as its mount says."""
        if error.reason is Reason.CONFLICT:
            self._vault.release(name, {key: value for key, value in metadata.items() if not key.startswith(_OURS)})

    def _content(self, write: Write) -> tuple[Mapping[str, Any], Mapping[str, str] | None]:
        """What is written on top of a version, and beside it."""
        document = write.put.get("")
        if not self._beside or document is None:
            content = envelope(REMOVED if document is None else document.content, self._mark)
            return content, {_MARK: _text(self._mark._asdict())} if self._beside else None
        # Of which content it tells the secrets: where the write isn't done, nobody knows those of what is there.
        told = _text([self._seal(text(document.content)), sorted(map(list, document.secret))])
        parts = [told[start : start + _LONGEST] for start in range(0, len(told), _LONGEST)]
        if len(parts) > _PARTS:
            raise FixError(
                Reason.NOT_HOLDABLE,
                self._target.subject(write.object),
                "has more secret fields than Vault can be told of",
                "give `extra` fewer",
            )
        names = (f"{_SECRETS}-{number}" for number in range(len(parts)))
        return document.content, {_MARK: _text(self._mark._asdict()), **dict(zip(names, parts, strict=True))}

    def _version(self, name: str, data: Mapping[str, Any], expected: int) -> int:
        """Write it; the version, also where that was done and only its answer was lost."""
        try:
            return self._vault.write(name, data, expected=expected)
        except WaitError as error:
            lost = error
        try:
            kept = self._vault.read(name)
        except SyncError as error:
            # Sent twice, a write that was done is a conflict with itself: nobody knows until it is looked at.
            raise (error if lost.reason is Reason.CONFLICT else lost) from None
        if kept is not None and kept.version == expected + 1 and kept.data == data:
            return kept.version
        raise lost


def _changes(value: object) -> bool:
    """Does it hold a number that Vault gives back as another? It keeps 64 bits of each, and 30.0 as 30."""
    if isinstance(value, Mapping):
        return any(map(_changes, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_changes, value))
    if isinstance(value, float):
        return value.is_integer() and abs(value) < _WITH_EXPONENT
    return isinstance(value, int) and abs(value) > _EXACT


def _secrets(kept: Kept, seal: Seal) -> object:
    """Which fields are secret, as it was told of this content; None where nobody knows."""
    parts: list[str] = []
    while (part := kept.metadata.get(f"{_SECRETS}-{len(parts)}")) is not None:
        parts.append(part)
    told = _parsed("".join(parts))
    known = isinstance(told, list) and len(told) == 2 and told[0] == seal(text(kept.data))
    return told[1] if known else None


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _parsed(text: str | None) -> Any:
    try:
        return json.loads(text or "null")
    except (ValueError, RecursionError):
        return None
