"""`syncd override set|null|remove`: fields that are different in an environment or for one deployment."""

from __future__ import annotations

from typing import Annotated

import typer

from syncd.cli import find, show
from syncd.cli.fields import Assigned, assigned, field_path
from syncd.cli.options import (
    FORMS,
    FieldsArgument,
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
from syncd.cli.session import Session, start
from syncd.cli.usage import WrongUsage
from syncd.core import changes
from syncd.core.model import Definition, Key, Path, Workspace

app = typer.Typer(
    name="override",
    help="Replace fields for an environment or a deployment.\n\n"
    "Layers, the lowest first: definition, environment, link. `syncd explain` shows which of them a field comes from.",
    no_args_is_help=True,
)

DeploymentOption = Annotated[str, typer.Option("--deployment", "-d", metavar="D", help="For one deployment's link.")]
EnvironmentOption = Annotated[str, typer.Option("--environment", "-e", metavar="E", help="For a whole environment.")]
NamesArgument = Annotated[list[str], typer.Argument(metavar="F", help="Fields, as in host or extra.sslmode.")]


@app.command(
    "set",
    epilog=epilog(
        examples(
            "syncd override set warehouse -e prod host=warehouse.internal password",
            "syncd override set warehouse -d etl-prod extra.application_name=etl",
        ),
        FORMS["connection"],
    ),
)
def set_(
    id_: IdArgument,
    fields: FieldsArgument = None,
    references: FromOption = None,
    deployment: DeploymentOption = "",
    environment: EnvironmentOption = "",
    variable: VariableOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Give fields another value there."""
    if not fields and not references:
        raise WrongUsage("nothing to set: name a field")
    place = _Place(kind_of(variable), id_, deployment, environment)
    session = start(workspace)
    # Looked up first, so that nobody is asked for the secret of what isn't there.
    declared = place.found(session.load()).secret_fields
    given = assigned(place.key.kind, id_, fields, references, declared)
    _change(session, output, place, given)


@app.command("null", epilog=epilog(examples("syncd override null warehouse -d etl-prod extra.sslmode")))
def null(
    id_: IdArgument,
    names: NamesArgument,
    deployment: DeploymentOption = "",
    environment: EnvironmentOption = "",
    variable: VariableOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Unset fields there: what the layers below give is gone."""
    place = _Place(kind_of(variable), id_, deployment, environment)
    values = dict.fromkeys(field_path(place.key.kind, name) for name in names)
    _change(start(workspace), output, place, Assigned(values))


@app.command("remove", epilog=epilog(examples("syncd override remove warehouse -d etl-prod schema")))
def remove(
    id_: IdArgument,
    names: NamesArgument,
    deployment: DeploymentOption = "",
    environment: EnvironmentOption = "",
    variable: VariableOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Remove overrides: the fields are inherited again."""
    place = _Place(kind_of(variable), id_, deployment, environment)
    paths = [field_path(place.key.kind, name) for name in names]
    _change(start(workspace), output, place, Assigned({}), paths)


class _Place:
    """Whose fields a command is about. Raises WrongUsage unless it says one of the two."""

    def __init__(self, kind: str, id_: str, deployment: str, environment: str) -> None:
        if bool(deployment) == bool(environment):
            raise WrongUsage("say where: --deployment D or --environment E, one of the two")
        self.key = Key(kind, id_)
        self.deployment = deployment
        self.environment = environment

    def __str__(self) -> str:
        return f"{self.key} for {self.deployment or self.environment}"

    def found(self, here: Workspace) -> Definition:
        """The definition. Raises FixError where it or the place isn't there."""
        if self.environment:
            find.environment(here, self.environment)
        else:
            find.deployment(here, self.deployment)
        return find.definition(here, self.key)


def _change(session: Session, output: Output, place: _Place, given: Assigned, remove: list[Path] | None = None) -> None:
    def edit(here: Workspace) -> Workspace:
        place.found(here)
        return changes.override(
            here,
            place.key,
            deployment=place.deployment,
            environment=place.environment,
            values=given.values,
            remove=remove or (),
            secret=given.secret,
        )

    show.changed(*session.change(edit, f"override of {place} {'removed' if remove else 'set'}"), output)
