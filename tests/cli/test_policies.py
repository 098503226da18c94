"""`syncd policies`: what it prints is what `vault` takes, and all that is needed from an empty Vault to a read."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from servers import vault
from tests.cli.runner import SETTINGS, Syncd

VAULT = """
[targets.vault]
type = "vault"
url = "{url}"
mount_point = "{mount}"
token_path = "vault-token"
[targets.plain]
type = "vault"
layout = "airflow"
prefix = "plain"
url = "{url}"
mount_point = "{mount}"
token_path = "vault-token"
"""


@pytest.fixture
def with_vault(syncd: Syncd) -> Syncd:
    """Targets `vault` and `plain`; etl-dev is pushed to both."""
    settings = SETTINGS + VAULT.format(url="http://127.0.0.1:9", mount="airflow")
    (syncd.home / "syncd.toml").write_text(settings)
    syncd.ok("deployment", "update", "etl-dev", "-t", "vault", "-t", "plain")
    return syncd


def test_a_deployment_gets_a_policy_and_a_role_and_syncd_a_policy(with_vault: Syncd) -> None:
    printed = with_vault.json("policies", "vault")["policies"]

    assert [one["name"] for one in printed] == ["airflow_vault_analytics_etl-dev", "syncd_vault_analytics"]
    assert printed[0]["role"].startswith("auth/approle/role/airflow_vault_analytics_etl-dev token_type=batch ")
    assert printed[1]["role"] == ""


def test_only_who_is_pushed_there_gets_one(with_vault: Syncd) -> None:
    assert "etl-prod" not in with_vault.ok("policies", "vault").out


def test_a_preview_has_its_own_for_as_long_as_it_is_there(with_vault: Syncd) -> None:
    def names() -> set[str]:
        return {one["name"] for one in with_vault.json("policies", "vault")["policies"]}

    before = names()
    with_vault.ok("preview", "create", "pr-1", "--of", "etl-dev", "--ttl", "7d")
    assert names() - before == {"airflow_vault_analytics_pr-1"}
    with_vault.ok("preview", "delete", "pr-1", "--yes")
    assert names() == before


def test_the_prefix_of_a_target_is_in_it(with_vault: Syncd) -> None:
    assert 'path "airflow/data/plain/deployments/etl-dev/*"' in with_vault.ok("policies", "plain").out


def test_only_where_stock_backends_read_syncd_may_destroy(with_vault: Syncd) -> None:
    assert "/destroy/" in with_vault.ok("policies", "plain").out
    assert "/destroy/" not in with_vault.ok("policies", "vault").out


@pytest.mark.parametrize("login", ["approle", "jwt", "kubernetes"])
def test_each_way_to_log_in_has_its_role(with_vault: Syncd, login: str) -> None:
    printed = with_vault.ok("policies", "vault", "--auth-type", login).out

    assert f"vault write auth/{login}/role/airflow_vault_analytics_etl-dev " in printed


def test_a_way_to_log_in_that_nobody_knows_is_wrong_usage(with_vault: Syncd) -> None:
    result = with_vault("policies", "vault", "--auth-type", "ldap")

    assert result.code == 2
    assert "--auth-type is one of approle, jwt, kubernetes" in result.said


def test_the_commands_are_for_the_namespace_of_the_target(with_vault: Syncd) -> None:
    assert "VAULT_NAMESPACE" not in with_vault.ok("policies", "vault").out

    settings = with_vault.home / "syncd.toml"
    settings.write_text(settings.read_text().replace("mount_point", 'namespace = "team/a b"\nmount_point'))

    assert with_vault.ok("policies", "vault").out.startswith("set -e\nexport VAULT_NAMESPACE='team/a b'\n")


@pytest.mark.parametrize(
    ("target", "problem"), [("files", "is no target of type vault or kubernetes"), ("nonesuch", "isn't in ")]
)
def test_a_target_that_is_no_vault_is_told(with_vault: Syncd, target: str, problem: str) -> None:
    result = with_vault("policies", target)

    assert result.code == 1
    assert f"target {target}: {problem}" in result.said


def test_in_split_each_deployment_has_a_policy_for_what_is_shared(with_vault: Syncd) -> None:
    settings = with_vault.home / "syncd.toml"
    settings.write_text(settings.read_text().replace("[targets.vault]\n", '[targets.vault]\nlayout = "split"\n'))
    printed = with_vault.ok("policies", "vault").out
    shared = "airflow_vault_analytics_etl-dev_shared"

    assert f"vault policy write {shared} " in printed
    assert f"token_policies=airflow_vault_analytics_etl-dev,{shared}" in printed
    assert '/analytics/environments/dev/connections/warehouse" {' in printed


def test_in_split_a_preview_may_not_read_what_is_withheld_from_it_where_it_is_shared(with_vault: Syncd) -> None:
    settings = with_vault.home / "syncd.toml"
    settings.write_text(settings.read_text().replace("[targets.vault]\n", '[targets.vault]\nlayout = "split"\n'))
    with_vault.ok("preview", "create", "pr-1", "--of", "etl-dev", "--target", "vault")

    def granted() -> set[str]:
        printed = with_vault.json("policies", "vault")["policies"]
        found = {one["name"]: one["rules"] for one in printed}
        rules = found.get("airflow_vault_analytics_pr-1_shared", "") + found["airflow_vault_analytics_pr-1"]
        return {part for part in ("connections/warehouse", "variables/region") if f"/environments/dev/{part}" in rules}

    assert granted() == {"variables/region"}
    settings.write_text(settings.read_text() + '[reveal]\nallow = [{connection = "warehouse"}]\n')
    assert granted() == {"connections/warehouse", "variables/region"}


def test_in_split_there_is_no_one_policy_for_all(with_vault: Syncd) -> None:
    settings = with_vault.home / "syncd.toml"
    settings.write_text(settings.read_text().replace("[targets.vault]\n", '[targets.vault]\nlayout = "split"\n'))
    result = with_vault("policies", "vault", "--templated")

    assert result.code == 2
    assert "not with --templated" in result.said


def test_it_prints_what_references_need(with_vault: Syncd) -> None:
    settings = with_vault.home / "syncd.toml"
    paths = '["kv/team/*", "kv/a*b"]'
    allowed = f'[references]\nvault = {{target = "vault", paths = {paths}}}\n'
    settings.write_text(settings.read_text().replace("[references]\n", allowed))
    printed = with_vault.ok("policies", "vault").out

    assert 'path "kv/data/team/*" {' in printed
    assert "# and what kv/a*b stands for" in printed


Run = Callable[[str], str]


@pytest.fixture
def shell(vault_server: vault.Vault, tmp_path: Path) -> Run:
    """Runs a script as an administrator with Vault's own command; what it prints."""
    environ = {**os.environ, **vault_server.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    (tmp_path / "vault").symlink_to(vault.find())

    def run(script: str) -> str:
        done = subprocess.run(["bash", "-e"], input=script, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.vault
@pytest.mark.slow
@pytest.mark.parametrize("target", ["vault", "plain"])
def test_with_what_it_prints_syncd_pushes_and_a_deployment_reads(
    with_vault: Syncd, vault_server: vault.Vault, shell: Run, target: str
) -> None:
    mount = f"printed-{target}"
    settings = SETTINGS + VAULT.format(url=vault_server.address, mount=mount)
    (with_vault.home / "syncd.toml").write_text(settings)
    shell(f"vault secrets enable -path={mount} -version=2 kv; vault auth enable approle || true")
    prefix = "plain" if target == "plain" else "analytics"

    shell(with_vault.ok("policies", target).out)
    own = shell(f"vault token create -field=token -no-default-policy -policy=syncd_{target}_{prefix}")
    (with_vault.home / "vault-token").write_text(own)
    with_vault.ok("sync", "--target", target)

    role = f"auth/approle/role/airflow_{target}_{prefix}_etl-dev"
    token = shell(
        f"id=$(vault read -field=role_id {role}/role-id); secret=$(vault write -f -field=secret_id {role}/secret-id)\n"
        "vault write -field=token auth/approle/login role_id=$id secret_id=$secret"
    )
    path = f"{prefix}/deployments/etl-dev/connections/warehouse"
    found: Any = json.loads(shell(f"VAULT_TOKEN={token} vault kv get -mount={mount} -format=json {path}"))
    assert "dev.internal" in json.dumps(found)


@pytest.mark.vault
@pytest.mark.slow
def test_in_split_it_grants_what_is_shared_and_takes_it_from_who_is_gone(
    with_vault: Syncd, vault_server: vault.Vault, shell: Run
) -> None:
    settings = SETTINGS + VAULT.format(url=vault_server.address, mount="printed-split")
    settings = settings.replace("[targets.vault]\n", '[targets.vault]\nlayout = "split"\n')
    (with_vault.home / "syncd.toml").write_text(settings)
    (with_vault.home / "vault-token").write_text(vault_server.root_token)
    shell("vault secrets enable -path=printed-split -version=2 kv; vault auth enable approle || true")
    with_vault.ok("deployment", "update", "etl-prod", "-t", "vault")
    assert "could share" in with_vault.ok("sync", "-t", "vault").said
    shell(with_vault.ok("policies", "vault").out)
    assert "created" in with_vault.ok("sync", "-t", "vault").said
    assert "could share" not in with_vault.ok("plan", "-t", "vault").said

    with_vault.ok("deployment", "delete", "etl-prod", "--yes")
    assert "etl-prod may still read" in with_vault.ok("sync", "-t", "vault").said
    printed = with_vault.ok("policies", "vault").out
    assert "vault policy delete airflow_vault_analytics_etl-prod_shared" in printed
    shell(printed)
    assert "may still read" not in with_vault.ok("sync", "-t", "vault").said
