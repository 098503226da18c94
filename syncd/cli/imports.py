"""`import`: moving in, from where connections and variables are today."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from syncd.cli import ask, show
from syncd.cli.options import Output, OutputOption, WorkspaceOption, YesOption, epilog, examples
from syncd.cli.session import Session, now, start, who
from syncd.cli.usage import WrongUsage
from syncd.core.edits import edits
from syncd.core.errors import FixError, Problems, Reason, SyncError, document
from syncd.core.merge import leaves
from syncd.core.model import NAME, Definition, Workspace, dotted

if TYPE_CHECKING:
    from syncd.cli.moving import Given
    from syncd.imports.found import Found
    from syncd.imports.planning import Planned

app = typer.Typer()

IMPORT = epilog(
    examples(
        "syncd import etl-dev=dev.json etl-prod=prod.json",
        "syncd import connections.yaml variables.json",
        "syncd import etl-dev= --format env               this environment",
        "syncd import etl-dev=vault:old-dev:airflow/connections",
        "syncd import astro.json --map clx4k2=etl-prod --yes",
    ),
    "FROM is one of:\n"
    "  FILE                     - is stdin, ./vault:x a file of such a name\n"
    "  vault:TARGET:MOUNT/PATH  what stock VaultBackend reads: its mount_point, and\n"
    "                           connections_path or variables_path, with address\n"
    "                           and login of this target",
    "Formats, told by name and content unless --format says it:\n"
    "  json       `airflow connections export`, 2.11 and 3.x\n"
    "  yaml       the same in YAML\n"
    "  env        the same as env; or AIRFLOW_CONN_* and AIRFLOW_VAR_*, in a\n"
    "             dotenv file or, with no FROM, in the environment of this command\n"
    "  variables  `airflow variables export`\n"
    "  settings   airflow_settings.yaml of the Astro CLI\n"
    "  astro      environment objects, as Astro's API lists them",
    "What can't be told:\n"
    "  AIRFLOW_CONN_DB   the id's case: it becomes db\n"
    "  a URI             an empty host or schema from none: it becomes empty;\n"
    "                    a host's capitals; ?pool=5 is text\n"
    "  postgresql, a-b   are postgres and a_b, as in Airflow",
    "Exit codes:\n"
    "  0 imported, or all is there  2 wrong usage\n"
    "  1 nothing was imported, or something of it couldn't be",
)


class Format(str, Enum):
    """What a file holds."""

    JSON = "json"
    YAML = "yaml"
    ENV = "env"
    VARIABLES = "variables"
    SETTINGS = "settings"
    ASTRO = "astro"


@app.command("import", epilog=IMPORT)
def import_(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[D=]FROM", help="From where: what deployment D has today.")
    ] = None,
    form: Annotated[Format | None, typer.Option("--format", "-f", help="Of all files.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Also take what is different here.")] = False,
    names: Annotated[
        list[str] | None, typer.Option("--map", metavar="ID=D", help="Astro's id of deployment D. May be repeated.")
    ] = None,
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Move in: take what an Airflow has, exported or in Vault.

    With D= it is what that deployment has. Of several, what is equal everywhere is shared, and linked to just these;
    what differs is overridden on each link, whatever their environments. Without D= all is shared, and linked to
    nothing. What would change is shown first, and asked about. What the registry has already is left as it is,
    unless --replace; what another deployment gets never changes.
    """
    from syncd.cli import moving

    sources = [moving.given(argument) for argument in arguments or ()]
    mapped = _mapped(names or ())
    _refuse_wrong_usage(sources, form)
    session = start(workspace)
    before = session.load()
    _refuse_unknown({one.deployment for one in sources} | set(mapped.values()), before)
    vaults = moving.Vaults(session.installation, session.workspace)
    found = moving.read(sources or [moving.Given("", "")], form.value if form else None, vaults)
    plan, told = _plan(before, found, mapped)
    _carry_out(session, plan, told, replace=replace, yes=yes, output=output)


class _Told(NamedTuple):
    """What is said beside a plan. `refused` counts as the plan does: once for each deployment, where they are named."""

    problems: list[SyncError]
    notes: list[str]
    refused: int
    by_deployment: bool


def _plan(before: Workspace, found: Iterable[tuple[Given, Found]], names: Mapping[str, str]) -> tuple[Planned, _Told]:
    from syncd.imports.astro import among
    from syncd.imports.planning import planned
    from syncd.imports.sources import together

    by_deployment: dict[str, list[tuple[str, Found]]] = {}
    for one, part in found:
        here = part if one.deployment else among(part, names, before.deployments, one.name)
        by_deployment.setdefault(one.deployment, []).append((one.name, here))
    parts = {name: together(some) for name, some in by_deployment.items()}
    plan = planned(
        before,
        parts[""].definitions if "" in parts else {},
        {name: part.definitions for name, part in parts.items() if name},
    )
    problems: list[SyncError] = [one.error for one in sorted(one for part in parts.values() for one in part.problems)]
    notes = [str(one.error) for one in sorted(one for part in parts.values() for one in part.notes)]
    return plan, _Told(problems, notes, sum(part.refused for part in parts.values()), any(parts))


def _carry_out(session: Session, plan: Planned, told: _Told, *, replace: bool, yes: bool, output: Output) -> None:
    from syncd.registry import workspaces

    before, after = plan.before, plan.replaced if replace else plan.added
    left = () if replace else plan.different
    # No warning of an override that inherits a secret: that is how these deployments have it today.
    if output is Output.TABLE or not yes:
        _show(plan, told, replace=replace, aside=output is Output.JSON)
    changed = after != before
    if changed:
        ask.confirm(f"Import this into workspace {before.name}?", yes=yes)
        # Against what was shown: what another made meanwhile is a conflict, and isn't lost.
        after = workspaces.save(session.registry, before, after, who=who(), now=now(), why="import")
    if output is Output.JSON:
        show.as_json(
            {
                "revision": after.revision,
                "edits": [one._asdict() for one in edits(before, after)],
                "warnings": told.notes,
                "same": list(plan.same),
                "different": [one._asdict() for one in left],
                "problems": [document(one) for one in told.problems],
            }
        )
    elif changed:
        show.say(show.DONE, f"revision {after.revision}")
    if told.problems:
        raise typer.Exit(1)


def _show(plan: Planned, told: _Told, *, replace: bool, aside: bool) -> None:
    say = show.tell if aside else show.say
    lines = (
        line for key, one in plan.added.definitions.items() for line in _new(plan.before.definitions.get(key), one)
    )
    for line in sorted(lines):
        say(("+ ", show.STYLES["+"]), line)
    if plan.different:
        say((f"different{'' if replace else ', left as it is: --replace takes it'}", "bold"))
        show.edited(plan.different, aside=aside)
    show.warnings(told.notes)
    if told.problems:
        show.tell(("not importable", "bold"))
        show.errors(told.problems)
    different = len({one.subject for one in plan.different})
    say(
        f"{len(plan.new)} new, {len(plan.same)} the same, {different} different, {told.refused} not importable: "
        f"connections and variables{', counted per deployment' if told.by_deployment else ''}"
    )


def _new(old: Definition | None, one: Definition) -> Iterator[str]:
    """A line for a definition that is new, or for each of its links that is: with what is overridden there."""
    if old is one:
        return
    links = {name: patch for name, patch in one.links.items() if old is None or name not in old.links}
    shown = {name: ", ".join(sorted({dotted(path) for path, _ in leaves(patch)})) for name, patch in links.items()}
    to = "; ".join(f"{name} ({fields})" if fields else name for name, fields in sorted(shown.items()))
    more = "all" if one.link_all else ""
    yield f"{one.key}" + (f", linked to {'; '.join(filter(None, (more, to)))}" if more or to else "")


def _mapped(names: Iterable[str]) -> dict[str, str]:
    pairs = [name.partition("=") for name in names]
    if not all(id_ and NAME.fullmatch(deployment) for id_, _, deployment in pairs):
        raise WrongUsage("--map takes ID=DEPLOYMENT")
    return {id_: deployment for id_, _, deployment in pairs}


def _refuse_wrong_usage(sources: list[Given], form: Format | None) -> None:
    files = [one.source for one in sources if isinstance(one.source, str)]
    if form is not Format.ENV and not (sources and all(files)):
        raise WrongUsage("name a file, what a Vault holds, or --format env for this environment")
    if form is not None and sources and not files:
        raise WrongUsage("--format is of files, and none is named")
    if files.count("-") > 1 or files.count("") > 1:
        raise WrongUsage("stdin, and the environment, can stand for one of them only")


def _refuse_unknown(names: Iterable[str], here: Workspace) -> None:
    unknown = sorted(set(names) - here.deployments.keys() - {""})
    if unknown:
        raise Problems(
            [
                FixError(
                    Reason.NOT_FOUND,
                    f"deployment {name}",
                    f"isn't in workspace {here.name}",
                    f"`syncd deployment create {name} --environment E`",
                )
                for name in unknown
            ]
        )
