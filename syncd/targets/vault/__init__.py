"""Vault: a path per document on a KV version 2 mount, each written against the version that was seen.

Nothing superseded stays readable: a path of ours keeps one version, and what goes leaves a tombstone.

    target.py     VaultTarget: what lies there, and writes side by side
    paths.py      one path, read and written
    marks.py      whose it is: told in the document, or beside it
    policies.py   in `split`: who may read which shared part
    grants.py     what to grant, as text for somebody else to run
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from syncd.core.addresses import MOUNT, is_address, normal
from syncd.core.errors import FixError, Reason
from syncd.core.layouts.airflow import AirflowPaths
from syncd.core.layouts.layered import Layered
from syncd.core.layouts.split import Split
from syncd.targets.settings import TargetSettings, at
from syncd.targets.vault.target import VaultTarget

if TYPE_CHECKING:  # hvac costs a command 0.2 s: it is imported where a Vault is asked
    from syncd.clients.vault.writing import Vault

LAYOUTS = (Layered.name, Split.name, AirflowPaths.name)
"""The layouts that a Vault holds."""


def _address(url: str) -> str:
    if not is_address(url):
        raise PydanticCustomError("address", "is no address of a Vault: https://host:8200, with nothing secret in it")
    return url


Text = Annotated[str, Field(pattern=r"^[\x20-\x7e]*$")]
"""What a request, or a path, can hold."""


class Settings(TargetSettings):
    """type = "vault". Names are those of Airflow's VaultBackend. VAULT_TOKEN and VAULT_SECRET_ID are read, too."""

    layout: str = Layered.name
    url: Annotated[str, AfterValidator(_address)]
    mount_point: str = Field(default="secret", pattern=MOUNT.pattern)
    namespace: Text = ""
    verify: bool | Text = True
    """False, or the file of the authority that signed Vault's certificate."""

    cert: tuple[Text, Text] | None = Field(default=None, strict=False)
    """Certificate and key, where Vault asks for one."""

    timeout: float = Field(default=30, gt=0, le=3600)
    """Seconds for one request, in all."""

    policies: Literal["printed", "written"] = "printed"
    """In `split`: who grants shared parts. Who may write policies is as good as root over these deployments."""

    auth_type: str = "token"
    auth_mount_point: Text = ""
    token_path: Text = ""
    role_id: Text = ""
    secret_id_path: Text = ""
    jwt_role: Text = ""
    jwt_token_path: Text = ""
    kubernetes_role: Text = ""
    kubernetes_jwt_path: Text = ""

    @model_validator(mode="after")
    def _only_split_has_policies(self) -> Settings:
        if self.policies == "written" and self.layout != Split.name:
            raise PydanticCustomError("policies", 'policies = "written" is for layout "split"')
        return self

    @property
    def writes_policies(self) -> bool:
        """May syncd grant the shared parts itself?"""
        return self.policies == "written"

    def credentials(self, home: Path) -> tuple[Path, ...]:
        paths = (self.token_path, self.secret_id_path, self.jwt_token_path, self.kubernetes_jwt_path)
        return tuple(at(home, path) for path in (*paths, *(self.cert or ())) if path)


def opened(name: str, settings: Settings, prefix: str, home: Path, environ: Mapping[str, str]) -> VaultTarget:
    """The target that these settings describe. Raises FixError where hvac or what a login needs is missing."""
    return VaultTarget(name, _layout(settings, prefix), _client(name, settings, home, environ))


def _layout(settings: Settings, prefix: str) -> Layered | Split | AirflowPaths:
    if settings.layout == Split.name:
        return Split(prefix, settings.writes_policies)
    return AirflowPaths(prefix) if settings.layout == AirflowPaths.name else Layered(prefix)


def reader(name: str, settings: Settings, home: Path, environ: Mapping[str, str], mount: str) -> Vault:
    """The same Vault and login, for another mount: what references are read through. Raises FixError."""
    return _client(name, settings.model_copy(update={"mount_point": mount}), home, environ)


_VARIABLES = {"token": "VAULT_TOKEN", "secret_id": "VAULT_SECRET_ID"}
"""Where the environment says what is no setting here: nothing secret stands in syncd.toml."""


def _client(name: str, settings: Settings, home: Path, environ: Mapping[str, str]) -> Vault:
    try:
        from syncd.clients.vault.login import login
        from syncd.clients.vault.transport import Server
        from syncd.clients.vault.writing import Vault
    except ImportError:
        raise FixError(
            Reason.INVALID_SETTINGS, f"targets.{name}", "needs hvac", "pip install 'airflow-shared-connections[vault]'"
        ) from None
    given = {key: value for key, value in settings.model_dump().items() if isinstance(value, str) and value}
    paths = {key: str(at(home, value)) for key, value in given.items() if key.endswith("_path")}
    secrets = {setting: environ.get(variable, "") for setting, variable in _VARIABLES.items()}
    ca = str(at(home, settings.verify)) if isinstance(settings.verify, str) else ""
    certificate, key = settings.cert or ("", "")
    server = Server(
        settings.url.rstrip("/"),
        settings.namespace,
        ca,
        certificate and str(at(home, certificate)),
        key and str(at(home, key)),
        settings.verify is not False,
        settings.timeout,
        patience=settings.timeout,
    )
    entered = login(f"targets.{name}.", {**secrets, **given, **paths}, _VARIABLES)
    return Vault(server, entered, settings.mount_point)


def extent(settings: Settings, prefix: str, home: Path) -> str:
    """Where all that it writes lies: two targets whose extents are the same, or one in the other, overlap."""
    return f"{normal(settings.url)}/{settings.namespace.strip('/')}/{settings.mount_point}/{prefix}"
