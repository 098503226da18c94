"""Work in a process of its own: one that is killed at a step, or that is another user."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

from syncd.core.documents import Mark, Observed, Seal, Stamp
from syncd.core.errors import SyncError
from syncd.core.layouts import Layout
from syncd.core.plan import Write
from syncd.core.ports import Target

T = TypeVar("T")

NOBODY = 65534
STRANGER = 64999
"""A user and a group that own nothing here, whether or not the system has a name for them."""


class KilledAt:
    """A target whose process dies right before its n-th step on the disk, counted over all its writes.

    A step is what the kernel does in one piece: a name made, moved or removed, a mode set, part of a content written.
    Before the first step and after the last of each batch the process dies, too. `make` it in a child alone: an audit
    hook stays for as long as the process.
    """

    _STEPS = frozenset({"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.chown", "ctypes.dlopen"})

    def __init__(self, target: Target, step: int) -> None:
        self._target, self._left, self._counting = target, step, False
        self._write = os.write
        sys.addaudithook(self._audit)
        os.write = self._nearly_all  # type: ignore[assignment]  # a write raises no audit event

    @property
    def name(self) -> str:
        return self._target.name

    @property
    def where(self) -> str:
        return self._target.where

    @property
    def layout(self) -> Layout:
        return self._target.layout

    def observe(self, objects: Collection[str] | None, seal: Seal) -> Observed:
        return self._target.observe(objects, seal)

    def refuses(self, name: str) -> SyncError | None:
        return self._target.refuses(name)

    def write(self, writes: Sequence[Write], mark: Mark, seal: Seal) -> Mapping[str, Stamp | SyncError | None]:
        self._step()
        self._counting = True
        results = self._target.write(writes, mark, seal)
        self._counting = False
        self._step()
        return results

    def _audit(self, event: str, args: tuple[object, ...]) -> None:
        creates = event == "open" and isinstance(args[2], int) and bool(args[2] & os.O_CREAT)
        if self._counting and (creates or event in self._STEPS):
            self._step()

    def _nearly_all(self, handle: int, content: bytes) -> int:
        if self._counting:
            self._step()
        return self._write(handle, content[: max(1, len(content) - 1)])

    def _step(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def survives(work: Callable[[], object]) -> bool:
    """Did a child come to the end of this, rather than be killed?"""
    child = os.fork()
    if child == 0:
        _end(work)
    _, status = os.waitpid(child, 0)
    assert not (os.WIFEXITED(status) and os.WEXITSTATUS(status)), "see the traceback on stderr"
    return os.WIFEXITED(status)


def in_child(work: Callable[[], T]) -> T:
    """What this gives in a child, so that it leaves nothing behind in this process."""
    reading, writing = os.pipe()

    def told() -> None:
        result = pickle.dumps(work())
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(result)

    child = os.fork()
    if child == 0:
        _end(told)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        result = pipe.read()
    _, status = os.waitpid(child, 0)
    assert status == 0, "see the traceback on stderr"
    value: T = pickle.loads(result)  # noqa: S301
    return value


def as_user(work: Callable[[], T], *, uid: int = NOBODY, gid: int = NOBODY, groups: Sequence[int] = ()) -> T:
    """The same as another user. For root alone."""

    def changed() -> T:
        os.setgroups(list(groups))
        os.setgid(gid)
        os.setuid(uid)
        return work()

    return in_child(changed)


def unprivileged(work: Callable[[], T]) -> T:
    """The same as a user to whom modes apply."""
    return as_user(work) if os.geteuid() == 0 else in_child(work)


def _end(work: Callable[[], object]) -> None:
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # noqa: BLE001  the child must not go on as a second pytest
        traceback.print_exc()
    finally:
        os._exit(code)
