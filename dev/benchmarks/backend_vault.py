"""A task's lookup on Airflow 3.3 through a Vault: ours, nothing cached, against Airflow's VaultBackend, same login."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import backend
from backend import DEPLOYMENT, RELEASE, WORKSPACE
from runs import Companion, answer, environ, environment, scratch
from side_by_side import SIZE, compared
from table import Row

_CLASSES = {
    "ours": "airflow_plugin.SharedConnectionsBackend",
    "stock": "airflow.providers.hashicorp.secrets.vault.VaultBackend",
}


def rows() -> Iterator[Row]:
    sys.path.append(str(Path(__file__).parents[1]))
    from servers import vault

    daemon, python = environment("daemon") / "python", environment(RELEASE) / "python"
    with scratch() as root, vault.running() as server:
        mine = environ(VAULT_TOKEN=server.root_token, VAULT_ADDR=server.address)
        answer([daemon, __file__, "synced", root, str(SIZE)], mine)
        login = _login(server)
        yield from compared("backend vault", "VaultBackend", 0.5, lambda name: _process(name, root, python, login))


def _login(server: Any) -> Mapping[str, str]:
    """AppRole, as both backends name it, with batch tokens."""
    policy = "".join(
        f'path "secret/data/{prefix}/*" {{ capabilities = ["read"] }}\n' for prefix in (WORKSPACE, "stock")
    )
    for path, body in (
        ("sys/auth/approle", {"type": "approle"}),
        ("sys/policies/acl/bench", {"policy": policy}),
        ("auth/approle/role/bench", {"token_policies": "bench", "token_type": "batch"}),
    ):
        server.call("POST", path, body)
    role_id = server.call("GET", "auth/approle/role/bench/role-id").body["data"]["role_id"]
    secret_id = server.call("POST", "auth/approle/role/bench/secret-id").body["data"]["secret_id"]
    return {"url": server.address, "auth_type": "approle", "role_id": role_id, "secret_id": secret_id}


def _process(name: str, root: Path, python: Path, login: Mapping[str, str]) -> Companion:
    lying = f"stock/deployments/{DEPLOYMENT}"
    kwargs = {
        "ours": {"workspace": WORKSPACE, "deployment": DEPLOYMENT, "source": "vault", "cache_ttl": 0},
        "stock": {"connections_path": f"{lying}/connections", "variables_path": f"{lying}/variables"},
    }
    variables = environ(
        AIRFLOW_HOME=str(root / "airflow"),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__SECRETS__BACKEND=_CLASSES[name],
        AIRFLOW__SECRETS__BACKEND_KWARGS=json.dumps({**kwargs[name], **login}),
    )
    return Companion([python, backend.__file__, "lookups"], variables, root / f"{name}.log")


# What runs in the daemon's environment.


if __name__ == "__main__":
    target = '[targets.{}]\ntype = "vault"\nlayout = "{}"\nurl = "{}"\nprefix = "{}"\n'
    import os

    backend.synced(
        Path(sys.argv[2]),
        int(sys.argv[3]),
        "".join(
            target.format(name, layout, os.environ["VAULT_ADDR"], prefix)
            for name, layout, prefix in (("ours", "layered", WORKSPACE), ("theirs", "airflow", "stock"))
        ),
    )
