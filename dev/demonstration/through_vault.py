"""Through a real Vault: one Airflow with our backend, one with stock VaultBackend, and what each says."""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace

import directory
import screen
from both import NOT_LINKED, compared, conclude, refused, renewed
from live import LiveAirflow
from stage import SAMPLES, Failed, Stage

from servers import vault

READS_BY = {"etl-dev": "our backend", "etl-prod": "stock VaultBackend"}
PATHS = {
    "etl-dev": "airflow/data/analytics/deployments/etl-dev/connections/warehouse",
    "etl-prod": "airflow/data/plain/deployments/etl-prod/connections/warehouse",
}
"""Where each one's connection lies."""

AFTER = {"etl-dev": directory.BEFORE["etl-dev"], "etl-prod": directory.BEFORE["etl-prod"] | {"schema": "reporting"}}
SEALED = "Vault: is sealed"


def tell(stage: Stage) -> None:
    """Raises Failed where anything isn't as it must be."""
    began = time.monotonic()
    screen.title(
        "One Vault, two live Airflows: our backend, and stock VaultBackend",
        "A real Vault, with TLS, that keeps its data. Every file shown is in dev/samples.",
    )
    with screen.waiting("Vault is starting"):
        raft = _start(stage)
    airflows = {name: LiveAirflow(stage, name, SAMPLES / "vault" / f"{name}.cfg") for name in READS_BY}
    _define(stage)
    _grant(stage)
    _sync(stage)
    _confined(stage, raft)
    said = {"synced": _run(stage, airflows), "rotated": _rotate(stage, raft, airflows)}
    said["sealed"] = _seal(stage, airflows)
    said["unsealed, synced"] = _unseal(stage, raft, airflows)
    said["unlinked"] = _unlink(stage, airflows)
    conclude(stage, airflows, said, READS_BY, "in Airflow's databases or in Vault's files", time.monotonic() - began)


def _start(stage: Stage) -> vault.Raft:
    raft = stage.at_end.enter_context(vault.raft(stage.folder / "vault"))
    raft.initialise()
    raft.unseal()
    ca = stage.home / "vault-ca.pem"
    shutil.copy(stage.folder / "vault" / "ca.pem", ca)
    # Only the command that an administrator types has root's token: no syncd and no Airflow does.
    (stage.folder / "bin").mkdir(mode=0o700)
    command = stage.folder / "bin" / "vault"
    command.write_text(f'#!/bin/sh\nVAULT_TOKEN={raft.vault.root_token} exec {shlex.quote(str(vault.find()))} "$@"\n')
    command.chmod(0o700)
    stage.environ |= {
        "PATH": f"{command.parent}:{stage.environ['PATH']}",
        "VAULT_ADDR": raft.vault.address,
        "VAULT_CACERT": str(ca),
        "DEPLOYMENTS": str(stage.folder),
    }
    return raft


def _define(stage: Stage) -> None:
    screen.step("Define it once", "As for any target; only where its documents go is another one.")
    screen.command(f"export SYNCD_HOME={stage.home} VAULT_ADDR={stage.environ['VAULT_ADDR']}")
    screen.command("export WAREHOUSE_PASSWORD=•••  SLACK_TOKEN=•••")
    stage.run('sed "s|https://127.0.0.1:8200|$VAULT_ADDR|" vault/syncd.toml >$SYNCD_HOME/syncd.toml; syncd init')
    stage.run(
        'sed "s/dev-files/vault/; s/prod-files/vault-plain/" definitions/analytics.yaml >$SYNCD_HOME/analytics.yaml\n'
        "syncd apply -f $SYNCD_HOME/analytics.yaml --yes | tail -n 1    # it lists every edit first"
    )


def _grant(stage: Stage) -> None:
    screen.step("Grant it", "An administrator, once: a deployment may read what is its own.")
    stage.run("vault secrets enable -path=airflow -version=2 kv; vault auth enable approle")
    stage.run("syncd policies vault | head -n 7")
    stage.run("for target in vault vault-plain; do syncd policies $target; done | bash >/dev/null")
    stage.run(
        "create() { vault token create -field=token -no-default-policy $*; }\n"
        "create -policy=airflow_vault_analytics_etl-dev >$DEPLOYMENTS/etl-dev/vault-token\n"
        "create -policy=airflow_vault-plain_plain_etl-prod >$DEPLOYMENTS/etl-prod/vault-token\n"
        "create -policy=syncd_vault_analytics -policy=syncd_vault-plain_plain >$SYNCD_HOME/vault-token"
    )


def _sync(stage: Stage) -> None:
    screen.step("Sync", "etl-dev gets layers, which our backend merges, etl-prod effective connections.")
    stage.run("syncd sync")
    stage.run("vault kv list airflow/plain/deployments/etl-prod/connections")


def _confined(stage: Stage, raft: vault.Raft) -> None:
    for name in READS_BY:
        (other,) = READS_BY.keys() - {name}
        if (found := _statuses(stage, raft, name, PATHS[name], PATHS[other])) != [200, 403]:
            raise Failed(f"{name}'s token reads its own and another's with {found}")
        screen.held(f"{name}'s token reads its own connection, and is refused that of {other}")
    screen.gap()


def _run(stage: Stage, airflows: Mapping[str, LiveAirflow]) -> Mapping[str, str]:
    screen.step("Run one DAG on both", "The same file; only their airflow.cfg differs.")
    for name in airflows:
        screen.excerpt(f"vault/{name}.cfg: {READS_BY[name]}", (SAMPLES / "vault" / f"{name}.cfg").read_text("utf-8"))
    with screen.waiting("both Airflows are starting"):
        seconds = max(airflow.wait_until_ready() for airflow in airflows.values())
    screen.held(f"both are up, {seconds:.0f} s after they were started")
    return compared(stage, airflows, directory.BEFORE)


def _rotate(stage: Stage, raft: vault.Raft, airflows: Mapping[str, LiveAirflow]) -> Mapping[str, str]:
    screen.step("Rotate both passwords", "A reference is read at each pass: nothing is edited.")
    screen.command("export WAREHOUSE_PASSWORD=•••; echo ••• >$SYNCD_HOME/secrets/warehouse")
    stage.rotate()
    stage.run("syncd sync")
    said = compared(stage, airflows, directory.BEFORE)
    for name, path in PATHS.items():
        versions = (f"{path}?version={number}" for number in range(1, 4))
        if _statuses(stage, raft, name, *versions).count(200) != 1:
            raise Failed(f"{name} can still read what was replaced")
    screen.held("of no connection more than the version in force can be read")
    screen.gap()
    return renewed(said)


def _seal(stage: Stage, airflows: Mapping[str, LiveAirflow]) -> Mapping[str, str]:
    screen.step("Seal Vault in the middle of a change", "Nobody can read or write. Who says so?")
    stage.run("syncd override set warehouse --deployment etl-prod schema=reporting")
    stage.run("vault operator seal")
    stage.run('syncd sync || echo "exit code $?"')
    return refused(airflows, {"etl-dev": SEALED, "etl-prod": ""}, READS_BY)


def _unseal(stage: Stage, raft: vault.Raft, airflows: Mapping[str, LiveAirflow]) -> Mapping[str, str]:
    screen.step("Unseal it", "Nothing is restarted, and nothing is left to repair.")
    screen.command("vault operator unseal •••")
    raft.unseal()
    stage.run("syncd sync")
    return compared(stage, airflows, AFTER)


def _unlink(stage: Stage, airflows: Mapping[str, LiveAirflow]) -> Mapping[str, str]:
    screen.step("Unlink it", "What isn't linked is a miss, for both.")
    stage.run("syncd unlink etl-dev warehouse; syncd unlink etl-prod warehouse")
    stage.run("syncd sync")
    return refused(airflows, dict.fromkeys(airflows, NOT_LINKED), READS_BY)


def _statuses(stage: Stage, raft: vault.Raft, deployment: str, *paths: str) -> list[int]:
    """What Vault answers to a deployment's own token."""
    token = (stage.folder / deployment / "vault-token").read_text("utf-8").strip()
    server = replace(raft.vault, root_token=token)
    return [server.call("GET", path).status for path in paths]
