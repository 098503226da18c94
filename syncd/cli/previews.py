"""`preview`: a deployment that gets what another one gets, for a pull request, until it expires."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Annotated

import typer

from syncd.cli import ask, find, show
from syncd.cli.options import Output, OutputOption, WorkspaceOption, YesOption, epilog, examples
from syncd.cli.session import now, start
from syncd.cli.usage import WrongUsage
from syncd.core import changes, previews
from syncd.core.errors import FixError, Reason
from syncd.core.model import Deployment, Workspace

app = typer.Typer(name="preview", help="Deployments that get what another one gets.", no_args_is_help=True)

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST = timedelta(days=366)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The preview's name.")]

CREATE = epilog(
    examples(
        "syncd preview create pr-123 --of etl-dev --ttl 7d",
        "syncd preview create pr-123 --of etl-prod --target files",
    ),
    "It is linked to what its base is linked to, now and later, and excluded from\n"
    "what that is excluded from. It has the layers of its own environment; the\n"
    "overrides of its base's links are its own where both are of one environment.\n"
    "A secret that any deployment of a higher environment gets is withheld from it:\n"
    "whoever asks for it is told so.",
    "Once it expires, the next sync takes it away, with its documents.",
)


@app.command(epilog=CREATE)
def create(
    name: NameArgument,
    of: Annotated[str, typer.Option("--of", metavar="D", help="The deployment that it previews.")],
    environment: Annotated[
        str | None, typer.Option("--environment", "-e", metavar="E", help="The lowest, unless told.")
    ] = None,
    ttl: Annotated[
        str | None,
        typer.Option("--ttl", metavar="TIME", help="Until it expires: 90m, 12h, 7d, 2w; else never."),
    ] = None,
    targets: Annotated[
        list[str] | None,
        typer.Option("--target", "-t", metavar="T", help="Where it is pushed to; its base's unless told. Repeatable."),
    ] = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make one; made again, it is as it is told now."""
    session = start(workspace)
    expires = "" if ttl is None else _until(ttl)

    def edit(here: Workspace) -> Workspace:
        base = find.deployment(here, of)
        if base.preview_of:
            raise FixError(Reason.REFUSED, f"deployment {of}", "is itself a preview", f"name {base.preview_of}")
        there = here.deployments.get(name)
        if there is not None and not there.preview_of:
            raise FixError(Reason.REFUSED, f"deployment {name}", "is there, and no preview", "choose another name")
        tier = here.environments[0] if environment is None else find.environment(here, environment)
        made = Deployment(name, tier, base.targets if targets is None else tuple(targets), of, expires)
        for target in made.targets:
            _refuse_one(session.installation.target(target, session.workspace).layout.holds_one, target)
        kept = changes.delete_deployment(here, name) if there is not None else here
        return changes.add_deployment(kept, made)

    show.changed(*session.change(edit, f"preview {name} of {of}"), output)


@app.command()
def delete(
    name: NameArgument, yes: YesOption = False, workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE
) -> None:
    """Delete one; the next sync takes its documents away."""
    session = start(workspace)
    _preview(session.load(), name)
    ask.confirm(f"Delete preview {name}?", yes=yes)

    def edit(here: Workspace) -> Workspace:
        _preview(here, name)
        return changes.delete_deployment(here, name)

    show.changed(*session.change(edit, f"preview {name} deleted"), output)


@app.command("list")
def list_(workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE) -> None:
    """Show all of them, and what each is linked to and kept from."""
    from syncd.core.model import Scope
    from syncd.core.resolve import resolve
    from syncd.core.reveal import for_previews

    session = start(workspace)
    here = session.load()
    found = _all(here)
    show.warnings(session.unknown_rules(here))
    resolution = for_previews(here, resolve(here, Scope()), session.installation.reveal)
    linked, expired = resolution.linked, previews.expired(here, now())
    withheld: dict[str, list[str]] = {one.name: [] for one in found}
    for item in sorted(item for item, one in resolution.resolved.items() if one.withheld):
        withheld[item.deployment].append(str(item))
    if output is Output.JSON:
        show.as_json(
            {
                "previews": [
                    {
                        "name": one.name,
                        "of": one.preview_of,
                        "environment": one.environment,
                        "expires": one.expires or None,
                        "expired": one.name in expired,
                        "targets": one.targets,
                        "linked": len(linked[one.name]),
                        "withheld": withheld[one.name],
                    }
                    for one in found
                ]
            }
        )
        return
    show.table(
        ("preview", "of", "environment", "expires", "linked", "withheld"),
        (
            (
                one.name,
                one.preview_of,
                one.environment,
                f"{one.expires}, with the next sync" if one.name in expired else one.expires or "never",
                len(linked[one.name]),
                ", ".join(item.partition("/")[2] for item in withheld[one.name]),
            )
            for one in found
        ),
        none="there is none: `syncd preview create NAME --of DEPLOYMENT`",
    )


def _all(here: Workspace) -> list[Deployment]:
    return [one for mine in previews.of(here).values() for one in mine]


def _preview(here: Workspace, name: str) -> Deployment:
    one = here.deployments.get(name)
    if one is None or not one.preview_of:
        known = ", ".join(sorted(one.name for one in _all(here))) or "none"
        raise FixError(Reason.NOT_FOUND, f"preview {name}", f"isn't there; there is {known}", "`syncd preview list`")
    return one


def _until(ttl: str) -> str:
    found = re.fullmatch(r"(\d{1,5})([mhdw])", ttl)
    if found is None:
        raise WrongUsage("--ttl is a number and a unit, as 90m, 12h, 7d or 2w")
    length = timedelta(**{_UNITS[found[2]]: int(found[1])})
    if not timedelta() < length <= _LONGEST:
        raise WrongUsage("--ttl is a minute at least, and a year at most")
    return (datetime.now(timezone.utc) + length).strftime("%Y-%m-%dT%H:%M:%SZ")


def _refuse_one(holds_one: bool, target: str) -> None:
    if holds_one:
        raise FixError(
            Reason.REFUSED,
            f"target {target}",
            "is for the documents of one deployment alone",
            "name another with --target",
        )
