"""What one source has: a definition for each id that can be taken, and why the others can't."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from syncd.core.model import KINDS, Definition, Fields, Key, Path
from syncd.definitions.problems import Location, Problem
from syncd.imports.values import Unfit

Definitions = Mapping[Key, Definition]

_PLURALS = frozenset(row.plural for row in KINDS.values())


@dataclass(frozen=True)
class Found:
    """What a source has. Of an id with a problem nothing is taken; a note tells what was left out of one that is."""

    definitions: Definitions = field(repr=False)
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()

    @property
    def refused(self) -> int:
        """How many aren't taken: an id once for all its problems, and what is about no id for itself."""
        about = [_about(problem) for problem in self.problems]
        return len({one for one in about if one}) + about.count(())


class Reading:
    """A `Found` while its source is read."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._definitions: dict[Key, Definition] = {}
        self._problems: list[Problem] = []
        self._notes: list[Problem] = []
        self._broken: set[Key] = set()

    def take(self, definition: Definition, notes: Iterable[Path] = (), *, at: Location | None = None) -> None:
        """A definition; an id that comes twice is a problem. `notes` are nulls in `extra` that were left out."""
        key = definition.key
        if not KINDS[key.kind].valid_id(key.id):
            self.refuse(key, f"no id of a {key.kind}", f"an id is {KINDS[key.kind].id_rule}", at=at)
        elif key in self._definitions or key in self._broken:
            self.refuse(key, "stands here twice", "take one of the two away", at=at)
        else:
            self._definitions[key] = definition
            words = "null is left out", "`extra` holds none, and Airflow's hooks read it as one that isn't there"
            self._notes += (Problem(self._at(at), (*address(key), *path), *words) for path in notes)

    def refuse(self, key: Key, problem: str, remedy: str = "", *, path: Path = (), at: Location | None = None) -> None:
        """Nothing of this id is taken, for this problem."""
        self._broken.add(key)
        self._definitions.pop(key, None)
        self._problems.append(Problem(self._at(at), (*address(key), *path), problem, remedy))

    def unfit(self, key: Key, unfit: Unfit, *, at: Location | None = None) -> None:
        """Nothing of this id is taken, for all of these problems."""
        for path, problem, remedy in unfit.problems:
            self.refuse(key, problem, remedy, path=path, at=at)

    def tell(self, problem: str, remedy: str = "", *, path: Path = (), at: Location | None = None) -> None:
        """Something that is about no id is not taken."""
        self._problems.append(Problem(self._at(at), path, problem, remedy))

    def note(self, problem: str, remedy: str = "", *, path: Path = (), at: Location | None = None) -> None:
        """Something is left out, and the rest of it is taken."""
        self._notes.append(Problem(self._at(at), path, problem, remedy))

    def found(self) -> Found:
        return Found(self._definitions, tuple(self._problems), tuple(self._notes))

    def _at(self, location: Location | None) -> Location:
        return Location(self._file) if location is None else location


def address(key: Key) -> Path:
    """Where a definition is told to stand, whatever the form of its file."""
    return (KINDS[key.kind].plural, key.id)


def defined(kind: str, id_: str, fields: Fields) -> Definition:
    """A shared definition, linked to nobody."""
    return Definition(Key(kind, id_), fields)


def _about(problem: Problem) -> Path:
    """An id's address and the file that has it; empty where a problem is about none."""
    is_of_an_id = len(problem.path) > 1 and problem.path[0] in _PLURALS
    return (problem.location.file, *problem.path[:2]) if is_of_an_id else ()
