"""Wrong usage, told without what was given: a secret in the wrong place is never repeated."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import typer

from syncd.cli import show
from syncd.core.model import KINDS

# By its release Typer stands on Click or brings its own: this is the one that it raises.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]

_TAKES = {
    "output": "table or json",
    "form": "json, yaml, env, variables, settings or astro",
    "last": "a whole number, at least 1",
    "before": "a revision's number",
    "after": "a revision's number",
    "to": "a revision's number",
    "wait": "seconds, at least 0",
}
"""What a parameter takes, by its name."""


class WrongUsage(typer.BadParameter):
    """The arguments don't go together, or hold what can't be; the message holds none of their values."""


def tell(error: Any) -> None:
    """What is wrong, how it is used, and where more is said, on stderr."""
    if _is(error, "NoArgsIsHelpError"):
        error.show()
        return
    command = error.ctx.command_path if error.ctx is not None else "syncd"
    show.tell(show.FAILED, (command, "bold"), f": {_problem(error)}")
    if error.ctx is not None:
        usage = " ".join(error.ctx.get_usage().split())
        show.tell((f"  {usage[0].lower()}{usage[1:]}", "dim"))
    show.tell((f"  → {command} --help", "dim"))


def suggestion(name: str, known: Iterable[str]) -> str:
    """The known names that are nearly this one, as a question; empty where none is."""
    near = get_close_matches(name, list(known), n=2, cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else ""


def _problem(error: Any) -> str:
    if isinstance(error, WrongUsage):
        return str(error.message)
    if _is(error, "NoSuchOption"):
        # It may be a value that begins with a dash.
        return _no_option(error)
    if _is(error, "BadOptionUsage"):
        # An option that is there, by its name alone: it lacks its value, or has one and takes none.
        return str(error.message)
    if isinstance(error, typer.BadParameter):
        name = _name(error)
        if _is(error, "MissingParameter"):
            return f"{name} is missing"
        takes = _TAKES.get(getattr(error.param, "name", None) or "")
        return f"{name} takes {takes}" if takes else f"{name} can't be that"
    commands = getattr(getattr(error.ctx, "command", None), "commands", None)
    if commands is not None:
        there = f"there are {', '.join(commands)}"
        return f"no such command; {suggestion(_quoted(error.message), commands) or there}"
    return "more arguments than it takes"


def _quoted(message: str) -> str:
    """What Click repeats of a command: it is compared, and not shown."""
    return "".join(message.split("'")[1:2])


def _is(error: Any, name: str) -> bool:
    return any(one.__name__ == name for one in type(error).__mro__)


def _no_option(error: Any) -> str:
    plain = error.option_name.lstrip("-")
    if any(plain == field for row in KINDS.values() for field in row.fields):
        return f"fields are given without dashes: {plain}=…, or {plain} alone to be asked"
    params = error.ctx.command.get_params(error.ctx) if error.ctx is not None else ()
    known = [one for param in params for one in param.opts if one.startswith("--")]
    return f"no such option; {suggestion(error.option_name, known) or 'its help shows those that there are'}"


def _name(error: Any) -> str:
    param = error.param
    if param is None:
        return "an argument"
    options = [one for one in param.opts if one.startswith("-")]
    return options[0] if options else str(param.metavar or param.name)
