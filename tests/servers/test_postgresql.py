"""What `dev/servers` promises of PostgreSQL: there when it is needed, as it is needed, and gone afterwards."""

from __future__ import annotations

import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers import postgresql, processes
from tests.servers import traces

pytestmark = [pytest.mark.postgresql, pytest.mark.slow]

STARTED_AND_LEFT = """
import os, signal
from servers import postgresql
with postgresql.running() as server:
    print(f"127.0.0.1:{server.port}", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def own() -> Iterator[postgresql.Postgresql]:
    """One that may be stopped."""
    with postgresql.running() as server:
        yield server


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary files go, of nobody else: whom the server runs as gets there, too."""
    with tempfile.TemporaryDirectory(prefix="scratch.") as name:
        Path(name).chmod(stat.S_IRWXU | stat.S_IXOTH)
        monkeypatch.setattr(tempfile, "tempdir", name)
        yield Path(name)


def address(server: postgresql.Postgresql) -> str:
    return f"127.0.0.1:{server.port}"


def keep(server: postgresql.Postgresql) -> None:
    server.run("CREATE TABLE IF NOT EXISTS lakes (host text)")
    server.run("INSERT INTO lakes VALUES ('lake.internal')")


def test_it_keeps_what_it_is_given_and_asks_who_one_is(postgresql_server: postgresql.Postgresql) -> None:
    import psycopg

    assert postgresql_server.run("SELECT current_user, current_setting('server_encoding')") == [("syncd", "UTF8")]
    for stranger in (postgresql_server.url("postgres", password="a guess"), postgresql_server.url("x", user="nobody")):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(stranger)


def test_a_database_of_ones_own_is_a_copy_and_goes_at_the_end(postgresql_server: postgresql.Postgresql) -> None:
    with postgresql_server.database() as first:
        postgresql_server.run("CREATE TABLE lakes ()", database=first)
        with postgresql_server.database(template=first) as second:
            assert postgresql_server.run("SELECT count(*) FROM lakes", database=second) == [(0,)]
    left = {name for (name,) in postgresql_server.run("SELECT datname FROM pg_database")}
    assert not {first, second} & left  # others are at work there, too


def test_nothing_is_left_of_one_that_has_ended(scratch: Path) -> None:
    with postgresql.running() as server:
        assert traces.listens(address(server))
        assert list(scratch.iterdir()) != []
        assert list(traces.at_work(scratch)) != []

    assert not traces.listens(address(server))
    assert list(traces.at_work(scratch)) == []
    assert list(scratch.iterdir()) == []


def test_nothing_is_left_after_an_error(scratch: Path) -> None:
    with pytest.raises(ZeroDivisionError), postgresql.running() as server:
        raise ZeroDivisionError

    assert not traces.listens(address(server))
    assert list(scratch.iterdir()) == []


def test_it_ends_with_whoever_started_it(scratch: Path) -> None:
    traces.assert_ends_with_its_parent(STARTED_AND_LEFT, scratch)


def test_its_password_is_no_argument_and_not_shown(scratch: Path) -> None:
    with postgresql.running() as server:
        arguments = [(Path("/proc") / str(pid) / "cmdline").read_bytes() for pid in traces.at_work(scratch)]
        files = [path.name for path in scratch.rglob("password")]

    assert not any(server.password.encode() in one for one in arguments)
    assert server.password not in repr(server)
    assert files == []


def test_it_listens_on_this_machines_own_address_alone(postgresql_server: postgresql.Postgresql) -> None:
    assert postgresql_server.run("SHOW listen_addresses") == [("127.0.0.1",)]
    assert postgresql_server.run("SHOW unix_socket_directories") == [("",)]


def test_a_port_that_somebody_took_is_asked_for_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = [taken.getsockname()[1], processes.free_port()]
        monkeypatch.setattr(processes, "free_port", lambda: ports.pop(0))

        with postgresql.running() as server:
            assert ports == []
            assert server.run("SELECT 1") == [(1,)]


def test_a_restart_keeps_address_and_data(own: postgresql.Postgresql) -> None:
    keep(own)
    own.stop()
    with pytest.raises(processes.Failed, match="refused"):
        own.run("SELECT 1")
    own.start()
    assert own.run("SELECT DISTINCT host FROM lakes") == [("lake.internal",)]


def test_one_that_was_stopped_at_once_recovers_what_was_committed(own: postgresql.Postgresql) -> None:
    keep(own)
    own.crash()
    own.start()
    assert own.run("SELECT DISTINCT host FROM lakes") == [("lake.internal",)]
