"""`explain`, `plan`, `sync`, `status`: what a deployment gets, and what lies in its targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.tree import Tree

from syncd.cli import show
from syncd.cli.definitions import field_document
from syncd.cli.options import (
    DeploymentArgument,
    IdArgument,
    Output,
    OutputOption,
    VariableOption,
    WorkspaceOption,
    kind_of,
)
from syncd.core import changes
from syncd.core.documents import Place, View
from syncd.core.errors import FixError, Reason, SyncError
from syncd.core.explain import displayed
from syncd.core.explain import explain as explained
from syncd.core.model import Item, dotted
from syncd.core.plan import Change
from syncd.core.secrets import MASK

if TYPE_CHECKING:
    from syncd.passes import Pass

TargetsOption = Annotated[
    list[str] | None, typer.Option("--target", "-t", metavar="T", help="Only this target; else all.")
]
ChangedOption = Annotated[
    bool,
    typer.Option("--changed", help="Look only at what changed since the last pass; else everything is read back."),
]


def explain(
    deployment: DeploymentArgument,
    id_: IdArgument,
    variable: VariableOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what a deployment gets for an id, each field with the layer that it comes from; secrets masked."""
    from syncd.cli.session import start

    here = start(workspace).load()
    changes.find_deployment(here, deployment)
    item = Item(deployment, kind_of(variable), id_)
    found = explained(here, item)
    if found is None:
        raise FixError(
            Reason.NOT_FOUND,
            str(item),
            "isn't linked",
            f"`syncd link {deployment} {id_}`, and see `syncd {item.kind} list`",
        )
    if output is Output.JSON:
        show.as_json(
            {
                **item._asdict(),
                "source": found.source,
                "fields": [field_document(one) for one in found.fields],
                "notes": found.notes,
                "warnings": found.warnings,
            }
        )
        return
    tree = Tree(
        f"[bold]{show.plain(id_)}[/bold] for [bold]{show.plain(deployment)}[/bold] ({found.source} {item.kind})"
    )
    width = max((len(dotted(one.path)) for one in found.fields), default=0)
    for one in found.fields:
        name = show.plain(dotted(one.path).ljust(width))
        tree.add(f"{name}  {show.plain(displayed(one))}  [cyan]← {one.layer}[/cyan]")
    show.out.print(tree)
    for note in found.notes:
        show.say(f"[dim]{show.plain(note)}[/dim]")
    show.warnings(found.warnings)


def plan(
    targets: TargetsOption = None,
    changed: ChangedOption = False,
    detailed: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 10 where changes are pending, 3 where deletes are held.")
    ] = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what `sync` would do, and do nothing."""
    from syncd import passes
    from syncd.cli.session import start

    session = start(workspace)
    found = passes.plan(session.installation, session.registry, session.workspace, targets or (), verify=not changed)
    if output is Output.JSON:
        revision = session.load().revision
        show.as_json(
            {"workspace": session.workspace, "revision": revision, "targets": [_plan_document(one) for one in found]}
        )
    else:
        for one in found:
            _show_plan(one)
        if not found:
            show.say("no deployment names a target: `syncd deployment update D --target T`")
    raise typer.Exit(_plan_code(found, detailed=detailed))


def sync(
    targets: TargetsOption = None,
    changed: ChangedOption = False,
    accept: Annotated[
        str, typer.Option("--accept-deletes", metavar="DIGEST", help="Carry out the held deletes that `plan` showed.")
    ] = "",
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for another pass to end.")] = 30,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Bring every target to what the registry says.

    Exit codes: 0 done; 1 something failed; 3 the guard held deletes and nothing failed.
    """
    from syncd import passes
    from syncd.cli.session import now, start

    session = start(workspace)
    with show.progress() as progress:
        found = passes.sync(
            session.installation,
            session.registry,
            session.workspace,
            targets or (),
            verify=not changed,
            wait=wait,
            now=now(),
            accept=accept,
            progress=progress,
        )
    if output is Output.JSON:
        show.as_json({"workspace": session.workspace, "targets": [_sync_document(one) for one in found]})
    else:
        for one in found:
            _show_sync(one)
        if not found:
            show.say("no deployment names a target: `syncd deployment update D --target T`")
    raise typer.Exit(_code(error for one in found for error in _failures(one)))


def status(workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE) -> None:
    """Show how far each target is, and each item that isn't in sync: why, since when, and the way out."""
    from syncd.cli.session import start
    from syncd.registry import status as registry_status

    session = start(workspace)
    revision = session.load().revision
    names = registry_status.targets(session.registry, session.workspace)
    found = [
        (
            name,
            registry_status.last_pass(session.registry, session.workspace, name),
            registry_status.statuses(session.registry, session.workspace, name),
        )
        for name in names
    ]
    wrong = [
        (name, item, one)
        for name, _, items in found
        for item, one in sorted(items.items())
        if one.reason is not Reason.SYNCED
    ]
    if output is Output.JSON:
        show.as_json(
            {
                "revision": revision,
                "targets": [
                    {
                        "target": name,
                        "revision": last.revision,
                        "last_pass": last.at,
                        "behind_since": last.behind_since,
                        "items": len(items),
                    }
                    for name, last, items in found
                    if last is not None
                ],
                "items": [
                    {
                        "target": name,
                        **item._asdict(),
                        "reason": one.reason.value,
                        "since": one.since,
                        "last_success": one.last_success,
                        "failures": one.failures,
                        "message": one.message,
                        "remedy": one.remedy or None,
                    }
                    for name, item, one in wrong
                ],
            }
        )
        return
    show.table(
        f"registry: revision {revision}",
        ("target", "state", "last pass", "items"),
        (
            (name, _state(last.revision, revision, last.behind_since), last.at, len(items))
            for name, last, items in found
            if last is not None
        ),
    )
    if wrong:
        show.table(
            "\nnot in sync",
            ("target", "item", "reason", "since", "failures", "what to do"),
            (
                (name, item, one.reason.value, one.since, one.failures, f"{one.message}; {one.remedy}".rstrip("; "))
                for name, item, one in wrong
            ),
        )


def _state(reached: int, revision: int, behind_since: str | None) -> str:
    if reached == revision and behind_since is None:
        return "in sync"
    since = f", since {behind_since}" if behind_since else ""
    return f"behind: revision {revision}, has {reached}{since}"


def _failures(one: Pass) -> Iterator[SyncError]:
    if one.error is not None:
        yield one.error
    elif one.outcomes:
        yield from (outcome.error for outcome in one.outcomes if outcome.error is not None)
    elif one.prepared is not None:
        yield from one.prepared.plan.hold.values()


def _code(failures: Iterator[SyncError]) -> int:
    reasons = {error.reason for error in failures}
    if not reasons:
        return 0
    return 3 if reasons == {Reason.DELETES_HELD} else 1


def _plan_code(found: Sequence[Pass], *, detailed: bool) -> int:
    code = _code(error for one in found for error in _failures(one))
    if not detailed:
        return 1 if code == 1 else 0
    pending = any(one.prepared is not None and one.prepared.plan.changes for one in found)
    return code or (10 if pending else 0)


def _show_plan(one: Pass) -> None:
    show.say(f"[bold]{show.plain(one.target)}[/bold]")
    if one.prepared is None:
        show.errors([one.error] if one.error else [])
        return
    found = one.prepared.plan
    rows = [line for change in found.changes for line in _lines(change)]
    if rows:
        show.table("", ("", "document", "field", "from", "to"), rows)
    counts = Counter(_sign(change) for change in found.changes)
    show.say(f"{counts['+']} to create, {counts['~']} to update, {counts['-']} to delete, {len(found.hold)} held")
    _show_held(found.hold, found.digest)


def _show_held(hold: Mapping[Place, SyncError], digest: str) -> None:
    show.errors(error for _, error in sorted(hold.items()) if error.reason is not Reason.DELETES_HELD)
    held = [place for place, error in sorted(hold.items()) if error.reason is Reason.DELETES_HELD]
    if held:
        show.table("deletes held back", ("", "document"), (("-", place) for place in held))
        show.say(f"to carry them out: `syncd sync --accept-deletes {digest}`")


def _show_sync(one: Pass) -> None:
    if one.error is not None or one.prepared is None:
        show.say(f"[red]✗[/red] [bold]{show.plain(one.target)}[/bold]")
        show.errors([one.error] if one.error else [])
        return
    counts = Counter(outcome.action for outcome in one.outcomes if outcome.error is None)
    failed = [outcome for outcome in one.outcomes if outcome.error is not None]
    said = ", ".join(f"{counts[name]} {name}" for name in ("created", "updated", "deleted") if counts[name])
    sign = "[red]✗[/red]" if failed else "[green]✓[/green]"
    show.say(f"{sign} [bold]{show.plain(one.target)}[/bold]: {said or 'nothing to do'}")
    hold = {outcome.place: outcome.error for outcome in failed if outcome.error is not None}
    _show_held(hold, one.prepared.plan.digest)


def _rows(change: Change) -> Iterator[tuple[str, str | None, str | None, str | None]]:
    """A line per leaf that moves: sign, field, before, after. A document that goes is one line."""
    before, after = change.before or {}, change.after or {}
    if change.after is None:
        yield _sign(change), None, None, None
        return
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            yield _sign(change), dotted(path), _leaf(before, path), _leaf(after, path)


def _lines(change: Change) -> Iterator[tuple[str, str, str | None, str | None, str | None]]:
    """As people see it: the place once, a layer's name before its field, and no bookkeeping."""
    where = f"{change.place}".partition("/deployments/")[2] or str(change.place)
    rows = [row for row in _rows(change) if row[1] not in _BOOKKEEPING]
    for sign, field, before, after in rows or [(_sign(change), None, None, None)]:
        _, layers, name = (field or "").rpartition("layers.")
        layer, _, rest = name.partition(".")
        yield sign, where, f"{layer}: {rest}" if layers else field, before, after
        where = ""


_BOOKKEEPING = ("secrets", "count", "deployment", "revision", "workspace")


def _leaf(view: View, path: tuple[str, ...]) -> str | None:
    leaf = view.get(path)
    return MASK if leaf is not None and leaf.startswith("hmac:") else leaf


def _sign(change: Change) -> str:
    if change.before is None:
        return "+"
    return "-" if change.after is None else "~"


_ACTIONS = {"+": "create", "~": "update", "-": "delete"}


def _plan_document(one: Pass) -> dict[str, Any]:
    document: dict[str, Any] = {"target": one.target, "error": show.error_document(one.error) if one.error else None}
    if one.prepared is not None:
        found = one.prepared.plan
        document["changes"] = [
            {
                "object": change.place.object,
                "key": change.place.key or None,
                "action": _ACTIONS[_sign(change)],
                "fields": [
                    {"path": field, "before": before, "after": after}
                    for _, field, before, after in _rows(change)
                    if field
                ],
            }
            for change in found.changes
        ]
        document["held"] = [_held_document(place, error) for place, error in sorted(found.hold.items())]
        document["deletes_digest"] = found.digest or None
    return document


def _sync_document(one: Pass) -> dict[str, Any]:
    return {
        "target": one.target,
        "error": show.error_document(one.error) if one.error else None,
        "written": [
            {"object": outcome.place.object, "key": outcome.place.key or None, "action": outcome.action}
            for outcome in one.outcomes
            if outcome.error is None and outcome.action != "unchanged"
        ],
        "unchanged": sum(outcome.action == "unchanged" and outcome.error is None for outcome in one.outcomes),
        "held": [_held_document(outcome.place, outcome.error) for outcome in one.outcomes if outcome.error is not None],
        "deletes_digest": (one.prepared.plan.digest if one.prepared else "") or None,
    }


def _held_document(place: Place, error: SyncError) -> dict[str, Any]:
    return {"object": place.object, "key": place.key or None, **show.error_document(error)}
