"""`dev export`: a deployment's connections and variables as files on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from syncd.cli import show, taking
from syncd.cli.copying import Fresh, Source
from syncd.cli.options import Output, OutputOption, WorkspaceOption, epilog, examples
from syncd.cli.usage import WrongUsage
from syncd.core.errors import FixError, Problems, Reason, SyncError, document

if TYPE_CHECKING:
    from syncd.exports.formats import Format
    from syncd.installation import Installation
    from syncd.laptop.copies import Copy

EXPORT = epilog(
    examples(
        "syncd dev export -d etl-dev --format dotenv --to .env",
        "syncd dev export -d etl-dev --format json --to connections --watch",
        "syncd dev export -d etl-dev --format directory --to shared",
    ),
    "Formats:\n"
    "  dotenv     one file of AIRFLOW_CONN_* and AIRFLOW_VAR_*, which a shell,\n"
    "             python-dotenv and Docker Compose read alike\n"
    "  json yaml  a folder with connections and variables, for Airflow's own\n"
    "             LocalFilesystemBackend\n"
    "  settings   airflow_settings.yaml, for the Astro CLI\n"
    "  directory  a folder for our backend",
    "Files are 0600, and never half written. Inside a Git work tree, where the\n"
    "file isn't ignored, nothing is written unless --in-git is given.",
    "A secret that any deployment of a higher environment gets is withheld with its\n"
    "connection, and what a format can't hold is left out: both are listed.",
    "Exit codes:\n"
    "  0 written, but for what is withheld; with --watch, ended by a signal\n"
    "  1 something else is missing, or nothing could be written",
)


class FormatName(str, Enum):
    """What is written."""

    DOTENV = "dotenv"
    JSON = "json"
    YAML = "yaml"
    SETTINGS = "settings"
    DIRECTORY = "directory"


def export(
    deployment: taking.DeploymentOption,
    format_: Annotated[FormatName, typer.Option("--format", "-f", help="As what, see below.")],
    to: Annotated[Path, typer.Option("--to", metavar="PATH", help="The file, or the folder for several.")],
    watch: Annotated[bool, typer.Option("--watch", help="Keep it fresh until a signal.")] = False,
    in_git: Annotated[bool, typer.Option("--in-git", help="Even where Git would take it along.")] = False,
    from_: taking.FromOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Write a deployment's connections and variables to files."""
    from syncd.exports.formats import FORMATS
    from syncd.laptop import watching
    from syncd.laptop.environment import NOTHING

    if str(to) == "-":
        raise WrongUsage("--to takes a path: secrets aren't for a terminal")
    source = taking.source(from_, workspace, deployment, f"dev export {format_.value}", NOTHING)
    form = FORMATS.get(format_.value)
    put = partial(_put_in_folder, source, to) if form is None else _texts(form, to)
    _refuse(source, to, form, in_git=in_git)
    copy = source.copy()
    written = put(copy)
    _answer(copy, written, output)
    if watch:
        watching.until_told(Fresh(source, lambda copy: put(copy).missing, copy, written.missing).look)
    elif any(error.reason is not Reason.WITHHELD for error in written.missing):
        raise typer.Exit(1)


class _Written(NamedTuple):
    """Where a copy was written to, how many are there, how many aren't, and why."""

    paths: tuple[str, ...]
    whole: int
    without: int
    missing: tuple[SyncError, ...]


def _texts(form: Format, to: Path) -> Callable[[Copy], _Written]:
    """What writes copies in a form of text, where it isn't what was written last: others may watch the files."""
    from syncd.laptop import private_files

    last: Mapping[Path, str] = {}

    def put(copy: Copy) -> _Written:
        nonlocal last
        rendered = form.render(copy.whole)
        texts = private_files.places(to, rendered.files, in_folder=form.in_folder)
        if texts != last:
            private_files.write(texts, make=form.in_folder)
        last = texts
        left = rendered.left_out
        missing = (*copy.errors, *left.values())
        whole, without = len(copy.complete) - len(left), len(copy.missing) + len(left)
        return _Written(tuple(map(str, texts)), whole, without, missing)

    return put


def _put_in_folder(source: Source, to: Path, copy: Copy) -> _Written:
    """Write a copy for our backend."""
    from syncd.laptop import folder

    errors = folder.write(to, copy, source.mark(copy), source.seal)
    if errors:
        raise Problems(errors)
    return _Written((str(to),), len(copy.complete), len(copy.missing), copy.errors)


def _refuse(source: Source, to: Path, form: Format | None, *, in_git: bool) -> None:
    """Raises SyncError where nothing should be written, before anything is read."""
    from syncd.laptop import private_files, work_tree

    if form is None:
        _refuse_a_target(source.installation, to)
        paths = [to / source.workspace]
    else:
        paths = list(private_files.places(to, form.render(()).files, in_folder=form.in_folder))
    if not in_git:
        work_tree.refuse(paths, os.environ)


def _refuse_a_target(installation: Installation, to: Path) -> None:
    from syncd.targets.settings import at

    for name, (_, settings) in installation.targets.items():
        path = getattr(settings, "path", None)
        if path is not None and at(installation.home, path).resolve() == to.resolve():
            raise FixError(Reason.OVERLAP, str(to), f"is the folder of target {name}", "name another with --to")


def _answer(copy: Copy, written: _Written, output: Output) -> None:
    if output is Output.JSON:
        show.as_json({"written": list(written.paths), "missing": [document(error) for error in written.missing]})
        return
    without = f", without {written.without}" if written.without else ""
    what = f"{written.whole} connections and variables of {copy.deployment}{without}"
    show.say(show.DONE, f"{', '.join(written.paths)}: {what}")
    show.errors(written.missing)
