"""Is an open registry still the one that is there? A file may be replaced, and a key rotated, under a daemon's feet."""

from __future__ import annotations

from collections.abc import Hashable

from syncd.core.errors import Reason, WaitError
from syncd.registry import lease_row
from syncd.registry.database import Registry, check_keys, reading


def identity(registry: Registry) -> Hashable:
    """Of its file or database, which a restored one has another of. Raises WaitError where there is none."""
    if registry.path is None:
        return lease_row.place(registry)
    try:
        there = registry.path.stat()
    except OSError:
        raise WaitError(
            Reason.UNAVAILABLE, str(registry.path), "the registry is gone", "put it back: syncd goes on by itself"
        ) from None
    return there.st_dev, there.st_ino


def check(registry: Registry) -> None:
    """Raises FixError where it was rotated to a key that this process hasn't, WaitError where it can't be had."""
    with reading(registry.engine) as connection:
        check_keys(connection, registry)
