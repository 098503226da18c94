"""A folder that our backend reads on a laptop: one that was named, or a private one that a run makes and takes away."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from syncd.core.documents import Documents, Mark, Observed, Place, Seal
from syncd.core.errors import SyncError
from syncd.core.layouts.layered import Layered
from syncd.core.model import Item
from syncd.core.plan import compare, writes
from syncd.core.resolve import Resolved
from syncd.core.withheld import Withheld
from syncd.laptop.copies import Copy
from syncd.targets.directory import DirectoryTarget

_NAME = "syncd-dev-"
_LOCK = ".lock"


@contextmanager
def private(environ: Mapping[str, str]) -> Iterator[Path]:
    """A folder of one's own, in memory where there is such a place; what killed runs left is swept first."""
    place = _place(environ)
    for left in place.glob(f"{_NAME}{os.getuid()}-*"):
        _sweep(left)
    made, lock = place / f"{_NAME}{os.getuid()}-{secrets.token_hex(8)}", None
    try:
        # Named before it is there: whoever is told to end meanwhile knows what to take away.
        while lock is None:
            lock = _made(made)
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def write(folder: Path, copy: Copy, mark: Mark, seal: Seal) -> tuple[SyncError, ...]:
    """Bring the folder to what the copy holds; what couldn't be written. Other deployments' in it stay as they are."""
    layout = Layered(mark.workspace)
    target = DirectoryTarget(mark.target, layout, str(folder))
    observed = _of(copy.deployment, layout, target.observe(None, seal))
    goal = _goal(layout, copy, observed, seal)
    batch = writes(compare(goal, observed, mark=mark, seal=seal, hold={}), goal, observed)
    results = target.write(batch, mark, seal)
    return tuple(error for error in results.values() if isinstance(error, SyncError))


def _of(deployment: str, layout: Layered, observed: Observed) -> Observed:
    views = {place: view for place, view in observed.views.items() if layout.deployment(place) == deployment}
    stamps = {name: one for name, one in observed.stamps.items() if layout.deployment(Place(name)) == deployment}
    return Observed(views, stamps, observed.unread)


def _goal(layout: Layered, copy: Copy, observed: Observed, seal: Seal) -> Documents:
    """A document each, with what is withheld from it told to whoever asks; one that isn't to be had says so, too."""
    found = copy.resolution
    none = {item: _none(item, error) for item, error in found.blocked.items()}
    return layout.documents(replace(found, resolved={**found.resolved, **none}, blocked={}), observed, seal)


def _none(item: Item, error: SyncError) -> Resolved:
    """Nothing of an item, for this error."""
    withheld = Withheld((), f"{error.subject}: {error.problem}", error.remedy)
    return Resolved(item.kind, item.id, (), frozenset(), withheld=(withheld,))


def _made(folder: Path) -> int | None:
    """Its lock, which the kernel gives back however this ends: whoever can take it may sweep. None where another run
    was quicker, and swept it."""
    folder.mkdir(0o700)
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    if os.fstat(lock).st_nlink:
        return lock
    os.close(lock)
    return None


def _place(environ: Mapping[str, str]) -> Path:
    for name in (environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm"):  # noqa: S108  a folder that nobody knows is made in it
        # A relative one counts for nothing, as freedesktop.org has it: the command may look from elsewhere.
        if Path(name).is_absolute() and Path(name).is_dir() and os.access(name, os.W_OK | os.X_OK):
            return Path(name)
    return Path(tempfile.gettempdir())


def _sweep(left: Path) -> None:
    """What a run left that was killed; one that still runs holds its lock."""
    with suppress(OSError):
        if left.lstat().st_uid != os.getuid() or left.is_symlink():
            return
        lock = os.open(left / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
        finally:
            os.close(lock)
