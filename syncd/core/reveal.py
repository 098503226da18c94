"""What may leave the servers: what a laptop or a preview gets, and what is withheld from it.

What counts for a secret is where it is in effect. One that any deployment of a higher environment gets belongs to that
environment, wherever it was written: only what is in effect in nothing but the lowest one is revealed, unless a person
allowed it by name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from syncd.core.merge import Layer
from syncd.core.model import Item, Path, Reference, Scope, Workspace
from syncd.core.previews import alone
from syncd.core.resolve import Resolution, Resolved, resolve, unchecked
from syncd.core.secrets import sensitive
from syncd.core.withheld import Withheld


class Rule(NamedTuple):
    """By name: an environment's secrets; or a definition's, all of them or those at a path and below it."""

    environment: str = ""
    kind: str = ""
    id: str = ""
    path: Path = ()

    def names_in(self, workspace: Workspace) -> bool:
        """Is there what it names?"""
        if self.environment:
            return self.environment in workspace.environments
        return any((key.kind, key.id) == (self.kind, self.id) for key in workspace.definitions)

    def __str__(self) -> str:
        return f"environment {self.environment}" if self.environment else f"{self.kind} {self.id}"

    def about(self, environment: str, kind: str, id_: str, path: Path) -> bool:
        """Does it name this secret, which belongs to this environment?"""
        if self.environment:
            return self.environment == environment
        return (self.kind, self.id) == (kind, id_) and path[: len(self.path)] == self.path


@dataclass(frozen=True)
class Reveal:
    """What an operator says beside the rule; what is forbidden wins."""

    allow: tuple[Rule, ...] = ()
    forbid: tuple[Rule, ...] = ()


RULE_ALONE = Reveal()


def copied(workspace: Workspace, deployment: str, reveal: Reveal) -> Resolution:
    """What a deployment has, as a copy of it may have it. What is withheld isn't there to be read.

    Raises KeyError for a deployment that the workspace hasn't.
    """
    names = {deployment}
    return _revealed(workspace, resolve(alone(workspace, names), Scope()), names, reveal)


def for_previews(workspace: Workspace, resolution: Resolution, reveal: Reveal) -> Resolution:
    """The same, where previews get no more than a laptop would."""
    touched = {item.deployment for item in resolution.resolved}
    names = {name for name, one in workspace.deployments.items() if one.preview_of and name in touched}
    return _revealed(workspace, resolution, names, reveal) if names else resolution


def _revealed(workspace: Workspace, resolution: Resolution, names: Collection[str], reveal: Reveal) -> Resolution:
    """The same without what is withheld from these deployments. A reference stands for its value: nothing is read."""
    rank = {name: number for number, name in enumerate(workspace.environments)}
    lowest = min(rank.get(workspace.deployments[name].environment, 0) for name in names)
    belongs = _belongs(workspace, rank, above=lowest)
    resolved = dict(resolution.resolved)
    for item, one in resolution.resolved.items():
        if item.deployment in names:
            environment = workspace.deployments[item.deployment].environment
            way_out = _way_out(workspace.environments, environment)
            withheld: list[Withheld] = []
            for path, value in one.secrets:
                homes = (belongs.get(identity, environment) for identity in _identities(value))
                home = max(environment, *homes, key=lambda name: rank.get(name, 0))
                withheld += _withheld(item, path, home, reveal, way_out, lowest=not rank.get(home, 0))
            if withheld:
                resolved[item] = _cut(one, tuple(withheld))
    return replace(resolution, resolved=resolved)


def _way_out(environments: Sequence[str], environment: str) -> str:
    """For a deployment of this environment. What the lowest one is given is nothing to those of others."""
    instead = "give the lowest environment a value of its own"
    if environment in environments[1:]:
        instead = f"take a deployment of environment {environments[0]}"
    return f"{instead}, or let an operator name it in [reveal] allow of syncd.toml"


def _withheld(item: Item, path: Path, home: str, reveal: Reveal, way_out: str, *, lowest: bool) -> Iterator[Withheld]:
    about = (home, item.kind, item.id, path)
    if any(rule.about(*about) for rule in reveal.forbid):
        yield Withheld(path, "is withheld: it is forbidden by name", "[reveal] forbid in syncd.toml says so")
    elif not lowest and not any(rule.about(*about) for rule in reveal.allow):
        yield Withheld(path, f"is withheld: it is a secret of environment {home}", way_out)


def _belongs(workspace: Workspace, rank: Mapping[str, int], *, above: int) -> Mapping[str, str]:
    """The highest of the environments above a rank that each secret is in effect in."""
    higher = {name for name, one in workspace.deployments.items() if rank.get(one.environment, 0) > above}
    if not higher:
        return {}
    here = alone(workspace, higher)
    resolution = resolve(here, Scope())
    # What can't be had stays in its target, and in use, as it was.
    kept = ((item, unchecked(here, item)) for item in resolution.blocked)
    found: dict[str, str] = {}
    seen: set[tuple[int, str]] = set()
    for item, one in (*resolution.resolved.items(), *kept):
        environment = workspace.deployments[item.deployment].environment
        if (id(one), environment) in seen:  # deployments that get the same share it
            continue
        seen.add((id(one), environment))
        for _, value in one.secrets:
            for identity in _identities(value):
                if rank.get(environment, 0) >= rank.get(found.get(identity, environment), 0):
                    found[identity] = environment
    return found


def _identities(value: Any) -> frozenset[str]:
    """The same for what is the same: where it is read from, or what it is, in whichever field or list it stands."""
    if isinstance(value, Reference):
        return frozenset({f"reference {value}"})
    if isinstance(value, list | Mapping):
        return frozenset().union(*map(_identities, _inside(value)))
    # As a text: a number is the same in quotes. Yes or no tells nothing.
    return frozenset() if value in ("", None) or isinstance(value, bool) else frozenset({f"value {value}"})


def _inside(value: Any) -> list[Any]:
    """What is secret in a list: what stands under a sensitive name, or all of it where nothing does."""
    found = [*_told(value)]
    return found or [*(value.values() if isinstance(value, Mapping) else value)]


def _told(value: Any) -> Iterator[Any]:
    named = value.items() if isinstance(value, Mapping) else (("", child) for child in value)
    for name, child in named:
        if sensitive(name):
            yield child
        elif isinstance(child, list | Mapping):
            yield from _told(child)


def _cut(one: Resolved, withheld: tuple[Withheld, ...]) -> Resolved:
    paths = frozenset(one.path for one in withheld)
    kept = (Layer(layer.name, _fields(layer.fields, (), paths)) for layer in one.layers)
    # Not from a part that others share, which has all of it.
    return replace(one, layers=tuple(layer for layer in kept if layer.fields), shared_in="", withheld=withheld)


def _fields(fields: Mapping[str, Any], at: Path, cut: frozenset[Path]) -> dict[str, Any]:
    return {
        name: _fields(value, (*at, name), cut) if isinstance(value, Mapping) and value else value
        for name, value in fields.items()
        if (*at, name) not in cut
    }
