"""`plan` and `sync`: what would be written to the targets, and writing it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli import show
from syncd.cli.options import Output, OutputOption, WorkspaceOption, epilog, examples
from syncd.cli.session import Session, now, start
from syncd.core.documents import Place, View
from syncd.core.errors import Reason, SyncError
from syncd.core.errors import document as error_document
from syncd.core.model import Path, dotted
from syncd.core.outcome import exit_code
from syncd.core.plan import Change
from syncd.core.secrets import MASK

if TYPE_CHECKING:
    from syncd.passes import Pass

TargetsOption = Annotated[
    list[str] | None, typer.Option("--target", "-t", metavar="T", help="Only this target. May be repeated.")
]
ChangedOption = Annotated[
    bool,
    typer.Option("--changed", help="Look only at what changed since the last sync; else everything is read back."),
]

app = typer.Typer()

PLAN = epilog(
    examples("syncd plan", "syncd plan -t files --detailed-exitcode"),
    "Exit codes:\n"
    "  0 looked at everything  1 something failed; with --detailed-exitcode also\n"
    "  3 deletes would be held back  10 changes are pending, and nothing else",
)
SYNC = epilog(
    examples("syncd sync", "syncd sync --accept-deletes 1a2b3c4d5e6f"),
    "Exit codes:\n"
    "  0 everything is in sync  1 something failed, the rest is done\n"
    "  3 deletes were held back, and nothing failed: `syncd plan` shows them",
)

_NO_TARGETS = "no deployment names a target: `syncd deployment update D --target T`"


@app.command(epilog=PLAN)
def plan(
    targets: TargetsOption = None,
    changed: ChangedOption = False,
    detailed: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 10 where changes are pending, 3 where deletes are held.")
    ] = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what `sync` would write, and write nothing.

    References are read, and each target is looked at. A secret is shown by its name alone.
    """
    from syncd import passes

    session = start(workspace)
    with show.busy("looking at the targets"):
        found = passes.plan(
            session.installation, session.registry, session.workspace, _once(targets), verify=not changed, now=now()
        )
    if output is Output.JSON:
        _as_json(session, found, _plan_document)
    else:
        for one in found:
            _show_plan(one)
        if not found:
            show.say(_NO_TARGETS)
    raise typer.Exit(_plan_code(found, detailed=detailed))


@app.command(epilog=SYNC)
def sync(
    targets: TargetsOption = None,
    changed: ChangedOption = False,
    accept: Annotated[
        str, typer.Option("--accept-deletes", metavar="DIGEST", help="Carry out the held deletes that `plan` showed.")
    ] = "",
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for another sync to end.")] = 30,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Bring every target to what the registry says.

    What fails is told and keeps what the target holds; everything else is written all the same.
    """
    from syncd import passes

    session = start(workspace)
    with show.progress() as progress:
        found = passes.sync(
            session.installation,
            session.registry,
            session.workspace,
            _once(targets),
            verify=not changed,
            wait=wait,
            now=now(),
            accept=accept,
            progress=progress,
        )
    if output is Output.JSON:
        _as_json(session, found, _sync_document)
    else:
        for one in found:
            _show_sync(one)
        if not found:
            show.say(_NO_TARGETS)
        if accept and any(one.prepared is not None and one.prepared.plan.digest for one in found):
            show.tell("what is held back isn't what --accept-deletes names: look again")
    raise typer.Exit(exit_code(error for one in found for error in _failures(one)))


def _once(names: list[str] | None) -> list[str]:
    return list(dict.fromkeys(names or ()))


def _failures(one: Pass) -> Iterator[SyncError]:
    if one.error is not None:
        yield one.error
    elif one.outcomes:
        yield from (outcome.error for outcome in one.outcomes if outcome.error is not None)
    elif one.prepared is not None:
        yield from one.prepared.plan.hold.values()


def _plan_code(found: Sequence[Pass], *, detailed: bool) -> int:
    code = exit_code(error for one in found for error in _failures(one))
    if not detailed:
        return 1 if code == 1 else 0
    pending = any(one.prepared is not None and one.prepared.plan.changes for one in found)
    return code or (10 if pending else 0)


def _show_plan(one: Pass) -> None:
    if one.prepared is None:
        show.errors([one.error] if one.error else [], where=one.target)
        return
    found = one.prepared.plan
    counts = Counter(_sign(change) for change in found.changes)
    said = [f"{counts[sign]} to {action}" for sign, action in _ACTIONS.items() if counts[sign]]
    said += [f"{len(found.hold)} held"] if found.hold else []
    show.say((one.target, "bold"), f": {', '.join(said) or 'nothing to do'}")
    show.changes([_group(change) for change in found.changes])
    _show_held(one.target, found.hold, found.digest)
    show.warnings(f"{one.target}: {text}" for text in one.prepared.warnings)


def _show_sync(one: Pass) -> None:
    if one.error is not None or one.prepared is None:
        show.errors([one.error] if one.error else [], where=one.target)
        return
    counts = Counter(outcome.action for outcome in one.outcomes if outcome.error is None)
    hold = {outcome.place: outcome.error for outcome in one.outcomes if outcome.error is not None}
    said = [f"{counts[name]} {name}" for name in ("created", "updated", "deleted") if counts[name]]
    said += [f"{len(hold)} held"] if hold else []
    show.say(show.FAILED if hold else show.DONE, (one.target, "bold"), f": {', '.join(said) or 'nothing to do'}")
    _show_held(one.target, hold, one.prepared.plan.digest)
    show.warnings(f"{one.target}: {text}" for text in one.prepared.warnings)


def _show_held(target: str, hold: Mapping[Place, SyncError], digest: str) -> None:
    told = [error for _, error in sorted(hold.items()) if error.reason is not Reason.DELETES_HELD]
    show.causes(told, where=target)
    held = [place for place, error in sorted(hold.items()) if error.reason is Reason.DELETES_HELD]
    if held:
        show.say("held back, as so many deletes may be a mistake:")
        show.changes([((f"- {_where(place)}", "red"), []) for place in held])
        show.say(f"to carry them out: `syncd sync --target {target} --accept-deletes {digest}`")


def _group(change: Change) -> tuple[show.Part, list[show.Line]]:
    """A document and what moves in it as people see it: a field with its layer, and no bookkeeping."""
    sign = _sign(change)
    title = (f"{sign} {_where(change.place)}", show.STYLES[sign])
    return title, [
        show.Line(show.sign(before, after), _field(path), _told(path, before), _told(path, after))
        for path, before, after in _moves(change)
        if change.after is not None and path[0] not in _BOOKKEEPING
    ]


_BOOKKEEPING = ("secrets", "count", "deployment", "revision", "workspace")


def _field(path: Path) -> str:
    return f"{path[1]}: {dotted(path[2:])}" if path[0] == "layers" and len(path) > 2 else dotted(path)


def _told(path: Path, leaf: str | None) -> str | None:
    """Of what is withheld which fields: why is the same for all, and `explain` tells it."""
    if path != ("withheld",) or leaf is None:
        return leaf
    return ", ".join(dotted(tuple(map(str, at))) or "all of it" for at, *_ in json.loads(leaf))


def _where(place: Place) -> str:
    return str(place).partition("/deployments/")[2] or str(place)


def _moves(change: Change) -> Iterator[tuple[Path, str | None, str | None]]:
    """Each leaf that moves: path, before, after, a secret as its mask."""
    before, after = change.before or {}, change.after or {}
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            yield path, _leaf(before, path), _leaf(after, path)


def _leaf(view: View, path: Path) -> str | None:
    leaf = view.get(path)
    return MASK if leaf is not None and leaf.startswith("hmac:") else leaf


def _sign(change: Change) -> str:
    return show.sign(change.before, change.after)


_ACTIONS = {"+": "create", "~": "update", "-": "delete"}


def _as_json(session: Session, found: Sequence[Pass], document: Callable[[Pass], dict[str, Any]]) -> None:
    # All passes are of one revision. Where there is none, that of the registry is as good.
    revision = found[0].revision if found else session.load().revision
    show.as_json({"workspace": session.workspace, "revision": revision, "targets": [document(one) for one in found]})


def _plan_document(one: Pass) -> dict[str, Any]:
    document: dict[str, Any] = {
        "target": one.target,
        "error": error_document(one.error) if one.error else None,
        "changes": [],
        "held": [],
        "deletes_digest": None,
        "warnings": list(one.prepared.warnings) if one.prepared else [],
    }
    if one.prepared is not None:
        found = one.prepared.plan
        document["changes"] = [
            {
                **_place_document(change.place),
                "action": _ACTIONS[_sign(change)],
                "fields": [
                    {"path": dotted(path), "before": before, "after": after} for path, before, after in _moves(change)
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
        "error": error_document(one.error) if one.error else None,
        "written": [
            {**_place_document(outcome.place), "action": outcome.action}
            for outcome in one.outcomes
            if outcome.error is None and outcome.action != "unchanged"
        ],
        "unchanged": sum(outcome.action == "unchanged" and outcome.error is None for outcome in one.outcomes),
        "held": [_held_document(outcome.place, outcome.error) for outcome in one.outcomes if outcome.error is not None],
        "deletes_digest": (one.prepared.plan.digest if one.prepared else "") or None,
        "warnings": list(one.prepared.warnings) if one.prepared else [],
    }


def _place_document(place: Place) -> dict[str, Any]:
    return {"object": place.object, "key": place.key or None}


def _held_document(place: Place, error: SyncError) -> dict[str, Any]:
    return {**_place_document(place), **error_document(error)}
