"""SQLite: a file, with a write-ahead log beside it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from syncd.core.errors import FixError, Reason, SyncError, WaitError

READING = "BEGIN"
WRITING = "BEGIN IMMEDIATE"
BRIEF = WRITING

_TIMEOUT = 30
"""Seconds to wait for another writer, unless the URL says `?timeout=`."""

_LET_WRITE = "let the user that runs syncd write there, and in its folder"


def checked(url: URL) -> URL:
    """As it is. Raises FixError where it names no file."""
    if url.database in (None, "", ":memory:"):
        raise FixError(
            Reason.INVALID_SETTINGS,
            "SYNCD_REGISTRY",
            "names no file",
            "give it as sqlite:////absolute/path/registry.db",
        )
    return url


def place(url: URL) -> str:
    """The file, as it was named."""
    return str(url.database)


def path(url: URL) -> Path | None:
    """The file."""
    return Path(str(url.database))


def credentials(url: URL) -> tuple[Path, ...]:
    """None: the file's mode is what keeps others out."""
    return ()


def engine(url: URL) -> Engine:
    """Opens nothing yet."""
    waiting = {} if "timeout" in url.query else {"timeout": _TIMEOUT}
    # Who wants a connection gets one: passes that wait for each other would keep the rest from reading.
    made = create_engine(url, hide_parameters=True, max_overflow=-1, connect_args=waiting)

    @event.listens_for(made, "connect")
    def prepared(connection: object, record: object) -> None:
        # The driver would otherwise begin and commit by rules of its own.
        connection.isolation_level = None  # type: ignore[attr-defined]  # the DBAPI's connection has no type here
        cursor = connection.cursor()  # type: ignore[attr-defined]  # as above
        cursor.execute("PRAGMA foreign_keys=ON")
        # What a target holds must never be newer than what a power failure leaves of the registry.
        cursor.execute("PRAGMA synchronous=FULL")
        # What was encrypted with a key that is retired shall not stay in freed pages.
        cursor.execute("PRAGMA secure_delete=ON")
        cursor.close()

    return made


def make_room(url: URL) -> None:
    """The folder, and an empty file that is its owner's alone. Raises FixError."""
    file = Path(str(url.database))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Before SQLite makes it with the umask's mode: views and messages are nobody else's business either.
        file.touch(mode=0o600)
    except OSError as error:
        raise FixError(
            Reason.ACCESS_DENIED, str(file), f"can't be made: {os.strerror(error.errno or 0)}", _LET_WRITE
        ) from None


def prepare(engine: Engine) -> None:
    """Let it have a write-ahead log: the file remembers it."""
    # Not for every connection: a database that isn't ours is left as it is.
    with suppress(SQLAlchemyError), engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")


def tidy(engine: Engine) -> None:
    """Bring the write-ahead log into the database and empty it, unless somebody is reading."""
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def failure(place: str, cause: BaseException) -> SyncError:
    """By what SQLite says, of which nothing is repeated."""
    said = str(cause)
    if "locked" in said or "busy" in said:
        return WaitError(Reason.BUSY, place, "the registry is locked by another process", "try again")
    if "readonly" in said or "unable to open" in said:
        return FixError(Reason.ACCESS_DENIED, place, "the registry can't be opened for writing", _LET_WRITE)
    if "full" in said:
        return WaitError(Reason.UNAVAILABLE, place, "can't be written: its disk is full", "make room")
    if "not a database" in said or "malformed" in said:
        return FixError(Reason.UNAVAILABLE, place, "is damaged, or no SQLite database", "restore it")
    return WaitError(Reason.UNAVAILABLE, place, f"the registry can't be used ({type(cause).__name__})")
