"""A registry in PostgreSQL: how it is reached, what is refused, and what is said. What both have is tested for both."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from servers import postgresql, processes
from syncd.core.errors import FixError, Reason, SyncError, WaitError
from syncd.installation import load
from syncd.registry import database, encryption, tables, workspaces
from syncd.registry.database import Registry, reading, writing
from syncd.registry.engines import postgresql as engine
from tests.registry import processes as at_once
from tests.registry import registries
from tests.registry.registries import NAME, connection, save, workspace
from tests.strategies import SENTINEL

pytestmark = pytest.mark.postgresql

LINKED = workspace(connection("warehouse", password="p", links={"etl": {}}), etl="dev")
PASSWORD = f"{SENTINEL}/@:?#%&"


@pytest.fixture
def kind() -> str:
    """Which database the registry is in."""
    return "postgresql"


@pytest.fixture
def role(postgresql_server: postgresql.Postgresql) -> Iterator[str]:
    """Somebody who may do nothing yet, with a password of every character that a URL has a use for."""
    name = "syncd_role"
    postgresql_server.run(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    yield name
    postgresql_server.run(f"DROP ROLE {name}")


@pytest.fixture
def there(postgresql_server: postgresql.Postgresql, role: str) -> Iterator[str]:
    """The name of an empty database, which the role owns."""
    with postgresql_server.database() as name:
        postgresql_server.run(f"ALTER DATABASE {name} OWNER TO {role}")
        yield name


def url(server: postgresql.Postgresql, name: str, role: str) -> str:
    return server.url(name, user=role, password=PASSWORD)


def keys(folder: Path) -> encryption.Keys:
    encryption.make_keys(folder / "keys")
    return registries.keys(folder)


def told(error: BaseException) -> str:
    """All that anybody might print of it."""
    return "".join(traceback.format_exception(error)) + repr(error) + repr(error.args)


def refused(url_: str, folder: Path, use: Callable[..., object] = database.create) -> SyncError:
    with pytest.raises(SyncError) as caught:
        use(url_, keys(folder))
    assert SENTINEL not in told(caught.value)
    assert caught.value.remedy
    return caught.value


def test_the_owner_of_an_empty_database_makes_a_registry_with_a_password_of_any_characters(
    postgresql_server: postgresql.Postgresql, there: str, role: str, tmp_path: Path
) -> None:
    registry = database.create(url(postgresql_server, there, role), keys(tmp_path))
    saved = save(registry, LINKED)
    assert workspaces.load(registry, NAME) == saved
    assert registry.place == f"postgresql://127.0.0.1:{postgresql_server.port}/{there}"
    assert registry.path is None
    for shown in (repr(registry), str(registry), repr(registry.engine), repr(registry.engine.url)):
        assert SENTINEL not in shown
    registry.engine.dispose()


def test_the_owner_of_a_schema_makes_one_in_it(
    postgresql_server: postgresql.Postgresql, role: str, tmp_path: Path
) -> None:
    with postgresql_server.database() as name:
        for statement in (
            "CREATE TABLE anothers (id int)",
            f"CREATE SCHEMA own AUTHORIZATION {role}",
            f"ALTER ROLE {role} IN DATABASE {name} SET search_path = own",
        ):
            postgresql_server.run(statement, database=name)
        registry = database.create(url(postgresql_server, name, role), keys(tmp_path))
        assert save(registry, LINKED).revision == 1
        registry.engine.dispose()


def test_processes_that_make_a_registry_at_once_make_one(
    postgresql_server: postgresql.Postgresql, tmp_path: Path
) -> None:
    keys(tmp_path)
    with postgresql_server.database() as name:
        registries.name(tmp_path, postgresql_server.url(name))
        found = at_once.at_once(at_once.create, [(tmp_path,)] * 4)
        assert len(set(found)) == 1
        with registries.opened(tmp_path) as registry:
            assert registry.instance == found[0]


def test_an_older_registry_is_upgraded_once_by_replicas_that_start_at_once(registry: Registry, folder: Path) -> None:
    saved = save(registry, LINKED)
    with writing(registry.engine) as connection_:
        connection_.exec_driver_sql("DROP TABLE leases, begun, reveals")
        connection_.exec_driver_sql("UPDATE alembic_version SET version_num = '0003'")
    assert set(at_once.at_once(at_once.create, [(folder,)] * 3)) == {registry.instance}
    with reading(registry.engine) as connection_:
        version = connection_.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    assert version == tables.MIGRATIONS[-1]
    assert workspaces.load(registry, NAME) == saved


def test_an_empty_database_has_no_registry_and_is_left_empty(
    postgresql_server: postgresql.Postgresql, there: str, role: str, tmp_path: Path
) -> None:
    where = url(postgresql_server, there, role)
    assert not database.exists(where)
    error = refused(where, tmp_path, database.open_registry)
    assert (error.reason, error.remedy) == (Reason.NOT_FOUND, "make one with `syncd init`")
    assert postgresql_server.run("SELECT 1 FROM pg_tables WHERE schemaname = 'public'", database=there) == []
    database.create(where, keys(tmp_path)).engine.dispose()
    assert database.exists(where)


def test_another_programs_database_and_a_newer_registry_are_refused(
    registry: Registry, postgresql_server: postgresql.Postgresql, there: str, role: str, folder: Path, tmp_path: Path
) -> None:
    postgresql_server.run("CREATE TABLE alembic_version (version_num text)", database=there)
    where = url(postgresql_server, there, role)
    assert "no registry of syncd" in str(refused(where, tmp_path))
    with writing(registry.engine) as connection_:
        connection_.exec_driver_sql("UPDATE alembic_version SET version_num = '0999'")
    assert refused(registries.url(folder), folder, database.open_registry).reason is Reason.NEWER_REGISTRY


@pytest.mark.parametrize(
    ("broken", "kind_", "reason", "said"),
    [
        ({"password": f"wrong {SENTINEL}"}, FixError, Reason.ACCESS_DENIED, "refuses this user or password"),
        ({"role": "nobody"}, FixError, Reason.ACCESS_DENIED, "refuses this user or password"),
        ({"name": "nowhere"}, FixError, Reason.NOT_FOUND, "there is no such database"),
        ({"port": "1"}, WaitError, Reason.UNAVAILABLE, "can't be reached"),
        ({"host": "nowhere.invalid"}, WaitError, Reason.UNAVAILABLE, "can't be reached"),
        ({"query": "?sslmode=require"}, FixError, Reason.UNTRUSTED, "can't agree on TLS"),
    ],
    ids=["password", "user", "database", "port", "host", "tls"],
)
@pytest.mark.parametrize("use", [database.create, database.open_registry, lambda url, keys: database.exists(url)])
def test_what_cannot_be_reached_says_why_and_never_the_password(
    postgresql_server: postgresql.Postgresql,
    there: str,
    role: str,
    tmp_path: Path,
    broken: dict[str, str],
    kind_: type[SyncError],
    reason: Reason,
    said: str,
    use: Callable[..., object],
) -> None:
    given = {"host": "127.0.0.1", "port": str(postgresql_server.port), "name": there, "role": role, "query": ""}
    at = {**given, "password": PASSWORD, **broken}
    place = f"{at['host']}:{at['port']}/{at['name']}"
    where = f"postgresql://{at['role']}:{quote(at['password'], safe='')}@{place}{at['query']}"
    error = refused(where, tmp_path, use)
    assert (type(error), error.reason, error.subject) == (kind_, reason, f"postgresql://{place}")
    assert said in error.problem


def test_what_its_library_does_not_know_is_refused_without_its_value(
    postgresql_server: postgresql.Postgresql, tmp_path: Path
) -> None:
    with pytest.raises(SyncError) as caught:
        database.create(f"{postgresql_server.url('postgres')}?{SENTINEL}={SENTINEL}", keys(tmp_path))
    assert SENTINEL not in told(caught.value)
    assert postgresql_server.password not in told(caught.value)


@contextmanager
def altered(server: postgresql.Postgresql, change: str, back: str) -> Iterator[None]:
    server.run(change)
    try:
        yield
    finally:
        server.run(back)


def test_a_database_that_has_no_connection_left_says_wait(
    postgresql_server: postgresql.Postgresql, there: str, role: str, tmp_path: Path
) -> None:
    limit = f"ALTER ROLE {role} CONNECTION LIMIT"
    with altered(postgresql_server, f"{limit} 0", f"{limit} -1"):
        error = refused(url(postgresql_server, there, role), tmp_path)
    assert (type(error), error.reason) == (WaitError, Reason.BUSY)


def test_one_that_can_only_be_read_says_wait(
    postgresql_server: postgresql.Postgresql, there: str, role: str, tmp_path: Path, registry: Registry
) -> None:
    only = f"ALTER DATABASE {there} SET default_transaction_read_only ="
    with altered(postgresql_server, f"{only} on", f"{only} off"):
        error = refused(url(postgresql_server, there, role), tmp_path)
    assert (type(error), error.problem) == (WaitError, "is a standby: it can only be read")
    with pytest.raises(WaitError, match="is a standby"), reading(registry.engine) as connection_:
        connection_.exec_driver_sql("DELETE FROM meta")


def test_a_role_that_may_not_use_the_tables_is_told_what_it_needs(
    registry: Registry, role: str, folder: Path, postgresql_server: postgresql.Postgresql
) -> None:
    name = registries.url(folder).rpartition("/")[2]
    error = refused(url(postgresql_server, name, role), folder, database.open_registry)
    assert (type(error), error.reason) == (FixError, Reason.ACCESS_DENIED)
    assert "let the role own the database" in error.remedy


def test_a_database_that_cannot_hold_every_text_is_refused(
    postgresql_server: postgresql.Postgresql, tmp_path: Path
) -> None:
    postgresql_server.run("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    try:
        error = refused(postgresql_server.url("latin"), tmp_path)
    finally:
        postgresql_server.run("DROP DATABASE latin WITH (FORCE)")
    assert "is encoded as LATIN1" in error.problem


def test_without_its_library_the_extra_is_named(
    postgresql_server: postgresql.Postgresql, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    error = refused(postgresql_server.url("postgres"), tmp_path)
    assert error.remedy == "pip install 'airflow-shared-connections[postgresql]'"


def test_its_library_is_imported_where_the_registry_is_there_alone(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from tests.registry import registries;"
        "registries.make(Path(sys.argv[1])); sys.exit('psycopg' in sys.modules)"
    )
    path = ":".join(filter(None, sys.path))
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], env={"PYTHONPATH": path}, check=True)


def test_a_writer_waits_for_another_and_sees_what_it_wrote(registry: Registry) -> None:
    seen = []

    def second() -> None:
        with writing(registry.engine) as connection_:
            seen.append(connection_.exec_driver_sql("SELECT count(*) FROM workspaces").scalar())

    with writing(registry.engine) as connection_:
        late = threading.Thread(target=second)
        late.start()
        time.sleep(0.3)
        assert seen == []
        connection_.exec_driver_sql("INSERT INTO workspaces VALUES ('finance', 0)")
    late.join(10)
    assert seen == [1]


def test_a_writer_that_waits_too_long_says_wait(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "WRITING", engine.WRITING.replace("lock_timeout = '30s'", "lock_timeout = '0.1s'"))
    with writing(registry.engine), pytest.raises(WaitError, match="is locked by another process; try again") as caught:
        save(registry, LINKED)
    assert caught.value.reason is Reason.BUSY
    assert save(registry, LINKED).revision == 1


def test_who_reads_sees_one_state_and_is_not_kept_waiting(registry: Registry) -> None:
    saved = save(registry, LINKED)
    with reading(registry.engine) as connection_:
        before = connection_.exec_driver_sql("SELECT revision FROM workspaces").scalar()
        with writing(registry.engine) as other:
            other.exec_driver_sql("UPDATE workspaces SET revision = 9")
            assert workspaces.load(registry, NAME) == saved
        assert connection_.exec_driver_sql("SELECT revision FROM workspaces").scalar() == before == 1
    assert workspaces.load(registry, NAME).revision == 9


INSERT = "INSERT INTO workspaces VALUES ('finance', 0)"


def twice(registry: Registry) -> None:
    with writing(registry.engine) as connection_:
        connection_.exec_driver_sql(INSERT)
        connection_.exec_driver_sql(INSERT)


def interrupted(registry: Registry, how: Callable[[], object]) -> None:
    with writing(registry.engine) as connection_:
        connection_.exec_driver_sql(INSERT)
        how()
        connection_.exec_driver_sql("SELECT 1")


def test_what_failed_within_a_transaction_left_nothing_of_it(registry: Registry) -> None:
    with pytest.raises(WaitError):
        twice(registry)
    with pytest.raises(ZeroDivisionError):
        interrupted(registry, lambda: 1 / 0)
    assert workspaces.names(registry) == ()


def test_a_connection_that_was_cut_off_says_wait_and_the_next_one_is_another(
    registry: Registry, postgresql_server: postgresql.Postgresql, folder: Path
) -> None:
    name = registries.url(folder).rpartition("/")[2]

    def cut() -> None:
        postgresql_server.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
            database=name,
        )

    with pytest.raises(WaitError) as caught:
        interrupted(registry, cut)
    assert caught.value.reason is Reason.UNAVAILABLE
    assert workspaces.names(registry) == ()
    assert save(registry, LINKED).revision == 1
    cut()
    assert workspaces.load(registry, NAME).revision == 1


@pytest.mark.slow
def test_a_server_that_starts_anew_is_met_by_the_next_transaction(tmp_path: Path) -> None:
    with postgresql.running() as server:
        registries.make(tmp_path, server.url("postgres"))
        with registries.opened(tmp_path) as registry:
            for end in (server.stop, server.crash):
                end()
                with pytest.raises(WaitError) as caught:
                    workspaces.names(registry)
                assert caught.value.reason is Reason.UNAVAILABLE
                assert server.password not in told(caught.value)
                server.start()
                assert workspaces.names(registry) == ()
    with pytest.raises(processes.Failed):
        server.run("SELECT 1")


def test_the_password_is_in_no_log_and_the_installation_does_not_show_it(
    postgresql_server: postgresql.Postgresql, there: str, role: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    where = url(postgresql_server, there, role)
    for name in ("sqlalchemy", "sqlalchemy.engine", "sqlalchemy.pool", "psycopg", "alembic"):
        caplog.set_level(logging.DEBUG, name)
    registry = database.create(where, keys(tmp_path))
    save(registry, LINKED)
    registry.engine.dispose()
    refused(url(postgresql_server, "nowhere", role), tmp_path)
    (tmp_path / "syncd.toml").write_text("")
    here = load({"SYNCD_HOME": str(tmp_path), "SYNCD_REGISTRY": where})
    assert caplog.text
    for form in (SENTINEL, quote(SENTINEL, safe="")):
        assert form not in caplog.text
        assert form not in repr(here)


def test_files_that_it_is_logged_in_with_are_never_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "passes"))
    (tmp_path / "syncd.toml").write_text("")
    where = f"postgresql://u@h/d?passfile={tmp_path}/other&sslkey={tmp_path}/key.pem"
    never = load({"SYNCD_HOME": str(tmp_path), "SYNCD_REGISTRY": where}).allowed.never
    assert {tmp_path / "passes", tmp_path / "other", tmp_path / "key.pem", Path.home() / ".pgpass"} <= set(never)
