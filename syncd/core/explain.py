"""Why a deployment gets what it gets: each field with its layer, secrets masked, and what deserves a second look."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.core.canonical import text
from syncd.core.merge import Layer, leaves, merge
from syncd.core.model import Item, Key, Path, Reference, Workspace, dotted
from syncd.core.previews import expanded
from syncd.core.resolve import layers, winner
from syncd.core.secrets import MASK, is_secret, secret_paths, sensitive


@dataclass(frozen=True)
class Shown:
    """One field: its path, its value unless it is secret (then None), the layer it came from."""

    path: Path
    value: Any
    layer: str
    secret: bool
    reference: str = ""


@dataclass(frozen=True)
class Explanation:
    """An item, field by field. `source` is the definition's: shared, or the deployment's own."""

    item: Item
    source: str
    fields: tuple[Shown, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def explain(workspace: Workspace, item: Item) -> Explanation | None:
    """None where the item isn't linked. Raises KeyError for a deployment that the workspace hasn't."""
    workspace = expanded(workspace)
    deployment = workspace.deployments[item.deployment]
    definition = winner(workspace, item)
    if definition is None:
        return None
    stack = layers(definition, deployment)
    effective = merge(stack)
    secret = secret_paths(item.kind, item.id, effective.fields, definition.secret_fields)
    fields = tuple(
        shown(path, value, effective.origin[path], secret=is_secret(path, secret))
        for path, value in leaves(effective.fields)
    )
    notes = []
    if definition.key.owner and Key(item.kind, item.id) in workspace.definitions:
        notes.append(f"{item.deployment}'s own definition wins over the shared one of the same id")
    return Explanation(item, "own" if definition.key.owner else "shared", fields, tuple(notes), moved(stack, secret))


def news(before: Workspace, after: Workspace) -> tuple[str, ...]:
    """The warnings that a change brings: those of `after` that `before` hadn't, each with whom it is about."""
    return tuple(sorted(_all_moved(after) - _all_moved(before)))


def _all_moved(workspace: Workspace) -> frozenset[str]:
    found = set()
    for key, definition in workspace.definitions.items():
        if not any((*definition.environments.values(), *definition.links.values())):
            continue
        for name in workspace.deployments:
            if definition.reaches(name):
                stack = layers(definition, workspace.deployments[name])
                fields = merge(stack).fields
                secret = secret_paths(key.kind, key.id, fields, definition.secret_fields)
                found |= {f"{key} in {name}: {warning}" for warning in moved(stack, secret)}
    return frozenset(found)


def shown(path: Path, value: object, layer: str, *, secret: bool) -> Shown:
    """A leaf as it may be shown: a secret by its mask, or by the reference that it is read from."""
    if isinstance(value, Reference):
        return Shown(path, None, layer, secret=True, reference=str(value))
    return Shown(path, None if secret else value, layer, secret)


def displayed(one: Shown) -> str:
    """A field's value as people see it: a secret's mask, and where it is read from.

    A text is quoted where it could be taken for another value, or not be seen.
    """
    if one.secret:
        return f"{MASK} from {one.reference}" if one.reference else MASK
    if not isinstance(one.value, str) or not one.value:
        return text(one.value)
    # Only in an object may there be a number or a list in a text's place; a null may be anywhere.
    ambiguous = _reads_typed(one.value) if one.path[1:] else one.value == "null"
    return text(one.value) if ambiguous else one.value


def _reads_typed(value: str) -> bool:
    try:
        json.loads(value, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return False
    return True


def _no_constant(name: str) -> None:
    # NaN is a word, and JSON has none.
    raise ValueError


def moved(stack: Sequence[Layer], secret: frozenset[Path]) -> tuple[str, ...]:
    """Warnings: an override that moves where a connection goes while it inherits a secret.

    What was true of the lower layer's server sends its credentials to another one.
    """
    origin = merge(stack).origin
    found = []
    for index, layer in enumerate(stack[1:], start=1):
        lower = {below.name for below in stack[:index]}
        below = merge(stack[:index]).fields
        addresses = sorted(dotted(path) for path, value in leaves(layer.fields) if _moves(path, value, below))
        kept = sorted(dotted(path) for path, name in origin.items() if name in lower and is_secret(path, secret))
        if addresses and kept:
            found.append(
                f"the {layer.name} layer moves {', '.join(addresses)} and inherits {', '.join(kept)}: "
                "the same secret goes to another address"
            )
    return tuple(found)


_ADDRESS_WORDS = ("host", "endpoint", "url", "uri", "address", "server", "account", "region")


def _moves(path: Path, value: object, below: Mapping[str, Any]) -> bool:
    if path[0] == "extra":
        name = path[-1].lower()
        if sensitive(name) or not any(word in name for word in _ADDRESS_WORDS):
            return False
    elif path[0] not in ("host", "port", "conn_type"):
        return False
    old: Any = below
    for part in path:
        old = old.get(part) if isinstance(old, Mapping) else None
    # An empty text is no address: it is what a URI without a host says.
    return text(None if old == "" else old) != text(None if value == "" else value)
