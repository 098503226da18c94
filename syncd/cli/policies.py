"""`syncd policies`: what to grant in a Vault, or to the workers that ask an API server."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli import show
from syncd.cli.options import Output, OutputOption, WorkspaceOption, epilog, examples
from syncd.cli.session import Session, start

if TYPE_CHECKING:
    from syncd.core.documents import Place
    from syncd.core.layouts.split import Split
    from syncd.core.model import Workspace
    from syncd.targets import kubernetes

_AUTH_TYPE = "approle"
_ACCOUNT = re.compile(r"([a-z0-9-]+:)?[a-z0-9{]([a-z0-9.{}-]*[a-z0-9}])?")

app = typer.Typer()

POLICIES = epilog(
    examples(
        "syncd policies vault > grants.sh             one per deployment",
        "syncd policies vault --auth-type kubernetes  for pods",
        "syncd policies vault --templated             one, by who logs in",
        "syncd policies pods > roles.yaml             in Kubernetes: `kubectl apply`",
    )
)


@app.command(epilog=POLICIES)
def policies(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A target of type vault or kubernetes.")],
    auth_type: Annotated[str, typer.Option("--auth-type", help="How deployments log in.")] = _AUTH_TYPE,
    templated: Annotated[
        bool, typer.Option("--templated", help="One policy, by the entity metadata `syncd_deployment`.")
    ] = False,
    account: Annotated[
        str,
        typer.Option(
            "--service-account",
            metavar="[NAMESPACE:]NAME",
            help="kubernetes: whose pods read; {deployment} in it is each one's name.",
        ),
    ] = "airflow",
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Print what to grant in a Vault or a namespace.

    In a Vault, as its commands. A deployment reads what lies under its own path, in `split` the shared parts that it is
    to have, and nothing else. syncd's own policy is the last; it needs no right on policies but in `split`. There,
    where syncd doesn't write them, run it again after a sync in which links changed.

    In Kubernetes, as manifests: a Role and its binding for each deployment, which may `get` its own Secrets by name.
    Run it again where `secrets` changes, before the sync. Workers that mount them need none.
    """
    from syncd.cli.usage import WrongUsage
    from syncd.targets import kubernetes

    session = start(workspace)
    _, settings = session.installation.targets.get(target, ("", None))
    if isinstance(settings, kubernetes.Settings):
        if templated or auth_type != _AUTH_TYPE:
            raise WrongUsage("--auth-type and --templated are for a Vault")
        _in_kubernetes(session, target, settings, account, output)
    else:
        _in_vault(session, target, auth_type, output, templated=templated)


def _in_kubernetes(session: Session, target: str, settings: kubernetes.Settings, account: str, output: Output) -> None:
    from syncd.cli.usage import WrongUsage
    from syncd.registry.record import Record
    from syncd.targets.kubernetes import grants, laid_out

    if not _ACCOUNT.fullmatch(account):
        raise WrongUsage("--service-account is NAME, or NAMESPACE:NAME")
    users = [one.name for one in session.load().deployments.values() if target in one.targets]
    lies = Record(session.registry, session.workspace).objects(target)
    layout = laid_out(settings, settings.prefix or session.workspace)
    found = grants.grants(layout, settings.namespace, users, account, lies)
    if output is Output.JSON:
        show.as_json({"manifests": list(found)})
    else:
        typer.echo(grants.text(found), nl=False)


def _in_vault(session: Session, target: str, auth_type: str, output: Output, *, templated: bool) -> None:
    from syncd.cli.usage import WrongUsage
    from syncd.core.documents import Mark
    from syncd.core.errors import FixError, Reason
    from syncd.core.layouts.split import Split
    from syncd.installation import SETTINGS
    from syncd.targets.vault import Settings, grants

    if auth_type not in grants.LOGINS:
        raise WrongUsage(f"--auth-type is one of {', '.join(grants.LOGINS)}")
    here = session.installation
    _, settings = here.targets.get(target, ("", None))
    if not isinstance(settings, Settings):
        problem = (
            "is no target of type vault or kubernetes" if target in here.targets else f"isn't in {here.home / SETTINGS}"
        )
        raise FixError(Reason.INVALID_SETTINGS, f"target {target}", problem, "`syncd target list` shows them")
    if templated and settings.layout == Split.name:
        raise WrongUsage("in layout split each deployment has a policy of its own: not with --templated")
    prefix, team = settings.prefix or session.workspace, session.load()
    references = here.allowed.vault if here.vault == target else ()
    # At revision 0: somebody else writes it, and never ahead of what the registry knows.
    mark = Mark(session.registry.instance, session.workspace, target, 0)
    of = grants.Extent(
        target, settings.mount_point, prefix, settings.layout, settings.writes_policies, references, mark
    )
    users = [one.name for one in team.deployments.values() if target in one.targets]
    shares: Mapping[str, Collection[Place]] = {}
    gone: Collection[str] = ()
    if settings.layout == Split.name:
        shares, gone = _shared(session, target, Split(prefix), team)
    found = grants.templated(of) if templated else grants.grants(of, users, auth_type, shares)
    if not settings.writes_policies:
        found = (*grants.withdrawn(of, gone), *found)
    if output is Output.JSON:
        show.as_json({"policies": [{"name": one.name, "rules": one.rules, "role": one.role} for one in found]})
    else:
        typer.echo(grants.script(found, settings.namespace))


def _shared(
    session: Session, target: str, layout: Split, team: Workspace
) -> tuple[Mapping[str, Collection[Place]], Collection[str]]:
    """What each deployment is to read of what is shared, with what its links name until the next sync; and the
    deployments that have a policy, and aren't there any more.

    What lies there and may not be as wanted yet is nobody's to read anew: it may hold what a deployment never had.
    """
    from syncd.core.documents import Place
    from syncd.core.layouts.sharing import Sharing
    from syncd.core.model import Scope
    from syncd.core.resolve import resolve
    from syncd.core.reveal import for_previews
    from syncd.registry import status
    from syncd.registry.record import Record

    record = Record(session.registry, session.workspace)
    there = Sharing(layout, record.observed(target, record.objects(target)))
    # What is withheld from a preview isn't its to read where it lies for others, either.
    shares = layout.shares(for_previews(team, resolve(team, Scope(target)), session.installation.reveal))
    users = [name for name, one in team.deployments.items() if target in one.targets]
    last = status.last_pass(session.registry, session.workspace, target)
    old = there.parts if last is None or last.behind_since or last.revision != team.revision else frozenset()
    empty: frozenset[Place] = frozenset()
    granted = {
        name: (shares.get(name, empty) - (old - there.granted.get(name, empty))) | there.in_use.get(name, empty)
        for name in users
    }
    if granted != {name: shares.get(name, empty) for name in users}:
        show.tell(f"target {target} isn't in sync yet: `syncd sync`, and then this again")
    with_policies = filter(None, (layout.policy_of(Place(name)) for name in record.objects(target)))
    return granted, set(with_policies).difference(users)
