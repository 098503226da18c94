"""`dev`: a deployment's connections and variables on this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli import show
from syncd.cli.options import Output, OutputOption, WorkspaceOption, epilog, examples
from syncd.cli.session import Session, now, start, who
from syncd.core.documents import Mark
from syncd.core.errors import SyncError
from syncd.core.model import Item

if TYPE_CHECKING:
    from syncd.laptop.copies import Copy
    from syncd.laptop.environment import Given

app = typer.Typer(help="A deployment's connections and variables on this machine.", no_args_is_help=True)

_BACKEND = "airflow_plugin.SharedConnectionsBackend"
_AGAIN = 60
"""Seconds until references are read again while a command runs."""

RUN = epilog(
    examples(
        "syncd dev run -d etl-dev -- airflow standalone",
        "syncd dev run -d etl-dev -- airflow dags test daily_report",
        "syncd dev run -d etl-dev --as env -- pytest",
    ),
    "The command finds what the deployment finds, through our backend over a\n"
    "private folder, and so does all that it starts. An edit in the registry is\n"
    "seen by the next task. What .env, the environment or --local-path say of a\n"
    "connection wins, and is listed.",
    "A secret that any deployment of a higher environment gets is withheld: who\n"
    "asks for it is told so. [reveal] in syncd.toml allows and forbids by name.",
    "Exit codes:\n  the command's own; 128 and more where a signal ended it\n  1 it could not be started",
)


class As(str, Enum):
    """How a command is given what a deployment has."""

    BACKEND = "backend"
    ENV = "env"


DeploymentOption = Annotated[str, typer.Option("--deployment", "-d", metavar="D", help="Whose.")]
LocalOption = Annotated[
    Path | None,
    typer.Option(
        "--local-path", metavar="FOLDER", help="Local layers: connections/ID.json, variables/ID.json; they win."
    ),
]


@app.command(epilog=RUN)
def run(
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND", help="What to run, and its arguments.")],
    deployment: DeploymentOption,
    as_: Annotated[As, typer.Option("--as", help="Through our backend, or as AIRFLOW_CONN_* and AIRFLOW_VAR_*.")] = (
        As.BACKEND
    ),
    local_path: LocalOption = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Run a command with a deployment's connections and variables."""
    from syncd.laptop import child, environment

    session = start(workspace)
    dotenv = _dotenv()
    source = _Source(session, deployment, environment.given(os.environ, dotenv))
    copy = source.copy("dev run")
    _tell(source.elsewhere, copy, local_path)
    if as_ is As.ENV:
        held, left = environment.variables(copy)
        for error in left.values():
            show.errors([error])
        environ = environment.replaced({**dotenv, **os.environ, **held}, "", {})
        raise typer.Exit(child.run(command, environ, lambda: None))
    raise typer.Exit(_in_a_folder(source, copy, dotenv, local_path, command))


@app.command(epilog=epilog(examples("syncd dev reveals -n 20")))
def reveals(
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="How many.")] = 10,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show whose secrets went to whose machine."""
    from syncd.registry import reveals as kept

    session = start(workspace)
    found = kept.reveals(session.registry, session.workspace, last=last)
    if output is Output.JSON:
        show.as_json({"reveals": [one._asdict() for one in found]})
        return
    rows = ((one.at, one.who, one.deployment, one.how, ", ".join(one.names)) for one in found)
    show.table(("at", "who", "deployment", "how", "secrets of"), rows, none="nothing was revealed")


@dataclass
class _Source:
    """Where copies of a deployment come from.

    `revealed` are the items whose secrets were accounted for; `elsewhere` is what this machine says itself, and where.
    """

    session: Session
    deployment: str
    given: Given
    revealed: frozenset[str] = frozenset()
    elsewhere: Mapping[Item, str] = field(default_factory=dict)

    def copy(self, how: str) -> Copy:
        """As the deployment is now, less what this machine says itself; accounted for before anybody sees it."""
        from syncd.laptop.copies import copy
        from syncd.registry.reveals import Revealed, note

        installation, registry = self.session.installation, self.session.registry
        found = copy(self.session.load(), self.deployment, installation.reveal, installation.read())
        self.elsewhere = self.given.items(found.items)
        found = found.less(frozenset(self.elsewhere))
        new = tuple(name for name in found.revealed if name not in self.revealed)
        if new:
            note(registry, self.session.workspace, Revealed(self.deployment, now(), who(), how, new))
            self.revealed |= frozenset(new)
        return found


def _in_a_folder(
    source: _Source, copy: Copy, dotenv: Mapping[str, str], local_path: Path | None, command: list[str]
) -> int:
    from syncd.laptop import child, environment, folder

    session = source.session
    with folder.private(os.environ) as place:
        kwargs = {
            "workspace": session.workspace,
            "deployment": copy.deployment,
            "source": "directory",
            "path": str(place),
            **({"local_path": str(local_path.absolute())} if local_path else {}),
        }
        fresh = _Fresh(source, place)
        fresh.write(copy)
        return child.run(command, environment.replaced({**dotenv, **os.environ}, _BACKEND, kwargs), fresh.look)


class _Fresh:
    """A folder that follows the registry."""

    def __init__(self, source: _Source, place: Path) -> None:
        self._source, self._place = source, place
        self._revision, self._at = -1, 0.0

    def write(self, copy: Copy) -> None:
        from syncd.laptop import folder

        session, revision = self._source.session, copy.resolution.revision
        mark = Mark(session.registry.instance, session.workspace, "dev", revision)
        show.errors(folder.write(self._place, copy, mark, session.registry.seal))
        self._revision, self._at = revision, time.monotonic()

    def look(self) -> None:
        """Write what changed, in the registry or at references. What can't be had is told, and tried again."""
        from syncd.registry import workspaces

        session = self._source.session
        try:
            revision = workspaces.revisions(session.registry).get(session.workspace)
            if revision != self._revision or time.monotonic() - self._at > _AGAIN:
                self.write(self._source.copy("dev run"))
        except SyncError as error:
            show.errors([error])
            self._at = time.monotonic()


def _dotenv() -> Mapping[str, str]:
    """What `.env` of the working directory says; empty where there is none."""
    from dotenv import dotenv_values

    return {name: value for name, value in dotenv_values(".env").items() if value is not None}


def _tell(elsewhere: Mapping[Item, str], copy: Copy, local_path: Path | None) -> None:
    """On stderr: what the command writes is its own."""
    from syncd.laptop.environment import overridden

    missing = f", and without {len(copy.missing)}" if copy.missing else ""
    show.tell(f"with {len(list(copy.whole))} connections and variables of {copy.deployment}{missing}")
    show.tell("any other secrets backend that is set here is not asked")
    for item, where in sorted(elsewhere.items()):
        show.tell(f"{item.kind} {item.id}: as {where} says")
    for item in overridden(local_path, sorted(copy.items)):
        show.tell(f"{item.kind} {item.id}: with fields of {local_path}")
    show.errors(error for errors in copy.missing.values() for error in errors)
