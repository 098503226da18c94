"""`history`, `diff`, `rollback`: revisions."""

from __future__ import annotations

from typing import Annotated

import typer

from syncd.cli import show
from syncd.cli.options import Output, OutputOption, WorkspaceOption, YesOption
from syncd.core.edits import edits

RevisionArgument = Annotated[int, typer.Argument(metavar="REVISION", min=0)]


def history(
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="How many revisions.")] = 20,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Who changed what and when, the newest first."""
    from syncd.cli.session import start
    from syncd.registry import history as revisions

    session = start(workspace)
    found = revisions.revisions(session.registry, session.workspace, last=last)
    if output is Output.JSON:
        show.as_json({"revisions": [one._asdict() for one in found]})
    else:
        show.table("", ("revision", "at", "who", "why"), found)


def diff(
    before: RevisionArgument,
    after: Annotated[int | None, typer.Argument(metavar="[REVISION]", min=0, help="Else: as it is now.")] = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """What differs between two revisions, secrets by name only."""
    from syncd.cli.session import start
    from syncd.registry import history as revisions

    session = start(workspace)
    until = session.load().revision if after is None else after
    found = revisions.diff(session.registry, session.workspace, before, until)
    if output is Output.JSON:
        show.as_json({"before": before, "after": until, "edits": [show.edit_document(one) for one in found]})
    elif found:
        show.edits(found)
    else:
        show.say("no difference")


def rollback(
    to: RevisionArgument,
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make a new revision that is what an old one was; the next sync brings it to the targets."""
    from syncd.cli.session import now, start, who
    from syncd.registry import history as revisions

    session = start(workspace)
    found = revisions.diff(session.registry, session.workspace, session.load().revision, to)
    if found and not yes:
        show.edits(found)
    if found:
        show.confirm(f"Go back to revision {to}?", yes=yes)
    before, after = revisions.rollback(session.registry, session.workspace, to, who=who(), now=now())
    show.changed(edits(before, after), after.revision, output)
