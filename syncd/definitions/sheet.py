"""One file while it is read: each node is converted or told about, and reading goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from syncd.core.model import Path
from syncd.definitions.nodes import List, Node, Object
from syncd.definitions.problems import Location, Problem

T = TypeVar("T")

Convert = Callable[["Sheet", Path, Node], T]
"""A node at a path to its value. Raises Wrong."""


class Wrong(Exception):
    """What is wrong with a node, and the way out; without words where it has been told already."""

    def __init__(self, problem: str = "", remedy: str = "") -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy


class Sheet:
    """Where each field of a file stands, and what is wrong with it."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        self.locations: dict[Path, Location] = {}

    def each(self, at: Path, node: Node, convert: Convert[T]) -> dict[str, T]:
        """The entries of an object, converted; those that are wrong are told and left out."""
        entries = an_object(node).entries
        return dict(self._converted(((name, (*at, name), child) for name, child in entries.items()), convert))

    def keyed(self, at: Path, node: Node, known: Mapping[str, Convert[Any]]) -> dict[str, Any]:
        """The entries of an object whose keys are known, each converted in its own way."""

        def convert(sheet: Sheet, path: Path, child: Node) -> Any:
            if path[-1] not in known:
                raise Wrong("unknown here", f"known are {', '.join(known)}")
            return known[path[-1]](sheet, path, child)

        return self.each(at, node, convert)

    def items(self, at: Path, node: Node, convert: Convert[T]) -> list[T]:
        """The items of a list, converted; each is told about at its own place, under the list's path."""
        if not isinstance(node, List):
            raise Wrong("a list is wanted here", "write [a, b]")
        return [value for _, value in self._converted((("", at, item) for item in node.items), convert)]

    def _converted(
        self, nodes: Iterable[tuple[str, Path, Node | None]], convert: Convert[T]
    ) -> Iterator[tuple[str, T]]:
        for name, path, node in nodes:
            if node is None:
                continue
            if name:
                self.locations[path] = node.location
            try:
                value = convert(self, path, node)
            except Wrong as wrong:
                if wrong.problem:
                    self.problems.append(Problem(node.location, path, wrong.problem, wrong.remedy))
            else:
                yield name, value


def an_object(node: Node) -> Object:
    """Raises Wrong for any other node."""
    if isinstance(node, Object):
        return node
    raise Wrong("an object (key: value) is wanted here", "write key: value, or {} where there is nothing to say")
