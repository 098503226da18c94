"""What differs between two states of a workspace, field by field, with secrets by name only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from syncd.core.canonical import text
from syncd.core.merge import leaves
from syncd.core.model import Definition, Deployment, Fields, Path, Reference, Workspace, dotted
from syncd.core.secrets import MASK, is_secret, secret_paths


class Edit(NamedTuple):
    """One change: of what (`connection warehouse`), where (`link etl-prod: schema`), from what, to what.

    None is "not there"; a secret is shown by its mask, a reference by its text.
    """

    subject: str
    field: str
    before: str | None
    after: str | None


_FROM = "from "


def edits(before: Workspace, after: Workspace) -> tuple[Edit, ...]:
    """Everything that changes on the way from one state to the other."""
    return tuple(_edits(before, after))


def _edits(before: Workspace, after: Workspace) -> Iterator[Edit]:
    if before.environments != after.environments:
        yield Edit("workspace", "environments", _joined(before.environments), _joined(after.environments))
    for name in sorted(before.deployments.keys() | after.deployments.keys()):
        old, new = before.deployments.get(name), after.deployments.get(name)
        if old == new:
            continue
        subject = f"deployment {name}"
        was = {} if old is None else _deployment(old)
        will = {} if new is None else _deployment(new)
        for part in ("environment", "targets", "preview_of", "expires"):
            if was.get(part) != will.get(part):
                yield Edit(subject, part, was.get(part), will.get(part))
    for key in sorted(before.definitions.keys() | after.definitions.keys()):
        subject = str(key)
        leaves_before = {} if (old_ := before.definitions.get(key)) is None else _shown(old_)
        leaves_after = {} if (new_ := after.definitions.get(key)) is None else _shown(new_)
        for where in sorted(leaves_before.keys() | leaves_after.keys()):
            was_, will_ = leaves_before.get(where), leaves_after.get(where)
            if was_ != will_:
                yield _edit(subject, where, was_ and was_[0], will_ and will_[0])


def _deployment(one: Deployment) -> dict[str, str]:
    preview = {"preview_of": one.preview_of, "expires": one.expires}
    told = {name: value for name, value in preview.items() if value}
    return {"environment": one.environment, "targets": _joined(one.targets), **told}


def _edit(subject: str, where: str, before: str | None, after: str | None) -> Edit:
    # What is secret on one side is on the other, too: a person may be saying so just now.
    if MASK in (before, after):
        before, after = (MASK if _is_value(one) else one for one in (before, after))
    return Edit(subject, where, before, after)


def _is_value(shown: str | None) -> bool:
    return shown is not None and shown != "null" and not shown.startswith(_FROM)


def _shown(definition: Definition) -> Mapping[str, tuple[str, str]]:
    """Where -> (what is shown, what is compared)."""
    found: dict[str, tuple[str, str]] = {}
    parts: dict[str, Fields] = {"": definition.fields}
    parts |= {f"environment {name}: ": fields for name, fields in definition.environments.items()}
    parts |= {f"link {name}: ": fields for name, fields in definition.links.items()}
    for start, fields in parts.items():
        secret = secret_paths(definition.key.kind, definition.key.id, fields, definition.secret_fields)
        for path, value in leaves(fields):
            found[start + dotted(path)] = (_may_show(path, value, secret), text(value))
    found[""] = ("defined", "")
    for name in definition.links:
        found[f"link {name}"] = ("linked", "")
    for name in definition.exclude:
        found[f"exclude {name}"] = ("excluded", "")
    if definition.link_all:
        found["link_all"] = ("true", "")
    if definition.secret_fields:
        names = _joined(sorted(dotted(path) for path in definition.secret_fields))
        found["secret_fields"] = (names, names)
    return found


def _may_show(path: Path, value: Any, secret: frozenset[Path]) -> str:
    if isinstance(value, Reference):
        return f"{_FROM}{value}"
    return MASK if value is not None and is_secret(path, secret) else text(value)


def _joined(names: Any) -> str:
    return ", ".join(names)
