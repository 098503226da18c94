"""The same without the registry: from a target that the developer's own login may read, so that the rights are its."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncd.core.errors import FixError, Reason, SyncError
from syncd.core.layouts.kubernetes import Labelled
from syncd.core.model import Item
from syncd.targets import kubernetes, vault
from syncd.targets.directory import Settings as Directory
from syncd.targets.settings import TargetSettings, at

_TOKEN_FILE = ".vault-token"  # noqa: S105  where `vault login` keeps it


@dataclass(frozen=True)
class Taken:
    """What lies in a target for a deployment, effective; and what couldn't be read of it."""

    deployment: str
    whole: tuple[tuple[Item, Mapping[str, Any]], ...] = field(repr=False)
    missing: Mapping[Item, tuple[SyncError, ...]]


def kwargs(
    name: str, settings: TargetSettings, home: Path, environ: Mapping[str, str], workspace: str, deployment: str
) -> dict[str, Any]:
    """`backend_kwargs` that read a deployment's documents from a target with the login in its settings.

    Raises FixError where our backend can't read it.
    """
    if settings.layout == Labelled.name:
        remedy = "point Airflow's own backend at it"
        raise FixError(Reason.REFUSED, f"target {name}", "is laid out for Airflow's own backend", remedy)
    whose = {"workspace": workspace, "deployment": deployment, "prefix": settings.prefix or workspace}
    if isinstance(settings, vault.Settings):
        return {**whose, "source": "vault", **_vault(settings, home, environ)}
    if isinstance(settings, kubernetes.Settings):
        return {**whose, "source": "kubernetes", **_kubernetes(name, settings, home)}
    if isinstance(settings, Directory):
        return {**whose, "source": "directory", "path": str(at(home, settings.path))}
    raise FixError(Reason.REFUSED, f"target {name}", "is of a type that no backend reads")


def _vault(settings: vault.Settings, home: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    texts = ("url", "mount_point", "namespace", "auth_type", "auth_mount_point", "role_id")
    plain = (*texts, "jwt_role", "kubernetes_role")
    paths = ("token_path", "secret_id_path", "jwt_token_path", "kubernetes_jwt_path")
    given = {key: getattr(settings, key) for key in plain}
    given |= {key: str(at(home, path)) for key in paths if (path := getattr(settings, key))}
    given |= {"token": environ.get("VAULT_TOKEN", ""), "secret_id": environ.get("VAULT_SECRET_ID", "")}
    kept = Path(environ.get("HOME", "/"), _TOKEN_FILE)
    if settings.auth_type == "token" and not given["token"] and not settings.token_path and kept.is_file():
        given["token_path"] = str(kept)
    trust: Any = str(at(home, settings.verify)) if isinstance(settings.verify, str) else settings.verify
    shown = [str(at(home, path)) for path in settings.cert] if settings.cert else ""
    return {**{key: value for key, value in given.items() if value}, "verify": trust, "cert": shown}


def _kubernetes(name: str, settings: kubernetes.Settings, home: Path) -> dict[str, Any]:
    if settings.kubeconfig or settings.context:
        problem, remedy = "is reached by a kubeconfig, which no backend reads", "give it url, ca and token_path"
        raise FixError(Reason.REFUSED, f"target {name}", problem, remedy)
    paths = {key: str(at(home, path)) for key in ("ca", "token_path") if (path := getattr(settings, key))}
    return {"namespace": settings.namespace, **({"url": settings.url} if settings.url else {}), **paths}
