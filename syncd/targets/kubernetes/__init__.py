"""Kubernetes: documents in the Secrets of one namespace, each written against the resource version that was seen.

target.py   KubernetesTarget: what lies there, and writes side by side
grants.py   what lets workers read there
forms.py    what a Secret holds: many documents by key, or one that Airflow's own backend finds by its label
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Annotated
from weakref import WeakValueDictionary

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from syncd.clients.kubernetes.cluster import server
from syncd.clients.kubernetes.credentials import SERVICE, Account, Credentials
from syncd.clients.kubernetes.kubeconfig import Kubeconfig
from syncd.clients.kubernetes.writing import Kubernetes
from syncd.core.addresses import is_address, normal
from syncd.core.layouts.kubernetes import Bundled, Labelled
from syncd.core.layouts.spread import MOST, SECRETS
from syncd.targets.kubernetes.target import KubernetesTarget
from syncd.targets.settings import TargetSettings, at

_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

LAYOUTS = (Bundled.name, Labelled.name)
"""The layouts that a namespace holds."""


def _address(url: str) -> str:
    if url and not is_address(url):
        raise PydanticCustomError(
            "address", "is no address of an API server: https://host:6443, with nothing secret in it"
        )
    return url


def _namespace(name: str) -> str:
    if not _NAMESPACE.fullmatch(name):
        raise PydanticCustomError("namespace", "is no namespace: a-z, 0-9 and -, 63 at most")
    return name


def _secrets(number: int) -> int:
    if not 1 <= number <= MOST:
        raise PydanticCustomError("secrets", f"is no whole number from 1 to {MOST}")
    return number


class Settings(TargetSettings):
    """type = "kubernetes". In a pod its own service account is used; elsewhere a kubeconfig, or a token and a url."""

    layout: str = Bundled.name
    namespace: Annotated[str, AfterValidator(_namespace)]
    """Where the Secrets lie: who may read Secrets in it may read all of them."""

    secrets: Annotated[int, AfterValidator(_secrets)] = SECRETS
    """In `layered`: over how many Secrets a deployment's documents are spread. A Secret holds 1 MiB at most."""

    kubeconfig: str = ""
    """Where both this and `context` are empty, the pod's own service account is used, or `url` and `token_path`."""

    context: str = ""
    url: Annotated[str, AfterValidator(_address)] = ""
    ca: str = ""
    token_path: str = ""
    timeout: float = Field(default=30, gt=0, le=3600)
    """Seconds for one request, in all."""

    @model_validator(mode="after")
    def _only_layered_is_spread(self) -> Settings:
        if "secrets" in self.model_fields_set and self.layout != Bundled.name:
            raise PydanticCustomError("secrets", f'secrets is for layout "{Bundled.name}"')
        return self

    @model_validator(mode="after")
    def _one_way_in(self) -> Settings:
        if (self.kubeconfig or self.context) and (self.url or self.ca or self.token_path):
            raise PydanticCustomError("login", "kubeconfig and context are one way in; url, ca and token_path another")
        return self

    def credentials(self, home: Path) -> tuple[Path, ...]:
        return tuple(at(home, path) for path in (self.kubeconfig, self.token_path) if path)

    @property
    def server(self) -> str:
        """Which API server, as far as the settings say."""
        named = self.url.rstrip("/") or ", ".join(filter(None, (self.kubeconfig, self.context)))
        return named or "the pod's own cluster"


def laid_out(settings: Settings, prefix: str) -> Bundled | Labelled:
    """How documents lie in it."""
    return Labelled(prefix) if settings.layout == Labelled.name else Bundled(prefix, settings.secrets)


def opened(name: str, settings: Settings, prefix: str, home: Path, environ: Mapping[str, str]) -> KubernetesTarget:
    """The target that these settings describe."""
    layout, shared = laid_out(settings, prefix), client(settings, home, environ)
    return KubernetesTarget(name, layout, shared, settings.namespace, settings.server)


_clients: WeakValueDictionary[tuple[object, ...], Kubernetes] = WeakValueDictionary()
_opening = Lock()


def client(settings: Settings, home: Path, environ: Mapping[str, str]) -> Kubernetes:
    """One for all targets of one login, as long as any of them is open: of 100 namespaces each would greet the server
    anew, with eight connections of its own."""
    said = (settings.kubeconfig, settings.context, settings.url, settings.ca, settings.token_path, settings.timeout)
    key = (*said, home, *(environ.get(name) for name in SERVICE))
    with _opening:
        found = _clients.get(key)
        if found is None:
            login = _credentials(settings, home, environ)
            found = _clients[key] = Kubernetes(login, timeout=settings.timeout, patience=settings.timeout)
    return found


def extent(settings: Settings, prefix: str, home: Path) -> str:
    """Where all that it writes lies: two targets whose extents are the same, or one in the other, overlap.

    A label knows neither workspace nor deployment: in `airflow` a target has its namespace for itself.
    """
    namespace = f"{_cluster(settings, home)}/{settings.namespace}"
    return namespace if settings.layout == Labelled.name else f"{namespace}/{prefix}"


def _cluster(settings: Settings, home: Path) -> str:
    """The API server by its address, as far as that can be told without asking anybody."""
    config = settings.kubeconfig and str(at(home, settings.kubeconfig))
    url = server(config, settings.context) if config or settings.context else settings.url
    return normal(url) if is_address(url) else ", ".join(filter(None, (config, settings.context))) or settings.server


def _credentials(settings: Settings, home: Path, environ: Mapping[str, str]) -> Credentials:
    if settings.kubeconfig or settings.context:
        return Kubeconfig(str(at(home, settings.kubeconfig)) if settings.kubeconfig else "", settings.context)
    ca, token_path = (str(at(home, path)) if path else "" for path in (settings.ca, settings.token_path))
    return Account(settings.url, ca, token_path, environ)
