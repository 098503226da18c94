"""YAML text to nodes that know where they stand: the part of YAML that definitions are written in, and no more.

What a scalar means is the reader's affair: its text is as written, and `plain` says that it stood without quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Union

import yaml

from syncd.core.model import Path
from syncd.definitions.problems import Location, Problem

DEPTH = 32
"""How deep objects and lists may nest, the file's own object included."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Scalar(NamedTuple):
    """One text; `plain` where it stood without quotes."""

    location: Location
    text: str
    plain: bool


class List(NamedTuple):
    """Items in order; None is one that couldn't be read, which has been told."""

    location: Location
    items: Sequence[Node | None]


class Object(NamedTuple):
    """Entries by key, each located at its key; None is one that couldn't be read, which has been told."""

    location: Location
    entries: Mapping[str, Node | None]


Node = Union[Scalar, List, Object]  # noqa: UP007 (a NamedTuple is no type to `|` before it is made)


def compose(text: str, file: str, problems: list[Problem]) -> Node | None:
    """The one document of a text; None where it can't be read. What is wrong is added to `problems`."""
    composer = _Composer(file, problems, text)
    try:
        return composer.document()
    except _Refused as refused:
        problems.append(refused.problem)
    except yaml.MarkedYAMLError as error:
        problems.append(_syntax(file, error))
    except (yaml.YAMLError, ValueError, OverflowError):
        # Without libyaml, an escape that Unicode hasn't comes out as Python's own error, which has no place.
        problems.append(Problem(composer.latest, (), *_NOT_YAML))
    return None


class _Refused(Exception):
    """The text as a whole, for this problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.problem = problem


class _Composer:
    """Events to nodes. Takes no event more than it needs, so that a nest of brackets is refused before it is read."""

    def __init__(self, file: str, problems: list[Problem], text: str) -> None:
        self._file = file
        self._problems = problems
        self._events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
        self._latest: Any = None

    @property
    def latest(self) -> Location:
        """Where the latest event began."""
        return Location(self._file, 1, 1) if self._latest is None else self._location(self._latest)

    def document(self) -> Node | None:
        self._next()  # the stream's start
        if isinstance(self._next(), yaml.StreamEndEvent):
            raise _Refused(Problem(self.latest, (), *_SAYS_NOTHING))
        first = self._next()
        root = self._node(first, (), 0, self.latest)
        if isinstance(root, Scalar) and root.plain and not root.text:
            raise _Refused(Problem(root.location, (), *_SAYS_NOTHING))
        self._next()  # the document's end
        if not isinstance(self._next(), yaml.StreamEndEvent):
            raise _Refused(Problem(self.latest, (), "a second document in one file", "give it a file of its own"))
        return root

    def _next(self) -> Any:
        self._latest = event = next(self._events)
        return event

    def _location(self, event: Any) -> Location:
        mark = event.start_mark
        return Location(self._file, mark.line + 1, mark.column + 1)

    def _tell(self, location: Location, path: Path, problem: str, remedy: str = "") -> None:
        self._problems.append(Problem(location, path, problem, remedy))

    def _node(self, event: Any, path: Path, depth: int, location: Location) -> Node | None:
        readable = self._is_readable(event, path)
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = Scalar(location, event.value, event.implicit[0])
        elif isinstance(event, yaml.AliasEvent):
            return None
        elif depth == DEPTH:
            raise _Refused(Problem(location, path, f"nests deeper than {DEPTH} levels"))
        elif isinstance(event, yaml.SequenceStartEvent):
            node = List(location, tuple(self._items(path, depth + 1)))
        else:
            node = Object(location, self._entries(path, depth + 1))
        return node if readable else None

    def _items(self, path: Path, depth: int) -> Iterator[Node | None]:
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            yield self._node(event, path, depth, self._location(event))

    def _entries(self, path: Path, depth: int) -> Mapping[str, Node | None]:
        entries: dict[str, Node | None] = {}
        places: dict[str, Location] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            location = self._location(event)
            name = self._key(event, path, depth, location)
            value = self._node(self._next(), (*path, name) if name else path, depth, location)
            if name in places:
                first = f"{places[name].line}:{places[name].column}"
                self._tell(location, (*path, name), f"stands here twice, first at {first}", "take one of the two away")
            elif name:
                entries[name] = value
                places[name] = location
        return entries

    def _key(self, event: Any, path: Path, depth: int, location: Location) -> str:
        """A key's text; empty where it is none, which is told."""
        node = self._node(event, path, depth, location)
        if isinstance(node, Scalar) and node.text and not (node.plain and node.text == "<<"):
            return node.text
        if isinstance(node, Scalar) and node.text:
            self._tell(location, path, "merge keys aren't read", "write the fields out")
        elif node is not None:
            self._tell(location, path, "a key is a text that isn't empty")
        return ""

    def _is_readable(self, event: Any, path: Path) -> bool:
        is_scalar = isinstance(event, yaml.ScalarEvent)
        if event.anchor is None and event.tag is None and (not is_scalar or event.value.isascii()):
            return True
        if isinstance(event, yaml.AliasEvent):
            words = ("aliases aren't read", "write the value out, and quote a text that begins with *")
        elif event.anchor is not None:
            words = ("anchors aren't read", "take it away, and quote a text that begins with &")
        elif event.tag is not None:
            words = ("tags aren't read", "take it away, and quote a text that begins with !")
        elif is_scalar and _SURROGATE.search(event.value):
            words = ("text that UTF-8 can't hold", "write the character itself instead of its escapes")
        else:
            return True
        self._tell(self._location(event), path, *words)
        return False


_SURROGATE = re.compile("[\ud800-\udfff]")

_SAYS_NOTHING = ("says nothing", "write `workspace: NAME` at least, or take the file away")
_NOT_YAML = ("isn't YAML", "quote a text with special characters, and indent by spaces")

_SYNTAX = (
    ("mapping values", "a colon where no key can stand", "quote a text that holds ': ', and look at the indentation"),
    ("a tab", "a tab where an indentation is wanted", "indent by spaces"),
    ("start any token", "no value begins with this character", "quote the text, and indent by spaces, never by tabs"),
    ("unexpected end of stream", "a quote isn't closed", "close it before the end of the file"),
    ("',' or", "a bracket isn't closed, or a comma is missing", "close it, and quote a text that holds , [ ] { or }"),
    ("alphabetic or numeric", "& and * begin what isn't read here", "quote a text that begins so"),
    ("escape", "no such escape in double quotes", "double the backslash, or use single quotes"),
    ("could not find expected ':'", "a key without its colon", "write `key: value`"),
    ("expected key", "this doesn't fit what stands before it", "look at the indentation and the quotes"),
    ("block end", "this doesn't fit what stands before it", "look at the indentation and the quotes"),
    ("'-' indicator", "this doesn't fit the list before it", "begin an item with `- `, and look at the indentation"),
    ("tag", "tags aren't read", "quote a text that begins with !"),
)
"""A part of what PyYAML or libyaml say, and our words for it: theirs may quote the file."""


def _syntax(file: str, error: yaml.MarkedYAMLError) -> Problem:
    said = str(error.problem)
    words = next((words for part, *words in _SYNTAX if part in said), _NOT_YAML)
    mark = error.problem_mark or error.context_mark
    if "unexpected end" in said and error.context_mark is not None:
        mark = error.context_mark  # where the quote opens, not the end of the file
    location = Location(file, 1, 1) if mark is None else Location(file, mark.line + 1, mark.column + 1)
    return Problem(location, (), *words)
