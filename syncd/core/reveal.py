"""What may leave the servers: what a laptop or a preview gets, and what is withheld from it.

What counts for a secret is where it is in effect. One that any deployment of a higher environment gets belongs to that
environment, wherever it was written: only what is in effect in nothing but the lowest one is revealed, unless a person
allowed it by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from syncd.core.errors import FixError, Reason
from syncd.core.merge import Layer, leaves, merge
from syncd.core.model import Item, Path, Reference, Scope, Workspace, dotted
from syncd.core.previews import alone
from syncd.core.resolve import Resolution, Resolved, resolve
from syncd.core.secrets import is_secret


class Rule(NamedTuple):
    """By name: an environment's secrets; or a definition's, all of them or those at a path and below it."""

    environment: str = ""
    kind: str = ""
    id: str = ""
    path: Path = ()

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


class Gap(NamedTuple):
    """A secret that is withheld, and why."""

    item: Item
    path: Path
    why: str
    remedy: str

    @property
    def error(self) -> FixError:
        """The same, for whoever asks for it."""
        return FixError(Reason.WITHHELD, str(self.item), f"{dotted(self.path)} {self.why}", self.remedy)


def gaps(workspace: Workspace, deployment: str, reveal: Reveal) -> Mapping[Item, tuple[Gap, ...]]:
    """The secrets that a copy of this deployment doesn't get. Nothing is read for it: a reference stands for its value.

    Raises KeyError for a deployment that the workspace hasn't.
    """
    environment = workspace.deployments[deployment].environment
    rank = {name: number for number, name in enumerate(workspace.environments)}
    lowest = rank.get(environment, 0)
    higher = {name for name, one in workspace.deployments.items() if rank.get(one.environment, 0) > lowest}
    belongs = _belongs(workspace, resolve(alone(workspace, higher), Scope())) if higher else {}
    found: dict[Item, tuple[Gap, ...]] = {}
    for item, one in resolve(alone(workspace, {deployment}), Scope()).resolved.items():
        withheld = []
        for path, value in _secrets(one):
            home = max(environment, belongs.get(_identity(value), environment), key=lambda name: rank.get(name, 0))
            gap = _gap(item, path, home, reveal, lowest=not rank.get(home, 0))
            withheld += [gap] if gap is not None else []
        if withheld:
            found[item] = tuple(withheld)
    return found


def without(resolution: Resolution, gaps: Mapping[Item, Iterable[Gap]]) -> Resolution:
    """The same without what is withheld, so that it isn't even read."""
    resolved = dict(resolution.resolved)
    for item in gaps.keys() & resolved.keys():
        resolved[item] = _cut(resolved[item], tuple(gaps[item]))
    return replace(resolution, resolved=resolved)


def for_previews(workspace: Workspace, resolution: Resolution, reveal: Reveal) -> Resolution:
    """The same, where previews get no more than a laptop would."""
    touched = {item.deployment for item in resolution.resolved}
    for name, deployment in workspace.deployments.items():
        if deployment.preview_of and name in touched:
            resolution = without(resolution, gaps(workspace, name, reveal))
    return resolution


def _gap(item: Item, path: Path, home: str, reveal: Reveal, *, lowest: bool) -> Gap | None:
    about = (home, item.kind, item.id, path)
    if any(rule.about(*about) for rule in reveal.forbid):
        return Gap(item, path, "is withheld: it is forbidden by name", "[reveal] forbid in syncd.toml says so")
    if lowest or any(rule.about(*about) for rule in reveal.allow):
        return None
    return Gap(
        item,
        path,
        f"is withheld: it is a secret of environment {home}",
        "give the lowest environment a value of its own, or let an operator name it in [reveal] allow of syncd.toml",
    )


def _belongs(workspace: Workspace, resolution: Resolution) -> Mapping[str, str]:
    """The highest environment that each secret is in effect in."""
    rank = {name: number for number, name in enumerate(workspace.environments)}
    found: dict[str, str] = {}
    seen: set[tuple[int, str]] = set()
    for item, one in resolution.resolved.items():
        environment = workspace.deployments[item.deployment].environment
        if (id(one), environment) in seen:  # deployments that get the same share it
            continue
        seen.add((id(one), environment))
        for _, value in _secrets(one):
            identity = _identity(value)
            if rank.get(environment, 0) >= rank.get(found.get(identity, environment), 0):
                found[identity] = environment
    return found


def _secrets(one: Resolved) -> Iterator[tuple[Path, Any]]:
    for path, value in leaves(merge(one.layers).fields):
        if is_secret(path, one.secret) and value not in ("", None, {}, []):
            yield path, value


def _identity(value: Any) -> str:
    """The same for what is the same: where it is read from, or what it is, in whichever field it stands."""
    return f"reference {value}" if isinstance(value, Reference) else f"value {value!r}"


def _cut(one: Resolved, gaps: tuple[Gap, ...]) -> Resolved:
    paths = frozenset(gap.path for gap in gaps)
    kept = (Layer(layer.name, _fields(layer.fields, (), paths)) for layer in one.layers)
    withheld = tuple((gap.path, gap.why, gap.remedy) for gap in gaps)
    # Not from a part that others share, which has all of it.
    return replace(one, layers=tuple(layer for layer in kept if layer.fields), shared_in="", withheld=withheld)


def _fields(fields: Mapping[str, Any], at: Path, cut: frozenset[Path]) -> dict[str, Any]:
    return {
        name: _fields(value, (*at, name), cut) if isinstance(value, Mapping) and value else value
        for name, value in fields.items()
        if (*at, name) not in cut
    }
