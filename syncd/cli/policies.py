"""`syncd policies`: what to grant in a Vault."""

from __future__ import annotations

from typing import Annotated

import typer

from syncd.cli import show
from syncd.cli.options import Output, OutputOption, WorkspaceOption, epilog, examples
from syncd.cli.session import start

POLICIES = epilog(
    examples(
        "syncd policies vault > grants.sh             one per deployment",
        "syncd policies vault --auth-type kubernetes  for pods",
        "syncd policies vault --templated             one, by who logs in",
    )
)


def policies(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A target of type vault.")],
    auth_type: Annotated[str, typer.Option("--auth-type", help="How deployments log in.")] = "approle",
    templated: Annotated[
        bool, typer.Option("--templated", help="One policy, by the entity metadata `syncd_deployment`.")
    ] = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Print what to grant in a Vault, as its commands.

    A deployment reads what lies under its own path, in `split` the shared parts that it is to have, and nothing else.
    syncd's own policy is the last; it needs no right on policies but in `split`. There, run it again when links change.
    """
    from syncd.cli.usage import WrongUsage
    from syncd.core.errors import FixError, Reason
    from syncd.core.layouts.split import Split
    from syncd.core.model import Scope
    from syncd.core.resolve import resolve
    from syncd.targets.vault import Settings, grants

    if auth_type not in grants.LOGINS:
        raise WrongUsage(f"--auth-type is one of {', '.join(grants.LOGINS)}")
    session = start(workspace)
    here = session.installation
    _, settings = here.targets.get(target, ("", None))
    if not isinstance(settings, Settings):
        raise FixError(
            Reason.INVALID_SETTINGS, f"target {target}", "is no target of type vault", "`syncd target list` shows them"
        )
    if templated and settings.layout == Split.name:
        raise WrongUsage("in layout split each deployment has a policy of its own: not with --templated")
    prefix, team = settings.prefix or session.workspace, session.load()
    references = here.allowed.vault if here.vault == target else ()
    of = grants.Extent(target, settings.mount_point, prefix, settings.layout, settings.writes_policies, references)
    users = [one.name for one in team.deployments.values() if target in one.targets]
    shares = Split(prefix).shares(resolve(team, Scope(target)))
    found = grants.templated(of) if templated else grants.grants(of, users, auth_type, shares)
    if output is Output.JSON:
        show.as_json({"policies": [{"name": one.name, "rules": one.rules, "role": one.role} for one in found]})
    else:
        typer.echo(grants.script(found, settings.namespace))
