"""What a demonstration shows: steps, commands as they are typed, notes, one table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from stage import Failed

out = Console(highlight=False)
err = Console(highlight=False, stderr=True)
_steps = 0


def title(text: str, explanation: str) -> None:
    """What this is."""
    out.print(f"[bold]{text}[/bold]\n{explanation}\n")


def step(text: str, explanation: str) -> None:
    """A numbered step, with a line that explains it."""
    global _steps
    _steps += 1
    out.print(f"[bold cyan]{_steps}  {text}[/bold cyan]")
    out.print(f"   [dim]{explanation}[/dim]\n")


def command(text: str) -> None:
    """A command as a user would type it."""
    out.print(f"[green]$[/green] [bold]{escape(text)}[/bold]", soft_wrap=True)


def excerpt(of: str, text: str) -> None:
    """What stands in a file."""
    out.print(f"[dim]{of}[/dim]")
    out.print(f"{escape(text.rstrip())}\n", soft_wrap=True)


def held(text: str) -> None:
    """Something was compared, and holds."""
    out.print(f"[green]✓[/green] {text}", soft_wrap=True)


def output(text: str) -> None:
    """What a command printed."""
    out.print(f"{escape(text.rstrip())}\n", soft_wrap=True)


def quoted(who: str, text: str) -> None:
    """What somebody says, who isn't us."""
    out.print(f"[dim]{escape(who)}[/dim]\n  {escape(text)}", soft_wrap=True)


def gap() -> None:
    """An empty line, below what belongs together."""
    out.print()


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """Something moves while this lasts, where somebody is watching."""
    with out.status(text) if out.is_terminal else _nothing():
        yield


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """The table at the end. A row whose first cell isn't empty begins a section."""
    made = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for number, row in enumerate(rows):
        if number and row[0]:
            made.add_row()
        made.add_row(*row)
    out.print(made)


def failed(failure: Failed, kept: Path | None) -> None:
    """What went wrong, what the logs say of it, and where they are."""
    err.print(f"\n[red]✗[/red] [bold]{escape(str(failure))}[/bold]", soft_wrap=True)
    for log in failure.logs:
        lines = log.read_text("utf-8", "replace").splitlines() if log.is_file() else []
        if lines:
            err.print(f"[dim]{log.parent.name}/{log.name}, its end:[/dim]")
            err.print("\n".join(f"  {escape(_said(line))}" for line in lines[-25:]), soft_wrap=True)
    if kept:
        err.print(f"Airflow's logs are in {kept}", soft_wrap=True)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _said(line: str) -> str:
    """A task's log is JSON: what it says, and of an exception its type and message."""
    try:
        found = json.loads(line)
        errors = [f"{one['exc_type']}: {one['exc_value']}" for one in found.get("error_detail") or ()]
        return "  ".join([f"{found['level']:<7}", found["event"], *errors])
    except (ValueError, KeyError, TypeError, AttributeError):
        return line
