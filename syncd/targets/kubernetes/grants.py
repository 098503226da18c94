"""What lets a deployment's workers read its Secrets through the API: a Role and its binding each, as manifests."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import yaml

from syncd.core.documents import Place
from syncd.core.layouts.kubernetes import Bundled, Labelled

Manifest = Mapping[str, Any]

DEPLOYMENT = "{deployment}"
"""In a service account's name: the deployment's takes its place."""

_GROUP = "rbac.authorization.k8s.io"


def grants(
    layout: Bundled | Labelled, namespace: str, deployments: Iterable[str], account: str, lies: Collection[str] = ()
) -> tuple[Manifest, ...]:
    """In `layered`, each its own Secrets by name, with those that lie there now: where their number changes, documents
    are read at both places. In `airflow`, every Secret of the namespace: no Role knows labels.

    `account` is whose pods they are, `NAME` or `NAMESPACE:NAME`.
    """
    found: list[Manifest] = []
    for deployment in sorted(deployments):
        rule: dict[str, Any] = {"apiGroups": [""], "resources": ["secrets"]}
        if isinstance(layout, Bundled):
            names = {place.object for place in layout.plates(deployment)}
            names.update(name for name in lies if layout.deployment(Place(name)) == deployment)
            rule |= {"resourceNames": sorted(names, key=_by_number), "verbs": ["get"]}
        else:
            rule["verbs"] = ["list"]
        name = f"{layout.prefix}.{deployment}.connections"
        metadata = {"name": name, "namespace": namespace}
        of, _, who = account.replace(DEPLOYMENT, deployment).rpartition(":")
        found.append({"apiVersion": f"{_GROUP}/v1", "kind": "Role", "metadata": metadata, "rules": [rule]})
        found.append(
            {
                "apiVersion": f"{_GROUP}/v1",
                "kind": "RoleBinding",
                "metadata": metadata,
                "roleRef": {"apiGroup": _GROUP, "kind": "Role", "name": name},
                "subjects": [{"kind": "ServiceAccount", "name": who, "namespace": of or namespace}],
            }
        )
    return tuple(found)


def text(manifests: Sequence[Manifest]) -> str:
    """As `kubectl apply -f -` takes them."""
    return "---\n".join(yaml.safe_dump(_plain(one), sort_keys=False) for one in manifests)


def _plain(manifest: Manifest) -> Any:
    # Where one value stands twice, YAML would say so by an anchor.
    if isinstance(manifest, Mapping):
        return {key: _plain(value) for key, value in manifest.items()}
    return [_plain(one) for one in manifest] if isinstance(manifest, list) else manifest


def _by_number(name: str) -> tuple[int, str]:
    return int(name.rpartition(".")[2]), name
