"""`syncd plan`, `syncd sync`, and their exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.runner import Syncd


@pytest.fixture
def many(syncd: Syncd) -> Syncd:
    """In sync, and with more than a third of what lies there gone from the files that were applied."""
    for number in range(12):
        syncd.ok("connection", "create", f"c{number}", "conn_type=http", "--link", "etl-dev")
    syncd.ok("sync")
    return syncd


def test_plan_shows_what_sync_writes_and_writes_nothing(syncd: Syncd) -> None:
    said = syncd.ok("plan").said

    assert "files: 8 to create" in said
    assert "+ etl-prod/connections/warehouse" in said
    assert '+ environment: host "warehouse.internal"' in said
    assert "+ definition: password •••" in said
    assert not (syncd.home / "files").exists()


def test_after_a_sync_nothing_is_left(syncd: Syncd) -> None:
    first = syncd.ok("sync")
    second = syncd.ok("sync")

    assert "✓ files: 8 created" in first.said
    assert "✓ files: nothing to do" in second.said
    assert "files: nothing to do" in syncd.ok("plan", "--detailed-exitcode").said


def test_a_change_is_planned_alone(syncd: Syncd) -> None:
    syncd.ok("sync")
    syncd.ok("override", "set", "warehouse", "-d", "etl-prod", "schema=reporting")

    assert syncd.ok("plan", "-t", "files").out.splitlines() == [
        "files: 1 to update",
        "~ etl-prod/connections/warehouse",
        '  ~  link: schema  "finance" → "reporting"',
    ]


def test_a_changed_secret_is_planned_by_its_name(syncd: Syncd, monkeypatch: pytest.MonkeyPatch) -> None:
    syncd.ok("sync")
    monkeypatch.setenv("WAREHOUSE_PASSWORD", "rotated")
    said = syncd.ok("plan", "-t", "classic").said

    assert said == "classic: 1 to update ~ etl-prod/connections.json#warehouse ~ password •••"


def test_extra_that_is_called_like_our_own_words_is_shown(syncd: Syncd) -> None:
    syncd.ok("connection", "create", "odd", "conn_type=x", "extra.layers.count=1", "--link", "etl-prod")
    said = syncd.ok("plan").said

    assert "definition: extra.layers.count 1" in said
    assert "+ extra.layers.count 1" in said


def test_only_the_targets_that_are_named_and_each_once(syncd: Syncd) -> None:
    assert "files" not in syncd.ok("sync", "-t", "classic", "-t", "classic").out
    assert [one["target"] for one in syncd.json("plan", "-t", "classic", "-t", "classic")["targets"]] == ["classic"]


def test_changed_looks_at_what_changed(syncd: Syncd) -> None:
    syncd.ok("sync")
    (syncd.home / "files" / "analytics" / "deployments" / "etl-dev" / "connections" / "scratch").unlink()
    syncd.ok("connection", "update", "warehouse", "port=5433")

    assert "files: 2 to update" in syncd.ok("plan", "--changed").said
    assert "files: 1 to create" in syncd.ok("plan").said


def test_no_target_is_told(empty: Syncd) -> None:
    empty.ok("workspace", "create", "analytics")

    assert "no deployment names a target" in empty.ok("plan").said
    assert "no deployment names a target" in empty.ok("sync").said


def test_a_reference_that_cant_be_read_fails_and_stops_nothing_else(
    syncd: Syncd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WAREHOUSE_PASSWORD")
    plan = syncd("plan")
    sync = syncd("sync")

    assert (plan.code, sync.code) == (1, 1)
    assert "✗ files: etl-dev/warehouse: password: env:WAREHOUSE_PASSWORD: isn't set" in plan.err
    assert "→ set WAREHOUSE_PASSWORD where syncd runs" in plan.err
    assert "✗ files: 6 created, 2 held" in sync.out


def test_a_foreign_object_fails(syncd: Syncd) -> None:
    place = syncd.home / "files" / "analytics" / "deployments" / "etl-dev" / "connections" / "scratch"
    place.parent.mkdir(parents=True)
    place.write_text("{}")
    result = syncd("sync")

    assert result.code == 1
    assert "was written by somebody else" in result.said
    assert place.read_text() == "{}"


def test_a_target_that_isnt_there_fails_alone(syncd: Syncd) -> None:
    syncd.ok("deployment", "update", "etl-dev", "-t", "files", "-t", "vault")
    result = syncd("sync")

    assert result.code == 1
    assert "✗ target vault: isn't in" in result.said
    assert "✓ files" in result.said


def test_plan_exit_codes(many: Syncd, monkeypatch: pytest.MonkeyPatch) -> None:
    """0, or 1 where something failed; detailed: 1, else 3 where the guard holds, else 10 where changes are pending."""
    codes = [(many("plan").code, many("plan", "--detailed-exitcode").code)]
    many.ok("connection", "update", "c1", "host=h")
    codes.append((many("plan").code, many("plan", "--detailed-exitcode").code))
    lose_definitions(many)
    codes.append((many("plan").code, many("plan", "--detailed-exitcode").code))
    many.ok("connection", "create", "again", "conn_type=x", "--from", "login=env:NOT_ALLOWED", "--link", "etl-dev")
    codes.append((many("plan").code, many("plan", "--detailed-exitcode").code))

    assert codes == [(0, 0), (0, 10), (0, 3), (1, 1)]


def test_held_deletes_are_3_and_carried_out_when_accepted(many: Syncd) -> None:
    lose_definitions(many)
    held = many("sync")
    wrong = many("sync", "--accept-deletes", "000000000000")
    digest = many("plan", "-t", "files", "-o", "json").json["targets"][0]["deletes_digest"]

    assert held.code == wrong.code == 3
    assert "held back, as so many deletes may be a mistake: - etl-dev/connections/c0" in held.out.replace("\n", " ")
    assert f"`syncd sync --target files --accept-deletes {digest}`" in held.said
    assert "isn't what --accept-deletes names" in wrong.said
    assert many("sync", "--accept-deletes", digest).code == 0
    assert "nothing to do" in many.ok("plan", "-t", "files").said


def test_a_failure_is_1_even_where_the_guard_holds(many: Syncd, monkeypatch: pytest.MonkeyPatch) -> None:
    lose_definitions(many)
    monkeypatch.delenv("WAREHOUSE_PASSWORD")

    assert many("sync").code == 1


def test_deletes_that_were_asked_for_arent_held(many: Syncd) -> None:
    for number in range(12):
        many.ok("connection", "delete", f"c{number}", "--yes")

    assert "12 deleted" in many.ok("sync").said


def test_another_sync_is_waited_for(syncd: Syncd) -> None:
    from syncd.cli.session import start
    from syncd.registry.lease import lease

    with lease(start(None).registry, wait=1):
        result = syncd("sync", "--wait", "0.1")

    assert result.code == 1
    assert "another pass has been writing for 0.1 s" in result.said


@pytest.mark.parametrize("wait", ["-1", "nan", "soon"])
def test_a_wait_that_is_none(syncd: Syncd, wait: str) -> None:
    result = syncd("sync", "--wait", wait)

    assert result.code == 2
    assert "--wait takes seconds, at least 0" in result.said


def lose_definitions(syncd: Syncd) -> None:
    """As a registry that a person restored from an old backup does: what lies in the target isn't in it."""
    from syncd.cli.session import start
    from syncd.registry import workspaces

    session = start(None)
    before = session.load()
    kept = {key: one for key, one in before.definitions.items() if not key.id.startswith("c")}
    after = type(before)(before.name, before.environments, before.deployments, kept, before.revision)
    workspaces.save(session.registry, before, after, who="test", now="2026-01-01T00:00:00Z", why="lost", asked=False)


def test_files_of_a_target_have_its_modes(syncd: Syncd) -> None:
    syncd.ok("sync")
    files = [path for path in (syncd.home / "files").rglob("*") if path.is_file()]

    assert files
    assert {Path(path).stat().st_mode & 0o777 for path in files} == {0o600}


def test_a_target_that_sync_could_not_look_at_is_told_by_status(syncd: Syncd) -> None:
    syncd.ok("sync")
    (syncd.home / "files").rename(syncd.home / "elsewhere")
    (syncd.home / "files").write_text("no folder")

    assert syncd("sync", "-t", "files").code == 1
    said = syncd.ok("status").said
    assert "files unreached" in said
    assert "files: the target as a whole: NotOwned since" in said
    assert "move it away" in said
