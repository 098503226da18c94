"""Which files hold definitions, and the text of each; untrusted until it is decoded."""

from __future__ import annotations

import os
import pathlib
import re
import stat
import sys
from collections.abc import Iterator

from syncd.definitions.problems import Location, Problem

STDIN = pathlib.Path("<stdin>")
"""This very path: whatever is piped in, as one file. Another path of that name is a file's."""

LIMIT = 10 * 2**20
"""Bytes in one file."""

_SUFFIXES = (".yaml", ".yml")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_UNHOLDABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""What YAML lets stand in a file only as an escape."""


def files(path: pathlib.Path, problems: list[Problem]) -> list[pathlib.Path]:
    """The file itself, or all `*.yaml` and `*.yml` below a folder in a fixed order, links followed.

    Names that begin with a dot are left out below the folder: git's and Kubernetes' own lie there. What can't be
    looked at is added to `problems`: a file left out silently would be a definition removed by `--prune`.
    """
    if path is STDIN:
        return [path]
    try:
        if not path.is_dir():
            path.stat()
            return [path]
    except OSError as error:
        problems.append(_unreadable(path, error))
        return []
    before = len(problems)
    found = sorted(_below(path, problems))
    if not found and len(problems) == before:
        problems.append(Problem(Location(str(path)), (), "no definitions here", "it holds no *.yaml and no *.yml"))
    return found


def text(file: pathlib.Path) -> str | Problem:
    """The text of a file in UTF-8, with or without its mark, or why it isn't taken."""
    name, data = str(file), _data(file)
    if isinstance(data, Problem):
        return data
    if len(data) > LIMIT:
        return Problem(Location(name, 1, 1), (), f"longer than {LIMIT // 2**20} MiB", "spread it over several files")
    if data.startswith(_UTF16):
        return Problem(Location(name, 1, 1), (), "is UTF-16", "save it as UTF-8")
    try:
        decoded = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", errors="replace")
        return Problem(_end(name, before), (), "isn't UTF-8", "save it as UTF-8")
    unholdable = _UNHOLDABLE.search(decoded)
    if unholdable:
        place = _end(name, decoded[: unholdable.start()])
        return Problem(place, (), "a character that no text holds", "write it as an escape in double quotes")
    return decoded


def _data(file: pathlib.Path) -> bytes | Problem:
    """Its beginning: one byte more than may be."""
    try:
        if file is STDIN:
            return sys.stdin.buffer.read(LIMIT + 1)
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                return Problem(Location(str(file)), (), "is no regular file")
            return stream.read(LIMIT + 1)
    except OSError as error:
        return _unreadable(file, error)


def _below(top: pathlib.Path, problems: list[Problem]) -> Iterator[pathlib.Path]:
    waiting: list[tuple[pathlib.Path, frozenset[tuple[int, int]]]] = [(top, frozenset())]
    while waiting:
        folder, above = waiting.pop()
        try:
            status = folder.stat()
            entries = list(folder.iterdir())
        except OSError as error:
            problems.append(_unreadable(folder, error))
            continue
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            problems.append(Problem(Location(str(folder)), (), "leads back to a folder above it", "remove the link"))
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            mode = _mode(entry, problems)
            if stat.S_ISDIR(mode):
                waiting.append((entry, above | {identity}))
            elif entry.suffix in _SUFFIXES and mode:
                if stat.S_ISREG(mode):
                    yield entry
                else:
                    problems.append(Problem(Location(str(entry)), (), "is no regular file"))


def _mode(entry: pathlib.Path, problems: list[Problem]) -> int:
    """What an entry is, links followed; 0 where that can't be told."""
    try:
        return entry.stat().st_mode
    except OSError as error:
        # A link that leads nowhere might have been anything: it matters where its name says definitions.
        if entry.suffix in _SUFFIXES or not isinstance(error, FileNotFoundError):
            problems.append(_unreadable(entry, error))
        return 0


def _unreadable(path: pathlib.Path, error: OSError) -> Problem:
    if isinstance(error, FileNotFoundError):
        return Problem(Location(str(path)), (), "isn't there")
    return Problem(Location(str(path)), (), f"can't be read: {error.strerror}")


def _end(name: str, before: str) -> Location:
    lines = _LINE_BREAK.split(before)
    return Location(name, len(lines), len(lines[-1]) + 1)
