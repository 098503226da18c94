"""A workspace in parts, so that a change stores what changed and no more; pure, but for the cipher it is given."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from syncd.core.canonical import text
from syncd.core.merge import leaves
from syncd.core.model import Definition, Deployment, Fields, Key, Path, Reference, Workspace
from syncd.core.secrets import is_secret, secret_paths

Hidden = tuple[tuple[Path, str], ...]
"""Secret leaves: the path of each, and its JSON text."""


class Part(NamedTuple):
    """Which part: `noun` is workspace, deployment, definition, environment (an override) or link; `name` is where an
    override or a link applies."""

    noun: str
    kind: str = ""
    id: str = ""
    owner: str = ""
    name: str = ""


class Body(NamedTuple):
    """What a part holds: JSON text that may be seen, and secret leaves to encrypt."""

    open: str
    hidden: Hidden = ()

    def __repr__(self) -> str:
        return "Body(…)"


def split(workspace: Workspace) -> dict[Part, Body]:
    """All parts of a workspace."""
    parts = {Part("workspace"): Body(text({"environments": list(workspace.environments)}))}
    for name, deployment in workspace.deployments.items():
        body: dict[str, Any] = {"environment": deployment.environment, "targets": list(deployment.targets)}
        if deployment.preview_of:
            body |= {"preview_of": deployment.preview_of, "expires": deployment.expires}
        parts[Part("deployment", name=name)] = Body(text(body))
    for key, definition in workspace.definitions.items():
        about = {
            "secret_fields": sorted(list(path) for path in definition.secret_fields),
            "link_all": definition.link_all,
            "exclude": sorted(definition.exclude),
        }
        parts[Part("definition", *key)] = _body(definition, definition.fields, about)
        for name, fields in definition.environments.items():
            parts[Part("environment", *key, name)] = _body(definition, fields)
        for name, fields in definition.links.items():
            parts[Part("link", *key, name)] = _body(definition, fields) if fields else _BARE
    return parts


def join(name: str, revision: int, parts: Iterable[tuple[Part, str, Hidden]]) -> Workspace:
    """The workspace that `split` took apart."""
    environments: tuple[str, ...] = ()
    deployments: dict[str, Deployment] = {}
    made: dict[Key, tuple[Fields, Mapping[str, Any]]] = {}
    overrides: dict[str, dict[Key, dict[str, Fields]]] = {"environment": {}, "link": {}}
    for part, body, hidden in parts:
        if body == _BARE.open and not hidden:
            overrides[part.noun].setdefault(Key(part.kind, part.id, part.owner), {})[part.name] = {}
            continue
        content = json.loads(body)
        if part.noun == "workspace":
            environments = tuple(content["environments"])
        elif part.noun == "deployment":
            preview = (content.get("preview_of", ""), content.get("expires", ""))
            targets = tuple(content["targets"])
            deployments[part.name] = Deployment(part.name, content["environment"], targets, *preview)
        else:
            fields = _revealed(_fields(content["fields"]), hidden)
            key = Key(part.kind, part.id, part.owner)
            if part.noun == "definition":
                made[key] = (fields, content)
            else:
                overrides[part.noun].setdefault(key, {})[part.name] = fields
    definitions = {
        key: Definition(
            key,
            fields,
            frozenset(tuple(path) for path in about["secret_fields"]),
            overrides["environment"].get(key, {}),
            overrides["link"].get(key, {}),
            about["link_all"],
            frozenset(about["exclude"]),
        )
        for key, (fields, about) in made.items()
    }
    return Workspace(name, environments, deployments, definitions, revision)


_BARE = Body(text({"fields": {}}))


def _body(definition: Definition, fields: Fields, about: Mapping[str, Any] | None = None) -> Body:
    secret = secret_paths(definition.key.kind, definition.key.id, fields, definition.secret_fields)
    hidden = tuple(
        (path, text(value))
        for path, value in leaves(fields)
        if value is not None and not isinstance(value, Reference) and is_secret(path, secret)
    )
    seen = _without(fields, frozenset(path for path, _ in hidden)) if hidden else fields
    return Body(text({**(about or {}), "fields": seen}), hidden)


def _without(fields: Mapping[str, Any], hidden: frozenset[Path], at: Path = ()) -> dict[str, Any]:
    return {
        name: _without(value, hidden, (*at, name)) if isinstance(value, Mapping) else value
        for name, value in fields.items()
        if (*at, name) not in hidden
    }


def _revealed(fields: dict[str, Any], hidden: Hidden) -> dict[str, Any]:
    for path, value in hidden:
        place = fields
        for name in path[:-1]:
            place = place.setdefault(name, {})
        place[path[-1]] = _fields(json.loads(value))
    return fields


def _fields(value: Any) -> Any:
    """JSON with `{"$from": …}` as the Reference that it stands for."""
    if isinstance(value, dict):
        if value.keys() == {"$from"}:
            return Reference.parse(value["$from"])
        return {name: _fields(child) for name, child in value.items()}
    return value
