"""Who gets what: `link`, `unlink`, `link-all`, `exclude`."""

from __future__ import annotations

from typing import Annotated

import typer

from syncd.cli import find, show
from syncd.cli.fields import assigned
from syncd.cli.options import (
    FORMS,
    DeploymentArgument,
    FromOption,
    IdArgument,
    Output,
    OutputOption,
    VariableOption,
    WorkspaceOption,
    epilog,
    examples,
    kind_of,
)
from syncd.cli.session import start
from syncd.core import changes
from syncd.core.model import Key, Workspace

OffOption = Annotated[bool, typer.Option("--off", help="The other way round.")]

app = typer.Typer()

LINK = epilog(
    examples(
        "syncd link etl-dev warehouse",
        "syncd link etl-prod warehouse --set schema=finance --set password",
        "syncd link etl-prod region --variable --set value=eu-central-1",
    ),
    FORMS["connection"],
)
UNLINK = epilog(examples("syncd unlink etl-dev warehouse"))
LINK_ALL = epilog(examples("syncd link-all slack", "syncd link-all slack --off"))
EXCLUDE = epilog(examples("syncd exclude etl-dev slack", "syncd exclude etl-dev slack --off"))


@app.command(epilog=LINK)
def link(
    deployment: DeploymentArgument,
    id_: IdArgument,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="F=V", help="Override F for this deployment. May be repeated.")
    ] = None,
    references: FromOption = None,
    variable: VariableOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Give a deployment a shared connection or variable.

    Overrides that its link has already stay, but for the fields that are named.
    """
    session = start(workspace)
    key = Key(kind_of(variable), id_)
    # Looked up first, so that nobody is asked for the secret of what isn't there.
    here = session.load()
    declared = find.definition(here, key).secret_fields
    find.deployment(here, deployment)
    given = assigned(key.kind, key.id, set_, references, declared)
    result = session.change(
        lambda here: changes.link(here, key, deployment, given.values, secret=given.secret),
        f"{key} linked to {deployment}",
    )
    show.changed(*result, output)


@app.command(epilog=UNLINK)
def unlink(
    deployment: DeploymentArgument,
    id_: IdArgument,
    variable: VariableOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Take it from a deployment, with the link's overrides.

    A link that only link-all implies is taken away with `exclude`.
    """
    key = Key(kind_of(variable), id_)

    def edit(here: Workspace) -> Workspace:
        _refuse_unknown(here, key, deployment)
        return changes.unlink(here, key, deployment)

    show.changed(*start(workspace).change(edit, f"{key} unlinked from {deployment}"), output)


@app.command(epilog=LINK_ALL)
def link_all(
    id_: IdArgument,
    off: OffOption = False,
    variable: VariableOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Give it to every deployment, and to those to come.

    Excluded deployments don't get it. With --off only explicit links remain.
    """
    key = Key(kind_of(variable), id_)

    def edit(here: Workspace) -> Workspace:
        find.definition(here, key)
        return changes.link_all(here, key, on=not off)

    show.changed(*start(workspace).change(edit, f"{key} {'no longer ' if off else ''}linked to all"), output)


@app.command(epilog=EXCLUDE)
def exclude(
    deployment: DeploymentArgument,
    id_: IdArgument,
    off: OffOption = False,
    variable: VariableOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Keep a deployment out of link-all."""
    key = Key(kind_of(variable), id_)

    def edit(here: Workspace) -> Workspace:
        _refuse_unknown(here, key, deployment)
        return changes.exclude(here, key, deployment, on=not off)

    why = f"{key} {'no longer excluded' if off else 'excluded'} from {deployment}"
    show.changed(*start(workspace).change(edit, why), output)


def _refuse_unknown(here: Workspace, key: Key, deployment: str) -> None:
    find.definition(here, key)
    find.deployment(here, deployment)
