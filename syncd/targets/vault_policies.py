"""What to grant in Vault: a policy and a role per deployment, and syncd's own. Text: somebody else runs it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import NamedTuple

from syncd.core.layouts.airflow import AirflowPaths
from syncd.core.layouts.layered import Layered

_ROLE = {
    "approle": "auth/{mount}/role/{name} token_type=batch token_ttl=1h token_policies={policy}",
    "jwt": "auth/{mount}/role/{name} role_type=jwt user_claim=sub bound_subject=SUBJECT token_type=batch token_ttl=1h "
    "token_policies={policy}",
    "kubernetes": "auth/{mount}/role/{name} bound_service_account_names=SERVICE_ACCOUNT "
    "bound_service_account_namespaces=NAMESPACE audience=AUDIENCE token_type=batch token_ttl=1h "
    "token_policies={policy}",
}
LOGINS = tuple(_ROLE)
"""Ways to log in that a role can be written for. Batch tokens cost Vault no storage, and end by themselves."""

_IDENTITY = "{{identity.entity.metadata.syncd_deployment}}"


class Grant(NamedTuple):
    """A policy and who gets it. `role` is what `vault write` takes; empty where a policy is all there is to say."""

    name: str
    rules: str
    role: str = ""


def grants(
    mount: str, prefix: str, deployments: Iterable[str], login: str, *, layout: str = Layered.name
) -> tuple[Grant, ...]:
    """One policy per deployment, which names its own path and no other; and syncd's own, last."""
    found = []
    for deployment in sorted(deployments):
        name = f"airflow-{prefix}-{deployment}"
        role = _ROLE[login].format(mount=login, name=name, policy=name)
        found.append(Grant(name, _reader(mount, prefix, deployment), role))
    return (*found, _writer(mount, prefix, layout))


def templated(mount: str, prefix: str, *, layout: str = Layered.name) -> tuple[Grant, ...]:
    """One policy for all deployments, by the metadata `syncd_deployment` of who logs in; and syncd's own, last."""
    return Grant(f"airflow-{prefix}", _reader(mount, prefix, _IDENTITY)), _writer(mount, prefix, layout)


def script(found: Iterable[Grant], namespace: str = "") -> str:
    """The same as commands for a shell."""
    lines = [f"export VAULT_NAMESPACE={shlex.quote(namespace)}"] if namespace else []
    for grant in found:
        lines.append(f"vault policy write {grant.name} - <<'EOF'\n{grant.rules}EOF")
        if grant.role:
            lines.append(f"vault write {grant.role}")
    return "\n".join(lines)


def _reader(mount: str, prefix: str, deployment: str) -> str:
    below = f"{prefix}/deployments/{deployment}"
    return _path(f"{mount}/data/{below}/*", "read") + _path(f"{mount}/metadata/{below}/*", "list")


def _writer(mount: str, prefix: str, layout: str) -> Grant:
    below = f"{prefix}/deployments"
    rules = _path(f"{mount}/data/{below}/*", "create", "read", "update")
    rules += _path(f"{mount}/metadata/{below}/*", "update", "list")
    if layout == AirflowPaths.name:
        rules += _path(f"{mount}/destroy/{below}/*", "update")
    return Grant(f"syncd-{prefix}", rules)


def _path(path: str, *capabilities: str) -> str:
    listed = ", ".join(f'"{one}"' for one in capabilities)
    return f'path "{path}" {{\n  capabilities = [{listed}]\n}}\n'
