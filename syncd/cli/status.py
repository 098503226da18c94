"""`syncd status`: how far each target is, as the last passes left it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from syncd.cli import show
from syncd.cli.options import Output, OutputOption, WorkspaceOption, epilog
from syncd.cli.session import Session, start
from syncd.core.errors import Reason
from syncd.core.model import Item, Workspace
from syncd.core.outcome import Status

if TYPE_CHECKING:
    from syncd.registry.status import Lag

app = typer.Typer()

STATUS = epilog(
    "States:\n"
    "  in sync          it holds what the registry says\n"
    "  behind           what changed in the registry isn't all there: a sync is\n"
    "                   due, or something of the last one failed\n"
    "  not all in sync  nothing changed, and something of the last sync failed\n"
    "  unreached        the last sync couldn't even look at it\n"
    "  never synced     a deployment names it, and no sync has been there"
)


class _Target(NamedTuple):
    """One target: last looked at `at`; `lag` is how far it is behind; `wrong` are the items that aren't in sync.

    `unsettled` are the objects of which nobody knows that they are as they should be: an item's, or a nameplate's, a
    policy's, a shared part's.
    """

    name: str
    lag: Lag
    at: str | None
    failing_since: str | None
    items: int
    failure: Status | None
    wrong: list[tuple[Item, Status]]
    unsettled: list[str]


@app.command(epilog=STATUS)
def status(workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE) -> None:
    """Show how far each target is, and what isn't in sync.

    It tells what the last syncs saw; `syncd plan` looks at the targets themselves.
    """
    from syncd.registry import status as kept

    session = start(workspace)
    here = session.load()
    found = _targets(session, here)
    if output is Output.JSON:
        show.as_json(_document(here.revision, found, kept.folders(session.registry)))
        return
    show.table(
        ("target", "state", "since", "last sync", "items in sync"),
        (
            (
                one.name,
                _state(one),
                one.lag.since or None,
                one.at,
                f"{one.items - len(one.wrong)} of {one.items}",
            )
            for one in found
        ),
        title=f"registry: revision {here.revision}",
        none="no deployment names a target: `syncd deployment update D --target T`",
    )
    for one in found:
        if one.at and one.lag.reached < one.lag.revision:
            said = f"behind: revision {one.lag.revision}, has {one.lag.reached}, since {one.lag.since}"
            show.say(show.FAILED, (one.name, "bold"), f": {said}")
        if one.failure is not None:
            _say(one.name, "the target as a whole", one.failure)
        for item, state in one.wrong:
            _say(one.name, str(item), state)
        if one.failure is None and one.failing_since and not one.wrong:
            _say_what_is_no_items(one)
    for folder, failure in kept.folders(session.registry).items():
        _say("definitions", folder, failure)


def _say(target: str, subject: str, state: Status) -> None:
    times = f", {state.failures} times" if state.failures > 1 else ""
    show.say(show.FAILED, f"{target}: ", (subject, "bold"), f": {state.reason.value} since {state.since}{times}")
    show.say(f"  {state.message.removeprefix(f'{subject}: ')}")
    if state.remedy:
        show.say((f"  → {state.remedy}", "dim"))


def _say_what_is_no_items(one: _Target) -> None:
    """No connection or variable failed: a nameplate did, a policy, a shared part, or the delete of one of them."""
    what = show.names(one.unsettled) or "something that is no connection or variable"
    show.say(show.FAILED, f"{one.name}: ", (what, "bold"), f": could not be written since {one.failing_since}")
    show.say((f"  → `syncd plan --target {one.name}` looks at it, `syncd sync --target {one.name}` tries again", "dim"))


def _targets(session: Session, here: Workspace) -> list[_Target]:
    from syncd import passes
    from syncd.registry import status as kept
    from syncd.registry.record import Record

    record = Record(session.registry, session.workspace)
    found = []
    for name in passes.targets(session.registry, here):
        last = kept.last_pass(session.registry, session.workspace, name)
        items = kept.statuses(session.registry, session.workspace, name)
        wrong = [(item, one) for item, one in sorted(items.items()) if one.reason is not Reason.SYNCED]
        lag = kept.lag(session.registry, session.workspace, name)
        failure = kept.failure(session.registry, session.workspace, name)
        unsettled = sorted(record.unsettled(name))
        at, since = (last.at, last.behind_since) if last else (None, None)
        found.append(_Target(name, lag, at, since, len(items), failure, wrong, unsettled))
    return found


def _state(one: _Target) -> str:
    if one.failure is not None:
        return "unreached"
    if one.at is None:
        return "never synced"
    if one.lag.reached < one.lag.revision:
        return "behind"
    return "not all in sync" if one.lag.since else "in sync"


def _document(revision: int, found: list[_Target], folders: Mapping[str, Status]) -> dict[str, Any]:
    return {
        "revision": revision,
        "targets": [
            {
                "target": one.name,
                "revision": one.lag.reached if one.at else None,
                "last_pass": one.at,
                "behind_since": one.lag.since or None,
                "unsettled": one.unsettled,
                "items": one.items,
                "failure": one.failure and _failure(one.failure),
            }
            for one in found
        ],
        "items": [
            {"target": one.name, **item._asdict(), **_failure(state), "last_success": state.last_success}
            for one in found
            for item, state in one.wrong
        ],
        "definitions": [{"path": path, **_failure(failure)} for path, failure in folders.items()],
    }


def _failure(state: Status) -> dict[str, Any]:
    return {
        "reason": state.reason.value,
        "since": state.since,
        "failures": state.failures,
        "message": state.message,
        "remedy": state.remedy or None,
    }
