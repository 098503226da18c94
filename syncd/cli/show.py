"""How commands answer: tables, lists and progress bars for people, one JSON document for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any, NamedTuple

from rich.console import Console
from rich.text import Text

from syncd.cli.options import Output
from syncd.core.edits import Edit, edits
from syncd.core.errors import Problems, Reason, SyncError, WaitError
from syncd.core.explain import news
from syncd.core.model import Workspace

# No markup and no emoji codes: ids hold brackets and colons.
out = Console(highlight=False, markup=False, emoji=False)
err = Console(highlight=False, markup=False, emoji=False, stderr=True)

Part = str | tuple[str, str]
"""A piece of a line: text, or text and its style."""

DONE: Part = ("✓ ", "green")
FAILED: Part = ("✗ ", "red")

_WIDEST = 40
"""Columns of a field's name, beyond which its value isn't aligned with the others."""
_FEW = 4
_LONGEST = 200
"""Characters of a value."""


class Line(NamedTuple):
    """A field that moves, with + ~ or - for how. None is "not there"."""

    sign: str
    field: str
    before: str | None
    after: str | None


def as_json(document: Mapping[str, Any]) -> None:
    """The one document of a command with --output json. ASCII, so that no terminal and no locale can spoil it."""
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def clean(text: object) -> str:
    """Text for a terminal: a control character is shown as its escape, and moves nothing."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in str(text))


def cut(value: str) -> str:
    """A value as people can look over it; in JSON output it is whole."""
    return value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…"


def line(*parts: Part) -> Text:
    """Parts as one line."""
    return Text.assemble(*(clean(one) if isinstance(one, str) else (clean(one[0]), one[1]) for one in parts))


def say(*parts: Part) -> None:
    """A line for people."""
    out.print(line(*parts), soft_wrap=True)


def tell(*parts: Part) -> None:
    """A line beside the answer, on stderr."""
    err.print(line(*parts), soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "", none: str = "") -> None:
    """A table, or `none` where there are no rows. None shows as a dash."""
    rows = list(rows)
    if title:
        say((title, "bold"))
    if not rows and none:
        say(none)
        return
    from rich.table import Table

    made = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(line("-" if cell is None else str(cell)) for cell in row))
    out.print(made)


def names(found: Sequence[str]) -> str:
    """Names in a cell: all of a few, else the first of them and how many more there are."""
    if len(found) <= _FEW:
        return ", ".join(found)
    return f"{', '.join(found[: _FEW - 1])} and {len(found) - _FEW + 1} more"


def changes(groups: Sequence[tuple[Part, Sequence[Line]]], *, aside: bool = False) -> None:
    """What moves, field by field below what it belongs to; `aside` is on stderr."""
    from rich.table import Table

    console = err if aside else out
    lengths = (len(clean(one.field)) for _, lines in groups for one in lines)
    width = max((length for length in lengths if length <= _WIDEST), default=0)
    for title, lines in groups:
        console.print(line(title), soft_wrap=True)
        made = Table.grid(padding=(0, 2))
        made.add_column()
        made.add_column(min_width=width, overflow="fold")
        made.add_column(overflow="fold")
        for one in lines:
            made.add_row(line("  ", (one.sign, STYLES[one.sign])), line(one.field), line(_move(one)))
        if lines:
            console.print(made)


STYLES = {"+": "green", "~": "yellow", "-": "red"}


def sign(before: object, after: object) -> str:
    """How something moves, in one character."""
    if before is None:
        return "+"
    return "-" if after is None else "~"


def _move(one: Line) -> str:
    if one.before is None or one.after is None:
        return cut((one.after if one.before is None else one.before) or "")
    return cut(one.before) if one.before == one.after else f"{cut(one.before)} → {cut(one.after)}"


def errors(found: Iterable[SyncError], *, where: str = "") -> None:
    """Each on stderr: subject and problem, and the way out below. `where` is the target that has it."""
    for error in found:
        if isinstance(error, Problems):
            errors(error.errors, where=where)
            continue
        place = f"{where}: " if where and error.subject != f"target {where}" else ""
        tell(FAILED, place, (error.subject, "bold"), f": {error.problem}")
        if error.remedy:
            tell((f"  → {error.remedy}", "dim"))


def causes(found: Sequence[SyncError], *, where: str = "") -> None:
    """The same, a cause once however many places it stops: of what a target as a whole says, the first few subjects."""
    told: dict[tuple[str, ...], list[SyncError]] = {}
    for error in found:
        of_many = isinstance(error, WaitError) or error.reason in _OF_MANY
        cause = (str(error),) if isinstance(error, Problems) or not of_many else (error.problem, error.remedy)
        told.setdefault(cause, []).append(error)
    for first, *more in told.values():
        if not more or isinstance(first, Problems):
            errors([first], where=where)
            continue
        subjects = list(dict.fromkeys(error.subject for error in (first, *more)))
        problem = f"{first.problem} ({1 + len(more)} places)"
        errors([type(first)(first.reason, names(subjects), problem, first.remedy)], where=where)


_OF_MANY = (Reason.ACCESS_DENIED, Reason.NOT_FOUND, Reason.UNTRUSTED)
"""What is mended at once for all that it stops, as what is waited for is: nobody has to go from one to the next."""


def warnings(found: Iterable[str]) -> None:
    """Each on stderr."""
    for text in found:
        tell(("! ", "yellow"), text)


def edited(found: Sequence[Edit], *, aside: bool = False) -> None:
    """What a change is, by subject."""
    groups = []
    for subject, some in groupby(found, key=lambda one: one.subject):
        lines = [Line(sign(one.before, one.after), one.field, one.before, one.after) for one in some]
        # A definition is told by a line without a field, a deployment by its environment: new, gone, or still there.
        whole = next((one.sign for one in lines if one.field in ("", "environment")), "~")
        groups.append(((f"{whole} {subject}", STYLES[whole]), [one for one in lines if one.field]))
    changes(groups, aside=aside)


def changed(before: Workspace, after: Workspace, output: Output, *, warned: Sequence[str] = ()) -> None:
    """What a command changed, the revision that it made, and what deserves a second look."""
    found = edits(before, after)
    warned = (*news(before, after), *warned)
    if output is Output.TABLE:
        proposed(found, warned)
    made(found, warned, after.revision, output)


def proposed(found: Sequence[Edit], warned: Sequence[str], *, aside: bool = False) -> None:
    """What a command is about to change; `aside` is on stderr."""
    edited(found, aside=aside)
    warnings(warned)


def made(found: Sequence[Edit], warned: Sequence[str], revision: int, output: Output) -> None:
    """The revision that a change made, after it was shown; in JSON output all of it."""
    if output is Output.JSON:
        as_json({"revision": revision, "edits": [one._asdict() for one in found], "warnings": list(warned)})
    elif found:
        say(DONE, f"revision {revision}")
    else:
        say("nothing to change")


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar per target on stderr, where somebody is watching."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def update(target: str, done: int, total: int) -> None:
            if target not in tasks:
                tasks[target] = bars.add_task(clean(target), total=total)
            bars.update(tasks[target], completed=done, total=total)

        yield update


@contextmanager
def busy(doing: str) -> Iterator[None]:
    """A sign of life on stderr for work of unknown length, where somebody is watching."""
    from rich.progress import Progress, SpinnerColumn, TextColumn

    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False)
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bars:
        bars.add_task(clean(doing), total=None)
        yield
