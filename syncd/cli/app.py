"""The commands together, and the one place where an error becomes a message and an exit code."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

import typer

from syncd.cli import definitions, files, history, keys, links, passes, show, targets, workspaces
from syncd.core.errors import FixError, Problems, Reason, SyncError
from syncd.core.model import KINDS

app = typer.Typer(
    name="syncd",
    help="Define an Airflow connection once, link it to the deployments that need it, override a field where one "
    "differs.",
    epilog="Exit codes: 0 done; 1 something failed; 2 wrong usage; 3 the guard held deletes and nothing failed; "
    "10 with plan --detailed-exitcode: changes are pending.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for _command in (
    files.init,
    files.apply,
    files.export,
    links.link,
    links.unlink,
    links.link_all,
    links.exclude,
    passes.explain,
    passes.plan,
    passes.sync,
    passes.status,
    history.history,
    history.diff,
    history.rollback,
):
    app.command()(_command)
for _kind in KINDS:
    app.add_typer(definitions.noun(_kind), name=_kind)
app.add_typer(links.override, name="override")
app.add_typer(workspaces.workspace, name="workspace")
app.add_typer(workspaces.environment, name="environment")
app.add_typer(workspaces.deployment, name="deployment")
app.add_typer(targets.app, name="target")
app.add_typer(keys.app, name="key")


def run() -> int:
    """Run the command line; the exit code."""
    try:
        app()
    except SystemExit as ended:
        # Typer tells of wrong usage by itself, and leaves so.
        return ended.code if isinstance(ended.code, int) else 1
    except SyncError as error:
        _tell(error)
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001  a traceback may hold a secret: the place is told, and no more
        _tell(_unforeseen(error))
        return 1
    return 0


def _tell(error: SyncError) -> None:
    if _wants_json(sys.argv):
        found = error.errors if isinstance(error, Problems) else (error,)
        show.as_json({"errors": [show.error_document(one) for one in found]})
    else:
        show.errors([error])


def _wants_json(arguments: list[str]) -> bool:
    pairs = zip(arguments, [*arguments[1:], ""], strict=True)
    return any(
        argument in ("--output=json", "-ojson") or (argument in ("--output", "-o") and value == "json")
        for argument, value in pairs
    )


def _unforeseen(error: Exception) -> SyncError:
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    return FixError(Reason.INTERNAL, "syncd", f"failed with {type(error).__name__} at {where}", "please report it")
