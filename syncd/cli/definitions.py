"""`syncd connection …` and `syncd variable …`: the same commands for each kind."""

from __future__ import annotations

from typing import Annotated

import typer

from syncd.cli import ask, find, show
from syncd.cli.fields import Assigned, assigned, field_path
from syncd.cli.options import (
    FORMS,
    FieldsArgument,
    FromOption,
    IdArgument,
    Output,
    OutputOption,
    OwnerOption,
    WorkspaceOption,
    YesOption,
    epilog,
    examples,
)
from syncd.cli.session import start
from syncd.cli.usage import WrongUsage
from syncd.core import changes
from syncd.core.canonical import plain
from syncd.core.errors import FixError, Reason
from syncd.core.explain import Shown, displayed, shown
from syncd.core.merge import leaves
from syncd.core.model import KINDS, Definition, Fields, Key, Kind, Path, Workspace, dotted
from syncd.core.secrets import is_secret, secret_paths

_CREATING = {
    "connection": (
        "syncd connection create warehouse conn_type=postgres host=db password",
        "syncd connection create db conn_type=mysql --from password=env:DB --link-all",
    ),
    "variable": (
        "syncd variable create region value=eu-west-1 --link-all",
        "syncd variable create salt value --link etl-dev   asks, and keeps it secret",
    ),
}
_UPDATING = {
    "connection": (
        "syncd connection update warehouse host=db2.internal port=5433",
        "syncd connection update warehouse --unset extra.sslmode",
    ),
    "variable": ("syncd variable update region value=eu-central-1",),
}

LinkOption = Annotated[
    list[str] | None, typer.Option("--link", metavar="D", help="Link it to this deployment at once. May be repeated.")
]
LinkAllOption = Annotated[bool, typer.Option("--link-all", help="Link it to every deployment, those to come too.")]
UnsetOption = Annotated[
    list[str] | None, typer.Option("--unset", metavar="F", help="Remove F from the definition. May be repeated.")
]
SecretFieldOption = Annotated[
    list[str] | None, typer.Option("--secret-field", metavar="F", help="F is a secret too. May be repeated.")
]
SecretOption = Annotated[bool, typer.Option("--secret", help="The value is a secret.")]


def noun(kind: str) -> typer.Typer:
    """The commands of one kind."""
    row = KINDS[kind]
    app = typer.Typer(
        name=kind,
        help=f"Define {row.plural}, and change them.\n\n"
        f"A {kind} is shared by the workspace and linked to deployments, or with -d one deployment's own.",
        no_args_is_help=True,
    )
    # A kind of one field needs no name for the one that is secret.
    made, updated = (create_one, update_one) if len(row.fields) == 1 else (create, update)
    app.command("list")(list_)
    app.command("show")(show_)
    app.command("create", epilog=epilog(examples(*_CREATING[kind]), FORMS[kind]))(made)
    app.command("update", epilog=epilog(examples(*_UPDATING[kind]), FORMS[kind]))(updated)
    app.command("delete")(delete)
    return app


def list_(ctx: typer.Context, workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE) -> None:
    """List them, with what they are linked to."""
    row = _row(ctx)
    here = start(workspace).load()
    found = [one for key, one in sorted(here.definitions.items()) if key.kind == row.name]
    if output is Output.JSON:
        show.as_json({row.plural: [_document(here, one) for one in found]})
        return
    show.table(
        ("id", "of", row.required, "linked to", "overridden in"),
        (
            (
                one.key.id,
                one.key.owner or "shared",
                _brief(one, row.required),
                _links(one),
                show.names(sorted(one.environments) + sorted(name for name, fields in one.links.items() if fields)),
            )
            for one in found
        ),
        none=f"none yet: `syncd {row.name} create ID {row.required}=…`",
    )


def show_(
    ctx: typer.Context,
    id_: IdArgument,
    owner: OwnerOption = "",
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one: fields, overrides and links, secrets masked."""
    here = start(workspace).load()
    definition = find.definition(here, Key(_row(ctx).name, id_, owner))
    if output is Output.JSON:
        show.as_json(_document(here, definition))
        return
    parts = [("definition", definition.fields)]
    parts += [(f"environment {name}", fields) for name, fields in definition.environments.items()]
    parts += [(f"link {name}", fields) for name, fields in definition.links.items()]
    show.table(
        ("layer", "field", "value"),
        (
            (layer, dotted(one.path), show.cut(displayed(one)))
            for layer, fields in parts
            for one in _shown(definition, fields)
        ),
        title=str(definition.key),
        none="sets no field",
    )
    show.say(f"linked to: {_links(definition) or 'nothing'}")


def create(
    ctx: typer.Context,
    id_: IdArgument,
    fields: FieldsArgument = None,
    references: FromOption = None,
    link: LinkOption = None,
    link_all: LinkAllOption = False,
    secret_fields: SecretFieldOption = None,
    owner: OwnerOption = "",
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Define one; with --link it is linked at once."""
    key = Key(_row(ctx).name, id_, owner)
    declared = frozenset(field_path(key.kind, name) for name in secret_fields or ())
    _create(key, (fields, references), declared, (link or [], link_all), workspace, output)


def create_one(
    ctx: typer.Context,
    id_: IdArgument,
    fields: FieldsArgument = None,
    references: FromOption = None,
    link: LinkOption = None,
    link_all: LinkAllOption = False,
    secret: SecretOption = False,
    owner: OwnerOption = "",
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Define one; with --link it is linked at once."""
    key = Key(_row(ctx).name, id_, owner)
    _create(key, (fields, references), _all_secret(key, secret), (link or [], link_all), workspace, output)


def update(
    ctx: typer.Context,
    id_: IdArgument,
    fields: FieldsArgument = None,
    references: FromOption = None,
    unset: UnsetOption = None,
    secret_fields: SecretFieldOption = None,
    owner: OwnerOption = "",
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Change the fields that are named, and no other."""
    key = Key(_row(ctx).name, id_, owner)
    declared = frozenset(field_path(key.kind, name) for name in secret_fields or ())
    _update(key, (fields, references, unset), declared, workspace, output)


def update_one(
    ctx: typer.Context,
    id_: IdArgument,
    fields: FieldsArgument = None,
    references: FromOption = None,
    secret: SecretOption = False,
    owner: OwnerOption = "",
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Change its value; with --secret it is a secret from now on."""
    key = Key(_row(ctx).name, id_, owner)
    _update(key, (fields, references, None), _all_secret(key, secret), workspace, output)


def delete(
    ctx: typer.Context,
    id_: IdArgument,
    owner: OwnerOption = "",
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Delete one, with its links and overrides.

    The next sync takes it from every target; `syncd rollback` brings it back.
    """
    session = start(workspace)
    key = Key(_row(ctx).name, id_, owner)
    seen = find.definition(session.load(), key)
    ask.confirm(f"Delete {key}, linked to {_links(seen) or 'nothing'}?", yes=yes)

    def edit(here: Workspace) -> Workspace:
        if here.definitions.get(key, seen) != seen:
            raise FixError(Reason.CONFLICT, str(key), "was changed meanwhile, and nothing was deleted", "look again")
        return changes.delete_definition(here, key)

    show.changed(*session.change(edit, f"{key} deleted"), output)


_Given = list[str] | None


def _create(
    key: Key,
    given: tuple[_Given, _Given],
    declared: frozenset[Path],
    links: tuple[list[str], bool],
    workspace: str | None,
    output: Output,
) -> None:
    names, link_all = links
    if key.owner and (names or link_all):
        raise WrongUsage("a deployment's own is linked to it and to no other: leave --link or -d out")
    session = start(workspace)

    def edit(here: Workspace, values: Assigned) -> Workspace:
        fields = changes.put({}, values.values)
        here = changes.add_definition(here, Definition(key, fields, declared | values.secret, link_all=link_all))
        for name in names:
            find.deployment(here, name)
            here = changes.link(here, key, name, {})
        return here

    # Tried first, so that nobody is asked for the secret of what can't be made.
    here = session.load()
    if key.owner:
        find.deployment(here, key.owner)
    edit(here, Assigned({}))
    values = assigned(key.kind, key.id, *given, declared)
    required = KINDS[key.kind].required
    warned = [] if (required,) in values.values else [f"{key} has no {required}: it is written nowhere before it has"]
    result = session.change(lambda here: edit(here, values), f"{key} created")
    show.changed(*result, output, warned=warned)


def _update(
    key: Key,
    given: tuple[_Given, _Given, _Given],
    declared: frozenset[Path],
    workspace: str | None,
    output: Output,
) -> None:
    fields, references, unset = given
    if not fields and not references and not unset and not declared:
        raise WrongUsage("nothing to change: name a field")
    removed = [field_path(key.kind, name) for name in unset or ()]
    session = start(workspace)
    known = find.definition(session.load(), key).secret_fields
    values = assigned(key.kind, key.id, fields, references, known | declared)

    def edit(here: Workspace) -> Workspace:
        find.definition(here, key)
        return changes.update_definition(here, key, values.values, remove=removed, secret=values.secret | declared)

    show.changed(*session.change(edit, f"{key} updated"), output)


def _all_secret(key: Key, secret: bool) -> frozenset[Path]:
    return frozenset((name,) for name in KINDS[key.kind].fields) if secret else frozenset()


def _row(ctx: typer.Context) -> Kind:
    """The kind whose noun the command hangs from."""
    if ctx.parent is None or ctx.parent.info_name is None:
        raise LookupError
    return KINDS[ctx.parent.info_name]


def _links(definition: Definition) -> str:
    if definition.key.owner:
        return definition.key.owner
    if definition.link_all:
        return "all" + (f" but {show.names(sorted(definition.exclude))}" if definition.exclude else "")
    return show.names(sorted(definition.links))


def _shown(definition: Definition, fields: Fields) -> list[Shown]:
    key = definition.key
    secret = secret_paths(key.kind, key.id, fields, definition.secret_fields)
    # A null is no secret: it says that there is none.
    return [
        shown(path, value, "", secret=value is not None and is_secret(path, secret)) for path, value in leaves(fields)
    ]


def _brief(definition: Definition, field: str) -> str | None:
    return next(
        (show.cut(displayed(one)) for one in _shown(definition, definition.fields) if one.path == (field,)), None
    )


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


app = typer.Typer()
for _kind in KINDS:
    app.add_typer(noun(_kind))
