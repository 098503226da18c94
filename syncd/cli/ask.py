"""What a person at a terminal is asked: for a yes, and for a secret that nobody sees."""

from __future__ import annotations

import getpass
import sys
import warnings

from syncd.cli import show
from syncd.core.errors import FixError, Reason


def confirm(question: str, *, yes: bool) -> None:
    """Ask, unless --yes said it. Raises FixError for a no, and where there is nobody to ask."""
    if yes:
        return
    about = question.removesuffix("?")
    if not sys.stdin.isatty():
        raise FixError(Reason.REFUSED, about, "there is no terminal to ask at", "say --yes")
    show.err.print(show.line(f"{question} [y/N] "), end="", soft_wrap=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise FixError(Reason.REFUSED, about, "was refused")


def secret(field: str) -> str:
    """A secret, typed twice and not shown. Raises FixError where there is nobody to ask, or nothing is typed."""
    if not sys.stdin.isatty():
        raise FixError(
            Reason.REFUSED, field, "there is no terminal to ask at", f"{field}=- reads stdin, {field}=@PATH a file"
        )
    name = show.clean(field)
    while True:
        typed = _hidden(f"{name}: ", field)
        if not typed:
            raise FixError(Reason.REFUSED, field, "nothing was typed", f"{field}=@/dev/null is the empty text")
        if typed == _hidden(f"{name} once more: ", field):
            return typed
        show.tell("the two differ: again")


def _hidden(prompt: str, field: str) -> str:
    with warnings.catch_warnings():
        # It would go on with what is typed in plain sight.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(prompt)
        except EOFError:
            return ""
        except getpass.GetPassWarning:
            raise FixError(
                Reason.REFUSED, field, "this terminal would show it", f"{field}=- reads stdin, {field}=@PATH a file"
            ) from None
