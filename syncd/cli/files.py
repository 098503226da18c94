"""`init`, `apply`, `export`: the installation's folder, and definitions as files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from syncd.cli import show
from syncd.cli.options import Output, OutputOption, WorkspaceOption, YesOption
from syncd.core.edits import edits
from syncd.core.errors import FixError, Reason
from syncd.core.explain import news
from syncd.core.model import Workspace


def init(output: OutputOption = Output.TABLE) -> None:
    """Make SYNCD_HOME (~/.syncd): syncd.toml, the registry, and a key unless SYNCD_KEYS holds one.

    What is there already stays as it is.
    """
    from syncd import installation
    from syncd.registry import database, encryption

    home = Path(os.environ.get("SYNCD_HOME") or Path.home() / ".syncd").absolute()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = home / installation.SETTINGS
    made = []
    if not settings.exists():
        settings.write_text(installation.TEMPLATE, "utf-8")
        made.append(settings)
    here = installation.load(os.environ)
    if not os.environ.get(encryption.KEYS_VARIABLE) and not here.key_file.exists():
        if database.exists(here.url):
            raise FixError(
                Reason.WRONG_KEY,
                str(here.key_file),
                "isn't there, and the registry was encrypted with it",
                "restore it; a new key couldn't read what is there",
            )
        encryption.write_keys(here.key_file, [encryption.new_key()])
        made.append(here.key_file)
    registry = database.create(here.url, encryption.load_keys(here.key_file, os.environ))
    if output is Output.JSON:
        show.as_json({"home": str(home), "instance": registry.instance, "made": [str(path) for path in made]})
        return
    show.table(
        "", ("what", "where"), [("settings", settings), ("registry", registry.path), ("keys", registry.keys.source)]
    )
    show.say("Next: name a target in syncd.toml, then `syncd apply -f definitions.yaml`.")


def apply(
    path: Annotated[Path, typer.Option("--file", "-f", metavar="PATH", help="A YAML file, or a folder of them.")],
    prune: Annotated[
        bool, typer.Option("--prune", help="Also remove definitions and deployments that no file names.")
    ] = False,
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Bring files into the registry: what would change is shown first.

    A definition or deployment that the files name is taken whole; what they don't name stays, unless --prune.
    """
    from syncd import definitions
    from syncd.cli.session import now, opened, who
    from syncd.registry import workspaces

    _, registry = opened()
    read = definitions.read(path)
    if workspace is not None and workspace != read.workspace:
        raise typer.BadParameter(f"the files are of workspace {read.workspace}, not of {workspace}")
    there = read.workspace in workspaces.names(registry)
    before = workspaces.load(registry, read.workspace) if there else Workspace(read.workspace)
    after = read.onto(before, prune=prune)
    found = edits(before, after)
    if found and output is Output.TABLE:
        show.edits(found)
    show.warnings(news(before, after))
    if found or not there:
        show.confirm(f"Apply {len(found)} changes to workspace {read.workspace}?", yes=yes)
        after = workspaces.save(registry, before, after, who=who(), now=now(), why=f"apply {path.name}")
    if output is Output.JSON:
        show.as_json({"revision": after.revision, "edits": [show.edit_document(one) for one in found]})
    else:
        show.say(f"[green]✓[/green] revision {after.revision}" if found else "nothing to change")


def export(
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="Write there; a file that is there is replaced.")
    ] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Give the definitions back as YAML that applies to nothing; stored secrets stay in the registry."""
    from syncd import definitions
    from syncd.cli.session import start

    text = definitions.write(start(workspace).load())
    if to is None:
        typer.echo(text, nl=False)
        return
    temporary = to.with_name(f".{to.name}~")
    try:
        temporary.write_text(text, "utf-8")
        temporary.replace(to)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise FixError(Reason.ACCESS_DENIED, str(to), f"can't be written: {os.strerror(error.errno or 0)}") from None
