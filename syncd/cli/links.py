"""Who gets what: `link`, `unlink`, `link-all`, `exclude`, and `override set|null|remove`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from syncd.cli import show
from syncd.cli.fields import Assigned, assigned, field_path
from syncd.cli.options import (
    DeploymentArgument,
    FieldsArgument,
    FromOption,
    IdArgument,
    Output,
    OutputOption,
    VariableOption,
    WorkspaceOption,
    kind_of,
)
from syncd.core import changes
from syncd.core.edits import edits
from syncd.core.explain import news
from syncd.core.model import Key, Workspace

OffOption = Annotated[bool, typer.Option("--off", help="The other way round.")]
WhereDeployment = Annotated[str, typer.Option("--deployment", "-d", metavar="D", help="For one deployment's link.")]
WhereEnvironment = Annotated[str, typer.Option("--environment", "-e", metavar="E", help="For a whole environment.")]
NamesArgument = Annotated[list[str], typer.Argument(metavar="F…", help="Fields, as in host or extra.sslmode.")]

override = typer.Typer(help="Replace fields for a deployment or an environment.", no_args_is_help=True)


def link(
    deployment: DeploymentArgument,
    id_: IdArgument,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="F=V", help="Override this field there; as in `override set`.")
    ] = None,
    references: FromOption = None,
    variable: VariableOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Give a deployment a shared definition."""
    key = Key(kind_of(variable), id_)
    given = _assigned(workspace, key, set_, references)
    _change(
        workspace,
        output,
        f"{key} linked to {deployment}",
        lambda here: changes.link(here, key, deployment, given.values, secret=given.secret),
    )


def unlink(
    deployment: DeploymentArgument,
    id_: IdArgument,
    variable: VariableOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Take a definition from a deployment, with the overrides of its link."""
    key = Key(kind_of(variable), id_)
    _change(workspace, output, f"{key} unlinked from {deployment}", lambda here: changes.unlink(here, key, deployment))


def link_all(
    id_: IdArgument,
    off: OffOption = False,
    variable: VariableOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Link a definition to every deployment, those to come too, but the excluded."""
    key = Key(kind_of(variable), id_)
    _change(
        workspace,
        output,
        f"{key} {'no longer ' if off else ''}linked to all",
        lambda here: changes.link_all(here, key, on=not off),
    )


def exclude(
    deployment: DeploymentArgument,
    id_: IdArgument,
    off: OffOption = False,
    variable: VariableOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Keep a deployment out of `link-all`."""
    key = Key(kind_of(variable), id_)
    _change(
        workspace,
        output,
        f"{key} {'no longer ' if off else ''}excluded from {deployment}",
        lambda here: changes.exclude(here, key, deployment, on=not off),
    )


@override.command("set", epilog="Example: syncd override set warehouse -e prod host=warehouse.internal")
def set_override(
    id_: IdArgument,
    fields: FieldsArgument = None,
    references: FromOption = None,
    deployment: WhereDeployment = "",
    environment: WhereEnvironment = "",
    variable: VariableOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Give fields another value there."""
    key = Key(kind_of(variable), id_)
    _one_place(deployment, environment)
    given = _assigned(workspace, key, fields, references)
    if not given.values:
        raise typer.BadParameter("nothing to set: name a field")
    _override(workspace, output, key, deployment, environment, given)


@override.command("null", epilog="Example: syncd override null warehouse -d etl-prod extra.sslmode")
def null_override(
    id_: IdArgument,
    names: NamesArgument,
    deployment: WhereDeployment = "",
    environment: WhereEnvironment = "",
    variable: VariableOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Unset fields there: what the layers below give is gone."""
    key = Key(kind_of(variable), id_)
    _one_place(deployment, environment)
    values = {field_path(key.kind, name): None for name in names}
    _override(workspace, output, key, deployment, environment, Assigned(values, frozenset()))


@override.command("remove", epilog="Example: syncd override remove warehouse -d etl-prod schema")
def remove_override(
    id_: IdArgument,
    names: NamesArgument,
    deployment: WhereDeployment = "",
    environment: WhereEnvironment = "",
    variable: VariableOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Remove overrides: the fields are inherited again."""
    key = Key(kind_of(variable), id_)
    _one_place(deployment, environment)
    paths = [field_path(key.kind, name) for name in names]
    _change(
        workspace,
        output,
        f"{key}: override removed for {deployment or environment}",
        lambda here: changes.override(
            here, key, deployment=deployment, environment=environment, values={}, remove=paths
        ),
    )


def _override(
    workspace: str | None, output: Output, key: Key, deployment: str, environment: str, given: Assigned
) -> None:
    _change(
        workspace,
        output,
        f"{key}: override set for {deployment or environment}",
        lambda here: changes.override(
            here, key, deployment=deployment, environment=environment, values=given.values, secret=given.secret
        ),
    )


def _one_place(deployment: str, environment: str) -> None:
    if bool(deployment) == bool(environment):
        raise typer.BadParameter("say where: --deployment D or --environment E, one of the two")


def _assigned(workspace: str | None, key: Key, given: list[str] | None, references: list[str] | None) -> Assigned:
    from syncd.cli.session import start

    # Looked up first, so that nobody is asked for the secret of a definition that isn't there.
    declared = changes.find_definition(start(workspace).load(), key).secret_fields
    return assigned(key.kind, key.id, given, references, declared)


def _change(workspace: str | None, output: Output, why: str, edit: Callable[[Workspace], Workspace]) -> None:
    from syncd.cli.session import start

    before, after = start(workspace).change(edit, why)
    show.warnings(news(before, after))
    show.changed(edits(before, after), after.revision, output)
