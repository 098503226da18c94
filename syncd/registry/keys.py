"""The keys of a registry, changed without losing what they encrypt: add one, rotate everything to it, retire the rest.

Each step holds the registry's write transaction, so that no two of them, nor a save, run at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Connection, bindparam, select, update

from syncd.core.errors import FixError, Reason
from syncd.registry.database import ENCRYPTED, Registry, tidy, writing
from syncd.registry.encryption import KEYS_VARIABLE, Keys, load_keys, new_key, rotated, write_keys
from syncd.registry.tables import meta, parts

T = TypeVar("T")

Progress = Callable[[int, int], None]

_CHUNK = 1000


def add(registry: Registry) -> Keys:
    """Put a new key first in the key file: from now on it encrypts. Raises FixError where there is no key file."""
    with writing(registry.engine):
        keys = _current(registry)
        if keys.path is None:
            raise FixError(
                Reason.REFUSED,
                KEYS_VARIABLE,
                "holds the keys, and syncd can't change its own environment",
                f"put a new Fernet key before the others in {KEYS_VARIABLE}, wherever syncd runs; then rotate",
            )
        write_keys(keys.path, (new_key(), *keys.texts))
        return load_keys(keys.path, {})


def rotate(registry: Registry, progress: Progress = lambda done, total: None) -> int:
    """Encrypt anew with the first key whatever an older one encrypted, all revisions and all at once; how many it was.

    Digests stay: the seal's key is encrypted anew and remains the same. Raises FixError, with nothing changed, where
    something fits none of the keys.
    """
    with writing(registry.engine) as connection:
        keys = _current(registry)
        rows, names = _needing_older(_secrets(connection), keys), _needing_older(_own(connection), keys)
        total, cipher = len(rows) + len(names), keys.cipher
        for start in range(0, len(rows), _CHUNK):
            chunk = rows[start : start + _CHUNK]
            connection.execute(
                update(parts).where(parts.c.row == bindparam("_row")).values(sealed=bindparam("_sealed")),
                [{"_row": row, "_sealed": rotated(cipher, token, keys.source)} for row, token in chunk],
            )
            progress(start + len(chunk), total)
        for name, token in names:
            connection.execute(
                update(meta).where(meta.c.name == name).values(value=rotated(cipher, token, keys.source))
            )
        progress(total, total)
    # What the older keys encrypted shall not stay behind.
    tidy(registry.engine)
    return total


def retire(registry: Registry) -> int:
    """Drop every key but the first from the key file; how many it was.

    Raises FixError where there is no key file, or something still needs an older key.
    """
    with writing(registry.engine) as connection:
        keys = _current(registry)
        if keys.path is None:
            raise FixError(
                Reason.REFUSED,
                KEYS_VARIABLE,
                "holds the keys, and syncd can't change its own environment",
                f"rotate, then leave the first key alone in {KEYS_VARIABLE}, wherever syncd runs",
            )
        needed = _count(connection, keys)
        if needed:
            raise FixError(
                Reason.REFUSED,
                keys.source,
                f"{needed} secrets of the registry still need an older key",
                "`syncd key rotate` first",
            )
        if len(keys.texts) > 1:
            write_keys(keys.path, keys.texts[:1])
        return len(keys.texts) - 1


def _current(registry: Registry) -> Keys:
    """The keys as the file has them now: another process may have added one since the registry was opened."""
    return registry.keys if registry.keys.path is None else load_keys(registry.keys.path, {})


def _count(connection: Connection, keys: Keys) -> int:
    return len(_needing_older(_secrets(connection), keys)) + len(_needing_older(_own(connection), keys))


def _needing_older(found: Iterator[tuple[T, str]], keys: Keys) -> list[tuple[T, str]]:
    first = Fernet(keys.texts[0])
    return [(where, token) for where, token in found if not _fits(first, token)]


def _secrets(connection: Connection) -> Iterator[tuple[int, str]]:
    for row in connection.execute(select(parts.c.row, parts.c.sealed).where(parts.c.sealed.is_not(None))):
        yield row.row, row.sealed


def _own(connection: Connection) -> Iterator[tuple[str, str]]:
    for row in connection.execute(select(meta).where(meta.c.name.in_(ENCRYPTED))):
        yield row.name, row.value


def _fits(key: Fernet, token: str) -> bool:
    try:
        key.decrypt(token)
    except InvalidToken:
        return False
    return True
