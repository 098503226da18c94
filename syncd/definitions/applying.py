"""What the files name, put onto a workspace: named parts are taken whole, the others stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from syncd.core.checks import Finding, check
from syncd.core.merge import leaves
from syncd.core.model import Definition, Deployment, Fields, Key, Path, Workspace
from syncd.definitions.problems import Location, Problem, gathered
from syncd.definitions.stored import keep

_REGISTRY = Location("registry")


@dataclass(frozen=True)
class Definitions:
    """What files name: `environments` is None where none of them says it.

    A field may hold `Stored.KEEP` until it is put onto a workspace. `locations` says where each part stands, by its
    path as `core.checks` has it.
    """

    workspace: str
    environments: tuple[str, ...] | None
    deployments: Mapping[str, Deployment]
    definitions: Mapping[Key, Definition] = field(repr=False)
    locations: Mapping[Path, Location] = field(repr=False)

    def onto(self, current: Workspace | None, *, prune: bool) -> Workspace:
        """The workspace after applying, at the revision of `current`.

        With `prune`, what no file names is removed. Raises Problems for a value to keep that isn't stored, and for
        whatever the result can't hold, at its file and line; the subject of what no file names begins with `registry`.
        """
        current = current or Workspace(self.workspace)
        findings: list[Finding] = []
        if prune and not self.definitions and not self.deployments and (current.definitions or current.deployments):
            findings.append(
                Finding(
                    ("workspace",),
                    "nothing is defined here, and --prune would remove everything",
                    "`syncd workspace delete` removes a workspace",
                )
            )
        deployments = self._deployments(current, prune=prune)
        previews = frozenset(name for name, one in deployments.items() if one.preview_of)
        stay = {
            key: one
            for key, one in current.definitions.items()
            if key.owner in previews or not (prune or key.owner in self.deployments)
        }
        named = {
            key: _with_previews(
                keep(one, current.definitions.get(key), findings), current.definitions.get(key), previews
            )
            for key, one in self.definitions.items()
        }
        workspace = Workspace(
            name=self.workspace,
            environments=current.environments if self.environments is None else self.environments,
            deployments=deployments,
            definitions={**stay, **named},
            revision=current.revision,
        )
        findings += check(workspace)
        if findings:
            raise gathered(self._problem(finding) for finding in findings)
        return workspace

    def _deployments(self, current: Workspace, *, prune: bool) -> Mapping[str, Deployment]:
        """With the previews, of which no file says anything, as long as what they preview is there."""
        named = {**({} if prune else current.deployments), **self.deployments}
        previews = {name: one for name, one in current.deployments.items() if one.preview_of in named}
        return {**previews, **named}

    def _problem(self, finding: Finding) -> Problem:
        path = finding.path or ("workspace",)
        starts = (path[:length] for length in range(len(path), 0, -1))
        location = next((self.locations[start] for start in starts if start in self.locations), _REGISTRY)
        return Problem(location, path, finding.problem, finding.remedy)


def _with_previews(one: Definition, before: Definition | None, previews: frozenset[str]) -> Definition:
    """With the links and exclusions of previews, of which the files say nothing."""
    silent = previews - one.links.keys() - one.exclude
    if before is None or not silent:
        return one
    links = {name: patch for name, patch in before.links.items() if name in silent}
    secret = {path for path in before.secret_fields for patch in links.values() if _holds(patch, path)}
    return replace(
        one,
        links={**one.links, **links},
        exclude=one.exclude | before.exclude & silent,
        secret_fields=one.secret_fields | secret,
    )


def _holds(patch: Fields, path: Path) -> bool:
    return any(at[: len(path)] == path for at, _ in leaves(patch))
