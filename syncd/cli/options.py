"""Arguments and options that many commands share, each described once."""

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
    typer.Option("--workspace", "-w", envvar="SYNCD_WORKSPACE", metavar="NAME", help="Needed where there are several."),
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="For people, or one JSON document for scripts.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
OwnerOption = Annotated[
    str, typer.Option("--deployment", "-d", metavar="D", help="This deployment's own, instead of the shared one.")
]
VariableOption = Annotated[bool, typer.Option("--variable", help="ID is a variable's key, not a connection's id.")]
FieldsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="F=V", help="Fields, in any of the forms shown below.")
]
FromOption = Annotated[
    list[str] | None,
    typer.Option(
        "--from",
        metavar="F=REF",
        help="Read F at each sync: env:NAME, file:PATH, vault:MOUNT/PATH#KEY. May be repeated.",
    ),
]
DeploymentArgument = Annotated[str, typer.Argument(metavar="DEPLOYMENT", help="The deployment's name.")]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="A connection's id, or a variable's key.")]

FORMS = {
    "connection": """\
Fields:
  host=db.internal          text as it stands
  extra.sslmode=require     a key of extra; extra.pool=5 is JSON, and so is
                            extra='{"pool": 5}'
  password                  asks, and shows nothing; makes any field a secret
  password=@PATH            reads a file
  password=-                reads stdin
  login=@@x                 the text @x
  --from password=env:NAME  read at each sync, never stored; or file:PATH,
                            vault:MOUNT/PATH#KEY
A secret is never an argument: others on this machine can see those.""",
    "variable": """\
Its one field:
  value=eu-west-1        text as it stands
  value                  asks, and shows nothing; makes it a secret
  value=@PATH            reads a file
  value=-                reads stdin
  value=@@x              the text @x
  --from value=env:NAME  read at each sync, never stored; or file:PATH,
                         vault:MOUNT/PATH#KEY
A secret is never an argument: others on this machine can see those.""",
}
"""How fields are given, by kind."""


def kind_of(variable: bool) -> str:
    """The kind that --variable, or its absence, names."""
    return "variable" if variable else "connection"


def epilog(*paragraphs: str) -> str:
    """What stands below a command's options, with its lines kept as they are."""
    return "\n\n".join(f"\b\n{one}" for one in paragraphs)


def examples(*lines: str) -> str:
    """A paragraph of examples."""
    return "\n".join(("Examples:" if len(lines) > 1 else "Example:", *(f"  {one}" for one in lines)))
