"""`syncd target list|adopt|accept-restore`."""

from __future__ import annotations

from typing import Annotated

import typer

from syncd.cli import show
from syncd.cli.options import Output, OutputOption, WorkspaceOption, YesOption
from syncd.core.errors import Reason

app = typer.Typer(help="Where documents go: the installation's, in syncd.toml.", no_args_is_help=True)

TargetArgument = Annotated[str, typer.Argument(metavar="TARGET")]


@app.command("list")
def list_(workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE) -> None:
    """List them, with the deployments that name each."""
    from syncd.cli.session import start

    session = start(workspace)
    here = session.load()
    rows = [
        (name, type_, settings, sorted(one.name for one in here.deployments.values() if name in one.targets))
        for name, (type_, settings) in sorted(session.installation.targets.items())
    ]
    if output is Output.JSON:
        show.as_json(
            {
                "targets": [
                    {"name": name, "type": type_, "layout": session.installation.layout(name), "deployments": used}
                    for name, type_, _, used in rows
                ]
            }
        )
        return
    show.table(
        "",
        ("name", "type", "layout", "workspaces", "deployments"),
        (
            (
                name,
                type_,
                session.installation.layout(name),
                "all" if settings.workspaces is None else ", ".join(settings.workspaces),
                ", ".join(used),
            )
            for name, type_, settings, used in rows
        ),
    )


@app.command()
def adopt(
    name: TargetArgument,
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Take over what lies there and isn't ours: a lost registry's objects, and files that stand in the way.

    The next sync writes over them, or removes what is linked to nothing.
    """
    from syncd import passes
    from syncd.cli.session import start

    session = start(workspace)
    found = passes.adoptable(session.installation, session.registry, session.workspace, name)
    if found and output is Output.TABLE:
        show.table("", ("object", "written by"), ((one, whose or "somebody else") for one, (_, whose) in found.items()))
    if found:
        show.confirm(f"Adopt {len(found)} objects of target {name}?", yes=yes)
        passes.adopt(session.registry, session.workspace, name, {one: version for one, (version, _) in found.items()})
    if output is Output.JSON:
        show.as_json({"target": name, "adopted": sorted(found)})
    else:
        show.say("[green]✓[/green] adopted; now `syncd sync`" if found else "nothing to adopt")


@app.command("accept-restore")
def accept_restore(
    name: TargetArgument,
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Say that this registry counts, though the target holds a later revision of it: it counts on from there."""
    from syncd import passes
    from syncd.cli.session import now, start, who
    from syncd.registry import history

    session = start(workspace)
    current = session.load().revision
    latest = passes.latest(session.installation, session.registry, session.workspace, name)
    if latest > current:
        show.confirm(
            f"Target {name} holds revision {latest} and the registry is at {current}: does the registry count?", yes=yes
        )
        history.skip_to(
            session.registry,
            session.workspace,
            latest + 1,
            who=who(),
            now=now(),
            why=f"restore accepted: {name} held revision {latest}",
        )
    if output is Output.JSON:
        show.as_json({"target": name, "revision": max(current, latest + 1) if latest > current else current})
    else:
        show.say(
            f"[green]✓[/green] revision {latest + 1}; now `syncd plan`"
            if latest > current
            else f"nothing to accept: {Reason.SYNCED.value}"
        )
