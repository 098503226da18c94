"""YAML files to definitions: all problems of all files at once, each with its file, line and field."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Sequence

from syncd.core.checks import address
from syncd.core.model import Definition, Deployment, Key, Path
from syncd.definitions import files
from syncd.definitions.applying import Definitions
from syncd.definitions.nodes import compose
from syncd.definitions.problems import Location, Problem, gathered
from syncd.definitions.shape import contents


def read(path: pathlib.Path) -> Definitions:
    """What a file names, or all files below a folder (`*.yaml`, `*.yml`; names that begin with a dot are left out).

    Raises Problems with everything that is wrong in any of them; no message holds a value.
    """
    problems: list[Problem] = []
    parts = [part for file in files.files(path, problems) if (part := _part(file, problems)) is not None]
    _tell_twice(parts, problems)
    if problems:
        raise gathered(problems)
    return _together(parts)


def _part(file: pathlib.Path, problems: list[Problem]) -> Definitions | None:
    text = files.text(file)
    if isinstance(text, Problem):
        problems.append(text)
        return None
    root = compose(text, str(file), problems)
    return None if root is None else contents(root, problems)


def _tell_twice(parts: Sequence[Definitions], problems: list[Problem]) -> None:
    """A name in two files, and two files of different workspaces: each told with both places."""
    first: dict[Path, Location] = {}
    for part in parts:
        for path in _named(part):
            place = part.locations[path]
            other = first.setdefault(path, place)
            if other is not place:
                problems.append(Problem(place, path, f"stands in {other} too", "take one of the two away"))
    at = ("workspace",)
    saying = [part for part in parts if part.workspace]
    for part in saying:
        if part.workspace != saying[0].workspace:
            words = f"isn't the workspace that {saying[0].locations[at]} names", "give each workspace its own folder"
            problems.append(Problem(part.locations[at], at, *words))


def _named(part: Definitions) -> Iterator[Path]:
    if part.environments is not None:
        yield ("environments",)
    yield from (("deployments", name) for name in part.deployments)
    yield from (address(key) for key in part.definitions if not key.owner)


def _together(parts: Sequence[Definitions]) -> Definitions:
    deployments: dict[str, Deployment] = {}
    definitions: dict[Key, Definition] = {}
    locations: dict[Path, Location] = {}
    for part in reversed(parts):
        deployments |= part.deployments
        definitions |= part.definitions
        locations |= part.locations
    return Definitions(
        workspace=parts[0].workspace,
        environments=next((part.environments for part in parts if part.environments is not None), None),
        deployments=deployments,
        definitions=definitions,
        locations=locations,
    )
