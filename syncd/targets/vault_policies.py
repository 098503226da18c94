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


class Extent(NamedTuple):
    """Whose documents are granted: those of one target, below one prefix."""

    target: str
    mount: str
    prefix: str
    layout: str = Layered.name


class Grant(NamedTuple):
    """A policy and who gets it. `role` is what `vault write` takes; empty where a policy is all there is to say."""

    name: str
    rules: str
    role: str = ""


def grants(of: Extent, deployments: Iterable[str], login: str) -> tuple[Grant, ...]:
    """One policy per deployment, which names its own path and no other; and syncd's own, last.

    No name of ours holds a `_`: no two deployments, prefixes or targets share a policy.
    """
    found = []
    for deployment in sorted(deployments):
        name = f"airflow_{of.target}_{of.prefix}_{deployment}"
        role = _ROLE[login].format(mount=login, name=name, policy=name)
        found.append(Grant(name, _reader(of, deployment), role))
    return (*found, _writer(of))


def templated(of: Extent) -> tuple[Grant, ...]:
    """One policy for all deployments, by the metadata `syncd_deployment` of who logs in; and syncd's own, last."""
    return Grant(f"airflow_{of.target}_{of.prefix}", _reader(of, _IDENTITY)), _writer(of)


def script(found: Iterable[Grant], namespace: str = "") -> str:
    """The same as commands for a shell."""
    lines = [f"export VAULT_NAMESPACE={shlex.quote(namespace)}"] if namespace else []
    for grant in found:
        lines.append(f"vault policy write {grant.name} - <<'EOF'\n{grant.rules}EOF")
        if grant.role:
            lines.append(f"vault write {grant.role}")
    return "\n".join(lines)


def _reader(of: Extent, deployment: str) -> str:
    below = f"{of.prefix}/deployments/{deployment}"
    return _path(f"{of.mount}/data/{below}/*", "read") + _path(f"{of.mount}/metadata/{below}/*", "list")


def _writer(of: Extent) -> Grant:
    below = f"{of.prefix}/deployments"
    rules = _path(f"{of.mount}/data/{below}/*", "create", "read", "update")
    rules += _path(f"{of.mount}/metadata/{below}/*", "update", "list")
    if of.layout == AirflowPaths.name:
        rules += _path(f"{of.mount}/destroy/{below}/*", "update")
    return Grant(f"syncd_{of.target}_{of.prefix}", rules)


def _path(path: str, *capabilities: str) -> str:
    listed = ", ".join(f'"{one}"' for one in capabilities)
    return f'path "{path}" {{\n  capabilities = [{listed}]\n}}\n'
