"""backend_kwargs as a frozen value; what is wrong with them is told by the name of the key, all at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncd.core.addresses import MOUNT, is_address
from syncd.core.checks import problems
from syncd.core.errors import FixError, Problems, Reason
from syncd.core.layouts.lookup import Address
from syncd.core.model import KINDS, NAME, NAME_LENGTH, Fields, dotted

_NAMES = ("workspace", "deployment", "prefix")
_PATHS = ("path", "local_path", "ca", "token_path", "secret_id_path", "jwt_token_path", "kubernetes_jwt_path")
_HEADERS = ("token", "namespace")
_OBJECTS = ("local", "next")
_LONGEST = 3600.0
_SECONDS = {"timeout": 5.0, "cache_ttl": 5.0, "max_stale": 0.0}
"""Numbers, each with what it is where nothing is said; a `timeout` of 0 would be none."""

_ALL = ("workspace", "deployment", "source", "prefix", "local", "local_path", "next")
_LOGIN = (
    "auth_type",
    "auth_mount_point",
    "token",
    "token_path",
    "role_id",
    "secret_id",
    "secret_id_path",
    "jwt_role",
    "jwt_token",
    "jwt_token_path",
    "kubernetes_role",
    "kubernetes_jwt_path",
)
SOURCES = {
    "directory": (("path",), ()),
    "vault": (("url",), ("mount_point", "namespace", "verify", "cert", *_LOGIN, *_SECONDS)),
    "kubernetes": (("namespace",), ("url", "ca", "token_path", *_SECONDS)),
}
"""The keys of each source: those that it needs, and those that it may have. Vault's are those of VaultBackend."""


@dataclass(frozen=True)
class Directory:
    """`source` directory."""

    path: str


@dataclass(frozen=True)
class Vault:
    """`source` vault. `login` are its settings as they were given, some of them secret."""

    url: str
    mount_point: str
    namespace: str
    verify: bool
    ca: str
    cert: tuple[str, str]
    login: Mapping[str, str] = field(repr=False)
    timeout: float
    cache_ttl: float
    max_stale: float


@dataclass(frozen=True)
class Kubernetes:
    """`source` kubernetes. What is empty is as the kubelet gives it to a pod."""

    namespace: str
    url: str
    ca: str
    token_path: str
    timeout: float
    cache_ttl: float
    max_stale: float


@dataclass(frozen=True)
class Kwargs:
    """What `backend_kwargs` say. `local` is by kind and id; `next` is a class path and its own kwargs."""

    address: Address
    source: Directory | Vault | Kubernetes
    local: Mapping[tuple[str, str], Fields] = field(default_factory=dict, repr=False)
    local_path: str = ""
    next: tuple[str, Mapping[str, Any]] | None = field(default=None, repr=False)


def parse(given: Mapping[str, Any]) -> Kwargs:
    """Raises Problems with one error per key, never with a value."""
    if not given:
        raise Problems(
            [
                _problem(
                    "backend_kwargs",
                    "nothing is set",
                    "Airflow takes JSON that it can't read for nothing at all: check that it is one JSON object",
                )
            ]
        )
    source = given.get("source", "directory")
    needed, more = SOURCES.get(source if isinstance(source, str) else "", ((), ()))
    known = (*_ALL, *needed, *more)
    told = {name: value for name, value in given.items() if value is not None}
    found: list[FixError] = []
    if not needed:
        found.append(_problem("source", "is no source of this release", f"known are {', '.join(SOURCES)}"))
        known = (*known, *told)
    found += [
        _problem(name, "no such key", f"known are {', '.join(known)}") for name in sorted(told.keys() - set(known))
    ]
    missing = [name for name in (*_ALL[:2], *needed) if told.get(name, "") == ""]
    found += [_problem(name, "is missing", f'set "{name}"') for name in missing]
    texts = {name: value for name, value in told.items() if name in known and name not in _TYPED}
    for name, value in texts.items():
        found += [_problem(name, *problem) for problem in _text_problems(name, value)]
    local = _local(_object(given.get("local", {}), "local", found), found)
    following = _next(_object(given.get("next", {}), "next", found), found)
    opened: Directory | Vault | Kubernetes
    if source == "vault":
        opened = _vault(told, texts, found)
    else:
        opened = _kubernetes(told, texts, found) if source == "kubernetes" else _directory(texts)
    if found:
        raise Problems(found)
    address = Address(texts["workspace"], texts["deployment"], texts.get("prefix") or texts["workspace"])
    return Kwargs(address, opened, local, texts.get("local_path", "").rstrip("/"), following)


def _directory(texts: Mapping[str, Any]) -> Directory:
    return Directory(str(texts.get("path", "")).rstrip("/") or "/")


def _vault(told: Mapping[str, Any], texts: Mapping[str, Any], found: list[FixError]) -> Vault:
    verify = _verify(told.get("verify", True), found)
    return Vault(
        url=str(texts.get("url", "")).rstrip("/"),
        mount_point=texts.get("mount_point") or "secret",
        namespace=str(texts.get("namespace", "")).strip(),
        verify=verify is not False,
        ca=verify if isinstance(verify, str) else "",
        cert=_cert(told.get("cert", ""), found),
        login={
            name: texts[name].strip() for name in _LOGIN if isinstance(texts.get(name), str) and texts[name].strip()
        },
        **{name: _number(told, name, found) for name in _SECONDS},
    )


def _kubernetes(told: Mapping[str, Any], texts: Mapping[str, Any], found: list[FixError]) -> Kubernetes:
    namespace = str(texts.get("namespace", "")).strip()
    if namespace and not _NAMESPACE.fullmatch(namespace):
        found.append(_problem("namespace", "is no namespace", "a-z, 0-9 and -, at most 63 characters"))
    url, ca, token_path = (str(texts.get(name, "")).strip() for name in ("url", "ca", "token_path"))
    return Kubernetes(namespace, url, ca, token_path, *(_number(told, name, found) for name in _SECONDS))


_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

_TYPED = (*_OBJECTS, *_SECONDS, "verify", "cert")
"""Keys whose value may be something else than a text."""


def _number(given: Mapping[str, Any], name: str, found: list[FixError]) -> float:
    value = given.get(name, "")
    if value == "":
        return _SECONDS[name]
    try:
        seconds = float(value) if not isinstance(value, bool) else -1.0
    except (TypeError, ValueError):
        seconds = -1.0
    if not (seconds > 0 if name == "timeout" else seconds >= 0) or seconds > _LONGEST:
        found.append(_problem(name, "is no number of seconds"))
    return seconds


def _verify(value: Any, found: list[FixError]) -> bool | str:
    if isinstance(value, str) and value.lower() in ("", "true", "false"):
        value = value.lower() != "false"
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and Path(value).is_absolute():
        return value
    found.append(_problem("verify", "is neither true, nor false, nor the absolute path of an authority's file"))
    return True


def _cert(value: Any, found: list[FixError]) -> tuple[str, str]:
    pair = [value, ""] if isinstance(value, str) else value
    if isinstance(pair, list) and len(pair) == 2 and all(isinstance(one, str) for one in pair):
        certificate, key = pair
        if all(Path(one).is_absolute() for one in pair if one) and (certificate or not key):
            return certificate, key
    found.append(_problem("cert", "is neither the absolute path of a certificate with its key, nor a list of both"))
    return "", ""


def _text_problems(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(value, str):
        yield "isn't a text", "put it in quotes"
    elif name in _NAMES and value and (len(value) > NAME_LENGTH or not NAME.fullmatch(value)):
        yield "is no name", f"a name is a-z, 0-9 and -, at most {NAME_LENGTH} characters"
    elif "\0" in value:
        yield "holds a NUL", "take it out"
    elif name in _HEADERS and not (value.strip().isascii() and value.strip().isprintable()):
        yield "holds a character that no HTTP header can", "write it in ASCII, on one line"
    elif name in _PATHS and value and not Path(value).is_absolute():
        yield "is no absolute path", "Airflow's processes don't all run in the same folder"
    elif name == "mount_point" and value and not MOUNT.fullmatch(value):
        yield "is no mount's path", "a path like secret or team/kv, without a slash at its ends"
    elif name == "url" and value and not is_address(value):
        yield "is no address", "https://host:8200, with nothing secret in it"


def _object(value: Any, name: str, found: list[FixError]) -> Mapping[str, Any]:
    # AIRFLOW__SECRETS__BACKEND_KWARG__LOCAL and the like (Airflow 3.2) arrive as text.
    if isinstance(value, str):
        try:
            value = json.loads(value or "null")
        except ValueError:
            value = ()
    if value is None:
        return {}
    if not isinstance(value, dict):
        found.append(_problem(name, "is no JSON object"))
        return {}
    return value


def _local(given: Mapping[str, Any], found: list[FixError]) -> Mapping[tuple[str, str], Fields]:
    kinds = {row.plural: name for name, row in KINDS.items()}
    local: dict[tuple[str, str], Fields] = {}
    for plural, by_id in given.items():
        if plural not in kinds or not isinstance(by_id, dict):
            found.append(_problem(dotted(("local", plural)), "isn't understood", f"known are {', '.join(kinds)}"))
            continue
        for id_, fields in by_id.items():
            at = ("local", plural, id_)
            if not isinstance(fields, dict):
                found.append(_problem(dotted(at), "is no JSON object"))
                continue
            found += [_problem(dotted((*at, *path)), text) for path, text in problems(kinds[plural], fields)]
            local[kinds[plural], id_] = fields
    return local


def _next(given: Mapping[str, Any], found: list[FixError]) -> tuple[str, Mapping[str, Any]] | None:
    if not given:
        return None
    backend, kwargs = given.get("backend"), given.get("backend_kwargs", {})
    if (
        not isinstance(backend, str)
        or not isinstance(kwargs, dict)
        or not given.keys() <= {"backend", "backend_kwargs"}
    ):
        found.append(_problem("next", 'is {"backend": CLASS, "backend_kwargs": {…}}'))
        return None
    return backend, kwargs


def _problem(name: str, problem: str, remedy: str = "") -> FixError:
    where = name if name == "backend_kwargs" else f"backend_kwargs: {name}"
    return FixError(Reason.INVALID_SETTINGS, where, problem, remedy)
