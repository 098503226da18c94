"""Definitions from a folder that others keep up to date: a mounted volume, or what git-sync checks out."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from syncd import definitions
from syncd.core.errors import FixError, Reason, SyncError, WaitError, mistake
from syncd.core.model import Workspace
from syncd.definitions.files import files
from syncd.definitions.problems import Problem, gathered
from syncd.registry import status, workspaces
from syncd.registry.database import Registry

Fingerprint = tuple[tuple[str, int, int, int], ...]
"""Of each file: its name, inode, size, and when it was changed."""


class Applied(NamedTuple):
    """What was applied last: the files as they were, and the revision that their workspace had afterwards."""

    fingerprint: Fingerprint
    workspace: str
    revision: int


def apply(registry: Registry, path: Path, before: Applied | None, *, prune: bool, who: str, now: str) -> Applied:
    """Bring the registry to what the folder says, as `syncd apply` would; all of it, or nothing.

    Where neither has moved since `before`, nothing is read. Raises SyncError: a folder with a problem changes nothing,
    and neither does one that is changed while it is read.
    """
    # What git-sync swaps is a link: one checkout is read, from its first file to its last.
    folder = _resolved(path)
    seen = _fingerprint(folder)
    revisions = workspaces.revisions(registry)
    if before is not None and before.fingerprint == seen and revisions.get(before.workspace) == before.revision:
        return before
    read = definitions.read(folder)
    if _fingerprint(folder) != seen:
        raise WaitError(Reason.CONFLICT, str(path), "changed while it was read", "it is read again")
    current = workspaces.load(registry, read.workspace) if read.workspace in revisions else Workspace(read.workspace)
    after = read.onto(current, prune=prune)
    # What --prune takes away nobody looked at: the guard does, where it is many.
    saved = workspaces.save(registry, current, after, who=who, now=now, why=f"apply {path.name}", asked=not prune)
    return Applied(seen, read.workspace, saved.revision)


class FolderEnded(NamedTuple):
    """One try at it: what is applied now, and why no more than that is."""

    applied: Applied | None
    failure: SyncError | None = None


def applied(registry: Registry, path: Path, before: Applied | None, *, prune: bool, who: str, now: str) -> FolderEnded:
    """The same in a thread: whatever happens is in the answer, and in `syncd status`."""
    failure: SyncError
    try:
        done = apply(registry, path, before, prune=prune, who=who, now=now)
        if done is not before:
            status.recovered(registry, status.NOWHERE, str(path))
    except SyncError as error:
        failure = error
    except BaseException as error:  # noqa: BLE001  as in a pass
        failure = mistake(str(path), error)
    else:
        return FolderEnded(done)
    with suppress(SyncError):  # where the registry can't be written, the log tells it all the same
        status.failed(registry, status.NOWHERE, str(path), failure, now)
    # Read anew at the next try, whether it was changed by then or not.
    return FolderEnded(None, failure)


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        raise FixError(
            Reason.NOT_FOUND, str(path), "is a link that leads nowhere", "name a folder, or a file"
        ) from None


def _fingerprint(folder: Path) -> Fingerprint:
    problems: list[Problem] = []
    found = files(folder, problems)
    if problems:
        raise gathered(problems)
    told = []
    for file in found:
        try:
            there = file.stat()
        except OSError as error:
            raise WaitError(
                Reason.UNAVAILABLE, str(file), f"can't be read: {os.strerror(error.errno or 0)}", "it is read again"
            ) from None
        told.append((str(file), there.st_ino, there.st_size, there.st_mtime_ns))
    return tuple(told)
