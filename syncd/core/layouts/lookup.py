"""The inverse of the layouts, for readers: from an id to the layers that lie for it, or to a reason.

"Not linked" is said only where the deployment's nameplate is there and agrees; everything else is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from syncd.core import ids
from syncd.core.documents import NAMEPLATE, SHARED, VERSION, VERSIONS, Place, decode, is_removed, read_mark
from syncd.core.errors import FixError, Reason, WaitError
from syncd.core.layouts.layered import Layered, folder
from syncd.core.layouts.plates import is_awaits
from syncd.core.layouts.spread import MOST, own_plate, secret_name, slot
from syncd.core.merge import LAYERS, Layer
from syncd.core.model import KINDS, NAME, Path
from syncd.core.withheld import Withheld

Envelope = Mapping[str, Any]


class Get(Protocol):
    """A source's `get`: the envelope at a place, None where there is none; anything else raises SyncError.

    What was read of it before the last reading of `after` won't do.
    """

    def __call__(self, place: Place, after: Place | None = None) -> Envelope | None: ...


_TRIES = 3
"""Readings of one link that changes each time."""

_AGAIN = "let `syncd sync` write it again"

Names = Callable[[str], Iterable[str]]
"""What lies in a folder; nothing where it isn't there."""


class Address(NamedTuple):
    """Whose documents a reader reads: `prefix` is where the workspace's lie, by default its name."""

    workspace: str
    deployment: str
    prefix: str


@dataclass(frozen=True)
class Nameplate:
    """What a deployment's nameplate says, and whether the documents lie flat beside it, as keys of mounted Secrets.

    `secrets` is over how many they are spread; 0 where they aren't.
    """

    place: Place
    flat: bool
    count: int
    revision: int
    awaits: frozenset[str] = frozenset()
    secrets: int = 0


class Found(NamedTuple):
    """The layers that lie for an item, lowest first, and the secret paths of what they merge to."""

    layers: tuple[Layer, ...]
    secret: frozenset[Path]
    withheld: tuple[Withheld, ...] = ()

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


def lookup(get: Get, address: Address, kind: str, id_: str) -> tuple[Envelope, ...] | None:
    """The envelopes that lie for an id, lowest first; None where it is truly not linked. Raises SyncError for anything
    else.

    The link's document is asked for first: its mark says whose it is, only a miss needs the nameplate, and only one
    that says so a shared part.
    """
    for _ in range(_TRIES):
        link = _link(get, address, kind, id_)
        if link is None or SHARED not in link:
            return None if link is None else (link,)
        place, part = _home(address, kind, id_), _part(link, address, kind, id_)
        try:
            shared, refused = _there(get, part, after=place), None
        except FixError as error:
            shared, refused = None, error
        if shared is not None and _is_for(shared, part, address) and not _is_later(shared, link, address):
            return (shared, link)
        # The link may have changed since it was read; if it hasn't, then both lay there at once.
        if _there(get, place, after=part) == link:
            if shared is not None:
                return (shared, link)
            raise refused or FixError(
                Reason.INVALID_DOCUMENT, f"{kind} {id_}", f"its shared part {part} isn't there", _AGAIN
            )
    raise WaitError(Reason.CONFLICT, f"{kind} {id_}", "changes faster than it can be read", "try again")


def _link(get: Get, address: Address, kind: str, id_: str) -> Envelope | None:
    """The document of the link; None where it is truly not linked."""
    valid = KINDS[kind].valid_id(id_)  # any other would lead anywhere: the empty one to the folder itself
    name = f"{KINDS[kind].plural}/{ids.encode(id_)}" if valid else ""
    place = _home(address, kind, id_)
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
    if found is None and plate.flat and plate.secrets and valid:
        _require_mounted(get, address, slot(name.replace("/", ".", 1), plate.secrets), plate.secrets)
    return found


def _require_mounted(get: Get, address: Address, number: int, secrets: int) -> None:
    """A miss is one only where the Secret that would hold it is there, and as the nameplate says."""
    own = _there(get, Place("", own_plate(number)))
    subject = f"secret {secret_name(address.prefix, address.deployment, number)}"
    if own is None:
        raise FixError(
            Reason.NO_NAMEPLATE,
            subject,
            f"isn't mounted, and what is asked for may be in it: documents are spread over {secrets} Secrets",
            f"list it in the pod's volume, as all from .0 to .{secrets - 1}; `syncd sync` makes one that isn't there",
        )
    if own.get("secrets") != secrets:
        raise WaitError(Reason.CONFLICT, subject, "is being moved", "try again once the kubelet has all of them")


def _home(address: Address, kind: str, id_: str) -> Place:
    return Place(f"{folder(address.prefix, address.deployment)}/{KINDS[kind].plural}/{ids.encode(id_)}")


def _part(link: Envelope, address: Address, kind: str, id_: str) -> Place:
    """Where the link says that its shared part lies: nowhere but where shared parts of this id do."""
    name, start, end = link[SHARED], f"{address.prefix}/environments/", f"/{KINDS[kind].plural}/{ids.encode(id_)}"
    if not isinstance(name, str) or not name.startswith(start) or not name.endswith(end):
        raise _malformed(f"{kind} {id_}", SHARED)
    if not NAME.fullmatch(name[len(start) : -len(end)]):
        raise _malformed(f"{kind} {id_}", SHARED)
    return Place(name)


def _is_later(shared: Envelope, link: Envelope, address: Address) -> bool:
    """Was the link at a later version when the shared part was written?"""
    versions = shared.get(VERSIONS, {})
    if not isinstance(versions, Mapping):
        return True
    later, version = versions.get(address.deployment, 0), link.get(VERSION)
    return type(later) is not int or type(version) is not int or version < later


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


def _there(get: Get, place: Place, after: Place | None = None) -> Envelope | None:
    found = get(place, after)
    return None if found is None or is_removed(found) else found


def count(names: Names, address: Address, plate: Nameplate) -> int:
    """How many documents lie beside a nameplate."""
    layout, at = Layered(address.prefix), folder(address.prefix, address.deployment)
    if plate.flat:
        found = [name.replace(".", "/", 1) for name in names("")]
    else:
        found = [f"{row.plural}/{name}" for row in KINDS.values() for name in names(f"{at}/{row.plural}")]
    return sum(layout.item(Place(f"{at}/{name}")) is not None for name in found)


def read(envelopes: Iterable[Envelope], subject: str) -> Found:
    """The layers in envelopes. Raises FixError, naming `subject`, where one is malformed; never with a value."""
    found = [_read(envelope, subject) for envelope in envelopes]
    layers = {layer.name: layer for one in found for layer in one.layers}
    return Found(
        tuple(layers[name] for name in LAYERS if name in layers),
        frozenset().union(*(one.secret for one in found)),
        tuple(withheld for one in found for withheld in one.withheld),
    )


def _read(envelope: Envelope, subject: str) -> Found:
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
        _withheld(content.get("withheld", []), subject),
    )


def _withheld(told: object, subject: str) -> tuple[Withheld, ...]:
    if not isinstance(told, list):
        raise _malformed(subject, "withheld")
    found = []
    for one in told:
        if not (isinstance(one, list) and len(one) == 3 and isinstance(one[0], list) and all(map(_is_text, one[1:]))):
            raise _malformed(subject, "withheld")
        found.append(Withheld(tuple(map(str, one[0])), one[1], one[2]))
    return tuple(found)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


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
    secrets = content.get("secrets", 0)
    if type(secrets) is not int or not 0 <= secrets <= MOST:
        raise _malformed(str(place), "secrets")
    return Nameplate(place, flat, count, revision, frozenset(awaits), secrets)


def _is_path(path: object) -> bool:
    return isinstance(path, list) and bool(path) and all(isinstance(part, str) for part in path)


def _malformed(subject: str, part: str, detail: str = "not what syncd writes") -> FixError:
    return FixError(Reason.INVALID_DOCUMENT, subject, f"its {part} can't be read: {detail}", _AGAIN)
