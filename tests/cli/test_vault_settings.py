"""What is wrong with the settings of a Vault is told by the commands that look at it, before it is asked."""

from __future__ import annotations

import pytest

from tests.cli.runner import SETTINGS, Syncd

VAULT = '[targets.vault]\ntype = "vault"\nurl = "https://127.0.0.1:9"\ntoken_path = "token"\n'


@pytest.mark.parametrize(
    ("setting", "name", "said"),
    [
        ('verify = "ca.pem"', "ca.pem", "`verify` names the file of the authority that signed Vault's certificate"),
        ('cert = ["c.pem", "c.key"]', "c.pem", "`cert` names the file of a certificate, and that of its key"),
    ],
)
def test_a_file_of_certificates_that_is_not_there_is_told_with_its_setting(
    syncd: Syncd, setting: str, name: str, said: str
) -> None:
    (syncd.home / "syncd.toml").write_text(f"{SETTINGS}{VAULT}{setting}\n")
    (syncd.home / "token").write_text("a-token\n")
    syncd.ok("deployment", "update", "etl-dev", "--target", "vault")

    for command in ("plan", "sync"):
        result = syncd(command, "--target", "vault")
        assert result.code == 1
        assert f"{syncd.home / name}: isn't there" in result.said
        assert said in result.said


@pytest.mark.parametrize(
    ("login", "variable"),
    [("", "VAULT_TOKEN"), ('auth_type = "approle"\nrole_id = "syncd"\n', "VAULT_SECRET_ID")],
)
def test_what_logs_in_may_be_in_the_environment(
    syncd: Syncd, monkeypatch: pytest.MonkeyPatch, login: str, variable: str
) -> None:
    monkeypatch.delenv(variable, raising=False)
    settings = VAULT.replace('token_path = "token"\n', login)
    (syncd.home / "syncd.toml").write_text(f"{SETTINGS}{settings}")
    syncd.ok("deployment", "update", "etl-dev", "--target", "vault")

    assert f"set it, or {variable} in the environment" in syncd("plan", "--target", "vault").said
