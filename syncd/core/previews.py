"""Previews: a deployment that gets exactly what another one gets, until it expires."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from syncd.core.model import Definition, Deployment, Fields, Key, Workspace


def expanded(workspace: Workspace) -> Workspace:
    """The same with each preview as a deployment like any other: linked to what its base is linked to.

    It has the layers of its own environment, and the overrides of its base's links only where both are of one
    environment; what its base is excluded from, it is too, and it may be excluded by itself.
    """
    previews = of(workspace)
    if not previews:
        return workspace
    definitions = {key: _linked(one, workspace, previews) for key, one in workspace.definitions.items()}
    for key, own in workspace.definitions.items():
        for preview in previews.get(key.owner, ()):
            mine = Key(key.kind, key.id, preview.name)
            definitions.setdefault(mine, replace(own, key=mine))
    return replace(workspace, definitions=definitions)


def alone(workspace: Workspace, names: Collection[str]) -> Workspace:
    """The same with these deployments and no others, each with all that it is linked to."""
    deployments = {name: replace(one, preview_of="") for name, one in workspace.deployments.items() if name in names}
    return replace(expanded(workspace), deployments=deployments)


def of(workspace: Workspace) -> Mapping[str, tuple[Deployment, ...]]:
    """The previews of each deployment that has any."""
    found: dict[str, tuple[Deployment, ...]] = {}
    for one in workspace.deployments.values():
        if one.preview_of:
            found[one.preview_of] = (*found.get(one.preview_of, ()), one)
    return found


def expired(workspace: Workspace, now: str) -> tuple[str, ...]:
    """The previews whose time is over; `now` is UTC, ISO 8601, as `expires` is."""
    return tuple(name for name, one in workspace.deployments.items() if one.expires and one.expires <= now)


def _linked(one: Definition, workspace: Workspace, previews: Mapping[str, tuple[Deployment, ...]]) -> Definition:
    if one.key.owner:
        return one
    links: dict[str, Fields] = dict(one.links)
    exclude = set(one.exclude)
    for name, mine in previews.items():
        base = workspace.deployments.get(name)
        for preview in mine:
            if base is None or not one.reaches(name):
                exclude.add(preview.name)
            elif preview.name not in exclude and preview.name not in links:
                links[preview.name] = one.links.get(name, {}) if base.environment == preview.environment else {}
    return replace(one, links=links, exclude=frozenset(exclude - links.keys()))
