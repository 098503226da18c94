"""A copy without the registry: from a target that the developer's own login may read; the rights are its server's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from syncd.core.canonical import text
from syncd.core.checks import problems
from syncd.core.documents import Place
from syncd.core.errors import FixError, Reason, SyncError
from syncd.core.layouts.layered import Layered, folder
from syncd.core.layouts.lookup import Address, lookup, nameplate, read
from syncd.core.layouts.lookup import Found as Documents
from syncd.core.merge import merge
from syncd.core.model import KINDS, Item, dotted
from syncd.core.ports import Source
from syncd.core.resolve import Resolution, Resolved
from syncd.core.secrets import secret_paths
from syncd.laptop.copies import Copy
from syncd.sources.answers import Times
from syncd.sources.directory import DirectorySource
from syncd.sources.kubernetes import KubernetesSource
from syncd.sources.vault import VaultSource
from syncd.targets import kubernetes, vault
from syncd.targets.directory import Settings as Directory
from syncd.targets.settings import TargetSettings, at

_TOKEN_FILE = ".vault-token"  # noqa: S105  where `vault login` keeps it

_TOGETHER = Times(cache_ttl=1, max_stale=0)
"""Documents of one Secret are read at once: each copy is made anew, and within less than a second of one reading."""

_READERS = 8
"""Documents read at a time, where each costs a request."""


def opened(name: str, settings: TargetSettings, address: Address, home: Path, environ: Mapping[str, str]) -> Source:
    """What reads a target, with the login in its settings. Raises FixError where nothing of ours can."""
    if settings.layout in _READ:
        if isinstance(settings, Directory):
            return DirectorySource(str(at(home, settings.path)))
        if isinstance(settings, vault.Settings):
            reader = vault.reader(name, _as_logged_in(settings, environ), home, environ, settings.mount_point)
            return VaultSource(reader, _TOGETHER)
        if isinstance(settings, kubernetes.Settings):
            client = kubernetes.client(settings, home, environ)
            return KubernetesSource(client, settings.namespace, address.prefix, address.deployment, _TOGETHER)
    problem, remedy = "is laid out for Airflow's own backend", "point that at it, or name another target"
    raise FixError(Reason.REFUSED, f"target {name}", problem, remedy)


_READ = ("layered", "split")
"""The layouts that our backend reads."""


def copy(source: Source, address: Address) -> Copy:
    """What lies there for a deployment; what can't be read of it is blocked.

    Raises SyncError where its nameplate can't be had, and WaitError where anything of it can't be had now.
    """
    plate = nameplate(source.get, address)
    items = tuple(_items(source, address))
    with ThreadPoolExecutor(_READERS) as readers:
        found = dict(zip(items, readers.map(partial(_read, source, address), items), strict=True))
    resolved = {item: one for item, one in found.items() if isinstance(one, Resolved)}
    blocked = {item: one for item, one in found.items() if isinstance(one, SyncError)}
    linked = frozenset(resolved.keys() | blocked.keys())
    resolution = Resolution(
        workspace=address.workspace,
        revision=plate.revision,
        full=True,
        resolved=resolved,
        blocked=blocked,
        departed=frozenset(),
        linked={address.deployment: linked},
        gone=frozenset(),
    )
    return Copy(address.deployment, resolution)


def _items(source: Source, address: Address) -> Iterator[Item]:
    layout, below = Layered(address.prefix), folder(address.prefix, address.deployment)
    for row in KINDS.values():
        for name in source.names(f"{below}/{row.plural}"):
            item = layout.item(Place(f"{below}/{row.plural}/{name}"))
            if item is not None:
                yield item


def _read(source: Source, address: Address, item: Item) -> Resolved | FixError | None:
    """None where it is gone by now, or was removed."""
    try:
        envelopes = lookup(source.get, address, item.kind, item.id)
        return None if envelopes is None else _resolved(item, read(envelopes, f"{item.kind} {item.id}"))
    except FixError as error:
        return error.with_traceback(None)


def _resolved(item: Item, found: Documents) -> Resolved:
    fields = merge(found.layers).fields
    for path, problem in problems(item.kind, fields):
        raise _broken(item, f"{dotted(path)}: {problem}")
    required = KINDS[item.kind].required
    if required not in fields and not found.withheld:
        raise _broken(item, f"has no {required}")
    try:
        text([*map(list, found.secret), *found.withheld]).encode()
    except UnicodeEncodeError:
        raise _broken(item, "holds text that UTF-8 can't hold") from None
    # The rule is applied again: the document may have been edited.
    secret = found.secret.union(*(secret_paths(item.kind, item.id, layer.fields) for layer in found.layers))
    return Resolved(item.kind, item.id, found.layers, secret, withheld=found.withheld)


def _broken(item: Item, problem: str) -> FixError:
    return FixError(Reason.INVALID_DOCUMENT, str(item), problem, "let `syncd sync` write it again")


def _as_logged_in(settings: vault.Settings, environ: Mapping[str, str]) -> vault.Settings:
    """With the token of `vault login`, where none is named."""
    kept = Path(environ.get("HOME", "/"), _TOKEN_FILE)
    if settings.auth_type != "token" or settings.token_path or environ.get("VAULT_TOKEN") or not kept.is_file():
        return settings
    return settings.model_copy(update={"token_path": str(kept)})
