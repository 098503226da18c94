"""The commands together, and the one place where an error becomes a message and an exit code."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.main import get_command

from syncd.cli import INSTALL, show, usage
from syncd.cli.options import epilog, examples
from syncd.core.errors import FixError, Problems, Reason, SyncError, document, origin

INTERRUPTED = 130

_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "files": ("init", "apply", "export"),
    "imports": ("import",),
    "links": ("link", "unlink", "link-all", "exclude"),
    "explain": ("explain",),
    "passes": ("plan", "sync"),
    "run": ("run",),
    "status": ("status",),
    "policies": ("policies",),
    "history": ("history", "diff", "rollback"),
    "definitions": ("connection", "variable"),
    "overrides": ("override",),
    "workspaces": ("workspace", "environment", "deployment"),
    "previews": ("preview",),
    "targets": ("target",),
    "keys": ("key",),
    "dev": ("dev",),
}
"""The modules, and the commands that each has, as the help lists them."""


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"syncd {version('airflow-shared-connections')}")
        raise typer.Exit


def syncd(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the release and exit.")
    ] = False,
) -> None:
    """Define an Airflow connection once, link it to the deployments that need it, override a field where one differs.

    Definitions live in a registry; `sync` writes what each deployment needs to its targets, where Airflow finds it.
    """


def app(name: str = "") -> typer.Typer:
    """The commands of the module that has this one; all where none has. All take longer to make than most to run."""
    made = typer.Typer(
        name="syncd",
        epilog=epilog(
            examples(
                "syncd init                        once: settings, registry, key",
                "syncd apply -f definitions.yaml   definitions as files, or one by one:",
                "syncd connection create warehouse conn_type=postgres host=db password",
                "syncd link etl-prod warehouse --set host=db.prod",
                "syncd plan                        what would be written",
                "syncd sync                        write it",
                "syncd run                         from now on, whenever it changes",
                "syncd explain etl-prod warehouse  what a deployment gets, and why",
            ),
            "Exit codes:\n"
            "  0 done  1 something failed  2 wrong usage\n"
            "  3 deletes are held back, and nothing failed  10 changes are pending\n"
            "  130 interrupted\n"
            "  of these plan tells with --detailed-exitcode alone, sync of 3 always",
        ),
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    made.callback()(syncd)
    for module in [one for one, names in _COMMANDS.items() if name in names] or _COMMANDS:
        made.add_typer(import_module(f"syncd.cli.{module}").app)
    return made


def run(arguments: Sequence[str]) -> int:
    """Run the command line; the exit code."""
    # Python would print what is logged where nobody listens, and a log may hold a traceback.
    logging.getLogger("syncd").addHandler(logging.NullHandler())
    try:
        code: Any = _command(_named(arguments))(args=list(arguments), prog_name="syncd", standalone_mode=False)
    except usage.UsageError as error:
        usage.tell(error)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001  a traceback may hold a secret: the place is told, and no more
        _tell(error if isinstance(error, SyncError) else _unforeseen(error), json=_wants_json(arguments))
        return 1
    return code if isinstance(code, int) else 0


@cache
def _command(name: str) -> Any:
    return get_command(app(name))


def _named(arguments: Sequence[str]) -> str:
    """The command, before which no option takes a value."""
    return next((one for one in arguments if not one.startswith("-")), "")


def _tell(error: SyncError, *, json: bool) -> None:
    if json:
        found = error.errors if isinstance(error, Problems) else (error,)
        show.as_json({"errors": [document(one) for one in found]})
    else:
        show.errors([error])


def _wants_json(arguments: Sequence[str]) -> bool:
    pairs = zip(arguments, [*arguments[1:], ""], strict=True)
    return any(
        argument in ("--output=json", "-ojson") or (argument in ("--output", "-o") and value == "json")
        for argument, value in pairs
    )


def _unforeseen(error: Exception) -> SyncError:
    if isinstance(error, ImportError) and (error.name or "").partition(".")[0] not in ("airflow_plugin", "syncd"):
        return FixError(Reason.INVALID_SETTINGS, "syncd", "can't run with what is installed here", INSTALL)
    why = f" ({os.strerror(error.errno)})" if isinstance(error, OSError) and error.errno else ""
    return FixError(
        Reason.INTERNAL, "syncd", f"failed with {type(error).__name__}{why} at {origin(error)}", "please report it"
    )
