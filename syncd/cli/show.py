"""How commands answer: tables, trees and progress bars for people, one JSON document for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from syncd.cli.options import Output
from syncd.core.edits import Edit
from syncd.core.errors import FixError, Problems, Reason, SyncError

out = Console(highlight=False, soft_wrap=False)
err = Console(highlight=False, stderr=True, soft_wrap=True)


def as_json(document: Mapping[str, Any]) -> None:
    """The one document of a command with --output json."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table; cells are text, never markup. None shows as a dash."""
    made = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*("-" if cell is None else plain(cell) for cell in row))
    out.print(made)


def plain(text: object) -> str:
    """Text as markup that shows just it; control characters of an id can't move the cursor."""
    return escape("".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in str(text)))


def say(markup: str) -> None:
    """A line for people."""
    out.print(markup)


def errors(found: Iterable[SyncError]) -> None:
    """Each on stderr: subject and problem, and the way out below."""
    for error in found:
        if isinstance(error, Problems):
            errors(error.errors)
            continue
        err.print(f"[red]✗[/red] [bold]{plain(error.subject)}[/bold]: {plain(error.problem)}")
        if error.remedy:
            err.print(f"  [dim]→ {plain(error.remedy)}[/dim]")


def error_document(error: SyncError) -> dict[str, Any]:
    """An error in JSON output."""
    return {
        "reason": error.reason.value,
        "subject": error.subject,
        "problem": error.problem,
        "remedy": error.remedy or None,
    }


def warnings(found: Iterable[str]) -> None:
    """Each on stderr."""
    for text in found:
        err.print(f"[yellow]![/yellow] {plain(text)}")


def edits(found: Sequence[Edit]) -> None:
    """What a change is, field by field."""
    rows = ((_sign(one), one.subject, one.field, one.before, one.after) for one in found)
    table("", ("", "what", "field", "from", "to"), rows)


def edit_document(edit: Edit) -> dict[str, Any]:
    """An edit in JSON output."""
    return edit._asdict()


def changed(found: Sequence[Edit], revision: int, output: Output) -> None:
    """What a command changed, and the revision that it made."""
    if output is Output.JSON:
        as_json({"revision": revision, "edits": [edit_document(one) for one in found]})
    elif found:
        edits(found)
        say(f"[green]✓[/green] revision {revision}")
    else:
        say("nothing to change")


def confirm(question: str, *, yes: bool) -> None:
    """Ask. Raises FixError for a no, and where there is nobody to ask."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise FixError(Reason.REFUSED, question.rstrip("?"), "there is no terminal to ask at", "say --yes")
    if err.input(f"{plain(question)} [y/N] ").strip().lower() not in ("y", "yes"):
        raise FixError(Reason.REFUSED, question.rstrip("?"), "was refused")


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar per target on stderr, where somebody is watching."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    ) as bars:
        tasks: dict[str, Any] = {}

        def update(target: str, done: int, total: int) -> None:
            if target not in tasks:
                tasks[target] = bars.add_task(plain(target), total=total)
            bars.update(tasks[target], completed=done, total=total)

        yield update


def _sign(edit: Edit) -> str:
    if edit.before is None:
        return "+"
    return "-" if edit.after is None else "~"
