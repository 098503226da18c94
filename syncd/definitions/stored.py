"""`{$stored: true}`: each value to keep is put where the files leave it to the registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from syncd.core.checks import Finding, address
from syncd.core.merge import leaves
from syncd.core.model import Definition, Fields, Path
from syncd.core.secrets import is_secret, secret_paths
from syncd.definitions.values import Stored


def keep(definition: Definition, before: Definition | None, findings: list[Finding]) -> Definition:
    """The definition with what `before` has at the same place for each `Stored.KEEP`.

    Added to `findings`: a place with nothing to keep, and a secret that would be none any more: to keep isn't to show.
    """
    patches = dict(_patches(definition))
    stored = {} if before is None else dict(_patches(before))
    filled: dict[Path, Fields] = {}
    for part, patch in patches.items():
        old = stored.get(part, {})
        kept: list[Path] = []
        missing: list[Path] = []
        filled[part] = new = _filled(patch, old, (), kept, missing)
        at = (*address(definition.key), *part)
        findings += (
            Finding((*at, *path), "nothing is stored here", "write the value, or {$from: …}") for path in missing
        )
        if before is not None and kept:
            shown = _shown(definition, new, before, old)
            findings += (
                Finding((*at, *path), *_SHOWN) for path in kept if any(_is_below(leaf, path) for leaf in shown)
            )
    return replace(
        definition,
        fields=filled[()],
        environments={name: filled["environments", name] for name in definition.environments},
        links={name: filled["links", name] for name in definition.links},
    )


_SHOWN = ("the stored value is secret, and wouldn't be any more", "leave it secret, or write the value itself")


def _patches(definition: Definition) -> Iterator[tuple[Path, Fields]]:
    yield (), definition.fields
    for name, patch in definition.environments.items():
        yield ("environments", name), patch
    for name, patch in definition.links.items():
        yield ("links", name), patch


def _filled(patch: Fields, stored: Fields, at: Path, kept: list[Path], missing: list[Path]) -> dict[str, Any]:
    filled = {}
    for name, value in patch.items():
        path, old = (*at, name), stored.get(name)
        if value is Stored.KEEP:
            (missing if old is None else kept).append(path)
            if old is not None:
                filled[name] = old
        elif isinstance(value, dict):
            filled[name] = _filled(value, old if isinstance(old, Mapping) else {}, path, kept, missing)
        else:
            filled[name] = value
    return filled


def _shown(definition: Definition, new: Fields, before: Definition, old: Fields) -> list[Path]:
    """The leaves that were secret and aren't any more."""
    kind, id_, _ = definition.key
    was = secret_paths(kind, id_, old, before.secret_fields)
    will = secret_paths(kind, id_, new, definition.secret_fields)
    return [path for path, _ in leaves(new) if is_secret(path, was) and not is_secret(path, will)]


def _is_below(leaf: Path, path: Path) -> bool:
    return leaf[: len(path)] == path
