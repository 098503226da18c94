"""Processes for tests: they meet at a barrier, and a function is run in each."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from syncd.core.changes import link
from syncd.core.errors import SyncError
from syncd.core.model import Key
from syncd.registry import database, keys
from tests.registry import registries

_FORK = multiprocessing.get_context("fork")
_LONGEST = 60


def at_once(function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    """What each call gave, all started at the same moment; a SyncError is told by its reason."""
    barrier = _FORK.Barrier(len(arguments))
    answers = _FORK.Queue()
    processes = [
        _FORK.Process(target=_answer, args=(function, given, barrier, answers), daemon=True) for given in arguments
    ]
    for process in processes:
        process.start()
    found = [answers.get(timeout=_LONGEST) for _ in processes]
    for process in processes:
        process.join(_LONGEST)
    return found


def as_nobody(function: Callable[[], str], folder: Path) -> str:
    """What a function gave a user that owns nothing, in this folder, which it may reach as `.`"""

    def there() -> str:
        os.chdir(folder)
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        return function()

    return str(at_once(there, [()])[0])


def _answer(function: Callable[..., Any], given: tuple[Any, ...], barrier: Any, answers: Any) -> None:
    barrier.wait(_LONGEST)
    try:
        answers.put(function(*given))
    except SyncError as error:
        answers.put(f"{type(error).__name__} {error.reason.value}: {error}")
    except BaseException as error:
        answers.put(f"{type(error).__name__}")
        raise


def create(folder: Path) -> str:
    """Make a registry, or find the one that another process made; its instance."""
    registry = database.create(registries.url(folder), registries.keys(folder))
    registry.engine.dispose()
    return registry.instance


def link_each(folder: Path, id_: str, deployments: Sequence[str]) -> int:
    """Link a connection to these deployments, a revision each."""
    with registries.opened(folder) as registry:
        for name in deployments:
            registries.change(registry, lambda here, name=name: link(here, Key("connection", id_), name, {}))  # type: ignore[misc]
    return len(deployments)


def add_key(folder: Path) -> int:
    """Add a key; how many there are."""
    with registries.opened(folder) as registry:
        return len(keys.add(registry).texts)
