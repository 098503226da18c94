"""A workspace to YAML that reads back as the same workspace, and shows no secret."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from syncd.core.model import KINDS, Definition, Deployment, Fields, Path, Reference, Workspace, dotted
from syncd.core.secrets import is_secret, secret_paths
from syncd.definitions.shape import secret_key
from syncd.definitions.values import is_typed

_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_NO_FOLDING = 2**31 - 1
_SHORT = 80

_RESOLVER: Any = yaml.resolver.Resolver()
_TEXT = "tag:yaml.org,2002:str"


def write(workspace: Workspace) -> str:
    """The files' form of a workspace: `read` and `Definitions.onto(workspace)` give the same workspace again.

    A secret, which lives only in the registry, comes out as `{$stored: true}`; of previews, which come and go by
    themselves, nothing does.
    """
    definitions = _by_owner(workspace)
    deployments = {
        name: _deployment(workspace.deployments[name], definitions.get(name, {}))
        for name in _named(workspace, workspace.deployments)
    }
    sections = {"deployments": deployments, **definitions.get("", {})}
    head = {"workspace": workspace.name, "environments": list(workspace.environments)}
    return "\n".join(map(_text, [head, *({name: section} for name, section in sections.items() if section)]))


def _by_owner(workspace: Workspace) -> Mapping[str, Mapping[str, Any]]:
    """By owner and plural: what the workspace shares, and what each deployment has of its own."""
    found: dict[str, dict[str, Any]] = {}
    for key in sorted(workspace.definitions):
        section = found.setdefault(key.owner, {}).setdefault(KINDS[key.kind].plural, {})
        section[key.id] = _definition(workspace, workspace.definitions[key])
    return found


def _deployment(deployment: Deployment, own: Mapping[str, Any]) -> Mapping[str, Any]:
    targets = {"targets": list(deployment.targets)} if deployment.targets else {}
    return {"environment": deployment.environment, **targets, **own}


def _definition(workspace: Workspace, definition: Definition) -> Mapping[str, Any]:
    row = KINDS[definition.key.kind]
    tree = _patch(definition, definition.fields)
    if definition.secret_fields:
        paths = sorted(dotted(path) for path in definition.secret_fields)
        tree[secret_key(row)] = paths if secret_key(row) == "secret_fields" else True
    overrides = definition.environments
    environments = {name: _patch(definition, overrides[name]) for name in workspace.environments if overrides.get(name)}
    links = {name: _patch(definition, definition.links[name]) for name in _named(workspace, definition.links)}
    if environments:
        tree["environments"] = environments
    if links:
        tree["links"] = links
    if definition.link_all:
        tree["link_all"] = True
    if exclude := _named(workspace, definition.exclude):
        tree["exclude"] = exclude
    return tree


def _named(workspace: Workspace, names: Iterable[str]) -> list[str]:
    """Those of these deployments that files say something of: a preview comes and goes by itself."""
    return sorted(name for name in names if not workspace.deployments[name].preview_of)


def _patch(definition: Definition, fields: Fields) -> dict[str, Any]:
    kind, id_, _ = definition.key
    secret = secret_paths(kind, id_, fields, definition.secret_fields)
    return {name: _value((name,), fields[name], secret) for name in KINDS[kind].fields if name in fields}


def _value(path: Path, value: Any, secret: frozenset[Path]) -> Any:
    if isinstance(value, Reference):
        return {"$from": str(value)}
    if value is None or value == {}:
        return value
    if isinstance(value, Mapping):
        return {name: _value((*path, name), child, secret) for name, child in sorted(value.items())}
    return {"$stored": True} if is_secret(path, secret) else value


def _text(tree: Mapping[str, Any]) -> str:
    events = [yaml.StreamStartEvent(), yaml.DocumentStartEvent(explicit=False)]
    _add(events, tree)
    events += [yaml.DocumentEndEvent(explicit=False), yaml.StreamEndEvent()]
    text: str = yaml.emit(events, Dumper=_DUMPER, allow_unicode=True, width=_NO_FOLDING)
    return text


def _add(events: list[Any], value: Any, *, flow: bool = False) -> None:
    if isinstance(value, dict):
        flow = flow or not value or next(iter(value)).startswith("$")
        events.append(yaml.MappingStartEvent(None, None, implicit=True, flow_style=flow))
        for name, child in value.items():
            events.append(_scalar(name, '"' if _is_misread(name) else None))
            _add(events, child, flow=flow)
        events.append(yaml.MappingEndEvent())
    elif isinstance(value, list):
        flow = flow or _is_short(value)
        events.append(yaml.SequenceStartEvent(None, None, implicit=True, flow_style=flow))
        for item in value:
            _add(events, item, flow=flow)
        events.append(yaml.SequenceEndEvent())
    elif isinstance(value, str):
        events.append(_scalar(value, _style(value, flow=flow)))
    else:
        events.append(_scalar(json.dumps(value), None))


def _is_short(value: list[Any]) -> bool:
    return not any(isinstance(item, (dict, list)) for item in value) and len(json.dumps(value)) <= _SHORT


def _scalar(text: str, style: str | None) -> yaml.Event:
    return yaml.ScalarEvent(None, None, implicit=(True, True), value=text, style=style)


def _style(text: str, *, flow: bool) -> str | None:
    """None is plain, where the emitter finds that it can be."""
    if "\n" in text and not flow and _is_literal(text):
        return "|"
    return '"' if _is_misread(text) or not text.isprintable() or (flow and ":" in text) else None


def _is_literal(text: str) -> bool:
    """Is this text pleasant to read line by line, and safe from the rules of YAML's blocks?"""
    lines = text.removesuffix("\n").split("\n")
    return text[0].isprintable() and text[0] != " " and all(_is_line(line) for line in lines) and lines[-1] != ""


def _is_line(line: str) -> bool:
    return line.isprintable() and not line.endswith(" ")


def _is_misread(text: str) -> bool:
    """Would these characters without quotes mean something else, here or to another reader of YAML?"""
    return text == "<<" or is_typed(text) or _RESOLVER.resolve(yaml.ScalarNode, text, (True, False)) != _TEXT
