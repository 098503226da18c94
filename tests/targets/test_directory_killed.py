"""A process that is killed at any step leaves nothing half done, and one pass puts the rest right."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from syncd.core.documents import Place, View
from syncd.core.model import Scope, Workspace
from syncd.targets.directory import DirectoryTarget
from tests.targets.memory_record import MemoryRecord
from tests.targets.passes import (
    LAKE,
    NOTHING,
    REGION,
    WAREHOUSE,
    connection,
    items,
    push,
    reasons,
    seal,
    variable,
    wanted,
    workspace,
)
from tests.targets.processes import STRANGER, KilledAt, survives
from tests.targets.trials import snapshot

FOREIGN = ("analytics/deployments/etl-prod/notes.txt", "analytics/deployments/theirs/connections/x")
WHOLE = Scope("files")
FIRST = workspace(WAREHOUSE, LAKE, REGION, deployments=["etl-prod"])
SECOND = workspace(
    connection("warehouse", host="moved"), REGION, variable("new", "1"), deployments=["etl-prod"], revision=2
)
CHANGES = {"the first push": (None, FIRST), "a change": (FIRST, SECOND), "all goes": (FIRST, NOTHING)}
NEXT = {
    "the next pass verifies": WHOLE,
    "the next pass trusts the record": Scope("files", items=items(FIRST, SECOND), deployments=frozenset({"etl-prod"})),
}

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("scope", NEXT.values(), ids=NEXT)
@pytest.mark.parametrize(("before", "after"), CHANGES.values(), ids=CHANGES)
def test_killed_at_any_step_and_right_again_in_one_pass(
    before: Workspace | None, after: Workspace, scope: Scope, target: DirectoryTarget, scratch: Path
) -> None:
    _killed_everywhere(before, after, scope, target, scratch)


@pytest.mark.skipif(os.geteuid() != 0, reason="a group that one isn't in: needs root")
def test_killed_at_any_step_of_a_push_that_a_group_reads(target: DirectoryTarget, scratch: Path) -> None:
    _killed_everywhere(None, FIRST, WHOLE, replace(target, gid=STRANGER), scratch)


def _killed_everywhere(
    before: Workspace | None, after: Workspace, scope: Scope, target: DirectoryTarget, scratch: Path
) -> None:
    root, start, record = Path(target.root), scratch / "start", scratch / "record"
    root.mkdir(0o700)
    for name in FOREIGN if before else ():
        path = root / name
        path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        path.write_text("theirs", "utf-8")
    if before is None:
        root.rmdir()
    else:
        push(before, target, MemoryRecord(target.layout, record))
    _copy(root, start)
    _copy(record, scratch / "record-at-start")
    old = snapshot(root)
    push(after, target, MemoryRecord.kept(target.layout, record))
    new = snapshot(root)

    for step in count(1):
        _copy(start, root)
        _copy(scratch / "record-at-start", record)
        if survives(lambda: push(after, KilledAt(target, step), MemoryRecord.kept(target.layout, record), scope)):  # noqa: B023
            assert step > 10
            return
        _nothing_is_half_done(snapshot(root), old, new, target)
        kept = MemoryRecord.kept(target.layout, record)
        assert reasons(push(after, target, kept, scope)) == {}
        _all_is_right(target, after, new)
        assert kept.intents == set()
        done = snapshot(root)
        push(after, target, kept, WHOLE)
        assert snapshot(root) == done


def _nothing_is_half_done(
    now: Mapping[str, object], old: Mapping[str, object], new: Mapping[str, object], target: DirectoryTarget
) -> None:
    """Every name stands for what it did before or what it does after, with the mode that is due."""
    for name, entry in now.items():
        if ".syncd" in name or name == ".":  # not named yet; a manifest, which no reader sees; made by the operator
            continue
        known = [seen for seen in (old.get(name), new.get(name)) if seen is not None]
        assert known, name
        assert _lasting(entry) in [_lasting(one) for one in known], name


def _lasting(entry: object) -> tuple[object, ...]:
    assert isinstance(entry, tuple)
    mode, uid, gid, _, content = entry
    return mode, uid, gid, content


def _all_is_right(target: DirectoryTarget, workspace: Workspace, new: Mapping[str, object]) -> None:
    seen = {place: view for place, view in target.observe(None, seal).views.items() if "/theirs/" not in place.object}
    assert _but_since(seen) == _but_since(wanted(workspace, target.layout))
    now = snapshot(Path(target.root))
    assert not [name for name in now if "~" in name]
    assert _files(now) == _files(new)
    for name in FOREIGN:
        assert now.get(name) == new.get(name)
    assert {name: _lasting(now[name])[:3] for name in new} == {name: _lasting(new[name])[:3] for name in new}


def _but_since(views: Mapping[Place, View]) -> Mapping[Place, View]:
    """Without the revision of a nameplate: where the pass that changed the set was killed, the next can't tell."""
    return {
        place: {path: text for path, text in view.items() if path != ("revision",)} for place, view in views.items()
    }


def _files(found: Mapping[str, object]) -> set[str]:
    return {name for name, entry in found.items() if _lasting(entry)[3] is not None}


def _copy(source: Path, to: Path) -> None:
    shutil.rmtree(to, ignore_errors=True)
    to.unlink(missing_ok=True)
    if source.is_dir():
        shutil.copytree(source, to)
    elif source.exists():
        shutil.copy2(source, to)
