"""Several sources of one deployment, or of what is shared, as one."""

from __future__ import annotations

from collections.abc import Iterable

from syncd.core.model import Definition, Key
from syncd.definitions.problems import Location, Problem
from syncd.imports.found import Found, address


def together(found: Iterable[tuple[str, Found]]) -> Found:
    """One of several, each with its file. An id that two of them have differently is told, and neither is taken."""
    definitions: dict[Key, Definition | None] = {}
    first: dict[Key, str] = {}
    problems: list[Problem] = []
    notes: list[Problem] = []
    for file, one in found:
        problems += one.problems
        notes += one.notes
        for key, definition in one.definitions.items():
            if key in definitions and definitions[key] != definition:
                words = f"isn't what {first[key]} has", "leave one of the two away"
                problems.append(Problem(Location(file), address(key), *words))
                definitions[key] = None
            definitions.setdefault(key, definition)
            first.setdefault(key, file)
    taken = {key: one for key, one in definitions.items() if one is not None}
    return Found(taken, tuple(problems), tuple(notes))
