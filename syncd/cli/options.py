"""Options that many commands share, each described once."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer


class Output(str, Enum):
    """How a command answers."""

    TABLE = "table"
    JSON = "json"


WorkspaceOption = Annotated[
    str | None,
    typer.Option(
        "--workspace", "-w", envvar="SYNCD_WORKSPACE", metavar="NAME", help="Needed where there is more than one."
    ),
]
OutputOption = Annotated[
    Output, typer.Option("--output", "-o", help="A table for people, or JSON for scripts (README: JSON output).")
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
OwnerOption = Annotated[
    str, typer.Option("--deployment", "-d", metavar="D", help="The deployment's own, instead of the shared one.")
]
VariableOption = Annotated[bool, typer.Option("--variable", help="The id is a variable's.")]
FieldsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="F=V…",
        help="host=db.internal, extra.sslmode=require. F=@PATH reads a file, F=- stdin; F alone asks for a secret, "
        "and makes it one. F=@@x is the text @x.",
    ),
]
FromOption = Annotated[
    list[str] | None,
    typer.Option("--from", metavar="F=REF", help="A reference, read at each pass: password=env:NAME, =file:PATH."),
]
DeploymentArgument = Annotated[str, typer.Argument(metavar="DEPLOYMENT")]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="A connection's id, or a variable's key.")]


def kind_of(variable: bool) -> str:
    """The kind that --variable, or its absence, names."""
    return "variable" if variable else "connection"
