"""`dev export`: a deployment's connections and variables as files on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli import show, taking
from syncd.cli.copying import Fresh, Source
from syncd.cli.options import Output, OutputOption, WorkspaceOption, epilog, examples
from syncd.cli.session import start
from syncd.cli.usage import WrongUsage
from syncd.core.errors import FixError, Reason, SyncError, document

if TYPE_CHECKING:
    from syncd.laptop.copies import Copy
    from syncd.laptop.from_target import Taken

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
    deployment: Annotated[str, typer.Option("--deployment", "-d", metavar="D", help="Whose.")],
    format_: Annotated[FormatName, typer.Option("--format", "-f", help="As what, see below.")],
    to: Annotated[Path, typer.Option("--to", metavar="PATH", help="The file, or the folder for several.")],
    watch: Annotated[bool, typer.Option("--watch", help="Keep it fresh until a signal.")] = False,
    in_git: Annotated[bool, typer.Option("--in-git", help="Even where Git would take it along.")] = False,
    from_: taking.FromOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Write a deployment's connections and variables to files."""
    from syncd.laptop import watching

    if from_ is not None:
        if watch or format_ is FormatName.DIRECTORY:
            raise WrongUsage("--from makes files, once: without --watch, and no directory")
        place = _Place(format_.value, to)
        place.refuse(in_git=in_git)
        found = taking.taken(from_, workspace, deployment)
        place.put_texts(found)
        _answer(found, place, output)
        raise typer.Exit(1 if any(error.reason is not Reason.WITHHELD for error in place.missing) else 0)
    session = start(workspace)
    source = Source(session, deployment, f"dev export {format_.value}")
    place = _Place(format_.value, to, source)
    place.refuse(in_git=in_git)
    copy = source.copy()
    fresh = Fresh(source, place.put)
    fresh.write(copy)
    _answer(copy, place, output)
    if watch:
        watching.until_told(fresh.look)
    elif any(error.reason is not Reason.WITHHELD for error in place.missing):
        raise typer.Exit(1)


class _Place:
    """Where it is written, and what the last time left: the paths, and what is missing from them."""

    def __init__(self, format_: str, to: Path, source: Source | None = None) -> None:
        self._format, self._to, self._given = format_, to, source
        self._texts: Mapping[Path, str] = {}
        self.written: tuple[str, ...] = ()
        self.missing: tuple[SyncError, ...] = ()

    @property
    def _source(self) -> Source:
        if self._given is None:
            raise RuntimeError("a folder for our backend is made of the registry alone")
        return self._given

    def refuse(self, *, in_git: bool) -> None:
        """Raises SyncError where nothing should be written, before anything is read."""
        from syncd.exports.formats import FORMATS
        from syncd.laptop import private_files, work_tree

        if self._format in FORMATS:
            format_ = FORMATS[self._format]
            paths = list(private_files.places(self._to, format_.render(()).files, in_folder=format_.in_folder))
        else:
            paths = [self._to / self._source.session.workspace]
            self._refuse_a_target()
        if not in_git:
            work_tree.refuse(paths, os.environ)

    def put(self, copy: Copy) -> None:
        """Write it. Raises SyncError where it can't be."""
        from syncd.exports.formats import FORMATS

        if self._format not in FORMATS:
            self._put_in_folder(copy)
            self.missing = tuple(error for errors in copy.missing.values() for error in errors)
        else:
            self.put_texts(copy)

    def put_texts(self, copy: Copy | Taken) -> None:
        """The same in a form of text."""
        from syncd.exports.formats import FORMATS
        from syncd.laptop import private_files

        told = tuple(error for errors in copy.missing.values() for error in errors)
        format_ = FORMATS[self._format]
        rendered = format_.render(copy.whole)
        texts = private_files.places(self._to, rendered.files, in_folder=format_.in_folder)
        if texts != self._texts:
            private_files.write(texts, make=format_.in_folder)
        self._texts = texts
        self.written = tuple(map(str, texts))
        self.missing = (*told, *rendered.left_out.values())

    def _put_in_folder(self, copy: Copy) -> None:
        from syncd.core.errors import Problems
        from syncd.laptop import folder

        errors = folder.write(self._to, copy, self._source.mark(copy), self._source.session.registry.seal)
        if errors:
            raise Problems(errors)
        self.written = (str(self._to),)

    def _refuse_a_target(self) -> None:
        from syncd.targets.settings import at

        installation = self._source.session.installation
        for name, (_, settings) in installation.targets.items():
            path = getattr(settings, "path", None)
            if path is not None and at(installation.home, path).resolve() == self._to.resolve():
                problem = f"is the folder of target {name}"
                raise FixError(Reason.OVERLAP, str(self._to), problem, "name another with --to")


def _answer(copy: Copy | Taken, place: _Place, output: Output) -> None:
    if output is Output.JSON:
        missing = [document(error) for error in place.missing]
        show.as_json({"written": list(place.written), "missing": missing})
        return
    count = len(list(copy.whole))
    show.say(show.DONE, f"{', '.join(place.written)}: {count} connections and variables of {copy.deployment}")
    show.errors(place.missing)
