"""`import`: moving in, from where connections and variables are today."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Annotated

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
        "syncd import etl-dev=- --format env              this environment",
        "syncd import etl-prod= --vault vault --path airflow/connections",
        "syncd import astro.json --map clx4k2=etl-prod --yes",
    ),
    "Formats, told by name and content unless --format says it:\n"
    "  json       `airflow connections export`, 2.11 and 3.x\n"
    "  yaml       the same in YAML\n"
    "  env        the same as env; or AIRFLOW_CONN_* and AIRFLOW_VAR_*, in a\n"
    "             dotenv file or, as -, in the environment of this command\n"
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
    "  1 nothing was imported, or something in the files couldn't be",
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
    files: Annotated[
        list[str] | None, typer.Argument(metavar="[D=]FILE", help="What deployment D has today; - is stdin.")
    ] = None,
    form: Annotated[Format | None, typer.Option("--format", "-f", help="Of all files.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Also take what is different here.")] = False,
    vault: Annotated[
        str | None, typer.Option("--vault", metavar="TARGET", help="Read a Vault with this target's address and login.")
    ] = None,
    path: Annotated[str, typer.Option("--path", metavar="P", help="VaultBackend's connections_path.")] = "",
    variables_path: Annotated[
        str, typer.Option("--variables-path", metavar="P", help="VaultBackend's variables_path.")
    ] = "",
    mount: Annotated[
        str, typer.Option("--mount", metavar="M", help="Its mount, where it isn't the target's own.")
    ] = "",
    names: Annotated[
        list[str] | None, typer.Option("--map", metavar="ID=D", help="Astro's id of deployment D. May be repeated.")
    ] = None,
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Move in: take what an Airflow has today, from its export.

    With D= a file is what that deployment has. Of several, what is equal everywhere is shared, and linked to just
    these; what differs is overridden on each link, whatever their environments. Without D= all is shared, and linked
    to nothing. What would change is shown first, and asked about. What the registry has already is left as it is,
    unless --replace; what another deployment gets never changes.
    """
    from syncd.cli import moving

    sources = [moving.given(argument) for argument in files or ()]
    mapped = _mapped(names or ())
    _refuse_wrong_usage(sources, form, vault, path or variables_path)
    session = start(workspace)
    before = session.load()
    _refuse_unknown({one.deployment for one in sources} | set(mapped.values()), before)
    if vault is None:
        asked = sources or [moving.Given("", "")]
        found = moving.read(asked, form.value if form else None)
    else:
        place = moving.Vault(vault, mount, path, variables_path)
        one = sources[0] if sources else moving.Given("", "")
        with show.busy("reading the Vault"):
            found = [(one, moving.read_vault(session.installation, session.workspace, place))]
    plan, problems, notes = _plan(before, found, mapped)
    _carry_out(session, plan, (problems, notes), replace=replace, yes=yes, output=output)


def _plan(
    before: Workspace, found: Iterable[tuple[Given, Found]], names: Mapping[str, str]
) -> tuple[Planned, list[SyncError], list[str]]:
    from syncd.cli.moving import together
    from syncd.imports.astro import among
    from syncd.imports.planning import planned

    by_deployment: dict[str, list[tuple[str, Found]]] = {}
    for one, part in found:
        here = part if one.deployment else among(part, names, before.deployments, one.file)
        by_deployment.setdefault(one.deployment, []).append((one.file, here))
    parts = {name: together(some) for name, some in by_deployment.items()}
    plan = planned(
        before,
        parts[""].definitions if "" in parts else {},
        {name: part.definitions for name, part in parts.items() if name},
    )
    problems: list[SyncError] = [one.error for one in sorted(one for part in parts.values() for one in part.problems)]
    notes = [str(one.error) for one in sorted(one for part in parts.values() for one in part.notes)]
    return plan, problems, notes


def _carry_out(
    session: Session,
    plan: Planned,
    told: tuple[list[SyncError], list[str]],
    *,
    replace: bool,
    yes: bool,
    output: Output,
) -> None:
    from syncd.registry import workspaces

    problems, notes = told
    before, after = plan.before, plan.replaced if replace else plan.added
    left = () if replace else plan.different
    # No warning of an override that inherits a secret: that is how these deployments have it today.
    if output is Output.TABLE or not yes:
        _show(plan, problems, notes, replace=replace, aside=output is Output.JSON)
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
                "warnings": notes,
                "same": list(plan.same),
                "different": [one._asdict() for one in left],
                "problems": [document(one) for one in problems],
            }
        )
    elif changed:
        show.say(show.DONE, f"revision {after.revision}")
    if problems:
        raise typer.Exit(1)


def _show(plan: Planned, problems: list[SyncError], notes: list[str], *, replace: bool, aside: bool) -> None:
    say = show.tell if aside else show.say
    new = [line for key, one in plan.added.definitions.items() for line in _new(plan.before.definitions.get(key), one)]
    for line in sorted(new):
        say(("+ ", show.STYLES["+"]), line)
    if plan.different:
        say((f"different{'' if replace else ', left as it is: --replace takes it'}", "bold"))
        show.edited(plan.different, aside=aside)
    show.warnings(notes)
    if problems:
        show.tell(("not importable", "bold"))
        show.errors(problems)
    different = len({one.subject for one in plan.different})
    say(f"{len(new)} new, {len(plan.same)} the same, {different} different, {len(problems)} not importable")


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


def _refuse_wrong_usage(sources: list[Given], form: Format | None, vault: str | None, path: str) -> None:
    if vault is None:
        if path:
            raise WrongUsage("--path and --variables-path go with --vault")
        if form is not Format.ENV and not (sources and all(one.file for one in sources)):
            raise WrongUsage("name a file, or --format env for this environment")
        if sum(one.file in ("", "-") for one in sources) > 1:
            raise WrongUsage("- can stand for one of them only")
    elif not path:
        raise WrongUsage("--vault wants --path, or --variables-path, or both")
    elif form is not None or len(sources) > 1 or any(one.file not in ("", "-") for one in sources):
        raise WrongUsage("--vault is read instead of a file: name D= alone, or nothing")


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
