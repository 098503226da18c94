"""A laptop: `syncd dev export` against `airflow connections export`; how soon `syncd dev run` runs a command."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from backend import RELEASE, TEAMS
from runs import answer, environ, environment, in_turns, say, scratch, seconds
from table import Promise, Row

SIZE = 1_000
"""Connections of the one deployment, in Airflow's metadata database (SQLite) as in the registry."""

FEW = 10
TURNS = 5
WORKSPACE, DEPLOYMENT = "analytics", "etl-dev"


def rows() -> Iterator[Row]:
    daemon, airflow = environment("daemon"), environment(RELEASE)
    with scratch() as root:
        for name, size in (("many", SIZE), ("few", FEW)):
            answer([daemon / "python", __file__, "make", root / name, str(size)], environ())
        theirs = environ(AIRFLOW_HOME=str(root / "airflow"), AIRFLOW__CORE__LOAD_EXAMPLES="False")
        ours, few = (environ(SYNCD_HOME=str(root / name)) for name in ("many", "few"))
        out = root / "out"
        dev = [daemon / "syncd", "dev"]
        export = [*dev, "export", "-d", DEPLOYMENT, "--format", "json", "--to", out]
        true = [*dev, "run", "-d", DEPLOYMENT, "--", "true"]
        seconds(export, ours)  # compiles what was just installed
        say(f"local: {SIZE:,} connections into Airflow's database")
        seconds([airflow / "airflow", "db", "migrate"], theirs)
        answer([airflow / "python", __file__, "fill", out / "connections.json"], theirs)

        def exported() -> float:
            return seconds([airflow / "airflow", "connections", "export", root / "theirs.json"], theirs)

        exported()
        _refuse_others(out / "connections.json", root / "theirs.json")
        say("local: exports")
        ratios = in_turns(TURNS, exported, lambda: seconds(export, ours))
        what = f"airflow connections export, {SIZE:,} connections as JSON"
        yield Row(what, "syncd dev export", ratios, Promise(5, at_least=True))
        say("local: runs")

        def import_airflow() -> float:
            return seconds([airflow / "python", "-c", "import airflow"], theirs)

        against = "python -c 'import airflow'"
        ratios = in_turns(TURNS, lambda: seconds(true, few), import_airflow)
        yield Row(f"syncd dev run -- true, {FEW} connections", against, ratios, Promise(0.33))
        ratios = in_turns(TURNS, lambda: seconds(true, ours), import_airflow)
        yield Row(f"the same, {SIZE:,} connections", against, ratios)


def _refuse_others(ours: Path, theirs: Path) -> None:
    """Both have the same connections, with their passwords."""
    one, other = json.loads(ours.read_bytes()), json.loads(theirs.read_bytes())
    if len(one) != SIZE or {id_: found["password"] for id_, found in other.items()} != {
        id_: found["password"] for id_, found in one.items()
    }:
        raise RuntimeError("the exports aren't of the same connections")


# What runs in the daemon's environment.


def make(at: Path, size: int) -> None:
    """One deployment with so many connections, each with a password and a token."""
    import home

    from syncd.core.model import Definition, Deployment, Key, Workspace

    definitions = {
        (key := Key("connection", f"warehouse_{number:04}")): Definition(
            key,
            {
                "conn_type": "postgres",
                "description": "The analytics warehouse",
                "host": f"{number}.warehouse.internal",
                "login": "etl",
                "password": f"password of team {number % TEAMS}",
                "schema": "analytics",
                "port": 5432,
                "extra": {"sslmode": "require", "connect_timeout": 10, "api_token": f"token of team {number % TEAMS}"},
            },
            links={DEPLOYMENT: {"schema": "finance"} if number % 10 == 0 else {}},
        )
        for number in range(size)
    }
    deployments = {DEPLOYMENT: Deployment(DEPLOYMENT, "dev")}
    home.make(at, "", Workspace(WORKSPACE, ("dev", "prod"), deployments, definitions))
    print("null")


# What runs in Airflow's.


def fill(connections: Path) -> None:
    """These connections into the metadata database."""
    from airflow.models import Connection
    from airflow.utils.session import create_session

    with create_session() as session:
        for id_, fields in json.loads(connections.read_bytes()).items():
            session.add(Connection(conn_id=id_, **fields))
    print("null")


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        fill(Path(sys.argv[2]))
    else:
        make(Path(sys.argv[2]), int(sys.argv[3]))
