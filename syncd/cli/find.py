"""What a command is about, looked up first: where it isn't there, the error says what is."""

from __future__ import annotations

from syncd.cli.usage import suggestion
from syncd.core import changes
from syncd.core.errors import FixError, Reason
from syncd.core.model import Definition, Deployment, Key, Workspace


def definition(here: Workspace, key: Key) -> Definition:
    """The definition of a key. Raises FixError with what was probably meant."""
    if key in here.definitions:
        return here.definitions[key]
    if key.owner:
        deployment(here, key.owner)
    raise FixError(Reason.NOT_FOUND, str(key), f"isn't in workspace {here.name}", _meant(here, key))


def deployment(here: Workspace, name: str) -> Deployment:
    """The deployment of a name. Raises FixError with what was probably meant."""
    meant = suggestion(name, here.deployments)
    if name not in here.deployments and meant:
        raise FixError(Reason.NOT_FOUND, f"deployment {name}", f"isn't in workspace {here.name}", meant)
    return changes.find_deployment(here, name)


def environment(here: Workspace, name: str) -> str:
    """An environment's name. Raises FixError with what was probably meant."""
    if name in here.environments:
        return name
    there = (
        f"it has {', '.join(here.environments)}"
        if here.environments
        else changes.command("environment", "create", name)
    )
    meant = suggestion(name, here.environments) or there
    raise FixError(Reason.NOT_FOUND, f"environment {name}", f"isn't in workspace {here.name}", meant)


def _meant(here: Workspace, key: Key) -> str:
    elsewhere = [one for one in here.definitions if one.id == key.id]
    owners = sorted(one.owner for one in elsewhere if one.kind == key.kind and one.owner)
    if key.owner and Key(key.kind, key.id) in here.definitions:
        return "the shared one of this id is there: leave -d out"
    if owners:
        return f"there is one of {' and one of '.join(owners)} alone: -d {owners[0]}"
    if elsewhere:
        other = elsewhere[0].kind
        return f"there is a {other} of this id: `syncd {other} …`" + (", or --variable" if other == "variable" else "")
    ids = {one.id for one in here.definitions if one.kind == key.kind and one.owner in ("", key.owner)}
    return suggestion(key.id, sorted(ids)) or f"{changes.command(key.kind, 'list')} shows what is"
