"""`dev`: a deployment's connections and variables on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli import dev_export, show, taking
from syncd.cli.copying import Fresh, Source
from syncd.cli.options import Output, OutputOption, WorkspaceOption, epilog, examples
from syncd.cli.session import start
from syncd.cli.usage import WrongUsage
from syncd.core.errors import FixError, Reason, SyncError

if TYPE_CHECKING:
    from syncd.laptop.copies import Copy

app = typer.Typer(name="dev", help="A deployment's connections and variables on this machine.", no_args_is_help=True)

_BACKEND = "airflow_plugin.SharedConnectionsBackend"

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
    "With --from TARGET it is read there, by the login in your own syncd.toml (or\n"
    "VAULT_TOKEN); no registry is opened, and the rights are the server's.",
    "A secret that any deployment of a higher environment gets is withheld: who\n"
    "asks for it is told so. [reveal] in syncd.toml allows and forbids by name.",
    "Exit codes:\n  the command's own; 128 and more where a signal ended it\n  1 it could not be started",
)


class As(str, Enum):
    """How a command is given what a deployment has."""

    BACKEND = "backend"
    ENV = "env"


LocalOption = Annotated[
    Path | None,
    typer.Option(
        "--local-path",
        metavar="FOLDER",
        help="Local layers for our backend: connections/ID.json, variables/ID.json; they win.",
    ),
]


@app.command(epilog=RUN, context_settings={"allow_interspersed_args": False})
def run(
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND", help="What to run, and its arguments.")],
    deployment: taking.DeploymentOption,
    as_: Annotated[As, typer.Option("--as", help="Through our backend, or as AIRFLOW_CONN_* and AIRFLOW_VAR_*.")] = (
        As.BACKEND
    ),
    local_path: LocalOption = None,
    from_: taking.FromOption = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Run a command with a deployment's connections and variables."""
    from syncd.laptop import child, environment

    _refuse_unread(local_path, as_)
    dotenv = _dotenv()
    source = taking.source(from_, workspace, deployment, "dev run", environment.given(os.environ, dotenv))
    copy = source.copy()
    _tell(copy, local_path)
    if as_ is As.BACKEND:
        raise typer.Exit(_in_a_folder(source, copy, dotenv, local_path, command))
    held, left = environment.variables(copy)
    show.errors((*copy.errors, *left.values()))
    environ = environment.replaced({**dotenv, **os.environ, **held}, "", {})
    raise typer.Exit(child.run(command, environ, lambda: None))


app.command("export", epilog=dev_export.EXPORT)(dev_export.export)


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


def _in_a_folder(
    source: Source, copy: Copy, dotenv: Mapping[str, str], local_path: Path | None, command: list[str]
) -> int:
    from syncd.laptop import child, environment, folder

    with child.ended_in_order(), folder.private(os.environ) as place:
        kwargs = {
            "workspace": source.workspace,
            "deployment": copy.deployment,
            "source": "directory",
            "path": str(place),
            **({"local_path": str(local_path.absolute())} if local_path else {}),
        }

        def put(copy: Copy) -> tuple[SyncError, ...]:
            return (*copy.errors, *folder.write(place, copy, source.mark(copy), source.seal))

        missing = put(copy)
        show.errors(missing)
        fresh = Fresh(source, put, copy, missing)
        return child.run(command, environment.replaced({**dotenv, **os.environ}, _BACKEND, kwargs), fresh.look)


def _refuse_unread(local_path: Path | None, as_: As) -> None:
    """Raises where nothing would read the local layers: whoever gives them would take them for read."""
    if local_path is None:
        return
    if as_ is As.ENV:
        raise WrongUsage("--local-path is for our backend: leave --as env away")
    if not local_path.is_dir():
        raise FixError(Reason.NOT_FOUND, str(local_path), "is no folder", "name that of the local layers")


def _dotenv() -> Mapping[str, str]:
    """What `.env` of the working directory says; empty where there is none. Raises FixError."""
    from dotenv import dotenv_values

    try:
        found = {name: value for name, value in dotenv_values(".env").items() if value is not None}
    except UnicodeDecodeError:
        raise FixError(Reason.INVALID_SETTINGS, ".env", "isn't UTF-8", "save it as UTF-8") from None
    except OSError as error:
        raise FixError(Reason.ACCESS_DENIED, ".env", f"can't be read: {error.strerror}") from None
    if any("\0" in name + value or "=" in name for name, value in found.items()):
        remedy = "take NUL characters out, and = out of names"
        raise FixError(Reason.INVALID_SETTINGS, ".env", "says what no environment can hold", remedy)
    return found


def _tell(copy: Copy, local_path: Path | None) -> None:
    """On stderr: what the command writes is its own."""
    from syncd.laptop.environment import overridden

    missing = f", and without {len(copy.missing)}" if copy.missing else ""
    show.tell(f"with {len(copy.complete)} connections and variables of {copy.deployment}{missing}")
    show.tell("any other secrets backend that is set here is not asked")
    for item, where in sorted(copy.elsewhere.items()):
        show.tell(f"{item.kind} {item.id}: as {where} says")
    for item in overridden(local_path, sorted(copy.items)):
        show.tell(f"{item.kind} {item.id}: with fields of {local_path}")
