"""The files of the directory target: one a document, closed to others, right after each pass, and no write more."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.core.documents import decode
from syncd.core.errors import FixError, Reason, WaitError
from syncd.core.layouts.airflow import AirflowFiles
from syncd.core.layouts.layered import Layered
from syncd.core.model import KINDS, Item, Workspace
from syncd.core.plan import Write
from syncd.targets.directory import DirectoryTarget
from tests.targets.memory_record import MemoryRecord
from tests.targets.passes import (
    BOTH_KINDS,
    CHANGED,
    MARK,
    NOTHING,
    REGION,
    SECRET,
    WAREHOUSE,
    connection,
    finished,
    goal,
    planned,
    push,
    reasons,
    seal,
    wanted,
    workspace,
)
from tests.targets.processes import STRANGER, in_child
from tests.targets.trials import snapshot

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="a group that one isn't in: needs root")
ETL = "analytics/deployments/etl-prod"


@pytest.fixture
def layered(scratch: Path) -> DirectoryTarget:
    return DirectoryTarget("files", Layered("analytics"), str(scratch / "shared"))


@pytest.fixture
def airflow(scratch: Path) -> DirectoryTarget:
    return DirectoryTarget("files", AirflowFiles("analytics"), str(scratch / "shared"))


def warehouse(target: DirectoryTarget) -> Path:
    """The file that holds it."""
    return Path(target.root, target.layout.home(Item("etl-prod", "connection", "warehouse")).object)


def region(target: DirectoryTarget) -> Path:
    return Path(target.root, target.layout.home(Item("etl-prod", "variable", "region")).object)


def right(target: DirectoryTarget) -> bool:
    return target.observe(None, seal).views == wanted(BOTH_KINDS, target.layout)


# One file a document


def test_every_document_is_a_file_at_its_place(layered: DirectoryTarget) -> None:
    push(BOTH_KINDS, layered)
    files = {str(path.relative_to(layered.root)) for path in Path(layered.root).rglob("*") if path.is_file()}
    assert files == {place.object for place in goal(BOTH_KINDS, layered.layout)}


def test_a_file_is_the_envelope_of_its_document(layered: DirectoryTarget) -> None:
    push(BOTH_KINDS, layered)
    mark, content = decode(json.loads(warehouse(layered).read_text("utf-8")), "warehouse")
    home = layered.layout.home(Item("etl-prod", "connection", "warehouse"))
    assert mark == MARK
    assert content == goal(BOTH_KINDS, layered.layout)[home].content


def test_airflow_has_two_files_and_our_manifest_per_deployment(airflow: DirectoryTarget) -> None:
    push(BOTH_KINDS, airflow)
    assert {path.name for path in warehouse(airflow).parent.iterdir()} == {
        "connections.json",
        "variables.json",
        ".syncd.json",
    }


def test_airflow_has_both_files_where_there_is_nothing_of_a_kind(airflow: DirectoryTarget) -> None:
    """LocalFilesystemBackend fails at each lookup where a file that it was told of is missing."""
    push(workspace(deployments=["etl-prod"]), airflow)
    assert json.loads(warehouse(airflow).read_text("utf-8")) == {}
    assert json.loads(region(airflow).read_text("utf-8")) == {}


def test_what_airflow_reads_is_what_its_own_backend_takes(airflow: DirectoryTarget) -> None:
    """An object by id, of a connection's own fields or of texts; any other key would break the whole file."""
    push(BOTH_KINDS, airflow)
    connections = json.loads(warehouse(airflow).read_bytes())
    assert connections["warehouse"] == {
        "conn_type": "postgres",
        "host": "db.internal",
        "password": f"{SECRET} warehouse",
        "extra": {"sslmode": "require", "token": SECRET},
    }
    assert set().union(*connections.values()) <= KINDS["connection"].fields.keys()
    assert json.loads(region(airflow).read_bytes()) == {"api token": SECRET, "region": "eu"}


def test_airflow_reads_its_files_in_the_encoding_of_any_locale(airflow: DirectoryTarget) -> None:
    push(workspace(connection("é", host="日本")), airflow)
    assert warehouse(airflow).read_bytes().isascii()


def test_the_manifest_holds_no_secret(airflow: DirectoryTarget) -> None:
    push(BOTH_KINDS, airflow)
    manifest = (warehouse(airflow).parent / ".syncd.json").read_text("utf-8")
    assert SECRET not in manifest
    assert json.dumps(SECRET)[1:-1] not in manifest


# Modes


def modes(target: DirectoryTarget) -> Iterator[tuple[bool, int, int]]:
    for path in [Path(target.root), *Path(target.root).rglob("*")]:
        status = path.stat()
        yield path.is_dir(), stat.S_IMODE(status.st_mode), status.st_gid


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777], ids=oct)
def test_only_the_owner_reads_whatever_the_umask(target: DirectoryTarget, umask: int) -> None:
    in_child(lambda: (os.umask(umask), push(BOTH_KINDS, target))[0])
    assert {(folder, mode) for folder, mode, _ in modes(target)} == {(True, 0o700), (False, 0o600)}


@as_root
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777], ids=oct)
def test_a_group_reads_and_nobody_else_whatever_the_umask(target: DirectoryTarget, umask: int) -> None:
    in_child(lambda: (os.umask(umask), push(BOTH_KINDS, replace(target, gid=STRANGER)))[0])
    assert set(modes(target)) == {(True, 0o750, STRANGER), (False, 0o640, STRANGER)}


def test_a_file_that_is_replaced_is_closed_again(target: DirectoryTarget) -> None:
    push(BOTH_KINDS, target)
    warehouse(target).chmod(0o666)
    push(CHANGED, target)
    assert stat.S_IMODE(warehouse(target).stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o700])
def test_a_file_that_somebody_opened_is_closed_again_in_one_pass(target: DirectoryTarget, mode: int) -> None:
    push(BOTH_KINDS, target)
    warehouse(target).chmod(mode)
    push(BOTH_KINDS, target)
    assert stat.S_IMODE(warehouse(target).stat().st_mode) == 0o600


@as_root
def test_a_group_that_is_taken_away_reads_no_more_in_one_pass(target: DirectoryTarget) -> None:
    push(BOTH_KINDS, replace(target, gid=STRANGER))
    push(BOTH_KINDS, target)
    assert {mode for folder, mode, _ in modes(target) if not folder} == {0o600}


@as_root
def test_a_group_that_is_named_later_gets_what_is_there_in_one_pass(target: DirectoryTarget) -> None:
    push(BOTH_KINDS, target)
    shared = replace(target, gid=STRANGER)
    push(BOTH_KINDS, shared)
    assert set(modes(target)) == {(True, 0o750, STRANGER), (False, 0o640, STRANGER)}
    before = snapshot(Path(target.root))
    assert {outcome.action for outcome in push(BOTH_KINDS, shared)} == {"unchanged"}
    assert snapshot(Path(target.root)) == before


@as_root
def test_a_folder_with_a_mode_that_an_operator_chose_keeps_it(target: DirectoryTarget) -> None:
    Path(target.root, "analytics").mkdir(parents=True)
    Path(target.root).chmod(0o755)
    Path(target.root, "analytics").chmod(0o2770)
    push(BOTH_KINDS, replace(target, gid=STRANGER))
    assert stat.S_IMODE(Path(target.root).stat().st_mode) == 0o755
    assert stat.S_IMODE(Path(target.root, "analytics").stat().st_mode) == 0o2770


# No write when nothing differs, and right again when something does


def test_nothing_is_written_where_nothing_differs(target: DirectoryTarget) -> None:
    push(BOTH_KINDS, target)
    before = snapshot(Path(target.root))
    outcomes = push(replace(BOTH_KINDS, revision=2), target)
    assert {outcome.action for outcome in outcomes} == {"unchanged"}
    assert snapshot(Path(target.root)) == before


def test_only_what_changed_is_written(layered: DirectoryTarget) -> None:
    push(workspace(WAREHOUSE, REGION), layered)
    before = snapshot(Path(layered.root))
    push(workspace(connection("warehouse", host="other"), REGION, revision=2), layered)
    after = snapshot(Path(layered.root))
    changed = {name.rpartition("/")[2] for name in before if before[name] != after[name]}
    assert changed == {"warehouse"}


def test_a_field_that_somebody_edited_is_put_back(layered: DirectoryTarget) -> None:
    push(BOTH_KINDS, layered)
    content = warehouse(layered).read_text("utf-8")
    warehouse(layered).write_text(content.replace("db.internal", "evil.example"), "utf-8")
    push(BOTH_KINDS, layered)
    assert warehouse(layered).read_text("utf-8") == content
    assert right(layered)


def test_a_connection_that_somebody_edited_is_put_back(airflow: DirectoryTarget) -> None:
    push(BOTH_KINDS, airflow)
    content = warehouse(airflow).read_bytes()
    edited = json.loads(content)
    edited["warehouse"]["host"] = "evil.example"
    edited["added"] = "postgres://somebody:hunter2@evil.example"
    del edited["Lake/1"]
    warehouse(airflow).write_text(json.dumps(edited), "utf-8")
    push(BOTH_KINDS, airflow)
    assert warehouse(airflow).read_bytes() == content
    assert right(airflow)


def test_a_file_that_somebody_deleted_comes_back(target: DirectoryTarget) -> None:
    push(BOTH_KINDS, target)
    content = warehouse(target).read_bytes()
    warehouse(target).unlink()
    push(BOTH_KINDS, target)
    assert warehouse(target).read_bytes() == content
    assert right(target)


def test_all_that_somebody_deleted_comes_back(target: DirectoryTarget) -> None:
    record = MemoryRecord(target.layout)
    push(BOTH_KINDS, target, record)
    Path(target.root).rename(Path(target.root).with_name("away"))
    push(BOTH_KINDS, target, record)
    assert right(target)


def test_an_empty_file_as_a_power_cut_leaves_it_is_written_again(target: DirectoryTarget) -> None:
    push(BOTH_KINDS, target)
    warehouse(target).write_bytes(b"")
    assert reasons(push(BOTH_KINDS, target)) == {}
    assert right(target)


def test_airflow_s_file_that_is_no_json_any_more_is_written_again(airflow: DirectoryTarget) -> None:
    push(BOTH_KINDS, airflow)
    warehouse(airflow).write_bytes(b'{"warehouse": {"conn_ty')
    assert reasons(push(BOTH_KINDS, airflow)) == {}
    assert right(airflow)


BROKEN = {
    "half of it": b'{"format": 1, "mark": {"insta',
    "no JSON": b"\x00\xff\xfe",
    "no object": b"[]",
    "nested without end": b'{"a":' * 100_000,
    "half a character": b'{"format": 1, "layers": {"definition": {"password": "\\ud800"}}}',
    "a number beyond reason": b'{"format": ' + b"9" * 10_000 + b"}",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_file_that_has_lost_its_mark_is_somebody_elses_and_stops_no_other(
    layered: DirectoryTarget, content: bytes
) -> None:
    push(BOTH_KINDS, layered)
    warehouse(layered).write_bytes(content)
    region(layered).unlink()
    assert reasons(push(BOTH_KINDS, layered)) == {f"{ETL}/connections/warehouse": Reason.NOT_OWNED}
    assert warehouse(layered).read_bytes() == content
    assert region(layered).exists()


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_whatever_stands_in_airflow_s_files_and_the_manifest_a_pass_ends(
    airflow: DirectoryTarget, content: bytes
) -> None:
    push(BOTH_KINDS, airflow)
    manifest = warehouse(airflow).parent / ".syncd.json"
    manifest.write_bytes(content)
    region(airflow).write_bytes(content)
    assert set(reasons(push(BOTH_KINDS, airflow)).values()) == {Reason.NOT_OWNED}


@pytest.mark.parametrize("name", ["connections/warehouse", "nameplate"])
@pytest.mark.parametrize("wanted_", [BOTH_KINDS, CHANGED, NOTHING])
def test_a_document_of_a_newer_format_is_held_and_never_written_over(
    layered: DirectoryTarget, name: str, wanted_: Workspace
) -> None:
    push(BOTH_KINDS, layered)
    path = Path(layered.root, ETL, name)
    newer = path.read_bytes().replace(b'"format": 1', b'"format": 2')
    path.write_bytes(newer)
    outcomes = push(wanted_, layered)
    (error,) = {one.error for one in outcomes if one.place.object == f"{ETL}/{name}"}
    assert str(error) == (
        f"{ETL}/{name}: has format 2, and this release reads 1; upgrade airflow-shared-connections here"
    )
    assert path.read_bytes() == newer


@pytest.mark.parametrize("wanted_", [BOTH_KINDS, CHANGED, NOTHING])
def test_files_of_a_newer_manifest_are_held_and_never_written_over(
    airflow: DirectoryTarget, wanted_: Workspace
) -> None:
    push(BOTH_KINDS, airflow)
    manifest = warehouse(airflow).parent / ".syncd.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"format": 1', b'"format": 2'))
    before = snapshot(manifest.parent)
    assert set(reasons(push(wanted_, airflow)).values()) == {Reason.NEWER_DOCUMENT}
    assert snapshot(manifest.parent) == before


MANIFESTS = ['{"objects": []}', '{"objects": {"connections.json": 1}}']
MANIFESTS += [f'{{"objects": {{"connections.json": {{"secrets": {one}}}}}}}' for one in ("1", '{"a": 1}', '{"a": [1]}')]


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_a_manifest_that_somebody_edited_breaks_nothing(airflow: DirectoryTarget, manifest: str) -> None:
    push(BOTH_KINDS, airflow)
    (warehouse(airflow).parent / ".syncd.json").write_text(manifest, "utf-8")
    assert SECRET not in repr(airflow.observe(None, seal))


# What is somebody else's


def test_somebody_elses_file_at_our_place_is_left_alone(target: DirectoryTarget) -> None:
    warehouse(target).parent.mkdir(parents=True)
    warehouse(target).write_text('{"mine": "all mine"}', "utf-8")
    before = snapshot(Path(target.root))[str(warehouse(target).relative_to(target.root))]
    failed = reasons(push(BOTH_KINDS, target))
    assert failed == {str(warehouse(target).relative_to(target.root)): Reason.NOT_OWNED}
    assert snapshot(Path(target.root))[str(warehouse(target).relative_to(target.root))] == before
    assert region(target).exists()


def test_files_of_other_names_are_left_alone_and_keep_their_folder(target: DirectoryTarget) -> None:
    push(BOTH_KINDS, target)
    strange = ["notes.txt", "connections.json.bak", "connections/a~", "connections/deep/er/x", "notes.json", "\udcff"]
    for name in strange:
        path = Path(target.root, ETL, name)
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(f'{{"password": "{SECRET}"}}', "utf-8")
    assert SECRET not in repr(target.observe(None, seal))
    assert reasons(push(BOTH_KINDS, target)) == {}
    push(NOTHING, target)
    assert {str(path.relative_to(Path(target.root, ETL))) for path in Path(target.root, ETL).rglob("*")} == {
        *strange,
        "connections",
        "connections/deep",
        "connections/deep/er",
    }


def test_folders_go_with_their_last_file_and_the_root_stays(target: DirectoryTarget) -> None:
    push(BOTH_KINDS, target)
    push(NOTHING, target)
    assert [path.name for path in Path(target.root).rglob("*")] == ["analytics", "deployments"]


def test_a_folder_that_somebody_made_stays_where_nothing_was_taken_out_of_it(target: DirectoryTarget) -> None:
    """It may be mounted into a container, which would hold on to one that is gone."""
    warehouse(target).parent.mkdir(parents=True)
    name = str(warehouse(target).relative_to(target.root))
    assert target.write([Write(name, None, {}, frozenset())], MARK, seal) == {name: None}
    assert warehouse(target).parent.is_dir()


def test_a_name_that_nothing_can_store_is_not_observed(target: DirectoryTarget) -> None:
    for name in ("connections.json", "connections/x", "nameplate"):
        path = Path(target.root, "analytics/deployments/\udcff", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}", "utf-8")
    seen = target.observe(None, seal)
    assert (seen.stamps, seen.unread) == ({}, {})


def test_an_id_that_nobody_can_ask_for_is_taken_out_of_airflow_s_files(airflow: DirectoryTarget) -> None:
    push(BOTH_KINDS, airflow)
    content = warehouse(airflow).read_bytes()
    warehouse(airflow).write_text(json.dumps({**json.loads(content), "": "empty"}), "utf-8")
    push(BOTH_KINDS, airflow)
    assert warehouse(airflow).read_bytes() == content
    assert {outcome.action for outcome in push(BOTH_KINDS, airflow)} == {"unchanged"}


def test_a_file_that_was_swapped_since_it_was_seen_is_a_conflict_and_stays(target: DirectoryTarget) -> None:
    push(BOTH_KINDS, target)
    prepared = planned(CHANGED, target)
    warehouse(target).unlink()
    warehouse(target).write_text('{"swapped": "in"}', "utf-8")
    failed = reasons(finished(prepared, CHANGED, target))
    assert failed[str(warehouse(target).relative_to(target.root))] is Reason.CONFLICT
    assert warehouse(target).read_text("utf-8") == '{"swapped": "in"}'


def test_a_file_that_appeared_since_nothing_was_seen_is_a_conflict_and_stays(target: DirectoryTarget) -> None:
    prepared = planned(BOTH_KINDS, target)
    warehouse(target).parent.mkdir(parents=True)
    warehouse(target).write_text('{"swapped": "in"}', "utf-8")
    failed = reasons(finished(prepared, BOTH_KINDS, target))
    assert failed == {str(warehouse(target).relative_to(target.root)): Reason.CONFLICT}
    assert warehouse(target).read_text("utf-8") == '{"swapped": "in"}'


# The root


def test_the_root_is_made_where_its_parent_is_there(target: DirectoryTarget) -> None:
    assert reasons(push(BOTH_KINDS, target)) == {}
    assert right(target)


@pytest.mark.parametrize("missing", ["no parent", "a link that leads nowhere"])
def test_a_volume_that_is_not_mounted_is_waited_for_and_nothing_is_made(
    target: DirectoryTarget, scratch: Path, missing: str
) -> None:
    root = scratch / "not-mounted" / "shared"
    if missing != "no parent":
        root = scratch / "link"
        root.symlink_to(scratch / "not-mounted")
    away = replace(target, root=str(root))
    with pytest.raises(WaitError, match="mounted"):
        push(BOTH_KINDS, away)
    name = str(warehouse(target).relative_to(target.root))
    answers = away.write([Write(name, None, {}, frozenset())], MARK, seal)
    assert isinstance(answers[name], WaitError)
    assert not (scratch / "not-mounted").exists()


def test_a_file_for_a_root_is_an_error_to_fix(target: DirectoryTarget) -> None:
    Path(target.root).write_text("a file", "utf-8")
    with pytest.raises(FixError):
        push(BOTH_KINDS, target)


def test_a_root_that_is_a_link_is_the_operators_affair(target: DirectoryTarget, scratch: Path) -> None:
    (scratch / "elsewhere").mkdir()
    Path(target.root).symlink_to(scratch / "elsewhere")
    assert reasons(push(BOTH_KINDS, target)) == {}
    assert right(target)


# Secrets, and what is kept of them


def test_a_version_is_made_with_the_key(target: DirectoryTarget) -> None:
    """It is kept in the registry: a plain digest of what else is known and a weak password lets that be guessed."""
    push(BOTH_KINDS, target)
    one, other = target.observe(None, seal).stamps, target.observe(None, lambda text: f"other {seal(text)}").stamps
    assert all(one[name].version != other[name].version for name in one)
    plain = {hashlib.sha256(path.read_bytes()).hexdigest() for path in Path(target.root).rglob("*") if path.is_file()}
    assert plain.isdisjoint(stamp.version for stamp in one.values())


def test_a_secret_that_somebody_put_where_none_belongs_is_not_observed(layered: DirectoryTarget) -> None:
    push(BOTH_KINDS, layered)
    envelope = json.loads(warehouse(layered).read_text("utf-8"))
    envelope |= {"note": SECRET, "secrets": []}
    envelope["layers"]["definition"] |= {"uri": f"postgres://u:{SECRET}@h", "extra": json.dumps({"token": SECRET})}
    warehouse(layered).write_text(json.dumps(envelope, ensure_ascii=False), "utf-8")
    assert SECRET not in repr(layered.observe(None, seal))


@pytest.mark.parametrize("how", ["a URI", "a list", "fields", "a text for extra"])
def test_a_connection_that_somebody_wrote_another_way_is_not_observed_in_plain(
    airflow: DirectoryTarget, how: str
) -> None:
    push(BOTH_KINDS, airflow)
    uri = f"postgres://u:{SECRET}@h"
    ways = {"a URI": uri, "a list": [{"password": SECRET}], "fields": {"uri": uri, "extra_dejson": {"a": SECRET}}}
    edited = {"warehouse": ways.get(how, {"conn_type": "http", "extra": json.dumps({"token": SECRET})})}
    warehouse(airflow).write_text(json.dumps(edited, ensure_ascii=False), "utf-8")
    assert SECRET not in repr(airflow.observe(None, seal))


def test_what_was_secret_stays_so_where_a_pass_was_killed_between_manifest_and_file(airflow: DirectoryTarget) -> None:
    secret = replace(connection("warehouse", host=SECRET), secret_fields=frozenset({("host",)}))
    push(workspace(secret), airflow)
    old = warehouse(airflow).read_bytes()
    push(workspace(connection("warehouse", host="plain"), revision=2), airflow)
    warehouse(airflow).write_bytes(old)
    assert SECRET not in repr(airflow.observe(None, seal))


# Names


def test_an_id_that_is_too_long_is_refused_and_stops_no_other(layered: DirectoryTarget) -> None:
    long = connection("A" * 200)
    failed = reasons(push(workspace(WAREHOUSE, long, deployments=["etl-prod"]), layered))
    assert set(failed.values()) == {Reason.NOT_HOLDABLE}
    assert warehouse(layered).exists()


def test_a_name_that_the_file_system_can_not_hold_is_refused_and_stops_no_other(layered: DirectoryTarget) -> None:
    documents = goal(workspace(WAREHOUSE, deployments=["etl-prod"]), layered.layout)
    home = layered.layout.home(Item("etl-prod", "connection", "warehouse"))
    names = [f"{ETL}/connections/{'a' * 256}", home.object]
    answers = layered.write([Write(name, None, {"": documents[home]}, frozenset()) for name in names], MARK, seal)
    error = answers[names[0]]
    assert isinstance(error, FixError)
    assert error.reason is Reason.NOT_HOLDABLE
    assert [path.name for path in warehouse(layered).parent.iterdir()] == ["warehouse"]
