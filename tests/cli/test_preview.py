"""`syncd preview`."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from syncd.registry import workspaces
from tests.cli.runner import Syncd


@pytest.fixture
def previewed(syncd: Syncd) -> Syncd:
    """With `pr-1` of etl-dev, and all of it synced."""
    syncd.ok("preview", "create", "pr-1", "--of", "etl-dev", "--ttl", "7d")
    syncd.ok("sync")
    return syncd


def documents(syncd: Syncd, deployment: str) -> dict[str, str]:
    root = syncd.home / "files" / "analytics" / "deployments" / deployment
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_it_gets_what_its_base_gets(previewed: Syncd) -> None:
    assert documents(previewed, "pr-1").keys() == documents(previewed, "etl-dev").keys() != set()


def test_a_plan_tells_which_fields_are_withheld(syncd: Syncd) -> None:
    syncd.ok("preview", "create", "pr-1", "--of", "etl-dev")
    (line,) = (line for line in syncd("plan").out.splitlines() if "withheld" in line)
    assert line.split() == ["+", "withheld", "password"]


def test_what_is_withheld_says_so_in_its_place(previewed: Syncd) -> None:
    document = json.loads(documents(previewed, "pr-1")["connections/warehouse"])
    assert document["withheld"][0][:2] == [["password"], "is withheld: it is a secret of environment prod"]
    assert "from-the-environment" not in json.dumps(document)
    (one,) = previewed.json("preview", "list")["previews"]
    assert one["withheld"] == ["pr-1/warehouse"]


def test_a_change_of_its_base_is_its_own(previewed: Syncd) -> None:
    previewed.ok("override", "set", "warehouse", "--deployment", "etl-dev", "login=other")
    previewed.ok("sync", "--changed")
    assert '"other"' in documents(previewed, "pr-1")["connections/warehouse"]


def test_deleted_its_documents_go(previewed: Syncd) -> None:
    previewed.ok("preview", "delete", "pr-1", "--yes")
    previewed.ok("sync")
    assert documents(previewed, "pr-1") == {}
    assert documents(previewed, "etl-dev") != {}


@pytest.fixture
def expired(previewed: Syncd, monkeypatch: pytest.MonkeyPatch) -> Syncd:
    """When a week has passed."""
    later = (datetime.now(timezone.utc) + timedelta(days=8)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for command in ("passes", "previews", "copying"):
        monkeypatch.setattr(f"syncd.cli.{command}.now", lambda: later)
    return previewed


@pytest.mark.parametrize("options", [(), ("--changed",)])
def test_expired_it_goes_as_the_plan_says(expired: Syncd, options: tuple[str, ...]) -> None:
    (plan,) = expired.json("plan", "--target", "files", *options)["targets"]
    assert plan["held"] == []
    gone = {change["object"] for change in plan["changes"] if change["action"] == "delete"}
    assert gone
    assert all("/pr-1/" in name for name in gone)
    (synced,) = expired.json("sync", "--target", "files", *options)["targets"]
    assert {one["object"] for one in synced["written"]} == gone
    assert documents(expired, "pr-1") == {}


def test_expired_it_is_listed_as_such_and_goes_to_no_laptop(expired: Syncd, tmp_path: Path) -> None:
    (one,) = expired.json("preview", "list")["previews"]
    assert one["expired"] is True
    result = expired("dev", "export", "-d", "pr-1", "--format", "json", "--to", str(tmp_path / "out"))
    assert result.code == 1
    assert "preview pr-1: expired at " in result.said


def test_expired_it_goes_with_the_next_sync(expired: Syncd) -> None:
    expired.ok("sync")
    assert documents(expired, "pr-1") == {}
    assert expired.json("preview", "list")["previews"] == []
    assert "expired: pr-1" in expired.ok("history").out


def test_made_again_it_is_as_it_is_told_now(previewed: Syncd) -> None:
    previewed.ok("preview", "create", "pr-1", "--of", "etl-prod", "--target", "files")
    (one,) = previewed.json("preview", "list")["previews"]
    assert (one["of"], one["environment"], one["expires"], one["targets"]) == ("etl-prod", "dev", None, ["files"])


def test_files_that_are_applied_leave_it_alone(previewed: Syncd, tmp_path: Path) -> None:
    exported = previewed.ok("export").out
    assert "pr-1" not in exported
    (tmp_path / "all.yaml").write_text(exported)
    previewed.ok("apply", "-f", str(tmp_path / "all.yaml"), "--prune", "--yes")
    assert len(previewed.json("preview", "list")["previews"]) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["etl-dev", "--of", "etl-prod"], "is there, and no preview"),
        (["pr-2", "--of", "etl-dew"], "etl-dew"),
        (["pr-2", "--of", "pr-1"], "is itself a preview"),
        (["pr-2", "--of", "etl-dev", "--ttl", "soon"], "--ttl is a number and a unit"),
        (["pr-2", "--of", "etl-dev", "--ttl", "0d"], "--ttl is a minute at least"),
        (["pr-2", "--of", "etl-dev", "-e", "nowhere"], "nowhere"),
        (["pr-2", "--of", "etl-dev", "-t", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_made_is_told(previewed: Syncd, arguments: list[str], said: str) -> None:
    result = previewed("preview", "create", *arguments)
    assert result.code != 0
    assert said in result.said


def test_a_deployment_is_no_preview_to_delete(previewed: Syncd) -> None:
    assert "isn't there; there is pr-1" in previewed("preview", "delete", "etl-dev", "--yes").said


def test_it_is_what_it_was_after_it_was_saved(previewed: Syncd) -> None:
    from syncd import installation

    registry = installation.load({"SYNCD_HOME": str(previewed.home)}).registry()
    one = workspaces.load(registry, "analytics").deployments["pr-1"]
    registry.engine.dispose()
    assert (one.preview_of, one.environment) == ("etl-dev", "dev")
    assert one.expires > datetime.now(timezone.utc).isoformat()[:10]


ALLOWED = '[reveal]\nallow = [{connection = "warehouse"}]\n'


def test_where_no_document_can_tell_what_is_withheld_it_goes_and_is_warned_of(previewed: Syncd) -> None:
    def held() -> set[str]:
        path = previewed.home / "classic/analytics/deployments/pr-1/connections.json"
        return set(json.loads(path.read_text()))

    settings = previewed.home / "syncd.toml"
    strict = settings.read_text()
    settings.write_text(strict + ALLOWED)
    previewed.ok("deployment", "update", "pr-1", "-t", "classic")
    previewed.ok("sync")
    assert "warehouse" in held()

    settings.write_text(strict)
    result = previewed.ok("sync", "--target", "classic")
    assert "pr-1/warehouse: password is withheld" in result.said
    assert held() == {"scratch"}
    assert "from-the-environment" not in "".join(documents(previewed, "pr-1").values())


def test_a_rule_that_names_nothing_is_warned_of(previewed: Syncd) -> None:
    with (previewed.home / "syncd.toml").open("a") as settings:
        settings.write('[reveal]\nforbid = [{connection = "warehouze"}, {environment = "prod"}]\n')
    assert "! [reveal] in syncd.toml names connection warehouze" in previewed.ok("preview", "list").err
    previewed.ok("workspace", "create", "finance")
    assert previewed.ok("preview", "list", "--workspace", "analytics").err == ""


def test_explain_tells_what_is_withheld(previewed: Syncd) -> None:
    assert (
        "password is withheld: it is a secret of environment prod" in previewed.ok("explain", "pr-1", "warehouse").said
    )


def test_without_a_time_to_live_where_one_is_given_nothing_is_made(previewed: Syncd) -> None:
    assert previewed("preview", "create", "pr-2", "--of", "etl-dev", "--ttl", "").code == 2


def test_on_a_laptop_it_has_what_it_has(previewed: Syncd, tmp_path: Path) -> None:
    previewed.ok("dev", "export", "-d", "pr-1", "--format", "json", "--to", str(tmp_path / "mine"))
    previewed.ok("dev", "export", "-d", "etl-dev", "--format", "json", "--to", str(tmp_path / "base"))
    mine, base = (json.loads((tmp_path / name / "connections.json").read_text()) for name in ("mine", "base"))
    assert mine == base != {}
