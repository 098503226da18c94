"""`syncd dev … --from TARGET`: without the registry and its keys, by the rights that a target's server gives."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_plugin.lookup import for_kwargs
from servers import kubernetes, vault
from servers.kubernetes import objects
from tests.cli.runner import SETTINGS, Syncd
from tests.cli.test_dev import Running, asking, ran

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


def running(*arguments: str) -> Running:
    return asking("-d", "etl-dev", "-w", "analytics", *arguments)


def test_a_command_finds_it_and_sees_what_changes(syncd: Syncd) -> None:
    syncd.ok("sync")
    command = running("--from", "files")
    assert command.ask("warehouse")["password"] == "from-the-environment"
    syncd.ok("connection", "update", "warehouse", "host=other.internal")
    syncd.ok("sync")
    deadline = time.monotonic() + 30
    while command.ask("warehouse")["host"] != "other.internal":
        assert time.monotonic() < deadline
    code, told = command.end()
    assert code == 0
    assert "of etl-dev" in told


def test_what_this_machine_says_wins_and_is_listed(synced: Syncd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "sqlite://")
    command = running("--from", "files")
    assert command.ask("warehouse") == "None"
    _, told = command.end()
    assert "connection warehouse: as the environment says" in told


def test_it_is_in_the_environment_where_that_is_asked_for(synced: Syncd) -> None:
    arguments = ("-d", "etl-dev", "-w", "analytics", "--from", "files", "--as", "env")
    done = ran(*arguments, code="import os; print(os.environ['AIRFLOW_CONN_SCRATCH'])")
    assert json.loads(done.stdout) == {"conn_type": "sqlite", "host": "/tmp/scratch.db"}


def test_a_folder_for_our_backend_is_made_of_it_again_and_again(synced: Syncd, tmp_path: Path) -> None:
    arguments = ("-d", "etl-dev", "-w", "analytics", "--from", "files", "--format", "directory")
    for _ in range(2):
        synced.ok("dev", "export", *arguments, "--to", str(tmp_path / "out"))
    kwargs = {"workspace": "analytics", "deployment": "etl-dev", "source": "directory", "path": str(tmp_path / "out")}
    assert for_kwargs(str(tmp_path), kwargs).find("variable", "region") == "eu-west-1"


@pytest.mark.parametrize(
    "spoiled",
    [
        {"layers": {"definition": {}}},
        {"secrets": [["value"], ["\ud800"]]},
        {"withheld": [[["value"], "\ud800", ""]]},
        {"withheld": [[["\ud800"], "why", ""]]},
    ],
)
@pytest.mark.parametrize("form", ["json", "directory"])
def test_a_document_that_says_too_little_or_what_no_file_can_hold_is_listed(
    synced: Syncd, tmp_path: Path, spoiled: dict[str, Any], form: str
) -> None:
    place = synced.home / "files/analytics/deployments/etl-dev/variables/region"
    place.write_text(json.dumps({**json.loads(place.read_text()), **spoiled}))
    result = synced(
        *("dev", "export", "-d", "etl-dev", "-w", "analytics", "--from", "files"),
        *("--format", form, "--to", str(tmp_path / "out")),
    )
    assert result.code == 1
    assert "etl-dev/variable region: h" in result.said
    assert (tmp_path / "out").is_dir()


def test_a_document_that_somebody_spoiled_is_listed_and_the_rest_is_there(synced: Syncd, tmp_path: Path) -> None:
    spoiled = synced.home / "files/analytics/deployments/etl-dev/connections/warehouse"
    envelope = json.loads(spoiled.read_text())
    envelope["layers"]["definition"]["port"] = "tell-nobody"
    spoiled.write_text(json.dumps(envelope))
    result = synced(
        *("dev", "export", "-d", "etl-dev", "-w", "analytics", "--from", "files"),
        *("--format", "json", "--to", str(tmp_path / "out")),
    )
    assert result.code == 1
    assert "etl-dev/warehouse: port: " in result.said
    assert "tell-nobody" not in result.said
    assert json.loads((tmp_path / "out" / "connections.json").read_text()).keys() == {"scratch"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-d", "etl-dev", "--from", "files"], "name the --workspace"),
        (["-d", "etl-dev", "-w", "analytics", "--from", "nonesuch"], "target nonesuch"),
        (["-d", "etl-prod", "-w", "analytics", "--from", "classic"], "is laid out for Airflow's own backend"),
        (
            ["-d", "etl-dew", "-w", "analytics", "--from", "files"],
            "check --workspace, --deployment,",
        ),
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


PODS = '[targets.pods]\ntype = "kubernetes"\nnamespace = "{namespace}"\n{login}\n'


@pytest.fixture(params=["kubeconfig", "token"])
def in_kubernetes(
    request: pytest.FixtureRequest, syncd: Syncd, kubernetes_server: kubernetes.Kubernetes, tmp_path: Path
) -> Syncd:
    """The same in Secrets: a developer has the role that syncd prints for a worker of the first."""
    namespace = objects.namespace(kubernetes_server, f"laptop-{request.param}")
    admins = f'kubeconfig = "{kubernetes_server.environ["KUBECONFIG"]}"'
    (syncd.home / "syncd.toml").write_text(SETTINGS + PODS.format(namespace=namespace, login=admins))
    for name in ("etl-dev", "etl-prod"):
        syncd.ok("deployment", "update", name, "-t", "pods")
    syncd.ok("sync", "--target", "pods")
    who = f"{namespace}:developer"
    objects.service_account(kubernetes_server, namespace, "developer")
    manifests = syncd.json("policies", "pods", "--service-account", who)["manifests"]
    objects.apply(kubernetes_server, manifests[:2])
    until_heeded(kubernetes_server, namespace, manifests[0]["rules"])
    token = objects.token(kubernetes_server, namespace, "developer")
    if request.param == "kubeconfig":
        kubernetes_server.bearer(token).write_kubeconfig(tmp_path / "login")
        login = f'kubeconfig = "{tmp_path / "login"}"'
    else:
        (tmp_path / "login").write_text(token)
        url, ca = kubernetes_server.url, kubernetes_server.ca
        login = f'url = "{url}"\nca = "{ca}"\ntoken_path = "{tmp_path / "login"}"'
    (syncd.home / "syncd.toml").write_text(SETTINGS + PODS.format(namespace=namespace, login=login))
    forgotten(syncd)
    return syncd


def until_heeded(server: kubernetes.Kubernetes, namespace: str, rules: Any) -> None:
    """The server hears of a role a moment after it was written."""
    who, deadline = f"system:serviceaccount:{namespace}:developer", time.monotonic() + 10
    for name in rules[0]["resourceNames"]:
        while not objects.may(server, who, namespace, "get", "secrets", name=name):
            assert time.monotonic() < deadline


def rights_are_the_servers(syncd: Syncd, target: str, folder: Path) -> None:
    found = exported(syncd, folder / "mine", "--from", target)
    assert found["warehouse"]["password"] == "from-the-environment"
    assert found["region"] == "eu-west-1"
    command = running("--from", target)
    assert command.ask("scratch") == {"conn_type": "sqlite", "host": "/tmp/scratch.db"}
    assert command.end()[0] == 0

    theirs = ("-d", "etl-prod", "--format", "json", "--to", str(folder / "theirs"), "-w", "analytics")
    refused = syncd("dev", "export", *theirs, "--from", target)
    assert refused.code == 1
    assert "from-the-environment" not in refused.said
    assert not (folder / "theirs").exists()


@pytest.mark.vault
def test_from_a_vault_the_rights_are_its_servers(in_vault: Syncd, tmp_path: Path) -> None:
    rights_are_the_servers(in_vault, "vault", tmp_path)


@pytest.mark.vault
def test_the_token_of_a_vault_login_is_found_where_it_keeps_it(
    in_vault: Syncd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".vault-token").write_text(os.environ["VAULT_TOKEN"])
    monkeypatch.delenv("VAULT_TOKEN")
    monkeypatch.setenv("HOME", str(tmp_path))
    rights_are_the_servers(in_vault, "vault", tmp_path)


@pytest.mark.kubernetes
def test_from_secrets_the_rights_are_their_servers(in_kubernetes: Syncd, tmp_path: Path) -> None:
    rights_are_the_servers(in_kubernetes, "pods", tmp_path)
