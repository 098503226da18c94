"""A server's binary: found, or built once into the user's cache, out of a Go module that pins all that it needs."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from servers import processes

_BUILD = ("build", "-v", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags")
# What a developer has set for their own builds is no part of this one, and no C compiler is.
_ENVIRON = {"GOFLAGS": "", "GOWORK": "off", "CGO_ENABLED": "0"}


class Missing(Exception):
    """This server can't be had here; the message says why, and what would help."""


@dataclass(frozen=True)
class Binary:
    """A command, and the Go module that it is built from where there is none to be found."""

    title: str
    name: str
    version: str
    module: Path
    packages: int
    """How many building it compiles, from nothing."""

    takes: str
    """How long building it takes, for people."""

    ask: tuple[str, ...]
    """Arguments that make it tell its version."""

    answer: str
    """A pattern: how it tells it. Its groups are numbers."""

    least: tuple[int, ...]
    """Of what is found, whatever is older isn't used."""

    package: str = "."
    """What of the module, or of those that it requires, is the command."""

    stamp: str = ""
    """A variable of Go's that holds the version, where nothing but its own releases' builds sets it."""

    server: str = ""
    """Which one needs it, where that has a name of its own."""

    folder: str = ""
    """An environment variable that may name a folder to look into where there is none on PATH."""

    def find(self) -> Path:
        """Where it is. Builds nothing; raises Missing."""
        return find(self)

    def build(self) -> Path:
        """The same, but where it isn't there it is built. Raises Missing."""
        return build(self)


def find(binary: Binary) -> Path:
    """Where it is. Builds nothing; raises Missing."""
    found = _installed(binary) or _in_cache(binary)
    if found is None:
        server = binary.server or binary.name
        raise Missing(f"{_not_installed(binary)}, and none is built yet: dev/server --build {server} does")
    return found


def build(binary: Binary) -> Path:
    """Where it is, once it is there: building it tells on stderr how far it is. Raises Missing."""
    found = _installed(binary) or _in_cache(binary)
    if found is not None:
        return found
    go = shutil.which("go")
    if go is None:
        raise Missing(f"{_not_installed(binary)}, and no go to build one with")
    folder = _folder(binary)
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder / "lock"):
        if _in_cache(binary) is None:  # nobody else has built it meanwhile
            _build(binary, go, folder)
    return folder / binary.name


def _installed(binary: Binary) -> Path | None:
    named = os.environ.get(binary.folder)
    found = [shutil.which(binary.name), shutil.which(binary.name, path=named) if named else None]
    return next((Path(one) for one in found if one and _new_enough(binary, one)), None)


def _new_enough(binary: Binary, found: str) -> bool:
    try:
        asked = subprocess.run([found, *binary.ask], capture_output=True, text=True, errors="replace", timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    told = re.search(binary.answer, asked.stdout)
    return told is not None and tuple(map(int, told.groups())) >= binary.least


def _not_installed(binary: Binary) -> str:
    where = f"on PATH or in {binary.folder}" if binary.folder else "on PATH"
    return f"no {binary.name} {'.'.join(map(str, binary.least))} or later {where}"


def _in_cache(binary: Binary) -> Path | None:
    found = _folder(binary) / binary.name
    return found if found.is_file() else None


def _folder(binary: Binary) -> Path:
    """Its place in the cache: another one for whatever would build something else."""
    digest = hashlib.sha256()
    for path in sorted([binary.module / "go.mod", *binary.module.glob("*.go")]):
        digest.update(path.read_bytes())
    digest.update(binary.stamp.encode())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    name = f"{binary.name}-{binary.version}-{digest.hexdigest()[:16]}"
    return cache / "airflow-shared-connections" / "servers" / name


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Ends by itself with the process, whatever ends that."""
    with lock.open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that builds {lock.parent.name}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(binary: Binary, go: str, folder: Path) -> None:
    """It gets its name when it is whole."""
    say(f"building {binary.title} {binary.version} once, {binary.takes}")
    part, log = folder / f"{binary.name}.part", folder / "build.log"
    work = folder / "work"  # Go leaves its temporary files where it is interrupted
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    environ = os.environ | _ENVIRON | {"GOTMPDIR": str(work)}
    linked = f"-s -w -X {binary.stamp}=v{binary.version}" if binary.stamp else "-s -w"
    command = ["nice", go, *_BUILD, linked, "-o", str(part), binary.package]
    process = processes.launch(command, environ, log, folder=binary.module)
    try:
        failed = _watch(process, binary, log)
    finally:
        processes.end(process, patience=10)
        shutil.rmtree(work, ignore_errors=True)
    if failed:
        raise Missing(f"building {binary.title} failed; all of its output is in {log}:\n{processes.tail(log)}")
    part.rename(folder / binary.name)


def _watch(process: subprocess.Popen[bytes], binary: Binary, log: Path) -> int:
    """Tell how far it is until it ends: on a terminal in one line, elsewhere (the log of a CI) now and then."""
    start = time.monotonic()
    terminal = sys.stderr.isatty()
    while True:
        try:
            code = process.wait(1 if terminal else 30)
        except subprocess.TimeoutExpired:
            code = None
        minutes, seconds = divmod(int(time.monotonic() - start), 60)
        say(f"{binary.title}: {_progress(binary, log)}, {minutes}:{seconds:02}", over=terminal and code is None)
        if code is not None:
            return code


def _progress(binary: Binary, log: Path) -> str:
    lines = log.read_text("utf-8", "replace").splitlines()
    downloaded = sum(line.startswith("go: downloading ") for line in lines)
    return f"{downloaded:,} modules downloaded, {len(lines) - downloaded:,} of {binary.packages:,} packages compiled"


def say(text: str, *, over: bool = False) -> None:
    """`over`: the next line takes its place."""
    erased = "\r\x1b[K" if sys.stderr.isatty() else ""
    print(f"{erased}{text}", end="" if over else "\n", file=sys.stderr, flush=True)
