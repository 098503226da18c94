"""`init`, `apply`, `export`: the installation's folder, and definitions as files."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from syncd.cli import ask, show
from syncd.cli.options import Output, OutputOption, WorkspaceOption, YesOption, epilog, examples
from syncd.cli.session import now, opened, start, unknown_targets, who
from syncd.cli.usage import WrongUsage
from syncd.core.edits import edits
from syncd.core.errors import FixError, Reason
from syncd.core.explain import news
from syncd.core.model import Workspace

app = typer.Typer()

INIT = epilog(
    examples("syncd init", "SYNCD_HOME=/srv/syncd syncd init"),
    "Environment:\n"
    "  SYNCD_HOME      the folder; ~/.syncd unless it is set\n"
    "  SYNCD_REGISTRY  another registry, as sqlite:////absolute/path.db\n"
    "                  or as postgresql://user:password@host/database\n"
    "  SYNCD_KEY_FILE  another key file\n"
    "  SYNCD_KEYS      the keys themselves, comma-separated, the first encrypts",
)
APPLY = epilog(
    examples(
        "syncd apply -f definitions.yaml",
        "syncd apply -f definitions/ --prune --yes",
        "ANOTHER COMMAND | syncd apply -f - --yes",
    ),
    "Exit codes:\n  0 applied, or nothing to change  1 the files are wrong, or the answer was no",
)
EXPORT = epilog(examples("syncd export > definitions.yaml", "syncd export --to definitions.yaml"))


@app.command(epilog=INIT)
def init(output: OutputOption = Output.TABLE) -> None:
    """Make the installation: settings, registry, key.

    What is there already stays as it is; a registry never gets a second key this way.
    """
    from syncd import installation

    here, registry, made = installation.create(os.environ)
    if output is Output.JSON:
        show.as_json({"home": str(here.home), "instance": registry.instance, "made": [str(path) for path in made]})
        return
    settings = here.home / installation.SETTINGS
    made_of = [("settings", settings), ("registry", registry.place), ("keys", registry.keys.source)]
    show.table(("what", "where"), made_of)
    first = "" if here.targets else f"name a target in {installation.SETTINGS}, then "
    show.say(f"Next: {first}`syncd apply -f definitions.yaml`.")


@app.command(epilog=APPLY)
def apply(
    path: Annotated[
        Path, typer.Option("--file", "-f", metavar="PATH", help="A YAML file, or a folder of them; - is stdin.")
    ],
    prune: Annotated[
        bool, typer.Option("--prune", help="Also remove definitions and deployments that no file names.")
    ] = False,
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Bring definitions from files into the registry.

    What would change is shown first, and asked about. A definition or deployment that the files name is taken whole:
    a field, link or override that they don't have is removed. What they don't name stays, unless --prune.
    """
    from syncd import definitions
    from syncd.definitions.files import STDIN
    from syncd.registry import workspaces

    installation, registry = opened()
    path = STDIN if str(path) == "-" else path
    read = definitions.read(path)
    if workspace is not None and workspace != read.workspace:
        raise WrongUsage(f"the files are of workspace {read.workspace}, and --workspace says another")
    there = read.workspace in workspaces.names(registry)
    before = workspaces.load(registry, read.workspace) if there else Workspace(read.workspace)
    after = read.onto(before, prune=prune)
    found = edits(before, after)
    warned = (*news(before, after), *unknown_targets(installation, _targets(after) - _targets(before)))
    if output is Output.TABLE or not yes:
        show.proposed(found, warned, aside=output is Output.JSON)
    if found or not there:
        ask.confirm(f"Apply {len(found)} changes to workspace {read.workspace}?", yes=yes)
        # Against what was shown: what another made meanwhile is a conflict, and isn't lost.
        # Nobody looked at what --prune --yes removes: at the targets the guard does.
        asked, why = not (prune and yes), f"apply {path.name}"
        after = workspaces.save(registry, before, after, who=who(), now=now(), why=why, asked=asked)
    show.made(found, warned, after.revision, output)


@app.command(epilog=EXPORT)
def export(
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="Write there; a file that is there is replaced.")
    ] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Give the definitions back as YAML.

    Applied, it changes nothing. A value that lives only in the registry is {$stored: true}: kept as it is.
    """
    from syncd import definitions

    text = definitions.write(start(workspace).load())
    if to is None:
        typer.echo(text, nl=False)
        return
    to = to.resolve()
    temporary = to.parent / f".{to.name}~"
    if to.exists() and not to.is_file():
        raise FixError(
            Reason.REFUSED, str(to), "can't be written: it is no plain file", "name another, or leave --to away"
        )
    try:
        temporary.write_text(text, "utf-8")
        if to.exists():
            temporary.chmod(to.stat().st_mode & 0o777)
        temporary.replace(to)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise _unwritable(to, error) from None


def _targets(workspace: Workspace) -> frozenset[str]:
    return frozenset(name for one in workspace.deployments.values() for name in one.targets)


def _unwritable(path: Path, error: OSError) -> FixError:
    return FixError(
        Reason.ACCESS_DENIED, str(path), f"can't be written: {os.strerror(error.errno or 0)}", "name a place that can"
    )
