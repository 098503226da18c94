"""The databases that a registry can live in: what differs between them, and nothing else.

`database` knows the transactions and what they are for; a module here knows how its database is reached, how its
transactions begin, and what its errors mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from syncd.core.errors import FixError, Reason, SyncError
from syncd.registry.engines import postgresql, sqlite

_FORMS = "give it as sqlite:////absolute/path/registry.db, or as postgresql://user:password@host/database"
_OTHERS = frozenset({"mysql", "mariadb", "mssql", "oracle", "cockroachdb"})
"""What may be told of a URL: anything else in its place may be anything."""


class Database(Protocol):
    """A module of this package."""

    @property
    def READING(self) -> str:  # noqa: N802  a constant of the module
        """Begins a transaction that sees one state."""

    @property
    def WRITING(self) -> str:  # noqa: N802  as above
        """Begins one beside which no other writes, and which sees all that was written before."""

    @property
    def BRIEF(self) -> str:  # noqa: N802  as above
        """Begins one that changes a row which `WRITING` leaves alone: it waits for no long one."""

    def checked(self, url: URL) -> URL:
        """As it is opened. Raises FixError where it names no place."""

    def place(self, url: URL) -> str:
        """How people are told of it: never with a password."""

    def path(self, url: URL) -> Path | None:
        """The file that it is."""

    def credentials(self, url: URL) -> tuple[Path, ...]:
        """Files that hold what it is logged in with."""

    def engine(self, url: URL) -> Engine:
        """Connects to nothing yet. Raises FixError."""

    def make_room(self, url: URL) -> None:
        """Before a registry is made there. Raises FixError."""

    def prepare(self, engine: Engine) -> None:
        """An empty database, before its first migration. Raises FixError where it can't hold a registry."""

    def tidy(self, engine: Engine) -> None:
        """After a rotation: what isn't current any more goes from the disk, as far as that is ours to say."""

    def failure(self, place: str, cause: BaseException) -> SyncError:
        """An error of the driver in our words: its own hold statements and values."""


_DATABASES: Mapping[str, Database] = {"sqlite": sqlite, "postgresql": postgresql}


def parsed(url: str) -> URL:
    """The place that SYNCD_REGISTRY names. Raises FixError, which quotes nothing of it."""
    try:
        made = make_url(url)
    except (ArgumentError, ValueError):
        raise _refused("is no database URL") from None
    name, _, driver = made.drivername.partition("+")
    if name == "postgres":
        raise _refused("names `postgres`, and the name is `postgresql`")
    if name not in _DATABASES:
        raise _refused(f"names {name if name in _OTHERS else 'a database'}, which can't hold a registry")
    if driver not in ("", "psycopg" if name == "postgresql" else "pysqlite"):
        raise _refused(f"names a driver for {name}, and syncd chooses it")
    return _DATABASES[name].checked(made)


def of(url: URL) -> Database:
    """The database that a URL is about, once it is parsed."""
    return _DATABASES[url.get_backend_name()]


def _refused(problem: str) -> FixError:
    return FixError(Reason.INVALID_SETTINGS, "SYNCD_REGISTRY", problem, _FORMS)
