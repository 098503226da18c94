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

    A deployment reads what lies under its own path, and nothing else. syncd's own policy is the last; neither needs a
    right on policies.
    """
    from syncd.cli.usage import WrongUsage
    from syncd.core.errors import FixError, Reason
    from syncd.targets import vault_policies

    if auth_type not in vault_policies.LOGINS:
        raise WrongUsage(f"--auth-type is one of {', '.join(vault_policies.LOGINS)}")
    session = start(workspace)
    type_, settings = session.installation.targets.get(target, ("", None))
    if type_ != "vault":
        raise FixError(
            Reason.INVALID_SETTINGS, f"target {target}", "is no target of type vault", "`syncd target list` shows them"
        )
    prefix = getattr(settings, "prefix", None) or session.workspace
    of = vault_policies.Extent(target, getattr(settings, "mount_point", ""), prefix, getattr(settings, "layout", ""))
    users = [one.name for one in session.load().deployments.values() if target in one.targets]
    found = vault_policies.templated(of) if templated else vault_policies.grants(of, users, auth_type)
    if output is Output.JSON:
        show.as_json({"policies": [{"name": one.name, "rules": one.rules, "role": one.role} for one in found]})
    else:
        typer.echo(vault_policies.script(found, getattr(settings, "namespace", "")))
