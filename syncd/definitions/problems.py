"""What is wrong in a file, and where: never a value, nor the text of a line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from syncd.core.errors import FixError, Problems, Reason
from syncd.core.model import Path, dotted

_PART_LENGTH = 250


class Location(NamedTuple):
    """A place in a file, counted from 1; line 0 is the file as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class Problem(NamedTuple):
    """What is wrong with one field, and the way out."""

    location: Location
    path: Path
    problem: str
    remedy: str = ""

    @property
    def error(self) -> FixError:
        """The same as an error whose subject is `FILE:LINE:COLUMN FIELD.PATH`."""
        return FixError(Reason.INVALID_DEFINITION, _subject(self.location, self.path), self.problem, self.remedy)


def gathered(problems: Iterable[Problem]) -> Problems:
    """All of them as one error, in the order of files and lines. There must be one at least."""
    return Problems([problem.error for problem in sorted(problems)])


def _subject(location: Location, path: Path) -> str:
    # A key or a file's name may hold anything: a line break, an escape for the terminal, a page of text.
    text = f"{location} {dotted(tuple(part[:_PART_LENGTH] for part in path))}".rstrip()
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
