"""What was found against a workspace: what is new, what is there already, and what is different there.

What is there is never lost: a difference is taken only where that is asked for, on the one link or the one layer that
it is about. What another deployment gets stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from syncd.core.canonical import text
from syncd.core.edits import Edit, edits
from syncd.core.merge import merge
from syncd.core.model import Definition, Deployment, Fields, Key, Path, Workspace
from syncd.core.resolve import layers
from syncd.imports.found import Definitions
from syncd.imports.joining import joined, patch


@dataclass(frozen=True)
class Planned:
    """`added` is the workspace with what is new, `replaced` with what is different as well.

    `new` and `same` name what isn't there yet and what is; `different` says field by field what is there, and what was
    found. Each that was found is in one of the three: what several deployments have, once for each of them.
    """

    before: Workspace
    added: Workspace
    replaced: Workspace
    new: tuple[str, ...]
    same: tuple[str, ...]
    different: tuple[Edit, ...] = field(repr=False)


def planned(workspace: Workspace, shared: Definitions, had: Mapping[str, Definitions]) -> Planned:
    """`shared` are definitions to have as they are, `had` is what each of these deployments has today.

    The deployments, and those that `shared` names, are the workspace's.
    """
    planning = _Planning(workspace)
    for one in shared.values():
        planning.define(one)
    unknown: dict[str, dict[Key, Definition]] = {}
    for name, definitions in had.items():
        for key, one in definitions.items():
            own, there = planning.known(key._replace(owner=name)), planning.known(key)
            if own is not None:
                planning.compare(own, replace(own, fields=one.fields, secret_fields=_secret(own, one)))
            elif there is not None:
                planning.link(there, workspace.deployments[name], one)
            else:
                unknown.setdefault(name, {})[key] = one
    for one in joined(unknown).values():
        planning.join(one)
    return planning.planned()


class _Planning:
    """A plan in the making: what the workspace would have, with what is new and with what is different as well."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._added: dict[Key, Definition] = {}
        self._replaced: dict[Key, Definition] = {}
        self._new: list[str] = []
        self._same: list[str] = []
        self._different: list[Edit] = []

    def known(self, key: Key) -> Definition | None:
        """The definition that is there, or is new."""
        return self._added.get(key, self._workspace.definitions.get(key))

    def define(self, one: Definition) -> None:
        """A definition as a whole: new, or compared with the one that is there; links of others stay."""
        old = self.known(one.key)
        if old is None:
            self._added[one.key] = self._replaced[one.key] = one
            self._new.append(str(one.key))
            return
        links = {**old.links, **one.links}
        self.compare(
            old,
            replace(
                old,
                fields=one.fields,
                secret_fields=_secret(old, one),
                links=links,
                link_all=old.link_all or one.link_all,
                exclude=(old.exclude | one.exclude) - links.keys(),
            ),
        )

    def join(self, one: Definition) -> None:
        """What the deployments have that it is linked to, and nobody knew."""
        self._added[one.key] = self._replaced[one.key] = one
        self._new += (_subject(one.key, name) for name in one.links)

    def compare(self, old: Definition, new: Definition) -> None:
        """The same, or different in all that two definitions of one id differ in."""
        found = edits(_with(old), _with(new))
        if not found:
            self._same.append(str(old.key))
            self._replaced.pop(old.key, None)  # whoever said otherwise before isn't the deployment itself
            return
        self._replaced[old.key] = new
        self._different += found

    def link(self, old: Definition, deployment: Deployment, one: Definition) -> None:
        """What a deployment has, against what the shared definition gives it, which isn't touched itself."""
        name, gets = deployment.name, _gets(old, deployment)
        new = gets is None and name not in old.exclude
        for definitions in (self._added, self._replaced) if new else (self._replaced,):
            # What is shared may be different by now: the link is over what it would be.
            latest = definitions.get(old.key, old)
            if not _is_told(_gets(latest, deployment), one):
                definitions[old.key] = _linked(latest, deployment, one)
        subject = _subject(old.key, name)
        if new:
            self._new.append(subject)
        elif _is_told(gets, one):
            self._same.append(subject)
        else:
            self._different += _differences(subject, old, gets, one)

    def planned(self) -> Planned:
        here = self._workspace
        added = {**here.definitions, **self._added}
        return Planned(
            here,
            replace(here, definitions=added),
            replace(here, definitions={**added, **self._replaced}),
            tuple(self._new),
            tuple(self._same),
            tuple(self._different),
        )


def _subject(key: Key, deployment: str) -> str:
    return f"{key} in {deployment}"


def _gets(one: Definition, deployment: Deployment) -> Fields | None:
    return merge(layers(one, deployment)).fields if one.reaches(deployment.name) else None


def _is_told(gets: Fields | None, one: Definition) -> bool:
    return gets is not None and text(_told(gets)) == text(_told(one.fields))


def _linked(old: Definition, deployment: Deployment, one: Definition) -> Definition:
    """The same with a link that makes of it what this deployment has."""
    base = merge(layer for layer in layers(old, deployment) if layer.name != "link").fields
    return replace(
        old,
        links={**old.links, deployment.name: patch(base, one.fields)},
        exclude=old.exclude - {deployment.name},
        secret_fields=_secret(old, one),
    )


def _differences(subject: str, old: Definition, gets: Fields | None, one: Definition) -> Iterator[Edit]:
    if gets is None:
        yield Edit(subject, "link", "excluded", "linked")
        return
    secret = _secret(old, one)
    before, after = (_with(Definition(old.key, _told(fields), secret)) for fields in (gets, one.fields))
    yield from (edit._replace(subject=subject) for edit in edits(before, after))


def _with(one: Definition) -> Workspace:
    return Workspace("", definitions={one.key: one})


def _told(fields: Fields) -> Fields:
    """What Airflow is told: it takes an empty `extra` for none."""
    return {name: value for name, value in fields.items() if name != "extra" or value}


def _secret(old: Definition, new: Definition) -> frozenset[Path]:
    return old.secret_fields | new.secret_fields
