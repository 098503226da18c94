"""What to grant in Vault: a policy and a role per deployment, and syncd's own. Text: somebody else runs it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from syncd.core.documents import Mark, Place
from syncd.core.layouts.airflow import AirflowPaths
from syncd.core.layouts.layered import Layered
from syncd.core.layouts.split import Split
from syncd.targets.vault.policies import policy_name, rules

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
    """Whose documents are granted: those of one target, below one prefix.

    `writes_policies` says that syncd grants what deployments share; `references` are paths that definitions may read,
    each with its mount before it; `mark` says whose the policies of shared parts are.
    """

    target: str
    mount: str
    prefix: str
    layout: str = Layered.name
    writes_policies: bool = False
    references: tuple[str, ...] = ()
    mark: Mark = Mark("", "", "", 0)


class Grant(NamedTuple):
    """A policy and who gets it. `role` is what `vault write` takes; empty where a policy is all there is to say.

    Without `rules` it is to go.
    """

    name: str
    rules: str
    role: str = ""


def withdrawn(of: Extent, deployments: Iterable[str]) -> tuple[Grant, ...]:
    """What deployments were granted that are there no more."""
    return tuple(Grant(policy_name(of.target, of.prefix, name), "") for name in sorted(deployments))


def grants(
    of: Extent, deployments: Iterable[str], login: str, shares: Mapping[str, Iterable[Place]] | None = None
) -> tuple[Grant, ...]:
    """One policy per deployment, which names its own path and no other; and syncd's own, last.

    No name of ours holds a `_`: no two deployments, prefixes or targets share a policy. `shares` are the shared parts
    that each deployment is to read; they have a policy of their own, so that nothing else in `split` ever changes.
    """
    found = []
    for deployment in sorted(deployments):
        parts = (shares or {}).get(deployment, ())
        name = f"airflow_{of.target}_{of.prefix}_{deployment}"
        shared = policy_name(of.target, of.prefix, deployment)
        policies = f"{name},{shared}" if of.layout == Split.name else name
        if of.layout == Split.name and not of.writes_policies:
            found.append(Grant(shared, rules(of.mount, parts, of.mark)))
        found.append(Grant(name, _reader(of, deployment), _ROLE[login].format(mount=login, name=name, policy=policies)))
    return (*found, _writer(of))


def templated(of: Extent) -> tuple[Grant, ...]:
    """One policy for all deployments, by the metadata `syncd_deployment` of who logs in; and syncd's own, last."""
    return Grant(f"airflow_{of.target}_{of.prefix}", _reader(of, _IDENTITY)), _writer(of)


def script(found: Iterable[Grant], namespace: str = "") -> str:
    """The same as commands for a shell."""
    lines = ["set -e"] + ([f"export VAULT_NAMESPACE={shlex.quote(namespace)}"] if namespace else [])
    for grant in found:
        if not grant.rules:
            lines.append(f"vault policy delete {grant.name}")
            continue
        lines.append(f"vault policy write {grant.name} - <<'EOF'\n{grant.rules}EOF")
        if grant.role:
            lines.append(f"vault write {grant.role}")
    return "\n".join(lines)


def _reader(of: Extent, deployment: str) -> str:
    below = f"{of.prefix}/deployments/{deployment}"
    return _path(f"{of.mount}/data/{below}/*", "read") + _path(f"{of.mount}/metadata/{below}/*", "list")


def _writer(of: Extent) -> Grant:
    tops = ["deployments", "environments"] if of.layout == Split.name else ["deployments"]
    found = ""
    for below in (f"{of.prefix}/{top}" for top in tops):
        found += _path(f"{of.mount}/data/{below}/*", "create", "read", "update")
        found += _path(f"{of.mount}/metadata/{below}/*", "update", "list")
        if of.layout == AirflowPaths.name:
            found += _path(f"{of.mount}/destroy/{below}/*", "update")
    if of.layout == Split.name:
        found += _path("sys/policies/acl", "list")
        changes = ("create", "update", "delete") if of.writes_policies else ()
        found += _path(f"sys/policies/acl/airflow_{of.target}_{of.prefix}_*", "read", *changes)
    for mount, _, path in (one.partition("/") for one in of.references):
        # Vault has a star at the end of a path only.
        by_hand = bool(set(path.removesuffix("*")) & set("*?["))
        found += f"# and what {mount}/{path} stands for\n" if by_hand else _path(f"{mount}/data/{path}", "read")
    return Grant(f"syncd_{of.target}_{of.prefix}", found)


def _path(path: str, *capabilities: str) -> str:
    listed = ", ".join(f'"{one}"' for one in capabilities)
    return f'path "{path}" {{\n  capabilities = [{listed}]\n}}\n'
