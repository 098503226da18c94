"""`--from TARGET`: what a deployment has, read from a target with one's own login; no registry is opened."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli.copying import Registered, Source
from syncd.cli.session import start
from syncd.cli.usage import WrongUsage
from syncd.core.documents import Mark, Seal
from syncd.core.errors import FixError, Reason
from syncd.core.layouts.lookup import Address

if TYPE_CHECKING:
    from syncd.laptop.copies import Copy
    from syncd.laptop.environment import Given

DeploymentOption = Annotated[str, typer.Option("--deployment", "-d", metavar="D", help="Whose.")]
FromOption = Annotated[
    str | None,
    typer.Option("--from", metavar="TARGET", help="Read it there, by your own login; needs --workspace."),
]

_AGAIN = 5
"""Seconds, at least, until a target is read again: what changed in it isn't told otherwise."""

_SHARE = 20
"""And so many times as long as reading it takes, so that it is never busy with laptops."""


class Taken:
    """From a target; whoever reads it there is known to its server."""

    def __init__(self, target: str, workspace: str | None, deployment: str, given: Given) -> None:
        """Raises SyncError where there is no such target, or nothing of ours reads it."""
        from syncd import installation
        from syncd.laptop import from_target
        from syncd.registry import encryption

        if workspace is None:
            raise WrongUsage("--from asks no registry: name the --workspace")
        here = installation.load(os.environ)
        settings = here.settings(target, workspace)
        self._target, self._given = target, given
        self._address = Address(workspace, deployment, settings.prefix or workspace)
        self._source = from_target.opened(target, settings, self._address, here.home, os.environ)
        self._took = 0.0
        self.installation, self.workspace = here, workspace
        self.seal: Seal = encryption.seal_with(encryption.new_seal_key())

    def copy(self) -> Copy:
        from syncd.laptop.from_target import copy

        began = time.monotonic()
        try:
            found = copy(self._source, self._address)
        except FixError as error:
            if error.reason is not Reason.NO_NAMEPLATE:
                raise
            remedy = (
                f"check --workspace, --deployment, and [targets.{self._target}]; `syncd sync` must have written there"
            )
            raise FixError(error.reason, error.subject, error.problem, remedy) from None
        self._took = time.monotonic() - began
        return found.less(self._given.items(found.items))

    def is_old(self, copy: Copy, age: float) -> bool:
        return age > max(_AGAIN, _SHARE * self._took)

    def mark(self, copy: Copy) -> Mark:
        return Mark(f"target {self._target}", self.workspace, "dev", copy.resolution.revision)


def source(from_: str | None, workspace: str | None, deployment: str, how: str, given: Given) -> Source:
    """Where copies come from: the target named, or the registry. Raises SyncError."""
    if from_ is not None:
        return Taken(from_, workspace, deployment, given)
    return Registered(start(workspace), deployment, how, given)
