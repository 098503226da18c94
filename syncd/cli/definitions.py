"""`syncd connection …` and `syncd variable …`: the same commands for each kind."""

from __future__ import annotations

from typing import Annotated

import typer

from syncd.cli import show
from syncd.cli.fields import assigned, field_path
from syncd.cli.options import (
    FieldsArgument,
    FromOption,
    IdArgument,
    Output,
    OutputOption,
    OwnerOption,
    WorkspaceOption,
    YesOption,
)
from syncd.core import changes
from syncd.core.canonical import plain
from syncd.core.edits import edits
from syncd.core.explain import Shown, displayed, shown
from syncd.core.merge import leaves
from syncd.core.model import KINDS, Definition, Fields, Key, Kind, Workspace, dotted
from syncd.core.secrets import is_secret, secret_paths


def noun(kind: str) -> typer.Typer:
    """The commands of one kind."""
    row = KINDS[kind]
    app = typer.Typer(
        help=f"Define {row.plural}: shared by the workspace, or with -d a deployment's own.", no_args_is_help=True
    )
    example = f"Example: syncd {kind} {{}} ID {row.required}=…"
    app.command("list")(list_)
    app.command("show")(show_)
    app.command(epilog=f"{example.format('create')} --link etl-dev")(create)
    app.command(epilog=example.format("update"))(update)
    app.command()(delete)
    return app


def list_(ctx: typer.Context, workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE) -> None:
    """List them, with what they are linked to."""
    row = _row(ctx)
    from syncd.cli.session import start

    here = start(workspace).load()
    found = [one for key, one in sorted(here.definitions.items()) if key.kind == row.name]
    if output is Output.JSON:
        show.as_json({row.plural: [_document(here, one) for one in found]})
        return
    show.table(
        "",
        ("id", "of", row.required, "linked to", "overridden in"),
        (
            (
                one.key.id,
                one.key.owner or "shared",
                _brief(one, row.required),
                _links(here, one),
                ", ".join(sorted(one.environments) + sorted(name for name, fields in one.links.items() if fields)),
            )
            for one in found
        ),
    )


def show_(
    ctx: typer.Context,
    id_: IdArgument,
    owner: OwnerOption = "",
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one: fields, overrides and links, secrets masked."""
    kind = _row(ctx).name
    from syncd.cli.session import start

    here = start(workspace).load()
    definition = changes.find_definition(here, Key(kind, id_, owner))
    if output is Output.JSON:
        show.as_json(_document(here, definition))
        return
    parts = [("definition", definition.fields)]
    parts += [(f"environment {name}", fields) for name, fields in definition.environments.items()]
    parts += [(f"link {name}", fields) for name, fields in definition.links.items()]
    show.table(
        str(definition.key),
        ("layer", "field", "value"),
        ((layer, dotted(one.path), displayed(one)) for layer, fields in parts for one in _shown(definition, fields)),
    )
    show.say(f"linked to: {show.plain(_links(here, definition) or 'nothing')}")


def create(
    ctx: typer.Context,
    id_: IdArgument,
    fields: FieldsArgument = None,
    references: FromOption = None,
    link: Annotated[
        list[str] | None, typer.Option("--link", metavar="D", help="Link it to this deployment at once.")
    ] = None,
    link_all: Annotated[bool, typer.Option("--link-all", help="Link it to every deployment.")] = False,
    secret_fields: Annotated[
        list[str] | None, typer.Option("--secret-field", metavar="F", help="This field is a secret too.")
    ] = None,
    owner: OwnerOption = "",
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Define one; with --link it is linked at once."""
    kind = _row(ctx).name
    from syncd.cli.session import start

    if owner and (link or link_all):
        raise typer.BadParameter("a deployment's own is linked to it and to no other: drop --link or -d")
    declared = frozenset(field_path(kind, name) for name in secret_fields or ())
    given = assigned(kind, id_, fields, references, declared)
    definition = Definition(
        Key(kind, id_, owner), changes.put({}, given.values), declared | given.secret, link_all=link_all
    )

    def edit(here: Workspace) -> Workspace:
        here = changes.add_definition(here, definition)
        for name in link or ():
            here = changes.link(here, definition.key, name, {})
        return here

    _changed(start(workspace).change(edit, f"{kind} {id_} created"), output)


def update(
    ctx: typer.Context,
    id_: IdArgument,
    fields: FieldsArgument = None,
    references: FromOption = None,
    unset: Annotated[
        list[str] | None, typer.Option("--unset", metavar="F", help="Remove this field from the definition.")
    ] = None,
    owner: OwnerOption = "",
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Change the fields that are named, and no other."""
    kind = _row(ctx).name
    from syncd.cli.session import start

    session = start(workspace)
    key = Key(kind, id_, owner)
    declared = changes.find_definition(session.load(), key).secret_fields
    given = assigned(kind, id_, fields, references, declared)
    removed = [field_path(kind, name) for name in unset or ()]
    if not given.values and not removed:
        raise typer.BadParameter("nothing to change: name a field")

    def edit(here: Workspace) -> Workspace:
        return changes.update_definition(here, key, given.values, remove=removed, secret=given.secret)

    _changed(session.change(edit, f"{kind} {id_} updated"), output)


def delete(
    ctx: typer.Context,
    id_: IdArgument,
    owner: OwnerOption = "",
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Delete one, with its links and overrides; the next sync takes it from every target."""
    kind = _row(ctx).name
    from syncd.cli.session import start

    session = start(workspace)
    key = Key(kind, id_, owner)
    linked = _links(session.load(), changes.find_definition(session.load(), key))
    show.confirm(f"Delete {key}, linked to {linked or 'nothing'}?", yes=yes)
    _changed(session.change(lambda here: changes.delete_definition(here, key), f"{kind} {id_} deleted"), output)


def _row(ctx: typer.Context) -> Kind:
    """The kind whose noun the command hangs from."""
    if ctx.parent is None or ctx.parent.info_name is None:
        raise LookupError
    return KINDS[ctx.parent.info_name]


def _changed(result: tuple[Workspace, Workspace], output: Output) -> None:
    before, after = result
    show.changed(edits(before, after), after.revision, output)


def _links(workspace: Workspace, definition: Definition) -> str:
    if definition.key.owner:
        return definition.key.owner
    if definition.link_all:
        return "all" + (f" but {', '.join(sorted(definition.exclude))}" if definition.exclude else "")
    return ", ".join(sorted(definition.links))


def _shown(definition: Definition, fields: Fields) -> list[Shown]:
    key = definition.key
    secret = secret_paths(key.kind, key.id, fields, definition.secret_fields)
    return [shown(path, value, "", secret=is_secret(path, secret)) for path, value in leaves(fields)]


def _brief(definition: Definition, field: str) -> str | None:
    return next((displayed(one) for one in _shown(definition, definition.fields) if one.path == (field,)), None)


def _document(workspace: Workspace, definition: Definition) -> dict[str, object]:
    return {
        "kind": definition.key.kind,
        "id": definition.key.id,
        "deployment": definition.key.owner or None,
        "fields": [field_document(one) for one in _shown(definition, definition.fields)],
        "environments": {
            name: [field_document(one) for one in _shown(definition, fields)]
            for name, fields in definition.environments.items()
        },
        "links": {
            name: [field_document(one) for one in _shown(definition, fields)]
            for name, fields in definition.links.items()
        },
        "link_all": definition.link_all,
        "exclude": sorted(definition.exclude),
        "secret_fields": sorted(dotted(path) for path in definition.secret_fields),
        "linked_to": sorted(name for name in workspace.deployments if definition.reaches(name)),
    }


def field_document(one: Shown) -> dict[str, object]:
    """A field in JSON output: a secret's value is null."""
    return {
        "path": dotted(one.path),
        "value": plain(one.value),
        "secret": one.secret,
        "reference": one.reference or None,
        **({"layer": one.layer} if one.layer else {}),
    }
