"""A workspace as items: which deployment gets which definition, with its layers trimmed and its secrets known."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from syncd.core.errors import FixError, Reason, SyncError, WaitError
from syncd.core.merge import Effective, Layer, leaves, merge, trim
from syncd.core.model import (
    KINDS,
    Definition,
    Deployment,
    Item,
    Key,
    Kind,
    Path,
    Reference,
    Scope,
    Workspace,
    dotted,
    port,
)
from syncd.core.previews import expanded
from syncd.core.secrets import is_secret, secret_paths
from syncd.core.withheld import Withheld


@dataclass(frozen=True, eq=False)
class Resolved:
    """One item: trimmed layers, and the secret paths of what they merge to.

    Items whose layers are the same share one Resolved: what is made from it is made once. `shared_in` is the
    environment whose deployments all have the layers below the link's; empty where its link replaces something of them,
    and for a deployment's own definition. `withheld` are the secrets that were taken out of the layers.
    """

    kind: str
    id: str
    layers: tuple[Layer, ...] = field(repr=False)
    secret: frozenset[Path]
    shared_in: str = ""
    withheld: tuple[Withheld, ...] = ()

    @property
    def effective(self) -> Effective:
        """The layers merged."""
        return merge(self.layers)

    @property
    def references(self) -> Iterator[tuple[Path, Reference]]:
        """The references that survived the merge, with the field of each."""
        return ((path, value) for path, value in self._leaves if isinstance(value, Reference))

    @property
    def secrets(self) -> Iterator[tuple[Path, Any]]:
        """The secret leaves, but for those that hold nothing."""
        return (
            (path, value)
            for path, value in self._leaves
            if is_secret(path, self.secret) and value not in ("", None, {}, [])
        )

    @property
    def _leaves(self) -> Iterator[tuple[Path, Any]]:
        # Trimmed layers have no leaf in common.
        return (leaf for layer in self.layers for leaf in leaves(layer.fields))


@dataclass(frozen=True)
class Resolution:
    """What the items of a scope come to.

    `blocked` are linked but can't be had now; `departed` are in the scope and not linked; `linked` names every linked
    item of each deployment touched, in scope or not; `gone` are the deployments touched that aren't there any more,
    or name the target no more.
    """

    workspace: str
    revision: int
    full: bool
    resolved: Mapping[Item, Resolved]
    blocked: Mapping[Item, SyncError]
    departed: frozenset[Item]
    linked: Mapping[str, frozenset[Item]]
    gone: frozenset[str]

    @property
    def references(self) -> frozenset[Reference]:
        """All references to read."""
        distinct = {id(one): one for one in self.resolved.values()}
        return frozenset(reference for one in distinct.values() for _, reference in one.references)

    def without(self, items: Collection[Item]) -> Resolution:
        """The same as if nobody had asked for these."""
        return replace(
            self,
            resolved={item: one for item, one in self.resolved.items() if item not in items},
            blocked={item: error for item, error in self.blocked.items() if item not in items},
            linked={name: linked.difference(items) for name, linked in self.linked.items()},
        )


def resolve(workspace: Workspace, scope: Scope) -> Resolution:
    """Decide, for each item of the scope, whether it is linked and what its layers are."""
    workspace = expanded(workspace)
    deployments = {
        name: deployment
        for name, deployment in workspace.deployments.items()
        if scope.target is None or scope.target in deployment.targets
    }
    wanted = scope.items
    touched = deployments.keys() if wanted is None else scope.deployments | {item.deployment for item in wanted}
    linked = _linked(workspace, touched & deployments.keys())
    resolved: dict[Item, Resolved] = {}
    blocked: dict[Item, SyncError] = {}
    shared: dict[tuple[int, str], _Shared] = {}
    for items in linked.values():
        for item in items if wanted is None else items & wanted:
            one = _resolve(workspace, deployments[item.deployment], item, shared)
            if isinstance(one, Resolved):
                resolved[item] = one
            else:
                blocked[item] = one
    departed = frozenset() if wanted is None else wanted - resolved.keys() - blocked.keys()
    return Resolution(
        workspace=workspace.name,
        revision=workspace.revision,
        full=wanted is None,
        resolved=resolved,
        blocked=blocked,
        departed=departed,
        linked=linked,
        gone=frozenset(touched - deployments.keys()),
    )


def winner(workspace: Workspace, item: Item) -> Definition | None:
    """The definition that an item comes from: the deployment's own before a shared one. None where it isn't linked."""
    own = workspace.definitions.get(Key(item.kind, item.id, item.deployment))
    if own is not None:
        return own
    shared = workspace.definitions.get(Key(item.kind, item.id))
    return shared if shared is not None and shared.reaches(item.deployment) else None


def _definition(workspace: Workspace, item: Item) -> Definition:
    definition = winner(workspace, item)
    if definition is None:
        raise LookupError(item)
    return definition


def unchecked(workspace: Workspace, item: Item) -> Resolved:
    """A linked item, whether or not it lacks what it needs. Raises LookupError for one that isn't linked."""
    definition = _definition(workspace, item)
    return _made(definition, item, trim(layers(definition, workspace.deployments[item.deployment])), "")


def layers(definition: Definition, deployment: Deployment) -> tuple[Layer, ...]:
    """The layers of a definition as one deployment sees it, lowest first, untrimmed."""
    return (
        Layer("definition", definition.fields),
        Layer("environment", definition.environments.get(deployment.environment, {})),
        Layer("link", definition.links.get(deployment.name, {})),
    )


def fill(resolution: Resolution, values: Mapping[Reference, str | SyncError]) -> Resolution:
    """Put the values where the references stand; an item whose value can't be had, or won't do, is blocked."""
    filled: dict[int, Resolved | SyncError] = {}
    resolved: dict[Item, Resolved] = {}
    blocked = dict(resolution.blocked)
    for item, one in resolution.resolved.items():
        result = filled.get(id(one))
        if result is None:
            result = filled[id(one)] = _fill(one, values)
        if isinstance(result, Resolved):
            resolved[item] = result
        else:
            blocked[item] = _about(str(item), result)
    return replace(resolution, resolved=resolved, blocked=blocked)


def _linked(workspace: Workspace, names: Iterable[str]) -> Mapping[str, frozenset[Item]]:
    found: dict[str, set[Item]] = {name: set() for name in names}
    for key, definition in workspace.definitions.items():
        if key.owner:
            reached: Iterable[str] = (key.owner,)
        elif definition.link_all:
            reached = found.keys() - definition.exclude | definition.links.keys()
        else:
            reached = definition.links
        for name in reached:
            if name in found:
                found[name].add(Item(name, key.kind, key.id))
    return {name: frozenset(items) for name, items in found.items()}


class _Shared(NamedTuple):
    """What a definition comes to in an environment, where no link overrides anything."""

    layers: tuple[Layer, ...]
    resolved: Resolved | SyncError


def _resolve(
    workspace: Workspace, deployment: Deployment, item: Item, shared: dict[tuple[int, str], _Shared]
) -> Resolved | SyncError:
    definition = _definition(workspace, item)
    seen = (id(definition), deployment.environment)
    link = definition.links.get(deployment.name)
    if seen not in shared:
        below = trim([layer for layer in layers(definition, deployment) if layer.name != "link"])
        environment = "" if definition.key.owner else deployment.environment
        shared[seen] = _Shared(below, _resolved(definition, deployment, item, below, environment))
    if not link:
        return shared[seen].resolved
    kept = trim(layers(definition, deployment))
    below = tuple(layer for layer in kept if layer.name != "link")
    replaces = not below or below != shared[seen].layers
    return _resolved(definition, deployment, item, kept, "" if replaces else deployment.environment)


def _resolved(
    definition: Definition, deployment: Deployment, item: Item, kept: tuple[Layer, ...], environment: str
) -> Resolved | SyncError:
    row = KINDS[item.kind]
    required = next((layer.fields[row.required] for layer in kept if row.required in layer.fields), None)
    if required is None or (not required and not row.required_may_be_empty):
        return FixError(
            Reason.INVALID_DEFINITION,
            f"{item.kind} {item.id}",
            f"has no {row.required} in environment {deployment.environment}",
            f"set {row.required} in the definition or in an override",
        )
    return _made(definition, item, kept, environment)


def _made(definition: Definition, item: Item, kept: tuple[Layer, ...], environment: str) -> Resolved:
    secret = (secret_paths(item.kind, item.id, layer.fields, definition.secret_fields) for layer in kept)
    return Resolved(item.kind, item.id, kept, frozenset().union(*secret), environment)


def _fill(one: Resolved, values: Mapping[Reference, str | SyncError]) -> Resolved | SyncError:
    put: dict[Path, str | int] = {}
    for path, reference in one.references:
        value = values[reference]
        if isinstance(value, SyncError):
            return _about(dotted(path), value)
        try:
            put[path] = _held(KINDS[one.kind], path, value)
        except ValueError as error:
            return FixError(Reason.INVALID_DEFINITION, dotted(path), f"what {reference} gave won't do: {error}")
    if not put:
        return one
    return replace(one, layers=tuple(Layer(layer.name, _replaced(layer.fields, (), put)) for layer in one.layers))


def _about(subject: str, error: SyncError) -> SyncError:
    branch = WaitError if isinstance(error, WaitError) else FixError
    return branch(error.reason, subject, f"{error.subject}: {error.problem}", error.remedy)


def _held(kind: Kind, path: Path, text: str) -> str | int:
    if kind.fields.get(path[0]) == "port":
        return port(text)
    if path == (kind.required,) and not text and not kind.required_may_be_empty:
        raise ValueError("it is empty")
    return text


def _replaced(fields: Mapping[str, Any], at: Path, put: Mapping[Path, str | int]) -> dict[str, Any]:
    return {
        name: _replaced(value, (*at, name), put) if isinstance(value, Mapping) else put.get((*at, name), value)
        for name, value in fields.items()
    }
