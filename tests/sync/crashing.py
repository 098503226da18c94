"""Passes that are cut short: at a call of the record or the target, or of the operating system."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from syncd.core.documents import Mark
from syncd.registry import workspaces
from syncd.registry.lease import lease
from syncd.registry.record import Record
from syncd.registry.scope import scope
from syncd.sync import carry_out, prepare
from tests.sync.world import NAME, World

CHANGING = frozenset({"replace", "intend", "write", "settle", "conclude"})
"""What a pass changes anything by."""

_FILES = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"})


class Crash(Exception):
    """Stands for whatever may end a pass."""


class Points:
    """Counts the moments before and after each change, and ends the pass at one of them."""

    def __init__(self, at: int = 0, end: Callable[[], None] = lambda: None) -> None:
        self.reached = 0
        self._at, self._end = at, end

    def passed(self) -> None:
        self.reached += 1
        if self.reached == self._at:
            self._end()


class FailingAt:
    """A record or a target, the same but that the pass may end right before and right after each change."""

    def __init__(self, inner: object, points: Points) -> None:
        self._inner, self._points = inner, points

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in CHANGING:
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            self._points.passed()
            result = found(*arguments, **named)
            self._points.passed()
            return result

        return call


def sync(world: World, points: Points, *, verify: bool) -> None:
    """A pass over `files`, as `syncd.passes` makes one, through these points."""
    here = world.installation
    with world.registry() as registry, lease(registry, wait=5, length=1) as taken:
        workspace = workspaces.load(registry, NAME)
        target: Any = FailingAt(here.target("files", NAME), points)
        record: Any = FailingAt(Record(registry, NAME, taken), points)
        mark = Mark(registry.instance, NAME, "files", workspace.revision)
        read = here.read()
        looked_at = scope(registry, workspace, "files", read, verify=verify)
        prepared = prepare(workspace, target, record, read, mark=mark, seal=registry.seal, scope=looked_at)
        carry_out(prepared, target, record, mark=mark, seal=registry.seal, now="2026-01-01T00:01:00Z")


def count(world: World, *, verify: bool) -> int:
    """How many points a pass has; it is carried out."""
    points = Points()
    sync(world, points, verify=verify)
    return points.reached


def raised(world: World, at: int, *, verify: bool) -> None:
    """A pass that raises at this point."""

    def end() -> None:
        raise Crash

    try:
        sync(world, Points(at, end), verify=verify)
    except Crash:
        return
    raise AssertionError("the pass came to its end")


def killed(world: World, at: int, *, verify: bool) -> bool:
    """A pass in a process that is killed at this point. False where it came to its end."""
    return _ended(world, lambda: sync(world, Points(at, _die), verify=verify))


def killed_at_file(world: World, at: int, *, verify: bool) -> bool:
    """A pass in a process that is killed before its nth change of a file or folder. False where it came to its end."""

    def watched() -> None:
        points = Points(at, _die)
        sys.addaudithook(lambda event, _: points.passed() if event in _FILES else None)
        sync(world, Points(), verify=verify)

    return _ended(world, watched)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _ended(world: World, run: Callable[[], None]) -> bool:
    """Run it in a process of its own: True where that was killed."""
    world.close()  # no connection is shared
    child = os.fork()
    if child == 0:
        code = 1
        try:
            run()
            code = 0
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), code
    return code != 0
