"""The inverse of the layouts, for readers: from an id to the layers that lie for it, or to a reason.

"Not linked" is said only where the deployment's nameplate is there and agrees; everything else is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from syncd.core import ids
from syncd.core.documents import NAMEPLATE, Place, decode, is_removed, read_mark
from syncd.core.errors import FixError, Reason, WaitError
from syncd.core.layouts.layered import Layered, folder, is_awaits
from syncd.core.merge import LAYERS, Layer
from syncd.core.model import KINDS, Path

Get = Callable[[Place], "Mapping[str, Any] | None"]
"""A source's `get`: the envelope at a place, None where there is none; anything else raises SyncError."""

Names = Callable[[str], Iterable[str]]
"""What lies in a folder; nothing where it isn't there."""


class Address(NamedTuple):
    """Whose documents a reader reads: `prefix` is where the workspace's lie, by default its name."""

    workspace: str
    deployment: str
    prefix: str


@dataclass(frozen=True)
class Nameplate:
    """What a deployment's nameplate says, and whether the documents lie flat beside it, as keys of a mounted Secret."""

    place: Place
    flat: bool
    count: int
    revision: int
    awaits: frozenset[str] = frozenset()


class Found(NamedTuple):
    """The layers that lie for an item, lowest first, and the secret paths of what they merge to."""

    layers: tuple[Layer, ...]
    secret: frozenset[Path]

    def __repr__(self) -> str:
        return f"Found({', '.join(layer.name for layer in self.layers)})"


def nameplate(get: Get, address: Address) -> Nameplate:
    """Read the deployment's nameplate. Raises SyncError where it isn't there, can't be read, or is another's."""
    for place, flat in ((Layered(address.prefix).nameplate(address.deployment), False), (Place("", NAMEPLATE), True)):
        envelope = _there(get, place)
        if envelope is not None:
            return _checked(envelope, place, flat, address)
    raise FixError(
        Reason.NO_NAMEPLATE,
        f"deployment {address.deployment} of workspace {address.workspace}",
        f"has no nameplate, neither at {Layered(address.prefix).nameplate(address.deployment)} nor at {NAMEPLATE}: "
        "nothing was synced here, or this is the wrong place",
        "check `workspace`, `deployment`, `prefix` and the place in backend_kwargs, and that `syncd sync` has run",
    )


def lookup(get: Get, address: Address, kind: str, id_: str) -> Mapping[str, Any] | None:
    """The envelope that lies for an id; None where it is truly not linked. Raises SyncError for anything else.

    The document is asked for first: its mark says whose it is, and only a miss needs the nameplate.
    """
    valid = KINDS[kind].valid_id(id_)  # any other would lead anywhere: the empty one to the folder itself
    name = f"{KINDS[kind].plural}/{ids.encode(id_)}" if valid else ""
    place = Place(f"{folder(address.prefix, address.deployment)}/{name}")
    found = _there(get, place) if valid else None
    if found is not None and _is_for(found, place, address):
        return found
    plate = nameplate(get, address)
    if plate.flat and valid:
        found = _there(get, Place("", name.replace("/", ".", 1)))
    if found is None and name in plate.awaits:
        raise WaitError(
            Reason.NOT_SYNCED_YET,
            f"{kind} {id_}",
            "is linked to this deployment, and could not be synced yet",
            "`syncd status` says why",
        )
    return found


def _is_for(envelope: Mapping[str, Any], place: Place, address: Address) -> bool:
    """Does its mark say that it is this workspace's? One without a mark says nothing."""
    mark = read_mark(envelope.get("mark"))
    if mark is not None and mark.workspace != address.workspace:
        raise FixError(
            Reason.NO_NAMEPLATE,
            str(place),
            f"is of another workspace, not of {address.workspace}",
            "check `workspace` and `prefix` in backend_kwargs",
        )
    return mark is not None


def _there(get: Get, place: Place) -> Mapping[str, Any] | None:
    found = get(place)
    return None if found is None or is_removed(found) else found


def count(names: Names, address: Address, plate: Nameplate) -> int:
    """How many documents lie beside a nameplate."""
    layout, at = Layered(address.prefix), folder(address.prefix, address.deployment)
    if plate.flat:
        found = [name.replace(".", "/", 1) for name in names("")]
    else:
        found = [f"{row.plural}/{name}" for row in KINDS.values() for name in names(f"{at}/{row.plural}")]
    return sum(layout.item(Place(f"{at}/{name}")) is not None for name in found)


def read(envelope: Mapping[str, Any], subject: str) -> Found:
    """The layers in an envelope. Raises FixError, naming `subject`, where it is malformed; never with a value."""
    _, content = decode(envelope, subject)
    layers = content.get("layers")
    secrets = content.get("secrets")
    if not isinstance(layers, Mapping) or not all(isinstance(fields, Mapping) for fields in layers.values()):
        raise _malformed(subject, "layers")
    if not layers.keys() <= set(LAYERS):
        raise _malformed(subject, "layers", "it has a layer that this release doesn't know")
    if not isinstance(secrets, list) or not all(_is_path(path) for path in secrets):
        raise _malformed(subject, "secrets")
    return Found(
        tuple(Layer(name, layers[name]) for name in LAYERS if name in layers),
        frozenset(tuple(path) for path in secrets),
    )


def _checked(envelope: Mapping[str, Any], place: Place, flat: bool, address: Address) -> Nameplate:
    _, content = decode(envelope, str(place))
    for name, wanted in (("workspace", address.workspace), ("deployment", address.deployment)):
        if content.get(name) != wanted:
            raise FixError(
                Reason.NO_NAMEPLATE,
                str(place),
                f"is the nameplate of another {name}, not of {wanted}",
                f"check `{name}` in backend_kwargs",
            )
    count, revision = content.get("count"), content.get("revision")
    if type(count) is not int or type(revision) is not int:
        raise _malformed(str(place), "count and revision")
    awaits = content.get("awaits", [])
    if not is_awaits(awaits):
        raise _malformed(str(place), "awaits")
    return Nameplate(place, flat, count, revision, frozenset(awaits))


def _is_path(path: object) -> bool:
    return isinstance(path, list) and bool(path) and all(isinstance(part, str) for part in path)


def _malformed(subject: str, part: str, detail: str = "not what syncd writes") -> FixError:
    return FixError(
        Reason.INVALID_DOCUMENT, subject, f"its {part} can't be read: {detail}", "let `syncd sync` write it again"
    )
