"""`syncd explain`: what a deployment gets for an id, and why."""

from __future__ import annotations

import typer
from rich.tree import Tree

from syncd.cli import find, show
from syncd.cli.definitions import field_document
from syncd.cli.options import (
    DeploymentArgument,
    IdArgument,
    Output,
    OutputOption,
    VariableOption,
    WorkspaceOption,
    epilog,
    examples,
    kind_of,
)
from syncd.cli.session import Session, start
from syncd.core import changes, reveal
from syncd.core.errors import FixError, Reason
from syncd.core.explain import Explanation, displayed
from syncd.core.explain import explain as explained
from syncd.core.model import KINDS, Item, Key, Scope, Workspace, dotted
from syncd.core.resolve import resolve

app = typer.Typer()

EXPLAIN = epilog(examples("syncd explain etl-prod warehouse", "syncd explain etl-prod region --variable"))

_WIDEST = 32
"""Columns of a value, beyond which its layer isn't aligned with the others."""


@app.command(epilog=EXPLAIN)
def explain(
    deployment: DeploymentArgument,
    id_: IdArgument,
    variable: VariableOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what a deployment gets, each field with its layer.

    Layers, the lowest first: definition, environment, link. Secrets are masked; a reference is shown by its name.
    """
    session = start(workspace)
    here = session.load()
    find.deployment(here, deployment)
    item = Item(deployment, kind_of(variable), id_)
    found = explained(here, item)
    if found is None:
        raise _not_linked(here, item)
    warned = (*found.warnings, *_withheld(session, here, item))
    if output is Output.JSON:
        show.as_json(
            {
                **item._asdict(),
                "source": found.source,
                "fields": [field_document(one) for one in found.fields],
                "notes": found.notes,
                "warnings": warned,
            }
        )
        return
    show.out.print(_tree(found))
    for note in found.notes:
        show.say((note, "dim"))
    show.warnings(warned)


def _withheld(session: Session, here: Workspace, item: Item) -> tuple[str, ...]:
    """What a preview doesn't get of it."""
    found = reveal.for_previews(here, resolve(here, Scope(items=frozenset({item}))), session.installation.reveal)
    return tuple(f"{gap.problem}: {gap.remedy}" for one in found.resolved.values() for gap in one.withheld)


def _tree(found: Explanation) -> Tree:
    item = found.item
    tree = Tree(show.line((item.id, "bold"), " for ", (item.deployment, "bold"), f" ({found.source} {item.kind})"))
    order = list(KINDS[item.kind].fields)
    rows = [
        (show.clean(dotted(one.path)), show.clean(show.cut(displayed(one))), one.layer)
        for one in sorted(found.fields, key=lambda one: (order.index(one.path[0]), one.path))
    ]
    first = max((len(name) for name, _, _ in rows), default=0)
    second = max((len(value) for _, value, _ in rows if len(value) <= _WIDEST), default=0)
    for name, value, layer in rows:
        tree.add(show.line(f"{name:<{first}}  {value:<{second}}  ", (f"← {layer}", "cyan")))
    return tree


def _not_linked(here: Workspace, item: Item) -> FixError:
    definition = find.definition(here, Key(item.kind, item.id))
    if item.deployment in definition.exclude:
        remedy = changes.command("exclude", item.deployment, item.id, "--off", kind=item.kind)
        return FixError(Reason.NOT_FOUND, str(item), "is excluded", remedy)
    return FixError(
        Reason.NOT_FOUND, str(item), "isn't linked", changes.command("link", item.deployment, item.id, kind=item.kind)
    )
