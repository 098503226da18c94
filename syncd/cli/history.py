"""`history`, `diff`, `rollback`: revisions."""

from __future__ import annotations

from typing import Annotated

import typer

from syncd.cli import ask, show
from syncd.cli.options import Output, OutputOption, WorkspaceOption, YesOption, epilog, examples
from syncd.cli.session import now, start, who
from syncd.core.edits import edits
from syncd.core.explain import news

RevisionArgument = Annotated[int, typer.Argument(metavar="REVISION", min=0, help="A number of `syncd history`.")]

app = typer.Typer()

HISTORY = epilog(examples("syncd history", "syncd history -n 100 --output json"))
DIFF = epilog(examples("syncd diff 12        what changed since revision 12", "syncd diff 12 14     between the two"))
ROLLBACK = epilog(examples("syncd rollback 12"))


@app.command(epilog=HISTORY)
def history(
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="How many revisions.")] = 20,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show who changed what and when, the newest first."""
    from syncd.registry import history as revisions

    session = start(workspace)
    found = revisions.revisions(session.registry, session.workspace, last=last)
    if output is Output.JSON:
        show.as_json({"revisions": [one._asdict() for one in found]})
    else:
        show.table(("revision", "at", "who", "why"), found)


@app.command(epilog=DIFF)
def diff(
    before: RevisionArgument,
    after: Annotated[
        int | None, typer.Argument(metavar="[REVISION]", min=0, help="Another one; else as it is now.")
    ] = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what differs between two revisions.

    A secret is shown by its name alone.
    """
    session = start(workspace)
    old = session.load(at=before)
    new = session.load(at=after)
    found = edits(old, new)
    if output is Output.JSON:
        show.as_json({"before": before, "after": new.revision, "edits": [one._asdict() for one in found]})
    elif found:
        show.edited(found)
    else:
        show.say("no difference")


@app.command(epilog=ROLLBACK)
def rollback(
    to: Annotated[int, typer.Argument(metavar="REVISION", min=1, help="A number of `syncd history`.")],
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make everything as it was at a revision.

    That is a new revision, secrets included; the next sync brings it to the targets.
    """
    from syncd.registry import history as revisions
    from syncd.registry import workspaces

    session = start(workspace)
    before = session.load()
    after = revisions.rolled_back(session.registry, before, to)
    found, warned = edits(before, after), news(before, after)
    if output is Output.TABLE or not yes:
        show.proposed(found, warned, aside=output is Output.JSON)
    if found:
        ask.confirm(f"Go back to revision {to}?", yes=yes)
    # Against what was shown: what another made meanwhile is a conflict, and isn't lost.
    after = workspaces.save(session.registry, before, after, who=who(), now=now(), why=f"rollback to revision {to}")
    show.made(found, warned, after.revision, output)
