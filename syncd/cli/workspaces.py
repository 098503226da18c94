"""`syncd workspace …`, `syncd environment …`, `syncd deployment …`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from syncd.cli import show
from syncd.cli.options import DeploymentArgument, Output, OutputOption, WorkspaceOption, YesOption
from syncd.core import changes
from syncd.core.edits import edits
from syncd.core.model import Deployment, Workspace

workspace = typer.Typer(help="A team's own space: its deployments and definitions.", no_args_is_help=True)
environment = typer.Typer(help="Tiers of a workspace, the lowest first: dev, staging, prod.", no_args_is_help=True)
deployment = typer.Typer(help="Airflow installations: each in one environment, with its targets.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME")]
TargetOption = Annotated[
    list[str] | None, typer.Option("--target", "-t", metavar="T", help="Where its documents go, by name in syncd.toml.")
]
EnvironmentOption = Annotated[str | None, typer.Option("--environment", "-e", metavar="E")]


@workspace.command("list")
def list_workspaces(output: OutputOption = Output.TABLE) -> None:
    """List them."""
    from syncd.cli.session import opened
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
        "",
        ("name", "environments", "deployments", "definitions", "revision"),
        (
            (one.name, ", ".join(one.environments), len(one.deployments), len(one.definitions), one.revision)
            for one in found
        ),
    )


@workspace.command("create")
def create_workspace(
    name: NameArgument,
    environments: Annotated[
        list[str] | None, typer.Option("--environment", "-e", metavar="E", help="Its tiers, the lowest first.")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make one."""
    from syncd.cli.session import now, opened, who
    from syncd.registry import workspaces

    _, registry = opened()
    made = workspaces.create(registry, name, who=who(), now=now(), environments=tuple(environments or ()))
    show.changed(edits(Workspace(name), made), made.revision, output)


@workspace.command("delete")
def delete_workspace(name: NameArgument, yes: YesOption = False, output: OutputOption = Output.TABLE) -> None:
    """Delete one that has no deployments, with its history."""
    from syncd.cli.session import opened
    from syncd.registry import workspaces

    _, registry = opened()
    workspaces.load(registry, name)
    show.confirm(f"Delete workspace {name} and its history?", yes=yes)
    workspaces.remove(registry, name)
    if output is Output.JSON:
        show.as_json({"deleted": name})
    else:
        show.say(f"[green]✓[/green] workspace {show.plain(name)} deleted")


@environment.command("list")
def list_environments(workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE) -> None:
    """List them, the lowest first, with the deployments in each."""
    from syncd.cli.session import start

    here = start(workspace).load()
    rows = [
        (name, sorted(one.name for one in here.deployments.values() if one.environment == name))
        for name in here.environments
    ]
    if output is Output.JSON:
        show.as_json({"environments": [{"name": name, "deployments": used} for name, used in rows]})
    else:
        show.table("", ("name", "deployments"), ((name, ", ".join(used)) for name, used in rows))


@environment.command("create")
def create_environment(
    name: NameArgument,
    after: Annotated[
        str, typer.Option("--after", metavar="E", help="Right above this one; else it is the highest.")
    ] = "",
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Add a tier."""
    _change(
        workspace,
        output,
        f"environment {name} created",
        lambda here: changes.add_environment(here, name, after=after),
    )


@environment.command("delete")
def delete_environment(
    name: NameArgument, workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE
) -> None:
    """Remove a tier that no deployment is in, and the overrides for it."""
    _change(workspace, output, f"environment {name} deleted", lambda here: changes.delete_environment(here, name))


@deployment.command("list")
def list_deployments(workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE) -> None:
    """List them."""
    from syncd.cli.session import start

    here = start(workspace).load()
    rows = [(here.deployments[name], _linked(here, name)) for name in sorted(here.deployments)]
    if output is Output.JSON:
        show.as_json({"deployments": [_document(one, linked) for one, linked in rows]})
        return
    show.table(
        "",
        ("name", "environment", "targets", "linked"),
        ((one.name, one.environment, ", ".join(one.targets), len(linked)) for one, linked in rows),
    )


@deployment.command("show")
def show_deployment(
    name: DeploymentArgument, workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE
) -> None:
    """Show what a deployment gets."""
    from syncd.cli.session import start

    here = start(workspace).load()
    one = changes.find_deployment(here, name)
    linked = _linked(here, name)
    if output is Output.JSON:
        show.as_json(_document(one, linked))
        return
    show.say(
        f"{show.plain(name)}: {show.plain(one.environment)}, to {show.plain(', '.join(one.targets) or 'no target')}"
    )
    show.table("", ("kind", "id", "of"), linked)


@deployment.command("create", epilog="Example: syncd deployment create etl-dev -e dev -t files")
def create_deployment(
    name: NameArgument,
    environment: Annotated[str, typer.Option("--environment", "-e", metavar="E")],
    targets: TargetOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Add one; what is linked to all is linked to it."""
    made = Deployment(name, environment, tuple(targets or ()))
    _change(workspace, output, f"deployment {name} created", lambda here: changes.add_deployment(here, made))


@deployment.command("update")
def update_deployment(
    name: DeploymentArgument,
    environment: EnvironmentOption = None,
    targets: TargetOption = None,
    no_targets: Annotated[bool, typer.Option("--no-targets", help="Push it nowhere.")] = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Move it to another environment, or name its targets anew."""
    if targets and no_targets:
        raise typer.BadParameter("--target and --no-targets contradict each other")
    named = () if no_targets else tuple(targets) if targets else None
    if environment is None and named is None:
        raise typer.BadParameter("nothing to change: give --environment, --target or --no-targets")
    _change(
        workspace,
        output,
        f"deployment {name} updated",
        lambda here: changes.update_deployment(here, name, environment=environment, targets=named),
    )


@deployment.command("delete")
def delete_deployment(
    name: DeploymentArgument,
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Delete one, its own definitions and its links; the next sync takes its documents from every target."""
    from syncd.cli.session import start

    changes.find_deployment(start(workspace).load(), name)
    show.confirm(f"Delete deployment {name}?", yes=yes)
    _change(workspace, output, f"deployment {name} deleted", lambda here: changes.delete_deployment(here, name))


def _linked(here: Workspace, name: str) -> list[tuple[str, str, str]]:
    found = {
        (key.kind, key.id): key.owner or "shared"
        for key, one in sorted(here.definitions.items(), key=lambda pair: pair[0].owner)
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


def _change(workspace: str | None, output: Output, why: str, edit: Callable[[Workspace], Workspace]) -> None:
    from syncd.cli.session import start

    before, after = start(workspace).change(edit, why)
    show.changed(edits(before, after), after.revision, output)
