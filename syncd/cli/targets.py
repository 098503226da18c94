"""`syncd target list|adopt|accept-restore|accept-move|forget`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli import ask, show
from syncd.cli.options import Output, OutputOption, WorkspaceOption, YesOption
from syncd.cli.session import now, start, who

if TYPE_CHECKING:
    from syncd.registry.record import Record

app = typer.Typer(
    name="target",
    help="Where documents go: the installation's, in syncd.toml.\n\n"
    "A deployment names its targets: `syncd deployment update D --target T`.",
    no_args_is_help=True,
)

TargetArgument = Annotated[str, typer.Argument(metavar="TARGET", help="A name of syncd.toml.")]


@app.command("list")
def list_(workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE) -> None:
    """List them, with the deployments that name each."""
    session = start(workspace)
    here = session.load()
    used = {
        name: sorted(one.name for one in here.deployments.values() if name in one.targets)
        for name in session.installation.targets
    }
    found = [
        (name, type_, settings.layout, settings.workspaces, used[name])
        for name, (type_, settings) in sorted(session.installation.targets.items())
    ]
    columns = ("name", "type", "layout", "workspaces", "deployments")
    if output is Output.JSON:
        show.as_json({"targets": [dict(zip(columns, one, strict=True)) for one in found]})
        return
    rows = (
        (name, type_, layout, "all" if allowed is None else show.names(allowed), show.names(names))
        for name, type_, layout, allowed, names in found
    )
    show.table(columns, rows, none="none yet: an operator adds [targets.NAME] to syncd.toml")


def _tell_what_stays(record: Record, name: str, how: str) -> None:
    """What this registry knows to lie there, as far as people can look over it."""
    objects, standing = sorted(record.objects(name)), record.standing(name)
    if objects and standing is not None:
        show.tell(f"  {len(objects)} stay in {standing.where}, {how}: {show.names(objects)}")


@app.command()
def adopt(
    name: TargetArgument,
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Take over what lies there and isn't ours.

    A lost registry's objects, and files that stand in the way. The next sync writes over them, or removes what is
    linked to nothing.
    """
    from syncd import takeover

    session = start(workspace)
    with show.busy(f"looking at {name}"):
        found = takeover.adoptable(session.installation, session.registry, session.workspace, name)
    if found and not (yes and output is Output.JSON):
        for one, (_, whose) in found.items():
            show.tell(f"  {one}, by {whose}")
    if found:
        ask.confirm(f"Adopt {len(found)} objects of target {name}?", yes=yes)
        takeover.adopt(session.registry, session.workspace, name, {one: version for one, (version, _) in found.items()})
    if output is Output.JSON:
        show.as_json({"target": name, "adopted": sorted(found)})
    elif found:
        show.say(show.DONE, f"{len(found)} adopted; now `syncd sync`")
    else:
        show.say("nothing to adopt")


@app.command("accept-restore")
def accept_restore(
    name: TargetArgument,
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Say that this registry counts, though a target is ahead.

    A target that holds a later revision than the registry means that the registry was restored or copied: syncs stop
    until somebody looked. The registry then counts on from the target's revision.
    """
    from syncd import takeover
    from syncd.registry import history
    from syncd.registry.record import Record

    session = start(workspace)
    record = Record(session.registry, session.workspace)
    current = session.load().revision
    with show.busy(f"looking at {name}"):
        there, behind = takeover.restored(session.installation, session.registry, session.workspace, name)
    latest = there.revision
    if behind:
        ask.confirm(
            f"Target {name} holds revision {latest}, which the registry, at {current}, didn't write: "
            "does the registry count?",
            yes=yes,
        )
        latest = max(latest, current)
        record.stands(name, there)
        history.skip_to(
            session.registry,
            session.workspace,
            latest + 1,
            who=who(),
            now=now(),
            why=f"restore accepted: {name} held revision {latest}",
        )
    if output is Output.JSON:
        show.as_json({"target": name, "revision": latest + 1 if behind else current})
    elif behind:
        show.say(show.DONE, f"revision {latest + 1}; now `syncd plan`")
    else:
        show.say(f"nothing to accept: {name} is at revision {latest}, the registry at {current}")


@app.command("accept-move")
def accept_move(
    name: TargetArgument,
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Say that a target was moved to where its settings point.

    A target whose path, prefix or layout changed stops syncs, since nobody would remove what lies at the old place.
    Move it yourself first; what stays there is nobody's.
    """
    from syncd import takeover
    from syncd.registry.record import Record

    session = start(workspace)
    record = Record(session.registry, session.workspace)
    with show.busy(f"looking at {name}"):
        there = takeover.standing(session.installation, session.registry, session.workspace, name)
    old = record.standing(name)
    moved = old is not None and old.where != there.where
    if old is not None and moved:
        show.tell(f"  it lay in {old.where}")
        show.tell(f"  it lies in {there.where}{'' if there.revision else ', where nothing of ours is yet'}")
        _tell_what_stays(record, name, "unless it was moved")
        ask.confirm("Is what is still at the old place nobody's from now on?", yes=yes)
        record.stands(name, old._replace(where=there.where))
    if output is Output.JSON:
        show.as_json({"target": name, "where": there.where, "moved": moved})
    elif moved:
        show.say(show.DONE, f"{name} lies in {there.where}; now `syncd plan`")
    else:
        show.say(f"nothing to accept: {name} lies in {there.where}")


@app.command()
def forget(
    name: TargetArgument,
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Forget a target that is gone for good.

    What it still holds, wherever it is, is nobody's from then on: syncd won't remove it.
    """
    from syncd.core.errors import FixError, Reason
    from syncd.registry import record

    session = start(workspace)
    users = sorted(one.name for one in session.load().deployments.values() if name in one.targets)
    if users:
        raise FixError(
            Reason.REFUSED,
            f"target {name}",
            f"is named by {', '.join(users)}",
            f"`syncd deployment update {users[0]} --no-targets`, or name others there",
        )
    if name not in record.targets(session.registry, session.workspace):
        raise FixError(Reason.NOT_FOUND, f"target {name}", "holds nothing that this registry knows of")
    _tell_what_stays(record.Record(session.registry, session.workspace), name, "for somebody to remove")
    ask.confirm(f"Forget target {name}, and leave there what lies there?", yes=yes)
    record.forget(session.registry, session.workspace, name)
    if output is Output.JSON:
        show.as_json({"target": name, "forgotten": True})
    else:
        show.say(show.DONE, f"{name} is forgotten")
