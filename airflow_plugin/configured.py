"""What Airflow is configured with on a worker, and where it was told so."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from syncd.core.addresses import is_address
from syncd.core.errors import FixError, Reason
from syncd.core.secrets import MASK

_SECTIONS = (("workers", "secrets_backend"), ("secrets", "backend"))
"""In the order in which a worker looks; the first is unknown to Airflow 2."""

_SHOWN = (
    "workspace",
    "deployment",
    "source",
    "path",
    "prefix",
    "local_path",
    "url",
    "mount_point",
    "namespace",
    "verify",
    "ca",
    "auth_type",
    "auth_mount_point",
    "token_path",
    "role_id",
    "secret_id_path",
    "jwt_role",
    "jwt_token_path",
    "kubernetes_role",
    "kubernetes_jwt_path",
    "timeout",
    "cache_ttl",
    "max_stale",
)


@dataclass(frozen=True)
class Configured:
    """Section and key, each place that says something (a variable's name, or the file), and the kwargs as they are."""

    option: str
    told_by: tuple[str, ...]
    kwargs: Mapping[str, Any] = field(repr=False)


def configured() -> Configured:
    """The backend that Airflow makes on a worker. Raises FixError where it isn't ours."""
    try:
        from airflow import configuration
    except Exception as error:  # noqa: BLE001  Airflow can't be imported where its backend can't
        problem = f"can't be imported: {type(error).__name__}"
    else:
        return _of_worker(configuration)
    raise FixError(Reason.INVALID_SETTINGS, "airflow", problem, "check `backend` in section [secrets] of airflow.cfg")


def shown(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The kwargs with every value masked but those that are known to be none of a secret."""
    return {
        name: value if name in _SHOWN and _is_plain(name, value) else _masked(value) for name, value in kwargs.items()
    }


def _is_plain(name: str, value: object) -> bool:
    if name == "url":  # one that is none may have a password in it
        return isinstance(value, str) and is_address(value)
    return isinstance(value, (str, int, float))


def _of_worker(configuration: Any) -> Configured:
    from airflow_plugin import SharedConnectionsBackend

    make = configuration.get_custom_secret_backend
    three = "worker_mode" in inspect.signature(make).parameters
    backend = make(worker_mode=True) if three else make()
    for section, key in _SECTIONS if three else _SECTIONS[1:]:
        if configuration.conf.get(section, key, fallback=""):
            break
    option = f"[{section}] {key}"
    if backend is None:
        raise FixError(Reason.INVALID_SETTINGS, option, "isn't set", f"set it to {_NAME}")
    if not isinstance(backend, SharedConnectionsBackend):
        name = f"{type(backend).__module__}.{type(backend).__qualname__}"
        raise FixError(Reason.INVALID_SETTINGS, option, f"is {name}", f"set it to {_NAME}")
    told_by = (*_told_by(configuration, section, key), *_told_by(configuration, section, f"{key}_kwargs"))
    single = f"AIRFLOW__{section}__{key}_kwarg__".upper()
    told_by += tuple(
        sorted(name for name in os.environ if name.startswith(single) and name[len(single) :].lower() in backend.kwargs)
    )
    return Configured(option, tuple(dict.fromkeys(told_by)), backend.kwargs)


_NAME = "airflow_plugin.SharedConnectionsBackend"


def _told_by(configuration: Any, section: str, key: str) -> tuple[str, ...]:
    variable = f"AIRFLOW__{section}__{key}".upper()
    for name in (variable, f"{variable}_CMD", f"{variable}_SECRET"):
        if name in os.environ:
            return (name,)
    return (configuration.AIRFLOW_CONFIG,) if configuration.conf.get(section, key, fallback="") else ()


def _masked(value: Any) -> Any:
    return {name: _masked(child) for name, child in value.items()} if isinstance(value, dict) else MASK
