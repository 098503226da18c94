"""JSON output as a contract: the keys of every document, and that `dev/json-output.md` names each of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.runner import Syncd

DOCUMENTED = (Path(__file__).parents[2] / "dev" / "json-output.md").read_text("utf-8")

CHANGE = {"revision", "edits", "warnings"}
EDIT = {"subject", "field", "before", "after"}
FIELD = {"path", "value", "secret", "reference"}
ERROR = {"reason", "subject", "problem", "remedy"}
DEFINITION = {
    "kind",
    "id",
    "deployment",
    "fields",
    "environments",
    "links",
    "link_all",
    "exclude",
    "secret_fields",
    "linked_to",
}
DEPLOYMENT = {"name", "environment", "targets", "linked"}


def keys(document: dict[str, Any]) -> set[str]:
    """The keys of a document, each of which the documentation names."""
    assert all(f'"{key}"' in DOCUMENTED for key in document)
    return set(document)


@pytest.mark.parametrize(
    "arguments",
    [
        ("apply", "-f", "more.yaml", "--yes"),
        ("link", "etl-dev", "region", "--variable"),
        ("unlink", "etl-dev", "warehouse"),
        ("link-all", "warehouse"),
        ("exclude", "etl-prod", "slack"),
        ("override", "set", "warehouse", "-e", "dev", "port=1"),
        ("override", "null", "warehouse", "-e", "dev", "schema"),
        ("override", "remove", "warehouse", "-d", "etl-prod", "schema"),
        ("connection", "create", "lake", "conn_type=aws"),
        ("connection", "update", "warehouse", "port=1"),
        ("connection", "delete", "warehouse", "--yes"),
        ("variable", "create", "tier", "value=1"),
        ("variable", "update", "region", "value=1"),
        ("variable", "delete", "region", "--yes"),
        ("environment", "create", "staging"),
        ("deployment", "create", "new", "-e", "dev"),
        ("deployment", "update", "etl-dev", "-e", "prod"),
        ("deployment", "delete", "etl-dev", "--yes"),
        ("workspace", "create", "other", "-e", "dev"),
    ],
)
def test_a_change(syncd: Syncd, folder: Path, arguments: tuple[str, ...]) -> None:
    (folder / "more.yaml").write_text("workspace: analytics\nvariables: {more: {value: x}}\n")
    document = syncd.json(*arguments)

    assert keys(document) == CHANGE
    assert document["revision"] == (1 if arguments[0] == "workspace" else 2)
    assert all(keys(one) == EDIT for one in document["edits"])
    assert document["edits"]


def test_a_change_of_nothing(syncd: Syncd) -> None:
    document = syncd.json("connection", "update", "warehouse", "host=dev.internal")

    assert document == {"revision": 1, "edits": [], "warnings": []}


def test_a_rollback(syncd: Syncd) -> None:
    syncd.ok("unlink", "etl-dev", "warehouse")
    document = syncd.json("rollback", "1", "--yes")

    assert keys(document) == CHANGE
    assert [tuple(one.values()) for one in document["edits"]] == [
        ("connection warehouse", "link etl-dev", None, "linked")
    ]


def test_warnings_are_part_of_a_change(syncd: Syncd) -> None:
    (warning,) = syncd.json("override", "set", "warehouse", "-e", "prod", "port=1")["warnings"]

    assert "moves host, port and inherits password" in warning


def test_init(syncd: Syncd) -> None:
    document = syncd.json("init")

    assert keys(document) == {"home", "instance", "made"}
    assert document["made"] == []


def test_a_definition(syncd: Syncd) -> None:
    document = syncd.json("connection", "show", "warehouse")

    assert keys(document) == DEFINITION
    assert all(keys(one) == FIELD for one in document["fields"])
    assert document["deployment"] is None
    assert document["environments"] == {
        "prod": [{"path": "host", "value": "warehouse.internal", "secret": False, "reference": None}]
    }
    assert document["links"]["etl-dev"] == []
    assert {"path": "password", "value": None, "secret": True, "reference": "env:WAREHOUSE_PASSWORD"} in document[
        "fields"
    ]


@pytest.mark.parametrize("kind", ["connection", "variable"])
def test_a_list_holds_what_show_shows(syncd: Syncd, kind: str) -> None:
    document = syncd.json(kind, "list")
    shared = [one for one in document[f"{kind}s"] if one["deployment"] is None]

    assert keys(document) == {f"{kind}s"}
    assert shared
    assert all(one == syncd.json(kind, "show", one["id"]) for one in shared)


def test_an_explanation(syncd: Syncd) -> None:
    document = syncd.json("explain", "etl-prod", "warehouse")

    assert keys(document) == {"deployment", "kind", "id", "source", "fields", "notes", "warnings"}
    assert all(keys(one) == FIELD | {"layer"} for one in document["fields"])


def test_a_plan(syncd: Syncd) -> None:
    document = syncd.json("plan")
    target = document["targets"][1]
    change = next(one for one in target["changes"] if one["object"].endswith("etl-dev/connections/warehouse"))

    assert keys(document) == {"workspace", "revision", "targets"}
    assert keys(target) == {"target", "error", "changes", "held", "deletes_digest", "warnings"}
    assert keys(change) == {"object", "key", "action", "fields"}
    assert change["key"] is None
    assert change["action"] == "create"
    assert {"path": "layers.definition.host", "before": None, "after": '"dev.internal"'} in change["fields"]
    assert {"path": "layers.definition.password", "before": None, "after": "•••"} in change["fields"]


def test_a_plan_that_fails(syncd: Syncd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAREHOUSE_PASSWORD")
    result = syncd("plan", "-t", "files", "-t", "nowhere", "-o", "json")
    files, nowhere = result.json["targets"]

    assert result.code == 1
    assert files["error"] is None
    assert [keys(one) for one in files["held"]] == [{"object", "key"} | ERROR] * 2
    assert files["held"][0]["reason"] == "ReferenceUnreadable"
    assert keys(nowhere) == keys(files)
    assert keys(nowhere["error"]) == ERROR
    assert nowhere["changes"] == nowhere["held"] == []


def test_a_sync(syncd: Syncd) -> None:
    document = syncd.json("sync")
    target = document["targets"][1]

    assert keys(document) == {"workspace", "revision", "targets"}
    assert keys(target) == {"target", "error", "written", "unchanged", "held", "deletes_digest", "warnings"}
    assert all(keys(one) == {"object", "key", "action"} for one in target["written"])
    assert target["unchanged"] == 0
    assert syncd.json("sync")["targets"][1]["unchanged"] == len(target["written"])


def test_a_sync_names_the_revision_that_it_synced(syncd: Syncd, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another changed the registry while this one waited for the lease."""
    from syncd.registry.lease import lease

    def late(*arguments: Any, **options: Any) -> Any:
        syncd.ok("connection", "update", "warehouse", "port=5433")
        return lease(*arguments, **options)

    monkeypatch.setattr("syncd.passes.lease", late)

    assert syncd.json("sync")["revision"] == 2


def test_a_plan_and_a_sync_of_no_target_name_the_revision(syncd: Syncd) -> None:
    for name in ("etl-dev", "etl-prod"):
        syncd.ok("deployment", "update", name, "--no-targets")

    assert syncd.json("plan") == syncd.json("sync") == {"workspace": "analytics", "revision": 3, "targets": []}


def test_a_status(syncd: Syncd, monkeypatch: pytest.MonkeyPatch) -> None:
    before = syncd.json("status")
    monkeypatch.delenv("WAREHOUSE_PASSWORD")
    syncd("sync")
    after = syncd.json("status")

    assert keys(after) == {"revision", "targets", "items"}
    assert keys(after["targets"][0]) == {
        "target",
        "revision",
        "last_pass",
        "behind_since",
        "unsettled",
        "items",
        "failure",
    }
    assert [one["revision"] for one in before["targets"]] == [None, None]
    assert keys(after["items"][0]) == {
        "target",
        "deployment",
        "kind",
        "id",
        "reason",
        "since",
        "last_success",
        "failures",
        "message",
        "remedy",
    }


def test_a_history(syncd: Syncd) -> None:
    (revision,) = syncd.json("history")["revisions"]

    assert keys(revision) == {"number", "at", "who", "why"}


def test_a_diff(syncd: Syncd) -> None:
    document = syncd.json("diff", "0")

    assert keys(document) == {"before", "after", "edits"}
    assert (document["before"], document["after"]) == (0, 1)
    assert all(keys(one) == EDIT for one in document["edits"])


def test_the_nouns(syncd: Syncd) -> None:
    (workspace,) = syncd.json("workspace", "list")["workspaces"]
    environments = syncd.json("environment", "list")["environments"]
    deployments = syncd.json("deployment", "list")["deployments"]
    targets = syncd.json("target", "list")["targets"]

    assert keys(workspace) == {"name", "revision", "environments", "deployments", "definitions"}
    assert [keys(one) for one in environments] == [{"name", "deployments"}] * 2
    assert [keys(one) for one in deployments] == [DEPLOYMENT] * 2
    assert deployments[0] == syncd.json("deployment", "show", "etl-dev")
    assert keys(deployments[0]["linked"][0]) == {"kind", "id", "own"}
    assert [keys(one) for one in targets] == [{"name", "type", "layout", "workspaces", "deployments"}] * 2


def test_the_rest(syncd: Syncd) -> None:
    syncd.ok("workspace", "create", "other")

    assert syncd.json("workspace", "delete", "other", "--yes") == {"deleted": "other"}
    assert syncd.json("target", "adopt", "files") == {"target": "files", "adopted": []}
    assert syncd.json("target", "accept-restore", "files") == {"target": "files", "revision": 1}
    assert syncd.json("key", "add") == {"keys": 2}
    assert keys(syncd.json("key", "rotate")) == {"rotated"}
    assert syncd.json("key", "retire") == {"retired": 1}


@pytest.mark.parametrize("wanted", [("--output", "json"), ("-o", "json"), ("--output=json",), ("-ojson",)])
def test_an_error_is_a_document(syncd: Syncd, wanted: tuple[str, ...]) -> None:
    result = syncd("connection", "show", "x", *wanted)

    assert result.code == 1
    assert keys(result.json) == {"errors"}
    assert [keys(one) for one in result.json["errors"]] == [ERROR]
    assert result.err == ""


def test_all_problems_are_in_the_document(syncd: Syncd, folder: Path) -> None:
    (folder / "bad.yaml").write_text("workspace: analytics\nconnections: {a: {host: }, b: {port: x}}\n")
    result = syncd("apply", "-f", "bad.yaml", "-o", "json")

    assert result.code == 1
    assert [one["subject"].split()[1] for one in result.json["errors"]] == ["connections.a.host", "connections.b.port"]


def test_wrong_usage_is_no_document(syncd: Syncd) -> None:
    result = syncd("connection", "show", "-o", "json")

    assert result.code == 2
    assert result.out == ""


def test_a_document_is_ascii(syncd: Syncd) -> None:
    syncd.ok("variable", "create", "größe", "value=\x1b[2J\x9b\u202e")
    shown = syncd.ok("variable", "show", "größe", "-o", "json").out

    assert shown.isascii()
    assert all(one.isprintable() or one == "\n" for one in shown)
    assert json.loads(shown)["fields"][0]["value"] == "\x1b[2J\x9b\u202e"
