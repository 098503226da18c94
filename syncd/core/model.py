"""The nouns of a workspace: kinds, items, references, definitions, deployments."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Path = tuple[str, ...]
"""Where a leaf lies: `("extra", "sslmode")`."""

Fields = Mapping[str, Any]
"""Fields as a JSON Merge Patch (RFC 7396): a key not there inherits, None unsets, anything else is a value."""

NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
NAME_LENGTH = 40
_CONN_ID = re.compile(r"[\w#!()\-.:/\\]+")
_ID_LENGTH = 250


class Reference(NamedTuple):
    """Where a value is read at each pass, never what it is: `env:NAME`, `file:PATH`, `vault:MOUNT/PATH#KEY`."""

    scheme: str
    location: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.location}"

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Raises ValueError where the text is no `scheme:location`."""
        scheme, colon, location = text.partition(":")
        if not colon or not location or scheme not in SCHEMES:
            raise ValueError(f"a reference is one of {', '.join(f'{name}:…' for name in SCHEMES)}")
        return cls(scheme, location)


SCHEMES = ("env", "file", "vault")


class Item(NamedTuple):
    """What resolving, outcome, status and explain are about."""

    deployment: str
    kind: str
    id: str

    def __str__(self) -> str:
        return (
            f"{self.deployment}/{self.id}" if self.kind == "connection" else f"{self.deployment}/{self.kind} {self.id}"
        )


class Key(NamedTuple):
    """Which definition: `owner` is the deployment whose own it is, empty where the workspace shares it."""

    kind: str
    id: str
    owner: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.id}" + (f" of {self.owner} alone" if self.owner else "")


@dataclass(frozen=True)
class Kind:
    """A row: what a kind of definition is made of. Code asks the row and never branches on the name.

    `option` is what a command that takes an id of any kind is told for this one.
    """

    name: str
    plural: str
    option: str
    fields: Mapping[str, str]
    required: str
    secret: frozenset[str]
    valid_id: Callable[[str], bool] = field(repr=False)
    id_rule: str
    required_may_be_empty: bool
    id_tells_secret: bool


def _conn_id(text: str) -> bool:
    # Airflow's own rule for a conn_id: `sanitize_conn_id` in airflow/models/connection.py.
    return len(text) <= _ID_LENGTH and _CONN_ID.fullmatch(text) is not None


def _variable_key(text: str) -> bool:
    return 0 < len(text) <= _ID_LENGTH and text.isprintable()


KINDS: Mapping[str, Kind] = {
    "connection": Kind(
        name="connection",
        plural="connections",
        option="",
        fields={
            "conn_type": "text",
            "description": "text",
            "host": "text",
            "login": "text",
            "password": "text",
            "schema": "text",
            "port": "port",
            "extra": "object",
        },
        required="conn_type",
        secret=frozenset({"password"}),
        valid_id=_conn_id,
        id_rule="1 to 250 letters, digits or any of _ # ! ( ) - . : / \\",
        # Airflow takes an empty conn_type for a missing one.
        required_may_be_empty=False,
        id_tells_secret=False,
    ),
    "variable": Kind(
        name="variable",
        plural="variables",
        option="--variable",
        fields={"value": "text"},
        required="value",
        secret=frozenset(),
        valid_id=_variable_key,
        id_rule="1 to 250 printable characters",
        required_may_be_empty=True,
        # Airflow masks a variable by its key, as it masks a key of `extra`.
        id_tells_secret=True,
    ),
}


@dataclass(frozen=True)
class Definition:
    """A connection or a variable with its overrides and links; a deployment's own has neither."""

    key: Key
    fields: Fields = field(repr=False)
    secret_fields: frozenset[Path] = frozenset()
    environments: Mapping[str, Fields] = field(default_factory=dict, repr=False)
    links: Mapping[str, Fields] = field(default_factory=dict, repr=False)
    link_all: bool = False
    exclude: frozenset[str] = frozenset()

    def reaches(self, deployment: str) -> bool:
        """Is it linked to this deployment, explicitly or by `link_all`?"""
        if self.key.owner:
            return self.key.owner == deployment
        return deployment in self.links or (self.link_all and deployment not in self.exclude)


@dataclass(frozen=True)
class Deployment:
    """One Airflow installation, in one environment; `targets` are names of the installation's settings.

    A preview names the deployment that it previews, and may expire at a time (UTC, ISO 8601, whole seconds).
    """

    name: str
    environment: str
    targets: tuple[str, ...] = ()
    preview_of: str = ""
    expires: str = ""


@dataclass(frozen=True)
class Workspace:
    """A team's own space at one revision. `environments` are ordered from the lowest."""

    name: str
    environments: tuple[str, ...] = ()
    deployments: Mapping[str, Deployment] = field(default_factory=dict)
    definitions: Mapping[Key, Definition] = field(default_factory=dict, repr=False)
    revision: int = 0


@dataclass(frozen=True)
class Scope:
    """What a pass looks at: the items named, or with None all of them, read back from the target.

    `target` restricts it to deployments that name that target; `deployments` are looked at whether or not an item
    of theirs is; `asked` are the items that a person's own revision took away; `held` are those whose deletes the last
    pass held back.
    """

    target: str | None = None
    items: frozenset[Item] | None = None
    deployments: frozenset[str] = frozenset()
    asked: frozenset[Item] = frozenset()
    held: frozenset[Item] = frozenset()

    @property
    def verify(self) -> bool:
        return self.items is None


def port(value: object) -> int:
    """A port as a whole number, 1 to 65535. Raises ValueError without the value."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,5}", value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535:
        return value
    raise ValueError("a port is a whole number from 1 to 65535")


def dotted(path: Path) -> str:
    """A path as people write it; a key that holds a dot, a quote or nothing is quoted."""
    return ".".join(f'"{_escaped(part)}"' if not _SIMPLE.fullmatch(part) else part for part in path)


def undotted(text: str) -> Path:
    """The path that `dotted` wrote. Raises ValueError where a part is empty or a quote isn't closed."""
    parts = [quoted or plain for quoted, plain in _PART.findall(text)]
    path = tuple(re.sub(r"\\(.)", r"\1", part[1:-1]) if part.startswith('"') else part for part in parts)
    if not path or not all(path) or ".".join(parts) != text:
        raise ValueError('a path is parts with a dot between them; a part that holds a dot is quoted: extra."a.b"')
    return path


_SIMPLE = re.compile(r'[^."\\\s=]+')
_PART = re.compile(r'("(?:[^"\\]|\\.)*")(?=\.|$)|([^."]+)')


def _escaped(part: str) -> str:
    return part.replace("\\", "\\\\").replace('"', '\\"')
