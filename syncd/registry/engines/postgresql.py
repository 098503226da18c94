"""PostgreSQL: where several replicas share a registry. Its driver is imported when an engine is made."""

from __future__ import annotations

import os
import re
import weakref
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import URL

from syncd.core.errors import FixError, Reason, SyncError, WaitError

_LIMITS = (
    # A plan for any list of names compares each of them with each row.
    "SET LOCAL plan_cache_mode = force_custom_plan; "
    "SET LOCAL statement_timeout = '60s'; SET LOCAL lock_timeout = '{wait}s'; "
    # A process that was stopped within a transaction keeps the others waiting no longer.
    "SET LOCAL idle_in_transaction_session_timeout = '30s'"
)
_ALONE = int.from_bytes(b"syncd", "big")
"""The lock that every writer holds until it has committed; nobody else's program takes this one."""

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE; "
READING = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; " + _LIMITS.format(wait=30)
# One writer at a time, as with SQLite: whoever reads and then writes loses nothing, and needs no second try. The
# state is that of each statement, not of the transaction: that would be from before the lock was had.
WRITING = f"{_BEGIN}{_LIMITS.format(wait=30)}; SELECT pg_advisory_xact_lock({_ALONE})"
BRIEF = _BEGIN + _LIMITS.format(wait=5)

_CONNECTING: dict[str, str | int] = {
    "application_name": "syncd",
    "client_encoding": "utf8",
    "connect_timeout": 10,
    # A server that is gone without a word is noticed within a minute.
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    # Of several hosts, the one that can be written to.
    "target_session_attrs": "read-write",
}
"""Unless the URL says otherwise."""

_HOST = re.compile(r"[A-Za-z0-9._:\-/%\[\]]*")
_INSTALL = "pip install 'airflow-shared-connections[postgresql]'"
_SET_LOGIN = "correct user and password in SYNCD_REGISTRY"
_LET_OWN = "let the role own the database, or the first schema of its search_path"


def checked(url: URL) -> URL:
    """With our driver. Raises FixError where it names no database, or its password isn't encoded."""
    hosts = [url.host or "", *_several(url.query.get("host", ()))]
    if not all(_HOST.fullmatch(host) for host in hosts):
        raise _refused("has a host that is none", "in user and password write @ as %40, : as %3A and / as %2F")
    if not url.database:
        raise _refused("names no database", "give it as postgresql://user:password@host/database")
    return url.set(drivername="postgresql+psycopg")


def place(url: URL) -> str:
    """Host and database."""
    host = f"{url.host}:{url.port}" if url.host and url.port else url.host
    return f"postgresql://{host or ','.join(_several(url.query.get('host', ())))}/{url.database}"


def path(url: URL) -> Path | None:
    """It is no file."""
    return None


def credentials(url: URL) -> tuple[Path, ...]:
    """Where its library looks for passwords and keys."""
    # Not Path.home(), which raises for a user that no machine knows, as a pod's may be.
    home = Path(os.path.expanduser("~"))  # noqa: PTH111
    named = [one for name in ("passfile", "sslkey") for one in _several(url.query.get(name, ()))]
    variables = [os.environ[name] for name in ("PGPASSFILE", "PGSSLKEY", "PGSERVICEFILE") if os.environ.get(name)]
    usual = (".pgpass", ".postgresql/postgresql.key", ".pg_service.conf")
    return tuple(Path(one) for one in (*named, *variables, *(str(home / name) for name in usual)))


def engine(url: URL) -> Engine:
    """Connects to nothing yet. Raises FixError where its library isn't installed."""
    try:
        made = create_engine(
            url,
            # We begin and end transactions ourselves.
            isolation_level="AUTOCOMMIT",
            # Rows are tuples where there are many.
            paramstyle="format",
            hide_parameters=True,
            # A server that was started anew is met by a new connection.
            pool_pre_ping=True,
            # Who wants one gets one: passes that wait for each other would keep the lease from being kept alive.
            max_overflow=-1,
            connect_args={name: value for name, value in _CONNECTING.items() if name not in url.query},
        )
    except ImportError:
        raise _refused("needs psycopg", _INSTALL) from None
    # The server is told when nobody needs it any more, and doesn't find out by a connection that breaks off.
    weakref.finalize(made, made.pool.dispose)
    return made


def make_room(url: URL) -> None:
    """Nothing: the database is made by who runs the server."""


def prepare(engine: Engine) -> None:
    """Raises FixError where it can't hold every text."""
    with engine.connect() as connection:
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
    if encoding != "UTF8":
        problem = f"is encoded as {encoding}, which can't hold every text"
        raise FixError(Reason.INVALID_SETTINGS, place(engine.url), problem, "make it with ENCODING 'UTF8'")


def tidy(engine: Engine) -> None:
    """Nothing: older rows go with the next vacuum, and logs and backups are its operator's."""


class _Meaning(NamedTuple):
    kind: type[SyncError]
    reason: Reason
    problem: str
    remedy: str = ""


_LOGIN = _Meaning(FixError, Reason.ACCESS_DENIED, "refuses this user or password", _SET_LOGIN)
_NO_DATABASE = _Meaning(FixError, Reason.NOT_FOUND, "there is no such database", "create it, or name another")
_BUSY = _Meaning(WaitError, Reason.BUSY, "the registry is locked by another process", "try again")
_SLOW = _Meaning(WaitError, Reason.BUSY, "took too long to answer", "try again")
_FULL = _Meaning(WaitError, Reason.BUSY, "has no connection left", "try again, or raise its max_connections")
_RESTARTING = _Meaning(WaitError, Reason.UNAVAILABLE, "is starting, stopping, or was stopped", "try again")
_STANDBY = _Meaning(WaitError, Reason.UNAVAILABLE, "is a standby: it can only be read", "name the primary")
_MAY_NOT = _Meaning(FixError, Reason.ACCESS_DENIED, "this role may not use the registry's tables", _LET_OWN)
_NO_ROOM = _Meaning(WaitError, Reason.UNAVAILABLE, "has no room left", "make room on its disk")
_AWAY = _Meaning(WaitError, Reason.UNAVAILABLE, "can't be reached", "see that it runs, and that the host is right")
_TLS = _Meaning(FixError, Reason.UNTRUSTED, "can't agree on TLS", "see sslmode and sslrootcert in SYNCD_REGISTRY")

_STATES = {
    "28": _LOGIN,
    "3D000": _NO_DATABASE,
    "55P03": _BUSY,
    "40": _BUSY,
    "57014": _SLOW,
    "53300": _FULL,
    "25006": _STANDBY,
    "42501": _MAY_NOT,
    "3F000": _MAY_NOT,
    "53100": _NO_ROOM,
    "57P": _RESTARTING,
    "08": _AWAY,
    "25P03": _SLOW,
}
"""By SQLSTATE, or how it begins."""

_WORDS = (
    ("password authentication failed", _LOGIN),
    ("no password supplied", _LOGIN),
    ("no pg_hba.conf entry", _LOGIN),
    ("is not permitted to log in", _LOGIN),
    ("database system is", _RESTARTING),
    ("terminating connection", _RESTARTING),
    ("server closed the connection", _RESTARTING),
    ("QueuePool", _FULL),
    ("too many", _FULL),
    ("remaining connection slots", _FULL),
    ("read-only", _STANDBY),
    ("certificate", _TLS),
    ("does not support SSL", _TLS),
    ('role "', _LOGIN),
    ("does not exist", _NO_DATABASE),
    ("connection", _AWAY),
    ("could not", _AWAY),
    ("host name", _AWAY),
    ("resolve", _AWAY),
    ("timeout", _AWAY),
)
"""While it is connected to, its library gives words alone, of which nothing is repeated."""


def failure(place: str, cause: BaseException) -> SyncError:
    """By its SQLSTATE, or by its words where there is none."""
    found = _meaning(cause)
    if found is None:
        return WaitError(Reason.UNAVAILABLE, place, f"the registry can't be used ({type(cause).__name__})")
    return found.kind(found.reason, place, found.problem, found.remedy)


def _meaning(cause: BaseException) -> _Meaning | None:
    state = getattr(cause, "sqlstate", None)
    if state:
        return next((meaning for start, meaning in _STATES.items() if state.startswith(start)), None)
    said = str(cause)
    return next((meaning for words, meaning in _WORDS if words in said), None)


def _several(given: Any) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _refused(problem: str, remedy: str) -> FixError:
    return FixError(Reason.INVALID_SETTINGS, "SYNCD_REGISTRY", problem, remedy)
