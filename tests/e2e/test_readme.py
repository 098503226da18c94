"""Every command of the README runs, in its order, as a new user would run it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from servers import kubernetes, vault
from servers.kubernetes import objects

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```sh( airflow| vault| kubernetes)?\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
AIRFLOW = "airflow-3.3.2"

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a clone has, so that what the README makes stays out of this one."""
    copy = tmp_path_factory.mktemp("readme") / "checkout"
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    for file in files:
        if (ROOT / file).is_file():
            (copy / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, copy / file)
    return copy


@pytest.fixture(scope="module")
def airflow() -> Path:
    found = subprocess.run(["dev/env", AIRFLOW], cwd=ROOT, check=True, capture_output=True, text=True)
    return Path(found.stdout.strip())


@pytest.mark.vault
@pytest.mark.kubernetes
def test_every_block_of_commands_succeeds(
    checkout: Path, airflow: Path, tmp_path: Path, vault_server: vault.Vault, kubernetes_server: kubernetes.Kubernetes
) -> None:
    objects.namespace(kubernetes_server, "etl-prod")
    script = ["set -euo pipefail", f'export PATH="{vault.find().parent}:$PATH"']
    for whose, block in BLOCKS:
        # Airflow's commands, with the environment that the commands before them left.
        script.append(f'( PATH="{airflow}/bin:$PATH"\n{block})' if whose == " airflow" else block)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "SYNCD_"))}
    done = subprocess.run(
        ["bash", "-x", "-c", "\n".join(script)],
        cwd=checkout,
        env={
            **environ,
            **vault_server.environ,
            **kubernetes_server.environ,
            "HOME": str(tmp_path),
            "AIRFLOW_HOME": str(tmp_path / "airflow"),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "warehouse" in done.stdout
    assert "airflow_plugin" in done.stdout
    secrets = kubernetes_server.done("GET", "/api/v1/namespaces/etl-prod/secrets")["items"]
    assert "connections.warehouse" in {key for secret in secrets for key in secret["data"]}


@pytest.mark.parametrize("command", ["dev/demo", "dev/test", "dev/check", "dev/bench"])
def test_the_commands_of_the_checkout_are_there(command: str) -> None:
    assert command in README
    assert os.access(ROOT / command, os.X_OK)


def test_what_it_is_for_takes_ten_lines() -> None:
    text = README.partition("    dev/demo")[0].partition("\n")[2].strip()
    assert len(text.splitlines()) <= 10


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README))
def test_links_lead_somewhere(link: str) -> None:
    assert (ROOT / link).exists()
