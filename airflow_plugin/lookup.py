"""What a lookup comes to: the document that was synced, the local layer on top, merged and rendered for Airflow.

Airflow throws its backend objects away, on most releases after each lookup: what is worth keeping is kept here, by
configuration, and made anew in a forked child.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from operator import is_
from pathlib import Path as Folder
from typing import TYPE_CHECKING, Any, Protocol

from airflow_plugin import kwargs as settings
from airflow_plugin.masking import mask
from syncd.core import ids
from syncd.core.airflow_form import FORMS
from syncd.core.checks import problems
from syncd.core.documents import Place
from syncd.core.errors import FixError, Reason
from syncd.core.layouts.lookup import Address, Envelope, Nameplate, count, lookup, nameplate, read
from syncd.core.merge import Effective, Layer, leaves, merge
from syncd.core.model import KINDS, Fields, Path, dotted
from syncd.core.secrets import is_secret, secret_paths
from syncd.core.withheld import Withheld
from syncd.sources.directory import DirectorySource

if TYPE_CHECKING:
    from syncd.sources.answers import Times
    from syncd.sources.kubernetes import KubernetesSource
    from syncd.sources.vault import VaultSource


_MEND = "mend it, or take it away"
"""For a file of one's own."""


class _Source(Protocol):
    """A source, as `syncd.core.ports` has it, and what the report asks of it."""

    def get(self, place: Place, after: Place | None = None) -> Mapping[str, Any] | None: ...

    def path(self, place: Place) -> str: ...

    def names(self, folder: str) -> tuple[str, ...]: ...


class Lookup:
    """One configuration: its source, and what was rendered from documents that haven't changed since.

    Safe under threads: what two of them make at once is the same, and one of the two is kept.
    """

    def __init__(self, given: settings.Kwargs) -> None:
        self.settings = given
        self.source, self._within = _opened(given.source, given.address)
        self._local = DirectorySource(given.local_path, _MEND) if given.local_path else None
        self._rendered: dict[tuple[str, str], tuple[tuple[Any, ...], str]] = {}
        self._following: dict[type | None, Any] = {}

    def find(self, kind: str, id_: str) -> str | None:
        """What Airflow gets for an id; None where it isn't linked. Raises SyncError for anything else."""
        if not isinstance(id_, str):  # a DAG may ask for anything
            return None
        with self._within():
            envelopes = lookup(self.source.get, self.settings.address, kind, id_)
        if envelopes is None:
            self._rendered.pop((kind, id_), None)
            return None
        patch = self._local_file(kind, id_)
        rendered = self._rendered.get((kind, id_))
        made_of = (*envelopes, patch)
        if rendered is not None and len(rendered[0]) == len(made_of) and all(map(is_, rendered[0], made_of)):
            return rendered[1]
        text, masked = self._render(kind, id_, envelopes, patch)
        if masked:  # else at the next lookup
            self._rendered[kind, id_] = (made_of, text)
        return text

    def layers(self, kind: str, id_: str) -> tuple[tuple[Layer, ...], frozenset[Path]] | None:
        """The layers of an id, the local ones on top, and the secret paths of what they merge to; None: not linked."""
        envelopes = lookup(self.source.get, self.settings.address, kind, id_)
        return None if envelopes is None else self._layers(kind, id_, envelopes, self._local_file(kind, id_))

    def nameplate(self) -> Nameplate:
        """The deployment's nameplate. Raises SyncError where it can't be had."""
        return nameplate(self.source.get, self.settings.address)

    def count(self, plate: Nameplate) -> int:
        """How many documents lie there, whatever the nameplate says. Raises SyncError."""
        return count(self.source.names, self.settings.address, plate)

    def following(self, connection_class: type | None) -> Any:
        """The backend that `next` names, made at its first use; None without one. Raises FixError."""
        if self.settings.next is None:
            return None
        if connection_class not in self._following:
            self._following[connection_class] = _made(*self.settings.next, connection_class)
        return self._following[connection_class]

    def _render(self, kind: str, id_: str, envelopes: Iterable[Envelope], patch: Fields | None) -> tuple[str, bool]:
        layers, secret = self._layers(kind, id_, envelopes, patch)
        effective = merge(layers)
        _check(kind, id_, effective)
        return FORMS[kind].text(effective.fields), mask(_masked(kind, effective, secret))

    def _layers(
        self, kind: str, id_: str, envelopes: Iterable[Envelope], patch: Fields | None
    ) -> tuple[tuple[Layer, ...], frozenset[Path]]:
        found = read(envelopes, f"{kind} {id_}")
        local = (patch, self.settings.local.get((kind, id_)))
        layers = found.layers + tuple(Layer("local", fields) for fields in local if fields is not None)
        _refuse_withheld(kind, id_, found.withheld, layers)
        # The rule is applied again: the document may have been edited.
        return layers, found.secret.union(*(secret_paths(kind, id_, layer.fields) for layer in layers))

    def _local_file(self, kind: str, id_: str) -> Fields | None:
        if self._local is None:
            return None
        place = Place(f"{KINDS[kind].plural}/{ids.encode(id_)}.json")
        fields = self._local.get(place)
        if fields is None and not Folder(self._local.root).is_dir():
            raise FixError(Reason.INVALID_SETTINGS, "backend_kwargs: local_path", "is no folder that can be read here")
        for path, problem in problems(kind, fields or {}):
            raise FixError(Reason.INVALID_DEFINITION, self._local.path(place), f"{dotted(path)}: {problem}")
        return fields


def _opened(
    given: settings.Directory | settings.Vault | settings.Kubernetes, address: Address
) -> tuple[_Source, Callable[[], AbstractContextManager[None]]]:
    """The source, and what gives all that a lookup reads one deadline. Raises FixError."""
    if isinstance(given, settings.Directory):
        return DirectorySource(given.path), nullcontext
    # Here: TLS and HTTP cost a process that reads files 30 ms.
    from syncd.sources.answers import Times

    times = Times(given.cache_ttl, given.max_stale)
    opened = _kubernetes(given, address, times) if isinstance(given, settings.Kubernetes) else _vault(given, times)
    return opened, opened.within


def _kubernetes(given: settings.Kubernetes, address: Address, times: Times) -> KubernetesSource:
    from syncd.clients.kubernetes.credentials import Account
    from syncd.clients.kubernetes.reading import Reader
    from syncd.sources.kubernetes import KubernetesSource

    elsewhere = "give `url`, `ca` and `token_path` in backend_kwargs; or mount its Secrets, and give their `path`"
    account = Account(given.url, given.ca, given.token_path, elsewhere=elsewhere)
    reader = Reader(account, timeout=given.timeout, patience=0)
    return KubernetesSource(reader, given.namespace, address.prefix, address.deployment, times)


def _vault(given: settings.Vault, times: Times) -> VaultSource:
    from syncd.clients.vault.login import login
    from syncd.clients.vault.reading import Reader
    from syncd.clients.vault.transport import Server
    from syncd.sources.vault import VaultSource

    server = Server(given.url, given.namespace, given.ca, *given.cert, given.verify, given.timeout)
    return VaultSource(Reader(server, login("backend_kwargs: ", given.login), given.mount_point), times)


def _refuse_withheld(kind: str, id_: str, withheld: Iterable[Withheld], layers: Iterable[Layer]) -> None:
    """A copy of a deployment on a laptop may lack a secret: what isn't given by the local layer is never left empty."""
    origin = merge(layers).origin if withheld else {}
    for one in withheld:
        if origin.get(one.path) != "local":
            raise one.error(f"{kind} {id_}")


def _check(kind: str, id_: str, effective: Effective) -> None:
    """Whatever Airflow's constructor would choke on, with a message that holds the value, is found here."""
    row = KINDS[kind]
    for path, problem in problems(kind, effective.fields):
        raise FixError(
            Reason.INVALID_DOCUMENT, f"{kind} {id_}", f"{dotted(path)}: {problem}", "let `syncd sync` write it again"
        )
    required = effective.fields.get(row.required)
    if required is None or (not required and not row.required_may_be_empty):
        raise FixError(Reason.INVALID_DEFINITION, f"{kind} {id_}", f"has no {row.required}", "look at the local layer")


def _masked(kind: str, effective: Effective, secret: frozenset[Path]) -> Iterator[Any]:
    # Airflow masks a connection's password by itself, and in `extra` only what stands under a telling name.
    for path, value in leaves(effective.fields):
        if path[0] not in KINDS[kind].secret and is_secret(path, secret):
            yield value


def _made(backend: str, kwargs: Mapping[str, Any], connection_class: type | None) -> Any:
    module, _, name = backend.rpartition(".")
    try:
        following = getattr(importlib.import_module(module), name)(**kwargs)
    except Exception as error:  # noqa: BLE001  another's backend may raise anything, and its message may hold a value
        problem = f"{backend} can't be made: {type(error).__name__}"
    else:
        if connection_class is not None and hasattr(following, "_set_connection_class"):
            following._set_connection_class(connection_class)  # noqa: SLF001  as Airflow itself does
        return following
    raise FixError(Reason.INVALID_SETTINGS, "backend_kwargs: next", problem, "try it as `backend` by itself")


_lookups: dict[str, Lookup] = {}


def for_kwargs(key: str, given: Mapping[str, Any]) -> Lookup:
    """The lookup of a configuration, shared by all backend objects of this process with the same key.

    Raises Problems.
    """
    found = _lookups.get(key)
    if found is None:
        found = _lookups[key] = Lookup(settings.parse(given))
    return found


os.register_at_fork(after_in_child=_lookups.clear)
