"""`--from TARGET`: what a deployment has, read from a target with one's own login; no registry is opened."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.usage import WrongUsage
from syncd.core import ids
from syncd.core.errors import FixError, Reason, SyncError
from syncd.core.layouts.layered import folder
from syncd.core.merge import merge
from syncd.core.model import KINDS, Item

if TYPE_CHECKING:
    from syncd.laptop.from_target import Taken

FromOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="TARGET",
        help="Read it there, by your own login; needs --workspace.",
    ),
]


def kwargs(target: str, workspace: str | None, deployment: str) -> dict[str, Any]:
    """`backend_kwargs` that read it. Raises SyncError."""
    from syncd import installation
    from syncd.laptop import from_target

    if workspace is None:
        raise WrongUsage("--from asks no registry: name the --workspace")
    here = installation.load(os.environ)
    if target not in here.targets:
        known = ", ".join(sorted(here.targets)) or "none"
        raise FixError(Reason.NOT_FOUND, f"target {target}", f"isn't in {here.home / installation.SETTINGS}", known)
    return from_target.kwargs(target, here.targets[target][1], here.home, os.environ, workspace, deployment)


def taken(target: str, workspace: str | None, deployment: str) -> Taken:
    """All of it. Raises SyncError where the target, or the deployment's nameplate, can't be read."""
    from airflow_plugin import kwargs as given
    from airflow_plugin.lookup import Lookup
    from syncd.laptop.from_target import Taken

    lookup = Lookup(given.parse(kwargs(target, workspace, deployment)))
    lookup.nameplate()
    whole: list[tuple[Item, Any]] = []
    missing: dict[Item, tuple[SyncError, ...]] = {}
    at = folder(lookup.settings.address.prefix, deployment)
    for kind, row in KINDS.items():
        for name in sorted(lookup.source.names(f"{at}/{row.plural}")):
            item = Item(deployment, kind, ids.decode(name))
            try:
                found = lookup.layers(kind, item.id)
            except SyncError as error:
                missing[item] = (error,)
                continue
            if found is not None:
                whole.append((item, merge(found[0]).fields))
    return Taken(deployment, tuple(whole), missing)
