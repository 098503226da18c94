"""Changes to a workspace, one each: a workspace in, a workspace out, and only what was named is different.

Each raises FixError where the workspace hasn't what the change is about. What the result may hold is `checks`' affair.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from syncd.core import previews
from syncd.core.errors import FixError, Reason
from syncd.core.model import KINDS, Definition, Deployment, Fields, Key, Path, Workspace, dotted

Values = Mapping[Path, Any]
"""Leaves to set: a value, a Reference, or None to unset what the layers below give."""


def add_definition(workspace: Workspace, definition: Definition) -> Workspace:
    """A new definition, shared or a deployment's own."""
    if definition.key in workspace.definitions:
        raise _refused(str(definition.key), "is there already", "change it with update, or delete it first")
    if definition.key.owner:
        find_deployment(workspace, definition.key.owner)
    return _with(workspace, definition)


def update_definition(
    workspace: Workspace, key: Key, values: Values, *, remove: Iterable[Path] = (), secret: Iterable[Path] = ()
) -> Workspace:
    """Set and remove fields of a definition's own layer; `secret` paths are secret from now on."""
    one = find_definition(workspace, key)
    fields = put(dropped(one.fields, remove, str(key)), values)
    return _with(workspace, replace(one, fields=fields, secret_fields=one.secret_fields.union(secret)))


def delete_definition(workspace: Workspace, key: Key) -> Workspace:
    """Without it, its links and its overrides."""
    find_definition(workspace, key)
    return replace(workspace, definitions={k: one for k, one in workspace.definitions.items() if k != key})


def link(workspace: Workspace, key: Key, deployment: str, values: Values, *, secret: Iterable[Path] = ()) -> Workspace:
    """Link it to a deployment, with these fields overridden there; what is overridden there already stays."""
    one = find_definition(workspace, key)
    find_deployment(workspace, deployment)
    if deployment in one.exclude:
        raise _refused(
            str(key),
            f"excludes {deployment}",
            f"{command('exclude', deployment, key.id, '--off', kind=key.kind)} first",
        )
    links = {**one.links, deployment: put(one.links.get(deployment, {}), values)}
    return _with(workspace, replace(one, links=links, secret_fields=one.secret_fields.union(secret)))


def unlink(workspace: Workspace, key: Key, deployment: str) -> Workspace:
    """Without an explicit link, and the overrides that it held."""
    one = find_definition(workspace, key)
    base = find_deployment(workspace, deployment).preview_of
    if deployment not in one.links:
        if base and one.reaches(base) and deployment not in one.exclude:
            raise _refused(
                str(key),
                f"is linked to {deployment} as it is to {base}",
                command("exclude", deployment, key.id, kind=key.kind),
            )
        if one.reaches(deployment):
            raise _refused(
                str(key),
                f"is linked to {deployment} by link_all alone",
                command("exclude", deployment, key.id, kind=key.kind),
            )
        raise _missing(str(key), f"isn't linked to {deployment}", "")
    return _with(workspace, replace(one, links=_without(one.links, deployment)))


def link_all(workspace: Workspace, key: Key, *, on: bool) -> Workspace:
    """Link it to every deployment there is and will be, but the excluded; or only where it is linked explicitly."""
    return _with(workspace, replace(find_definition(workspace, key), link_all=on))


def exclude(workspace: Workspace, key: Key, deployment: str, *, on: bool) -> Workspace:
    """Keep a deployment out of `link_all`, or let it in again."""
    one = find_definition(workspace, key)
    find_deployment(workspace, deployment)
    if on and deployment in one.links:
        raise _refused(
            str(key),
            f"is linked to {deployment} explicitly",
            f"{command('unlink', deployment, key.id, kind=key.kind)} first",
        )
    if not on and deployment not in one.exclude:
        raise _missing(str(key), f"doesn't exclude {deployment}", "")
    names = one.exclude | {deployment} if on else one.exclude - {deployment}
    return _with(workspace, replace(one, exclude=names))


def override(
    workspace: Workspace,
    key: Key,
    *,
    deployment: str = "",
    environment: str = "",
    values: Values,
    remove: Iterable[Path] = (),
    secret: Iterable[Path] = (),
) -> Workspace:
    """Set and remove fields of an override: an environment's, or a deployment's link's. Removed is inherited again.

    An override for a deployment makes its link explicit, and the link stays when the override is removed.
    """
    one = find_definition(workspace, key)
    secret_fields = one.secret_fields.union(secret)
    if environment:
        if environment not in workspace.environments:
            raise _missing(f"environment {environment}", "isn't in this workspace", _known(workspace.environments))
        old = one.environments.get(environment, {})
        new = put(dropped(old, remove, f"{key!s}, environment {environment}"), values)
        others = _without(one.environments, environment)
        patches = {**others, environment: new} if new else others
        return _with(workspace, replace(one, environments=patches, secret_fields=secret_fields))
    find_deployment(workspace, deployment)
    if not one.reaches(deployment):
        raise _missing(
            str(key), f"isn't linked to {deployment}", f"{command('link', deployment, key.id, kind=key.kind)} first"
        )
    old = one.links.get(deployment, {})
    new = put(dropped(old, remove, f"{key!s}, link {deployment}"), values)
    links = {**one.links, deployment: new}
    return _with(workspace, replace(one, links=links, secret_fields=secret_fields))


def add_environment(workspace: Workspace, name: str, *, after: str = "") -> Workspace:
    """A new tier: the highest, or right above `after`."""
    if name in workspace.environments:
        raise _refused(f"environment {name}", "is there already", "")
    if after and after not in workspace.environments:
        raise _missing(f"environment {after}", "isn't in this workspace", _known(workspace.environments))
    place = workspace.environments.index(after) + 1 if after else len(workspace.environments)
    names = (*workspace.environments[:place], name, *workspace.environments[place:])
    return replace(workspace, environments=names)


def delete_environment(workspace: Workspace, name: str) -> Workspace:
    """Without a tier that no deployment is in, and the overrides for it."""
    if name not in workspace.environments:
        raise _missing(f"environment {name}", "isn't in this workspace", _known(workspace.environments))
    used = [deployment.name for deployment in workspace.deployments.values() if deployment.environment == name]
    if used:
        raise _refused(f"environment {name}", f"is that of {', '.join(sorted(used))}", "move or delete them first")
    definitions = {
        key: replace(one, environments=_without(one.environments, name)) for key, one in workspace.definitions.items()
    }
    names = tuple(one for one in workspace.environments if one != name)
    return replace(workspace, environments=names, definitions=definitions)


def add_deployment(workspace: Workspace, deployment: Deployment) -> Workspace:
    """A new deployment; what `link_all` links is linked to it from now on."""
    if deployment.name in workspace.deployments:
        raise _refused(f"deployment {deployment.name}", "is there already", "change it with update")
    return replace(workspace, deployments={**workspace.deployments, deployment.name: deployment})


def update_deployment(
    workspace: Workspace, name: str, *, environment: str | None = None, targets: tuple[str, ...] | None = None
) -> Workspace:
    """In another environment, or with other targets; None is as it was."""
    old = find_deployment(workspace, name)
    new = replace(
        old,
        environment=old.environment if environment is None else environment,
        targets=old.targets if targets is None else targets,
    )
    return replace(workspace, deployments={**workspace.deployments, name: new})


def delete_deployment(workspace: Workspace, name: str) -> Workspace:
    """Without it, its previews, its own definitions, and every link, override and exclusion that names it."""
    find_deployment(workspace, name)
    for preview in previews.of(workspace).get(name, ()):
        workspace = delete_deployment(workspace, preview.name)
    definitions = {
        key: replace(one, links=_without(one.links, name), exclude=one.exclude - {name})
        for key, one in workspace.definitions.items()
        if key.owner != name
    }
    return replace(workspace, deployments=_without(workspace.deployments, name), definitions=definitions)


def delete_expired(workspace: Workspace, now: str) -> Workspace:
    """Without the previews whose time is over."""
    for name in previews.expired(workspace, now):
        workspace = delete_deployment(workspace, name)
    return workspace


def put(fields: Fields, values: Values) -> dict[str, Any]:
    """A patch with these leaves set; an object is merged into the one that is there."""
    result = _copy(fields)
    for path, value in values.items():
        place = result
        for name in path[:-1]:
            inner = place.get(name)
            if not isinstance(inner, dict):
                inner = place[name] = {}
            place = inner
        old = place.get(path[-1])
        if isinstance(value, Mapping) and isinstance(old, dict):
            place[path[-1]] = put(old, {(name,): child for name, child in value.items()})
        else:
            place[path[-1]] = _copy(value) if isinstance(value, Mapping) else value
    return result


def dropped(fields: Fields, paths: Iterable[Path], subject: str) -> dict[str, Any]:
    """A patch without these leaves, nor an object that is left empty. Raises FixError for one that isn't there."""
    result = _copy(fields)
    for path in paths:
        places = [result]
        for name in path[:-1]:
            inner = places[-1].get(name)
            places.append(inner if isinstance(inner, dict) else {})
        if path[-1] not in places[-1]:
            raise _missing(subject, f"doesn't set {dotted(path)}", "")
        del places[-1][path[-1]]
        for place, name in zip(reversed(places[:-1]), reversed(path[:-1]), strict=True):
            if not place[name]:
                del place[name]
    return result


def command(*words: str, kind: str = "") -> str:
    """A command as a person can type it; `kind` is that of an id among its words, where it takes any."""
    option = KINDS[kind].option if kind else ""
    return f"`syncd {shlex.join(words)}{option and f' {option}'}`"


def _copy(fields: Fields) -> dict[str, Any]:
    return {name: _copy(value) if isinstance(value, Mapping) else value for name, value in fields.items()}


def _with(workspace: Workspace, definition: Definition) -> Workspace:
    return replace(workspace, definitions={**workspace.definitions, definition.key: definition})


def find_definition(workspace: Workspace, key: Key) -> Definition:
    """The definition of a key."""
    if key not in workspace.definitions:
        raise _missing(str(key), f"isn't in workspace {workspace.name}", f"{command(key.kind, 'list')} shows what is")
    return workspace.definitions[key]


def find_deployment(workspace: Workspace, name: str) -> Deployment:
    """The deployment of a name."""
    if name not in workspace.deployments:
        raise _missing(f"deployment {name}", f"isn't in workspace {workspace.name}", _known(workspace.deployments))
    return workspace.deployments[name]


def _without(mapping: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key != name}


def _known(names: Iterable[str]) -> str:
    return f"it has {', '.join(names) or 'none'}"


def _missing(subject: str, problem: str, remedy: str) -> FixError:
    return FixError(Reason.NOT_FOUND, subject, problem, remedy)


def _refused(subject: str, problem: str, remedy: str) -> FixError:
    return FixError(Reason.REFUSED, subject, problem, remedy)
