"""Every command of the README runs, in its order, as a new user would run it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from servers import kubernetes, vault
from servers.kubernetes import objects
from servers.processes import free_port
from syncd.daemon.settings import Settings

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
    code, out, err = ran(
        "\n".join(script),
        checkout,
        {
            **environ,
            **vault_server.environ,
            **kubernetes_server.environ,
            "HOME": str(tmp_path),
            "AIRFLOW_HOME": str(tmp_path / "airflow"),
        },
    )
    assert code == 0, f"{out}\n{err}"
    assert "warehouse" in out
    assert "airflow_plugin" in out
    assert 'syncd_items{target="files"' in out
    secrets = kubernetes_server.done("GET", "/api/v1/namespaces/etl-prod/secrets")["items"]
    assert "connections.warehouse" in {key for secret in secrets for key in secret["data"]}
    log = [json.loads(line) for line in (checkout / "syncd.log").read_text().splitlines()]
    assert log[-1]["message"] == "syncd ends"
    (sample,) = re.findall(r"^```json\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    audit = [one for one in log if one["log"] == "syncd.audit"]
    assert {tuple(one) for one in audit} == {tuple(json.loads(sample))}


def ran(script: str, folder: Path, environ: dict[str, str]) -> tuple[int, str, str]:
    """Its exit code and what it told; what it began in the background ends with it, and has a port of its own."""
    port = str(free_port())
    process = subprocess.Popen(
        ["bash", "-x", "-c", script.replace("9595", port)],
        cwd=folder,
        env={**environ, "SYNCD_DAEMON_LISTEN": f"127.0.0.1:{port}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return process.returncode, out, err


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


def test_the_table_of_the_daemons_settings_is_what_they_are() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| .+ \|$", README.partition("| `[daemon]`")[2], re.MULTILINE)
    table = {name: (unit, default) for name, unit, default in rows}
    fields = Settings.model_fields
    assert list(table) == list(fields)
    assert {name: default for name, (_, default) in table.items()} == {
        name: str(field.default) or "none" for name, field in fields.items()
    }
    seconds = {name for name, (unit, _) in table.items() if unit == "s"}
    assert seconds == {name for name, field in fields.items() if field.annotation is float} - {"jitter"}


def test_the_samples_that_it_speaks_of_are_all_that_there_are() -> None:
    samples = {path.name for path in (ROOT / "dev/samples/daemon").iterdir()} - {"alerts-test.yaml"}
    assert samples == set(re.findall(r"dev/samples/daemon/([\w.-]+)\)", README))
