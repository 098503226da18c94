"""`syncd dev … --from TARGET`: without the registry and its keys, by the rights that a target's server gives."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from servers import vault
from tests.cli.runner import SETTINGS, Syncd
from tests.cli.test_dev import ASKS, COMMAND

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("processes")]

MOUNT = "from-laptops"
VAULT = '[targets.vault]\ntype = "vault"\nurl = "{url}"\nmount_point = "{mount}"\n'


@pytest.fixture
def synced(syncd: Syncd) -> Syncd:
    """Everything is at its targets, and the registry with its keys isn't there any more."""
    syncd.ok("sync")
    forgotten(syncd)
    return syncd


def forgotten(syncd: Syncd) -> None:
    for name in ("registry.db", "keys"):
        (syncd.home / name).unlink()
    for left in syncd.home.glob("registry.db*"):
        left.unlink()


def exported(syncd: Syncd, to: Path, *more: str, deployment: str = "etl-dev") -> dict[str, Any]:
    arguments = ("-d", deployment, "--format", "json", "--to", str(to), "-w", "analytics", *more)
    syncd.ok("dev", "export", *arguments)
    found: dict[str, Any] = {}
    for name in ("connections", "variables"):
        found |= json.loads((to / f"{name}.json").read_text())
    return found


def test_it_is_what_the_target_holds(synced: Syncd, tmp_path: Path) -> None:
    found = exported(synced, tmp_path / "out", "--from", "files")
    assert found["warehouse"]["password"] == "from-the-environment"
    assert found["scratch"] == {"conn_type": "sqlite", "host": "/tmp/scratch.db"}
    assert found["region"] == "eu-west-1"
    assert "slack" not in found


def test_a_command_reads_the_target_itself(synced: Syncd) -> None:
    arguments = ["dev", "run", "-d", "etl-dev", "-w", "analytics", "--from", "files", "--", sys.executable, "-c", ASKS]
    command: list[str | Path] = [COMMAND, *arguments]
    done = subprocess.run(command, input="connection warehouse\n", capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["password"] == "from-the-environment"
    assert "what target files holds for etl-dev" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-d", "etl-dev", "--from", "files"], "name the --workspace"),
        (["-d", "etl-dev", "-w", "analytics", "--from", "nonesuch"], "target nonesuch"),
        (["-d", "etl-prod", "-w", "analytics", "--from", "classic"], "is laid out for Airflow's own backend"),
        (["-d", "etl-dew", "-w", "analytics", "--from", "files"], "etl-dew"),
    ],
)
def test_what_cannot_be_read_that_way_is_told(synced: Syncd, tmp_path: Path, arguments: list[str], said: str) -> None:
    result = synced("dev", "export", "--format", "json", "--to", str(tmp_path / "out"), *arguments)
    assert result.code != 0
    assert said in result.said
    assert not (tmp_path / "out").exists()


@pytest.fixture
def in_vault(syncd: Syncd, vault_server: vault.Vault, monkeypatch: pytest.MonkeyPatch) -> Iterator[Syncd]:
    """etl-dev and etl-prod are in a Vault, with the policies that syncd prints; a developer may read the first."""
    vault_server.call("POST", f"sys/mounts/{MOUNT}", {"type": "kv", "options": {"version": "2"}})
    (syncd.home / "syncd.toml").write_text(SETTINGS + VAULT.format(url=vault_server.address, mount=MOUNT))
    for name in ("etl-dev", "etl-prod"):
        syncd.ok("deployment", "update", name, "-t", "vault")
    monkeypatch.setenv("VAULT_TOKEN", vault_server.root_token)
    syncd.ok("sync", "--target", "vault")
    (own, *_) = (one for one in syncd.json("policies", "vault")["policies"] if one["name"].endswith("etl-dev"))
    vault_server.call("PUT", f"sys/policies/acl/{own['name']}", {"policy": own["rules"]})
    made = vault_server.call("POST", "auth/token/create", {"policies": [own["name"]], "no_default_policy": True})
    monkeypatch.setenv("VAULT_TOKEN", made.body["auth"]["client_token"])
    forgotten(syncd)
    yield syncd
    vault_server.call("DELETE", f"sys/mounts/{MOUNT}")


@pytest.mark.vault
def test_from_a_vault_the_rights_are_its_servers(in_vault: Syncd, tmp_path: Path) -> None:
    found = exported(in_vault, tmp_path / "mine", "--from", "vault")
    assert found["warehouse"]["password"] == "from-the-environment"
    theirs = ("-d", "etl-prod", "--format", "json", "--to", str(tmp_path / "theirs"), "-w", "analytics")
    refused = in_vault("dev", "export", *theirs, "--from", "vault")
    assert refused.code == 1
    assert "from-the-environment" not in refused.said
    assert not (tmp_path / "theirs").exists()
    shutil.rmtree(tmp_path / "mine")
