"""`syncd status`: how far each target is, as the last passes left it."""

from __future__ import annotations

from typing import Any, NamedTuple

from syncd.cli import show
from syncd.cli.options import Output, OutputOption, WorkspaceOption, epilog
from syncd.cli.session import Session, start
from syncd.core.errors import Reason
from syncd.core.model import Item, Workspace
from syncd.core.outcome import Status

STATUS = epilog(
    "States:\n"
    "  in sync        it holds what the registry says\n"
    "  at revision N  the registry has changed since, and a sync is due\n"
    "  behind         something of the last sync failed or was held\n"
    "  unreached      the last sync couldn't even look at it\n"
    "  never synced   a deployment names it, and no sync has been there"
)


class _Target(NamedTuple):
    """One target: wholly at `revision`, last looked at `at`; `wrong` are the items that aren't in sync.

    `unsettled` are the objects of which nobody knows that they are as they should be: an item's, or a nameplate's, a
    policy's, a shared part's.
    """

    name: str
    revision: int | None
    at: str | None
    behind_since: str | None
    items: int
    failure: Status | None
    wrong: list[tuple[Item, Status]]
    unsettled: list[str]


def status(workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE) -> None:
    """Show how far each target is, and what isn't in sync.

    It tells what the last syncs saw; `syncd plan` looks at the targets themselves.
    """
    session = start(workspace)
    here = session.load()
    found = _targets(session, here)
    if output is Output.JSON:
        show.as_json(_document(here.revision, found))
        return
    show.table(
        ("target", "state", "since", "last sync", "items in sync"),
        (
            (
                one.name,
                _state(one, here.revision),
                one.behind_since,
                one.at,
                f"{one.items - len(one.wrong)} of {one.items}",
            )
            for one in found
        ),
        title=f"registry: revision {here.revision}",
        none="no deployment names a target: `syncd deployment update D --target T`",
    )
    for one in found:
        if one.failure is not None:
            _say(one.name, "the target as a whole", one.failure)
        for item, state in one.wrong:
            _say(one.name, str(item), state)
        if one.failure is None and one.behind_since and not one.wrong:
            _say_what_is_no_items(one)


def _say(target: str, subject: str, state: Status) -> None:
    times = f", {state.failures} times" if state.failures > 1 else ""
    show.say(show.FAILED, f"{target}: ", (subject, "bold"), f": {state.reason.value} since {state.since}{times}")
    show.say(f"  {state.message.removeprefix(f'{subject}: ')}")
    if state.remedy:
        show.say((f"  → {state.remedy}", "dim"))


def _say_what_is_no_items(one: _Target) -> None:
    """No connection or variable failed: a nameplate did, a policy, a shared part, or the delete of one of them."""
    what = show.names(one.unsettled) or "something that is no connection or variable"
    show.say(show.FAILED, f"{one.name}: ", (what, "bold"), f": could not be written since {one.behind_since}")
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
        revision, at, since = (last.revision, last.at, last.behind_since) if last else (None, None, None)
        failure = kept.failure(session.registry, session.workspace, name)
        found.append(_Target(name, revision, at, since, len(items), failure, wrong, sorted(record.unsettled(name))))
    return found


def _state(one: _Target, revision: int) -> str:
    if one.failure is not None:
        return "unreached"
    if one.revision is None:
        return "never synced"
    if one.behind_since:
        return "behind"
    return "in sync" if one.revision == revision else f"at revision {one.revision}"


def _document(revision: int, found: list[_Target]) -> dict[str, Any]:
    return {
        "revision": revision,
        "targets": [
            {
                "target": one.name,
                "revision": one.revision,
                "last_pass": one.at,
                "behind_since": one.behind_since,
                "unsettled": one.unsettled,
                "items": one.items,
                "failure": one.failure
                and {
                    "reason": one.failure.reason.value,
                    "since": one.failure.since,
                    "failures": one.failure.failures,
                    "message": one.failure.message,
                    "remedy": one.failure.remedy or None,
                },
            }
            for one in found
        ],
        "items": [
            {
                "target": one.name,
                **item._asdict(),
                "reason": state.reason.value,
                "since": state.since,
                "last_success": state.last_success,
                "failures": state.failures,
                "message": state.message,
                "remedy": state.remedy or None,
            }
            for one in found
            for item, state in one.wrong
        ],
    }
