"""Ten thousand documents: what a daemon over them costs, and how soon one of them, or a tenth, is written."""

from __future__ import annotations

import re
import resource
import secrets
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from servers import vault as vaults
from syncd.core import changes
from syncd.core.model import Definition, Deployment, Key, Workspace
from tests.clients.fake_server import faulty
from tests.daemon.replicas import Replica, replicas, within
from tests.sync.world import NAME, World

pytestmark = pytest.mark.slow

DEPLOYMENTS = CONNECTIONS = 100
ADDRESSES = 2**30
"""Bytes of memory that it may have a name for: threads' stacks count whole, whatever lies in them."""
RESIDENT = 250
"""MiB that it may use."""

MANY = Workspace(
    NAME,
    ("dev",),
    {f"d{number}": Deployment(f"d{number}", "dev", ("files",)) for number in range(DEPLOYMENTS)},
    {
        (key := Key("connection", f"c{number}")): Definition(
            key, {"conn_type": "http", "host": "h", "password": "p" * 20}, link_all=True
        )
        for number in range(CONNECTIONS)
    },
)


@pytest.fixture
def many(template: Path, tmp_path: Path) -> Iterator[World]:
    world = World.make(template, tmp_path / "home")
    world.save(MANY)
    yield world
    world.close()


def peak(run: Replica) -> float:
    (line,) = (one for one in Path(f"/proc/{run.process.pid}/status").read_text().splitlines() if "VmHWM" in one)
    return int(line.split()[1]) / 1024


def changed(world: World, connections: int, host: str) -> None:
    def edit(here: Workspace) -> Workspace:
        for number in range(connections):
            here = changes.override(here, Key("connection", f"c{number}"), environment="dev", values={("host",): host})
        return here

    world.change(edit)


def writes(run: Replica) -> int:
    return sum(sum(one.get(action, 0) for action in ("created", "updated", "deleted")) for one in run.told("pass"))


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of another process are Linux's")
def test_they_fit_in_a_small_pod_a_tenth_is_written_within_a_minute_and_a_restart_writes_nothing(many: World) -> None:
    with replicas(many) as (run,):
        resource.prlimit(run.process.pid, resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
        within(120, lambda: len(run.told("pass")) == 1)
        assert writes(run) == DEPLOYMENTS * CONNECTIONS + DEPLOYMENTS
        changed(many, CONNECTIONS // 10, "burst")
        within(60, partial(_ended, run, 2))
        assert run.told("pass")[1]["updated"] == DEPLOYMENTS * CONNECTIONS // 10
        assert peak(run) < RESIDENT
        assert run.ends() == 0
    before = many.stats()
    with replicas(many) as (run,):
        within(60, lambda: 'kind="verify"' in run.get("/metrics")[1])
        assert writes(run) == 0
        assert peak(run) < RESIDENT
        assert run.ends() == 0
    assert many.stats() == before


@pytest.fixture
def approle(vault_server: vaults.Vault) -> dict[str, str]:
    """A mount of its own, and a login that may do everything there."""
    name = f"test-{secrets.token_hex(4)}"
    done = partial(vault_server.call, "POST")
    done(f"sys/mounts/{name}", {"type": "kv", "options": {"version": "2"}})
    done(f"sys/auth/{name}", {"type": "approle"})
    rules = f'path "{name}/*" {{ capabilities = ["create", "read", "update", "delete", "list", "patch"] }}'
    done(f"sys/policies/acl/{name}", {"policy": rules})
    done(f"auth/{name}/role/syncd", {"token_policies": [name]})
    role = vault_server.call("GET", f"auth/{name}/role/syncd/role-id").body["data"]["role_id"]
    secret = done(f"auth/{name}/role/syncd/secret-id").body["data"]["secret_id"]
    settings = {"mount_point": name, "auth_type": "approle", "auth_mount_point": name, "role_id": role}
    return {**settings, "secret_id": secret}


@pytest.mark.vault
def test_a_restart_logs_in_once_and_writes_nothing(
    template: Path, tmp_path: Path, vault_server: vaults.Vault, approle: dict[str, str]
) -> None:
    secret = approle.pop("secret_id")
    (tmp_path / "secret").write_text(secret)
    (tmp_path / "secret").chmod(0o600)
    with faulty(behind=vault_server.address) as between:
        lines = [f'{name} = "{value}"' for name, value in approle.items()]
        lines += [f'secret_id_path = "{tmp_path / "secret"}"', f'url = "{between.address}"', 'type = "vault"']
        world = World.make(template, tmp_path / "home", settings="\n".join(["[targets.files]", *lines, ""]))
        few = {key: one for key, one in MANY.definitions.items() if key.id.startswith("c1")}
        world.save(replace(MANY, definitions=few))
        for written in (True, False):
            between.requests.clear()
            with replicas(world, SYNCD_DAEMON_INTERVAL="0.2") as (run,):
                within(60, partial(_passed, run, "verify", 1))
                within(60, partial(_passed, run, "changed", 3))
                assert bool(writes(run)) is written
                assert run.ends() == 0
            assert between.logins() == 1
            assert any("/data/" in one.path and one.method == "POST" for one in between.requests) is written
        world.close()


def _passed(run: Replica, kind: str, passes: int) -> bool:
    found = re.search(rf'^syncd_pass_duration_seconds_count{{kind="{kind}".*}} (.*)$', run.get("/metrics")[1], re.M)
    return found is not None and float(found[1]) >= passes


def _ended(run: Replica, passes: int) -> bool:
    return len(run.told("pass")) >= passes
