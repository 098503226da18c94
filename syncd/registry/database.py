"""Open a registry: engine, migrations, keys; and the two kinds of transaction."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.fernet import MultiFernet
from sqlalchemy import Connection, Engine, Table, create_engine, event, insert, inspect, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from syncd.core.errors import FixError, Reason, SyncError, WaitError
from syncd.registry import encryption
from syncd.registry.tables import MIGRATIONS, meta

ENCRYPTED = ("canary", "seal")
"""The names in `meta` whose values are encrypted."""

_TIMEOUT = 30
"""Seconds to wait for another writer, unless the URL says `?timeout=`."""

_LET_WRITE = "let the user that runs syncd write there, and in its folder"

_CANARY = ("meta", "canary")
_SEAL = ("meta", "seal")


@dataclass(frozen=True)
class Registry:
    """An open registry. `seal` gives keyed digests that stay the same for its whole life."""

    engine: Engine = field(repr=False)
    keys: encryption.Keys
    cipher: MultiFernet = field(repr=False)
    instance: str
    seal: Callable[[str], str] = field(repr=False)
    path: Path


def located(url: str) -> Path:
    """The file that a registry is kept in. Raises FixError for a URL that names none."""
    return _located(url)[1]


def exists(url: str) -> bool:
    """Is there a registry already? Raises FixError for a URL that names none."""
    return located(url).exists()


def create(url: str, keys: encryption.Keys) -> Registry:
    """Make a registry, or open the one that is there. Raises SyncError."""
    engine, path = _engine(url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Before SQLite makes it with the umask's mode: views and messages are nobody else's business either.
        path.touch(mode=0o600)
    except OSError as error:
        raise FixError(
            Reason.ACCESS_DENIED, str(path), f"can't be made: {os.strerror(error.errno or 0)}", _LET_WRITE
        ) from None
    _migrate(engine)
    with writing(engine) as connection:
        if connection.execute(select(meta.c.value).where(meta.c.name == "instance")).first() is None:
            cipher = keys.cipher
            rows = {
                "instance": uuid.uuid4().hex[:12],
                "canary": encryption.encrypt(cipher, _CANARY, "canary"),
                "seal": encryption.encrypt(cipher, _SEAL, encryption.new_seal_key()),
            }
            connection.execute(insert(meta), [{"name": name, "value": value} for name, value in rows.items()])
    engine.dispose()
    return open_registry(url, keys)


def open_registry(url: str, keys: encryption.Keys) -> Registry:
    """Open a registry; one of an older release is upgraded.

    Raises FixError where there is none, where a newer release made it, or where the keys aren't its own.
    """
    engine, path = _engine(url)
    if not path.exists():
        raise FixError(Reason.NOT_FOUND, str(path), "there is no registry here", "make one with `syncd init`")
    _migrate(engine)
    with reading(engine) as connection:
        rows = {row.name: row.value for row in connection.execute(select(meta))}
    if not {"instance", "canary", "seal"} <= rows.keys():
        raise FixError(Reason.NOT_FOUND, str(path), "this registry was never finished", "run `syncd init` again")
    cipher = keys.cipher
    encryption.decrypt(cipher, _CANARY, rows["canary"], keys.source)
    seal = encryption.seal_with(encryption.decrypt(cipher, _SEAL, rows["seal"], keys.source))
    return Registry(engine, keys, cipher, rows["instance"], seal, path)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent state, whatever others write meanwhile. Raises WaitError where the database can't be had."""
    with _boundary(engine), engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        yield connection
        connection.rollback()


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """All or nothing. Raises WaitError where the database can't be had."""
    with _boundary(engine), engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection
        connection.commit()


def fill(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows, each with all columns in the table's order: for many, without SQLAlchemy's work for each."""
    if rows:
        connection.exec_driver_sql(str(insert(table).compile(dialect=connection.dialect)), list(rows))


def check_keys(connection: Connection, registry: Registry) -> None:
    """Raises FixError where the registry was rotated to a key that this process hasn't: it may encrypt no more."""
    token = connection.execute(select(meta.c.value).where(meta.c.name == "canary")).scalar_one()
    encryption.decrypt(registry.cipher, _CANARY, token, registry.keys.source)


def truncate_log(engine: Engine) -> None:
    """Bring the write-ahead log into the database and empty it, unless somebody is reading."""
    with _boundary(engine), engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _located(url: str) -> tuple[URL, Path]:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise FixError(
            Reason.INVALID_SETTINGS, "SYNCD_REGISTRY", "is no database URL", "give it as sqlite:////absolute/path"
        ) from None
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise FixError(
            Reason.INVALID_SETTINGS,
            "SYNCD_REGISTRY",
            "names no file, and this release keeps its registry in a SQLite file",
            "give it as sqlite:////absolute/path/registry.db",
        )
    return parsed, Path(str(parsed.database))


def _engine(url: str) -> tuple[Engine, Path]:
    parsed, path = _located(url)
    waiting = {} if "timeout" in parsed.query else {"timeout": _TIMEOUT}
    engine = create_engine(parsed, hide_parameters=True, connect_args=waiting)

    @event.listens_for(engine, "connect")
    def prepare(connection: object, record: object) -> None:
        # The driver would otherwise begin and commit by rules of its own.
        connection.isolation_level = None  # type: ignore[attr-defined]  # the DBAPI's connection has no type here
        cursor = connection.cursor()  # type: ignore[attr-defined]  # as above
        cursor.execute("PRAGMA foreign_keys=ON")
        # What a target holds must never be newer than what a power failure leaves of the registry.
        cursor.execute("PRAGMA synchronous=FULL")
        # What was encrypted with a key that is retired shall not stay in freed pages.
        cursor.execute("PRAGMA secure_delete=ON")
        cursor.close()

    return engine, path


def _version(engine: Engine) -> str | None:
    """The last migration that it went through; None for an empty database."""
    with reading(engine) as connection:
        there = set(inspect(connection).get_table_names())
        if not there:
            return None
        if not {"alembic_version", meta.name} <= there:
            raise FixError(Reason.NOT_FOUND, _name(engine), "is a database, but no registry of syncd", "name another")
        version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    if version not in MIGRATIONS:
        raise FixError(
            Reason.NEWER_REGISTRY,
            _name(engine),
            "was written by a newer release",
            "upgrade airflow-shared-connections, or give it a registry of its own",
        )
    return str(version)


def _migrate(engine: Engine) -> None:
    version = _version(engine)
    if version == MIGRATIONS[-1]:
        return
    if version is None:
        _write_ahead(engine)
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _write_ahead(engine: Engine) -> None:
    # The file remembers it. Not for every connection: a database that isn't ours is left as it is.
    with suppress(WaitError), _boundary(engine), engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")


@contextmanager
def _boundary(engine: Engine) -> Iterator[None]:
    """The one place where the database's errors become ours: they carry statements and values."""
    failure: SyncError | None = None
    try:
        yield
    except SQLAlchemyError as error:
        failure = _failure(engine, error)
    if failure is not None:
        raise failure from None


def _failure(engine: Engine, error: SQLAlchemyError) -> SyncError:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    said = str(cause)
    if "locked" in said or "busy" in said:
        return WaitError(Reason.BUSY, _name(engine), "the registry is locked by another process", "try again")
    if "readonly" in said or "unable to open" in said:
        return FixError(Reason.ACCESS_DENIED, _name(engine), "the registry can't be opened for writing", _LET_WRITE)
    if "not a database" in said or "malformed" in said:
        return FixError(Reason.UNAVAILABLE, _name(engine), "is damaged, or no SQLite database", "restore it")
    return WaitError(Reason.UNAVAILABLE, _name(engine), f"the registry can't be used ({type(cause).__name__})")


def _name(engine: Engine) -> str:
    return str(engine.url.database)
