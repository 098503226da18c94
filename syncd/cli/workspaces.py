"""`syncd workspace …`, `syncd environment …`, `syncd deployment …`."""

from __future__ import annotations

from typing import Annotated

import typer

from syncd.cli import ask, find, show
from syncd.cli.options import DeploymentArgument, Output, OutputOption, WorkspaceOption, YesOption, epilog, examples
from syncd.cli.session import now, opened, start, who
from syncd.cli.usage import WrongUsage
from syncd.core import changes
from syncd.core.errors import FixError, Reason
from syncd.core.model import Deployment, Workspace
from syncd.core.previews import expanded

workspace = typer.Typer(
    name="workspace",
    help="A team's own space: its deployments and definitions.\n\n"
    "Nothing crosses it. Commands take the only one there is, or the one that --workspace or SYNCD_WORKSPACE names.",
    no_args_is_help=True,
)
environment = typer.Typer(
    name="environment",
    help="Tiers of a workspace, the lowest first: dev, staging, prod.\n\n"
    "Each deployment is in one of them, and gets what `syncd override set … -e` says for it.",
    no_args_is_help=True,
)
deployment = typer.Typer(
    name="deployment", help="Airflow installations, each in one environment.", no_args_is_help=True
)
app = typer.Typer()
for _noun in (workspace, environment, deployment):
    app.add_typer(_noun)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="a-z, 0-9 and -, at most 40 characters.")]
TargetOption = Annotated[
    list[str] | None,
    typer.Option("--target", "-t", metavar="T", help="Where its documents go: a name of syncd.toml. May be repeated."),
]


@workspace.command("list")
def list_workspaces(output: OutputOption = Output.TABLE) -> None:
    """List them."""
    from syncd.registry import workspaces

    _, registry = opened()
    found = [workspaces.load(registry, name) for name in workspaces.names(registry)]
    if output is Output.JSON:
        show.as_json(
            {
                "workspaces": [
                    {
                        "name": one.name,
                        "revision": one.revision,
                        "environments": one.environments,
                        "deployments": len(one.deployments),
                        "definitions": len(one.definitions),
                    }
                    for one in found
                ]
            }
        )
        return
    show.table(
        ("name", "environments", "deployments", "definitions", "revision"),
        (
            (one.name, ", ".join(one.environments), len(one.deployments), len(one.definitions), one.revision)
            for one in found
        ),
        none="none yet: `syncd workspace create NAME`, or `syncd apply`",
    )


@workspace.command("create", epilog=epilog(examples("syncd workspace create analytics -e dev -e prod")))
def create_workspace(
    name: NameArgument,
    environments: Annotated[
        list[str] | None, typer.Option("--environment", "-e", metavar="E", help="Its tiers, the lowest first.")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make one."""
    from syncd.registry import workspaces

    _, registry = opened()
    made = workspaces.create(registry, name, who=who(), now=now(), environments=tuple(environments or ()))
    show.changed(Workspace(name), made, output)
    if output is Output.TABLE and not made.environments:
        show.say(show.DONE, f"workspace {name}")


@workspace.command("delete")
def delete_workspace(name: NameArgument, yes: YesOption = False, output: OutputOption = Output.TABLE) -> None:
    """Delete one that has no deployments, with its history.

    Nothing brings it back.
    """
    from syncd.registry import workspaces

    session = start(name)
    ask.confirm(f"Delete workspace {name} and its history?", yes=yes)
    workspaces.remove(session.registry, name)
    if output is Output.JSON:
        show.as_json({"deleted": name})
    else:
        show.say(show.DONE, f"workspace {name} deleted")


@environment.command("list")
def list_environments(workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE) -> None:
    """List them, the lowest first, with the deployments in each."""
    here = start(workspace).load()
    rows = [
        (name, sorted(one.name for one in here.deployments.values() if one.environment == name))
        for name in here.environments
    ]
    if output is Output.JSON:
        show.as_json({"environments": [{"name": name, "deployments": used} for name, used in rows]})
    else:
        show.table(
            ("name", "deployments"),
            ((name, show.names(used)) for name, used in rows),
            none="none yet: `syncd environment create NAME`",
        )


@environment.command("create", epilog=epilog(examples("syncd environment create staging --after dev")))
def create_environment(
    name: NameArgument,
    after: Annotated[
        str, typer.Option("--after", metavar="E", help="Right above this one; else it is the highest.")
    ] = "",
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Add a tier."""

    def edit(here: Workspace) -> Workspace:
        return changes.add_environment(here, name, after=find.environment(here, after) if after else "")

    show.changed(*start(workspace).change(edit, f"environment {name} created"), output)


@environment.command("delete")
def delete_environment(
    name: NameArgument,
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Remove a tier that no deployment is in, and the overrides for it."""
    session = start(workspace)
    seen = _overridden(session.load(), name)
    if seen:
        ask.confirm(f"Delete environment {name}, with its overrides of {show.names(seen)}?", yes=yes)

    def edit(here: Workspace) -> Workspace:
        if _overridden(here, name) != seen:
            raise _changed(f"environment {name}")
        return changes.delete_environment(here, name)

    show.changed(*session.change(edit, f"environment {name} deleted"), output)


@deployment.command("list")
def list_deployments(workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE) -> None:
    """List them."""
    here = start(workspace).load()
    rows = [(here.deployments[name], _linked(here, name)) for name in sorted(here.deployments)]
    if output is Output.JSON:
        show.as_json({"deployments": [_document(one, linked) for one, linked in rows]})
        return
    show.table(
        ("name", "environment", "targets", "linked"),
        ((one.name, one.environment, ", ".join(one.targets), len(linked)) for one, linked in rows),
        none="none yet: `syncd deployment create NAME --environment E --target T`",
    )


@deployment.command("show")
def show_deployment(
    name: DeploymentArgument, workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE
) -> None:
    """Show what a deployment gets."""
    here = start(workspace).load()
    one = find.deployment(here, name)
    linked = _linked(here, name)
    if output is Output.JSON:
        show.as_json(_document(one, linked))
        return
    show.table(
        ("kind", "id", "of"),
        linked,
        title=f"{name}: {one.environment}, to {', '.join(one.targets) or 'no target'}",
        none=f"nothing is linked to it: `syncd link {name} ID`",
    )


@deployment.command("create", epilog=epilog(examples("syncd deployment create etl-dev -e dev -t files")))
def create_deployment(
    name: NameArgument,
    environment: Annotated[str, typer.Option("--environment", "-e", metavar="E", help="The tier that it is in.")],
    targets: TargetOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Add one; what is linked to all is linked to it."""
    session = start(workspace)

    def edit(here: Workspace) -> Workspace:
        return changes.add_deployment(here, Deployment(name, find.environment(here, environment), tuple(targets or ())))

    result = session.change(edit, f"deployment {name} created")
    show.changed(*result, output, warned=session.unknown_targets(targets or ()))


@deployment.command(
    "update",
    epilog=epilog(
        examples("syncd deployment update etl-dev -t files -t vault", "syncd deployment update etl-dev --no-targets")
    ),
)
def update_deployment(
    name: DeploymentArgument,
    environment: Annotated[str | None, typer.Option("--environment", "-e", metavar="E", help="Move it there.")] = None,
    targets: TargetOption = None,
    no_targets: Annotated[bool, typer.Option("--no-targets", help="Push it nowhere.")] = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Move it to another environment, or name its targets anew.

    The targets given replace those it had.
    """
    if targets and no_targets:
        raise WrongUsage("--target and --no-targets contradict each other")
    named = () if no_targets else tuple(targets) if targets else None
    if environment is None and named is None:
        raise WrongUsage("nothing to change: give --environment, --target or --no-targets")
    session = start(workspace)

    def edit(here: Workspace) -> Workspace:
        find.deployment(here, name)
        moved = None if environment is None else find.environment(here, environment)
        return changes.update_deployment(here, name, environment=moved, targets=named)

    result = session.change(edit, f"deployment {name} updated")
    show.changed(*result, output, warned=session.unknown_targets(named or ()))


@deployment.command("delete")
def delete_deployment(
    name: DeploymentArgument,
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Delete one, its own definitions and its links.

    The next sync takes its documents from every target; `syncd rollback` brings it back.
    """
    session = start(workspace)
    here = session.load()
    seen = find.deployment(here, name), _linked(here, name)
    ask.confirm(f"Delete deployment {name} of {seen[0].environment}, linked to {len(seen[1])} definitions?", yes=yes)

    def edit(here: Workspace) -> Workspace:
        if (changes.find_deployment(here, name), _linked(here, name)) != seen:
            raise _changed(f"deployment {name}")
        return changes.delete_deployment(here, name)

    show.changed(*session.change(edit, f"deployment {name} deleted"), output)


def _changed(subject: str) -> FixError:
    return FixError(Reason.CONFLICT, subject, "was changed meanwhile, and nothing was deleted", "look again")


def _overridden(here: Workspace, name: str) -> list[str]:
    """What has overrides for an environment. Raises FixError where there is no such environment."""
    find.environment(here, name)
    return sorted(str(key) for key, one in here.definitions.items() if one.environments.get(name))


def _linked(here: Workspace, name: str) -> list[tuple[str, str, str]]:
    found = {
        (key.kind, key.id): key.owner or "shared"
        for key, one in sorted(expanded(here).definitions.items(), key=lambda pair: pair[0].owner)
        if one.reaches(name)
    }
    return [(kind, id_, owner) for (kind, id_), owner in sorted(found.items())]


def _document(one: Deployment, linked: list[tuple[str, str, str]]) -> dict[str, object]:
    return {
        "name": one.name,
        "environment": one.environment,
        "targets": one.targets,
        "linked": [{"kind": kind, "id": id_, "own": owner != "shared"} for kind, id_, owner in linked],
    }
