"""Making and opening a registry: what is upgraded, what is refused, and what is said."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from syncd.core.errors import FixError, Reason, SyncError, WaitError
from syncd.registry import database, encryption, tables, workspaces
from syncd.registry.database import Registry, reading
from syncd.registry.record import Record
from tests.registry import processes, registries
from tests.registry.registries import NAME, connection, save, workspace
from tests.strategies import SENTINEL

LINKED = workspace(connection("warehouse", password="p", links={"etl": {}}), etl="dev")


def refused(folder: Path, query: str = "") -> SyncError:
    with pytest.raises(SyncError) as caught:
        database.open_registry(registries.url(folder, query), registries.keys(folder))
    return caught.value


@pytest.fixture
def raw(folder: Path) -> Iterator[sqlite3.Connection]:
    """The database as anybody else sees it."""
    connection_ = sqlite3.connect(folder / "registry.db", isolation_level=None)
    yield connection_
    connection_.close()


def test_a_registry_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        encryption.make_keys(tmp_path / "keys")
        registry = database.create(registries.url(tmp_path), registries.keys(tmp_path))
        save(registry, LINKED)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("registry.db*")}
        registry.engine.dispose()
    finally:
        os.umask(before)
    assert modes == {"registry.db": 0o600, "registry.db-wal": 0o600, "registry.db-shm": 0o600}


def test_making_a_registry_that_is_there_opens_it(registry: Registry, folder: Path) -> None:
    saved = save(registry, LINKED)
    again = database.create(registries.url(folder), registries.keys(folder))
    assert (again.instance, workspaces.load(again, NAME)) == (registry.instance, saved)
    again.engine.dispose()


def test_each_registry_is_an_instance_of_its_own(registry: Registry, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    registries.make(other)
    with registries.opened(other) as another:
        assert another.instance != registry.instance


def test_processes_that_make_a_registry_at_once_make_one(tmp_path: Path) -> None:
    encryption.make_keys(tmp_path / "keys")
    found = processes.at_once(processes.create, [(tmp_path,)] * 4)
    assert len(set(found)) == 1
    with registries.opened(tmp_path) as registry:
        assert registry.instance == found[0]


def test_making_with_another_key_leaves_the_registry_as_it_is(registry: Registry, folder: Path) -> None:
    with pytest.raises(FixError) as caught:
        database.create(registries.url(folder), encryption.Keys("SYNCD_KEYS", (encryption.new_key(),)))
    assert caught.value.reason is Reason.WRONG_KEY
    with registries.opened(folder) as again:
        assert again.instance == registry.instance


@registries.SQLITE
def test_the_write_ahead_log_is_on_and_a_commit_is_on_the_disk(registry: Registry) -> None:
    with reading(registry.engine) as connection_:
        told = [connection_.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")]
    assert told == ["wal", 2]


def test_the_tables_are_what_the_migrations_make(registry: Registry) -> None:
    with reading(registry.engine) as connection_:
        context = MigrationContext.configure(connection_, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []


def test_every_migration_is_listed() -> None:
    folder = Path(tables.__file__).with_name("migrations") / "versions"
    assert sorted(path.name[:4] for path in folder.glob("0*.py")) == list(tables.MIGRATIONS)


@registries.SQLITE
def test_an_older_registry_is_upgraded_and_keeps_what_it_holds(
    registry: Registry, raw: sqlite3.Connection, folder: Path
) -> None:
    saved = save(registry, LINKED)
    registry.engine.dispose()
    for name in (
        "objects",
        "documents",
        "intents",
        "adoptions",
        "digests",
        "statuses",
        "passes",
        "failures",
        "standings",
        "leases",
        "begun",
        "reveals",
    ):
        raw.execute(f"DROP TABLE {name}")
    raw.execute("UPDATE alembic_version SET version_num = '0001'")
    with registries.opened(folder) as upgraded:
        assert workspaces.load(upgraded, NAME) == saved
        assert Record(upgraded, NAME).unsettled("files") == frozenset()
        assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [(tables.MIGRATIONS[-1],)]


@registries.SQLITE
def test_an_upgrade_that_fails_leaves_the_older_registry(
    registry: Registry, raw: sqlite3.Connection, folder: Path
) -> None:
    registry.engine.dispose()
    for name in ("objects", "documents", "intents"):
        raw.execute(f"DROP TABLE {name}")
    raw.execute("UPDATE alembic_version SET version_num = '0001'")
    refused(folder)
    there = {row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert "objects" not in there
    assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]


@registries.SQLITE
def test_a_newer_registry_is_refused_and_left_alone(registry: Registry, raw: sqlite3.Connection, folder: Path) -> None:
    registry.engine.dispose()
    raw.execute("UPDATE alembic_version SET version_num = '0999'")
    raw.execute("CREATE TABLE marketplace (name TEXT)")
    before = (folder / "registry.db").read_bytes()
    error = refused(folder)
    assert isinstance(error, FixError)
    assert error.reason is Reason.NEWER_REGISTRY
    assert "upgrade airflow-shared-connections" in str(error)
    assert (folder / "registry.db").read_bytes() == before


@registries.SQLITE
def test_where_there_is_no_registry_the_way_out_is_init(folder: Path) -> None:
    (folder / "registry.db").unlink()
    assert str(refused(folder)) == f"{folder}/registry.db: there is no registry here; make one with `syncd init`"
    assert not (folder / "registry.db").exists()


@registries.SQLITE
def test_a_registry_that_was_cut_short_while_it_was_made_is_finished_by_init(
    folder: Path, raw: sqlite3.Connection
) -> None:
    raw.execute("DELETE FROM meta")
    assert refused(folder).remedy == "run `syncd init` again"
    database.create(registries.url(folder), registries.keys(folder)).engine.dispose()
    with registries.opened(folder) as registry:
        assert registry.instance


@registries.SQLITE
def test_an_empty_file_becomes_a_registry(folder: Path) -> None:
    """As one is that was cut short before anything was in it."""
    (folder / "registry.db").write_bytes(b"")
    assert refused(folder).remedy == "run `syncd init` again"
    database.create(registries.url(folder), registries.keys(folder)).engine.dispose()
    with registries.opened(folder) as registry:
        assert workspaces.names(registry) == ()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE meta (name TEXT, value TEXT)",
        "CREATE TABLE alembic_version (version_num TEXT)",
        "CREATE TABLE dag (dag_id TEXT)",
    ],
)
@pytest.mark.parametrize("making", [True, False], ids=["made", "opened"])
@registries.SQLITE
def test_another_programs_database_is_refused_and_left_alone(folder: Path, statement: str, making: bool) -> None:
    path = folder / "registry.db"
    path.unlink()
    raw = sqlite3.connect(path)
    raw.execute(statement)
    raw.close()
    before = path.read_bytes()
    with pytest.raises(FixError, match="no registry of syncd"):
        (database.create if making else database.open_registry)(registries.url(folder), registries.keys(folder))
    assert path.read_bytes() == before


@registries.SQLITE
def test_a_file_that_is_no_database_is_refused_and_left_alone(folder: Path) -> None:
    content = f"{SENTINEL}\n".encode() * 99
    (folder / "registry.db").write_bytes(content)
    error = refused(folder)
    assert isinstance(error, FixError)
    assert SENTINEL not in str(error)
    assert (folder / "registry.db").read_bytes() == content


@registries.SQLITE
def test_a_folder_in_its_place_is_refused(folder: Path) -> None:
    (folder / "registry.db").unlink()
    (folder / "registry.db").mkdir()
    assert refused(folder).reason is Reason.ACCESS_DENIED


@registries.SQLITE
def test_a_registry_that_cannot_be_written_is_refused_with_the_way_out(folder: Path) -> None:
    (folder / "registry.db").chmod(0o444)
    folder.chmod(0o555)
    keys = registries.keys(folder)

    def opened() -> str:
        database.open_registry("sqlite:///registry.db", keys)
        return "opened"

    try:
        answer = processes.as_nobody(opened, folder)
    finally:
        folder.chmod(0o755)
    assert answer.startswith("FixError AccessDenied: registry.db: the registry can't be opened")
    assert "let the user that runs syncd write there" in answer


@registries.SQLITE
def test_a_registry_that_cannot_be_made_is_refused_with_the_way_out(folder: Path) -> None:
    (folder / "file").write_text("")
    with pytest.raises(FixError) as caught:
        database.create(f"sqlite:///{folder}/file/registry.db", registries.keys(folder))
    assert caught.value.reason is Reason.ACCESS_DENIED


@registries.SQLITE
def test_a_registry_that_another_process_has_locked_says_wait(folder: Path, raw: sqlite3.Connection) -> None:
    with registries.opened(folder, "?timeout=0.01") as registry:
        raw.execute("BEGIN IMMEDIATE")
        with pytest.raises(WaitError, match="is locked by another process; try again") as caught:
            save(registry, LINKED)
        assert caught.value.reason is Reason.BUSY
        raw.execute("ROLLBACK")
        assert save(registry, LINKED).revision == 1


@registries.SQLITE
def test_who_reads_is_not_kept_waiting_by_who_writes(registry: Registry, raw: sqlite3.Connection) -> None:
    saved = save(registry, LINKED)
    raw.execute("BEGIN IMMEDIATE")
    raw.execute("UPDATE workspaces SET revision = 9")
    assert workspaces.load(registry, NAME) == saved


@pytest.mark.parametrize(
    "url",
    [
        f"nonsense {SENTINEL}",
        f"mysql://u:{SENTINEL}@h/d",
        f"{SENTINEL}://u:p@h/d",
        f"postgres://u:{SENTINEL}@h/d",
        f"postgresql+pg8000://u:{SENTINEL}@h/d",
        f"postgresql://u:{SENTINEL}@h",
        f"postgresql://u:p@{SENTINEL}@h/d",
        f"postgresql://u:{SENTINEL}@h:port/d",
        "sqlite://",
        "sqlite:///:memory:",
        "",
    ],
)
def test_a_url_that_names_no_registry_is_refused_and_not_quoted(url: str) -> None:
    for use in (database.located, database.exists):
        with pytest.raises(FixError, match="SYNCD_REGISTRY") as caught:
            use(url)
        assert caught.value.reason is Reason.INVALID_SETTINGS
        assert SENTINEL not in str(caught.value)


@registries.SQLITE
def test_no_statement_of_a_migration_is_told(registry: Registry, raw: sqlite3.Connection, folder: Path) -> None:
    registry.engine.dispose()
    raw.execute("UPDATE alembic_version SET version_num = '0001'")
    assert "CREATE" not in str(refused(folder))
    assert json.dumps(str(refused(folder)))
