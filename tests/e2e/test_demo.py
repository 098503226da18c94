"""`dev/demo`: the main job on two live Airflows, from a directory, from a Vault, and from Secrets of Kubernetes.

It leaves nothing, tells no secret, and ends well only if all held.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1200)]  # may have to make environments

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "dev" / "demo"


@pytest.fixture
def nothing_left(tmp_path: Path) -> Iterator[Path]:
    """A folder for temporary files, empty at the end, and nobody at work in it."""
    yield tmp_path
    assert list(tmp_path.iterdir()) == []
    assert list(processes(tmp_path)) == []


def processes(folder: Path) -> Iterator[int]:
    """Who works in this folder, or was told of it."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found = str((process / "cwd").readlink()), (process / "environ").read_bytes().decode("utf-8", "replace")
        except OSError:  # it has ended, or is another user's
            continue
        if any(str(folder) in one for one in found):
            yield int(process.name)


def planted() -> str:
    """What every secret that the demo plants begins with."""
    found = re.search(r'^PLANTED = "(.{8,})"$', (ROOT / "dev" / "demonstration" / "stage.py").read_text("utf-8"), re.M)
    assert found
    return found[1]


def start(folder: Path, *names: str) -> subprocess.Popen[str]:
    # The machine's own settings (certificates, proxies) stay: on a fresh one the demo fetches its environments.
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "SYNCD_"))}
    return subprocess.Popen(
        [DEMO, *names],
        env={**own, "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_main_job(nothing_left: Path) -> None:
    process = start(nothing_left)
    shown, _ = process.communicate()

    assert process.returncode == 0, shown
    for line in (
        r"\$ syncd apply -f definitions --yes",
        r"password +•••.*environment",
        r"✓ etl-dev: 8 fields as `syncd explain` says, and the password that was planted",
        r"✓ etl-prod: 9 fields as `syncd explain` says, and the password that was planted",
        r"\$ syncd override set warehouse",
        r"etl-dev +host +dev\.warehouse\.internal +definition",
        r"etl-prod +host +warehouse\.internal +environment",
        r"schema +finance → reporting +link",
        r"✓ everything that was compared held",
    ):
        assert re.search(line, shown), f"{line}\n{shown}"
    assert "Traceback" not in shown
    assert planted() not in shown


@pytest.mark.vault
def test_the_main_job_through_a_vault(nothing_left: Path) -> None:
    process = start(nothing_left, "vault")
    shown, _ = process.communicate()

    assert process.returncode == 0, shown
    for line in (
        r"\$ syncd policies vault",
        r"✓ etl-dev's token reads its own connection, and is refused that of etl-prod",
        r"✓ etl-dev: 8 fields as `syncd explain` says, and the password that was planted",
        r"✓ etl-prod: 9 fields as `syncd explain` says, and the password that was planted",
        r"✓ of no connection more than the version in force can be read",
        r"✗ vault: .*Vault: is sealed",
        r"etl-dev, our backend:\n +\w+: connection 'warehouse' can't be had: .*Vault: is sealed; unseal it",
        r"etl-prod, stock VaultBackend:\n +AirflowNotFoundException: The conn_id `warehouse` isn't defined",
        r"unlinked +The conn_id `warehouse`",
        r"✓ everything that was compared held",
    ):
        assert re.search(line, shown), f"{line}\n{shown}"
    assert "Traceback" not in shown
    assert planted() not in shown


@pytest.mark.kubernetes
def test_the_main_job_through_kubernetes(nothing_left: Path) -> None:
    process = start(nothing_left, "kubernetes")
    shown, _ = process.communicate()

    assert process.returncode == 0, shown
    for line in (
        r"analytics\.etl-dev\.1: connections\.warehouse, nameplate",
        r"analytics\.etl-prod\.connection\.\w+: airflow\.apache\.org/connection-id=warehouse",
        r"✓ nobody lists the Secrets of a namespace that isn't theirs: 403",
        r"✓ etl-dev: 8 fields as `syncd explain` says, and the password that was planted",
        r"✓ etl-prod: 9 fields as `syncd explain` says, and the password that was planted",
        r"password +••• +<- definition",
        r"✓ no Secret holds a password that was replaced",
        r"✗ pods: https://\S+: refuses the connection",
        r"problem +https://\S+: refuses the connection",
        r"etl-prod, stock KubernetesSecretsBackend:\n +AirflowNotFoundException: The conn_id `warehouse` isn't defined",
        r"API server away +schema analytics, its new +The conn_id `warehouse`",
        r"connection warehouse +isn't linked",
        r"unlinked +The conn_id `warehouse`",
        r"✓ everything that was compared held",
    ):
        assert re.search(line, shown), f"{line}\n{shown}"
    assert "Traceback" not in shown
    assert planted() not in shown


@pytest.mark.kubernetes
def test_an_interrupt_leaves_no_kubernetes(nothing_left: Path) -> None:
    interrupted(start(nothing_left, "kubernetes"), nothing_left, "syncd sync")


@pytest.mark.vault
def test_an_interrupt_leaves_no_vault(nothing_left: Path) -> None:
    interrupted(start(nothing_left, "vault"), nothing_left, "vault policy write")


def test_an_interrupt_leaves_nothing(nothing_left: Path) -> None:
    interrupted(start(nothing_left), nothing_left, "syncd plan")


def interrupted(process: subprocess.Popen[str], folder: Path, when: str) -> None:
    """Interrupt a demo once it has shown something: both Airflows are starting by then."""
    assert process.stdout
    for line in process.stdout:
        if when in line:
            break
    assert list(processes(folder))
    process.send_signal(signal.SIGINT)
    process.communicate()

    assert process.returncode == 128 + signal.SIGINT


def test_help_and_an_unknown_name() -> None:
    told = subprocess.run([DEMO, "--help"], check=True, capture_output=True, text=True).stdout
    unknown = subprocess.run([DEMO, "nowhere"], check=False, capture_output=True, text=True)

    assert "usage: dev/demo [NAME]" in told
    assert (unknown.returncode, unknown.stdout, unknown.stderr) == (2, "", told)
