"""Open a registry: engine, migrations, keys; and the kinds of transaction. What differs by database is in `engines`."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.fernet import MultiFernet
from sqlalchemy import Connection, Engine, Table, insert, inspect, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from syncd.core.errors import FixError, Reason, SyncError
from syncd.registry import encryption, engines
from syncd.registry.tables import MIGRATIONS, meta

ENCRYPTED = ("canary", "seal")
"""The names in `meta` whose values are encrypted."""

_CANARY = ("meta", "canary")
_SEAL = ("meta", "seal")


@dataclass(frozen=True)
class Registry:
    """An open registry. `seal` gives keyed digests that stay the same for its whole life.

    `place` is for people, and holds no password; `path` is the file that it is, where it is one.
    """

    engine: Engine = field(repr=False)
    keys: encryption.Keys
    cipher: MultiFernet = field(repr=False)
    instance: str
    seal: Callable[[str], str] = field(repr=False)
    place: str
    path: Path | None


def located(url: str) -> Path | None:
    """The file that a registry is kept in, None where it is in no file. Raises FixError for a URL that names none."""
    parsed = engines.parsed(url)
    return engines.of(parsed).path(parsed)


def credentials(url: str) -> tuple[Path, ...]:
    """Files that hold what it is logged in with. Raises FixError for a URL that names no registry."""
    parsed = engines.parsed(url)
    return engines.of(parsed).credentials(parsed)


def exists(url: str) -> bool:
    """Is there a registry already? Raises FixError for a URL that names none, WaitError where it can't be asked."""
    engine = _engine(url)
    try:
        return _exists(engine)
    finally:
        engine.dispose()


def create(url: str, keys: encryption.Keys) -> Registry:
    """Make a registry, or open the one that is there. Raises SyncError."""
    engine = _engine(url)
    engines.of(engine.url).make_room(engine.url)
    try:
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
    finally:
        engine.dispose()
    return open_registry(url, keys)


def open_registry(url: str, keys: encryption.Keys) -> Registry:
    """Open a registry; one of an older release is upgraded.

    Raises FixError where there is none, where a newer release made it, or where the keys aren't its own.
    """
    engine = _engine(url)
    try:
        return _opened(engine, keys)
    except BaseException:
        engine.dispose()
        raise


def _opened(engine: Engine, keys: encryption.Keys) -> Registry:
    place = _name(engine)
    if not _exists(engine):
        raise FixError(Reason.NOT_FOUND, place, "there is no registry here", "make one with `syncd init`")
    _migrate(engine)
    with reading(engine) as connection:
        rows = {row.name: row.value for row in connection.execute(select(meta))}
    if not {"instance", "canary", "seal"} <= rows.keys():
        raise FixError(Reason.NOT_FOUND, place, "this registry was never finished", "run `syncd init` again")
    cipher = keys.cipher
    encryption.decrypt(cipher, _CANARY, rows["canary"], keys.source)
    seal = encryption.seal_with(encryption.decrypt(cipher, _SEAL, rows["seal"], keys.source))
    return Registry(engine, keys, cipher, rows["instance"], seal, place, engines.of(engine.url).path(engine.url))


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent state, whatever others write meanwhile. Raises WaitError where the database can't be had."""
    with _boundary(engine), engine.connect() as connection:
        connection.exec_driver_sql(engines.of(engine.url).READING)
        yield connection
        connection.rollback()


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """All or nothing, and nobody else writes meanwhile. Raises WaitError where the database can't be had."""
    with _committing(engine, engines.of(engine.url).WRITING) as connection:
        yield connection


@contextmanager
def brief(engine: Engine) -> Iterator[Connection]:
    """All or nothing, beside who is writing: for a row that `writing` leaves alone. Raises WaitError."""
    with _committing(engine, engines.of(engine.url).BRIEF) as connection:
        yield connection


def fill(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows, each with all columns in the table's order: for many, without SQLAlchemy's work for each."""
    if rows:
        connection.exec_driver_sql(str(insert(table).compile(dialect=connection.dialect)), list(rows))


def check_keys(connection: Connection, registry: Registry) -> None:
    """Raises FixError where the registry was rotated to a key that this process hasn't: it may encrypt no more."""
    token = connection.execute(select(meta.c.value).where(meta.c.name == "canary")).scalar_one()
    encryption.decrypt(registry.cipher, _CANARY, token, registry.keys.source)


def tidy(engine: Engine) -> None:
    """What isn't current any more goes from the disk, as far as that is ours to say."""
    with _boundary(engine):
        engines.of(engine.url).tidy(engine)


@contextmanager
def _committing(engine: Engine, begin: str) -> Iterator[Connection]:
    with _boundary(engine), engine.connect() as connection:
        connection.exec_driver_sql(begin)
        yield connection
        connection.commit()


def _engine(url: str) -> Engine:
    parsed = engines.parsed(url)
    return engines.of(parsed).engine(parsed)


def _exists(engine: Engine) -> bool:
    path = engines.of(engine.url).path(engine.url)
    return _version(engine) is not None if path is None else path.exists()


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
        with _boundary(engine):
            engines.of(engine.url).prepare(engine)
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


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
    return engines.of(engine.url).failure(_name(engine), cause)


def _name(engine: Engine) -> str:
    return engines.of(engine.url).place(engine.url)
