"""PostgreSQL: on this machine's own address, with a password, and data that goes with it."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from servers import files, processes
from servers.calls import PROBE
from servers.postgresql.programs import Programs

PROGRAMS = Programs()
BINARIES = (PROGRAMS,)
USER = "syncd"
"""The superuser; its name isn't the one that everybody tries."""

_STOPS_WITHIN = 20
_UNPRIVILEGED = ("postgres", "nobody")
"""Whom the server runs as where we are root, whom it refuses: the first that this machine has."""

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "dynamic_shared_memory_type": "mmap",  # in the data's folder, so that even one that was killed leaves nothing
    "fsync": "off",  # a machine that fails takes the tests with it
    "full_page_writes": "off",
    "max_connections": "60",
    "shared_buffers": "16MB",
    "lc_messages": "C",
}


@dataclass(frozen=True)
class Postgresql:
    """How to reach one as its superuser; it can be stopped, and started again with its address and its data."""

    port: int
    password: str = field(repr=False)
    server: processes.Server = field(repr=False)

    @property
    def environ(self) -> Mapping[str, str]:
        """By which `psql` and every library find it."""
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": USER,
            "PGPASSWORD": self.password,
            "PGDATABASE": "postgres",
        }

    def url(self, database: str, *, user: str = USER, password: str | None = None) -> str:
        """The address of a database, as `SYNCD_REGISTRY` takes it."""
        said = quote(self.password if password is None else password, safe="")
        return f"postgresql://{user}:{said}@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str, *, database: str = "postgres") -> list[Any]:
        """The rows that a statement gives, outside of any transaction. Raises Failed."""
        import psycopg  # no part of an Airflow's environment, in which other servers are used

        try:
            with psycopg.connect(self.url(database), autocommit=True, connect_timeout=PROBE) as connection:
                cursor = connection.execute(statement.encode())
                return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            raise processes.Failed(f"PostgreSQL: {error}") from None

    def start(self) -> None:
        """Where it isn't running: on the same address, with the same data."""
        self.server.start()

    def stop(self) -> None:
        """Where it is running: clients are cut off, and what they have committed is kept."""
        self.server.stop()

    def crash(self) -> None:
        """The same without a word (`pg_ctl stop -m immediate`): the next start recovers from its log."""
        self.server.stop(signal.SIGQUIT)

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """A new database, a copy of another one; its name. It is gone at the end, whoever uses it."""
        name = f"test_{secrets.token_hex(4)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield name
        finally:
            with suppress(processes.Failed):  # it may have been stopped, and then takes all with it
                self.run(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def running() -> Iterator[Postgresql]:
    """Ready, and gone at the end. Raises Missing, Failed."""
    postgres = PROGRAMS.find()
    with TemporaryDirectory(prefix="postgresql.") as name:
        folder, password = Path(name), secrets.token_urlsafe(32)
        _give(folder)
        _initialise(postgres.parent / "initdb", folder, password)
        one = processes.on_free_ports(lambda: _begin(postgres, folder, password))
        try:
            yield one
        finally:
            one.stop()


def _begin(postgres: Path, folder: Path, password: str) -> Postgresql:
    """On a port that is free right now."""
    port = processes.free_port()
    settings = [f"--{name}={value}" for name, value in {**_SETTINGS, "port": str(port)}.items()]
    server = processes.Server(
        [*_unprivileged(), str(postgres), "-D", str(folder / "data"), *settings],
        processes.environ(folder) | {"LC_ALL": "C"},
        folder / "postgresql.log",
        lambda: _serves(one),
        stops_within=_STOPS_WITHIN,
    )
    one = Postgresql(port, password, server)
    server.start()
    return one


def _serves(one: Postgresql) -> bool:
    """Nobody else takes this password."""
    with suppress(processes.Failed):
        return one.run("SELECT 1") == [(1,)]
    return False


def _initialise(initdb: Path, folder: Path, password: str) -> None:
    given = folder / "password"
    files.write(given, password.encode())
    _give(given)
    options = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", f"--username={USER}")
    log = folder / "initdb.log"
    command = [*_unprivileged(), str(initdb), "-D", str(folder / "data"), f"--pwfile={given}", *options]
    process = processes.launch(command, processes.environ(folder), log, folder=folder)
    try:
        failed = process.wait(processes.PATIENCE)
    except subprocess.TimeoutExpired:
        failed = -1
    finally:
        processes.end(process)
    if failed:
        raise processes.Failed(f"initdb ended with {failed}:\n{processes.tail(log)}")
    given.unlink()


def _unprivileged() -> tuple[str, ...]:
    """What comes before a command, so that it isn't root's."""
    if os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise processes.Failed("PostgreSQL refuses root, and no setpriv (of util-linux) is here to drop its rights")
    user = _user()
    # The signal that a parent's end sends is forgotten where rights change.
    return (
        setpriv, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--pdeathsig=KILL", "--"
    )  # fmt: skip


def _give(path: Path) -> None:
    """Let whom the server runs as own it."""
    if os.geteuid() == 0:
        os.chown(path, _user().pw_uid, _user().pw_gid)


def _user() -> pwd.struct_passwd:
    there = {one.pw_name: one for one in pwd.getpwall()}
    return next(there[name] for name in _UNPRIVILEGED if name in there)
