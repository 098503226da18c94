"""Is an open registry still the one that is there? A file may be replaced, and a key rotated, under a daemon's feet."""

from __future__ import annotations

from syncd.core.errors import Reason, WaitError
from syncd.registry.database import Registry, check_keys, reading


def identity(registry: Registry) -> tuple[int, int]:
    """Of its file, which a restored one has another of. Raises WaitError where there is none."""
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
