"""Git work trees: a file of secrets isn't written where the next commit would take it along."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from syncd.core.errors import FixError, Problems, Reason


def refuse(paths: Iterable[Path], environ: Mapping[str, str]) -> None:
    """Raises Problems with all of these, there or not, that lie in a work tree and aren't ignored.

    Where Git can't be asked, every file of a work tree counts as one that isn't.
    """
    wrong = [error for path in paths if (error := _refusal(path, environ)) is not None]
    if wrong:
        raise Problems(wrong)


def _refusal(path: Path, environ: Mapping[str, str]) -> FixError | None:
    there = _there(path.absolute().parent)
    tree = _work_tree(there)
    if tree is None:
        return None
    whole = there / path.absolute().relative_to(_lexical(path.absolute().parent))
    if _ignored(there, whole, environ):
        return None
    inside = os.path.relpath(whole, tree)
    return FixError(
        Reason.REFUSED,
        str(path),
        "would hold secrets inside a Git work tree, and isn't ignored there",
        f"add /{inside} to {tree / '.gitignore'}, or name another place with --to, or say --in-git",
    )


def _lexical(folder: Path) -> Path:
    """The nearest folder above that is there, as it was named."""
    while not folder.is_dir():
        folder = folder.parent
    return folder


def _there(folder: Path) -> Path:
    """The same as it really is: what Git goes by."""
    return _lexical(folder).resolve()


def _work_tree(folder: Path) -> Path | None:
    return next((one for one in (folder, *folder.parents) if os.path.lexists(one / ".git")), None)


def _ignored(folder: Path, path: Path, environ: Mapping[str, str]) -> bool:
    git = shutil.which("git", path=environ.get("PATH"))
    if git is None:
        return False
    # Nothing that makes it look at another repository. A file that is committed already counts as not ignored.
    told = {name: value for name, value in environ.items() if not name.startswith("GIT_")}
    command = [git, "-C", str(folder), "check-ignore", "--quiet", "--", str(path)]
    try:
        done = subprocess.run(command, env=told, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)  # noqa: S603  git, and a path after --
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
