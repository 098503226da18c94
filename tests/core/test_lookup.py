"""From an id to its layers, or to a reason: "not linked" is said only where a nameplate agrees."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from syncd.core import ids
from syncd.core.documents import NAMEPLATE, REMOVED, Document, Place, encode
from syncd.core.errors import FixError, Reason, WaitError
from syncd.core.layouts.layered import Layered
from syncd.core.layouts.lookup import Address, Found, Nameplate, count, lookup, nameplate, read
from syncd.core.layouts.plates import nameplate_document
from syncd.core.merge import LAYERS, Layer
from syncd.core.model import KINDS, Definition, Deployment, Item, Key, Scope, Workspace
from tests import strategies as some
from tests.core.memory import MARK, MemoryTarget, sync

LAYOUT = Layered("analytics")


class Shelf:
    """Envelopes by place, as a source gives them."""

    def __init__(self, envelopes: Mapping[Place, Mapping[str, Any]]) -> None:
        self.envelopes = envelopes

    def get(self, place: Place, after: Place | None = None) -> Mapping[str, Any] | None:
        return self.envelopes.get(place)

    def names(self, folder: str) -> Iterable[str]:
        if not folder:
            return [place.key for place in self.envelopes if not place.object]
        start = f"{folder}/"
        return [place.object.removeprefix(start) for place in self.envelopes if place.object.startswith(start)]


def address(deployment: str = "etl-dev", workspace: str = "analytics", prefix: str = "analytics") -> Address:
    return Address(workspace, deployment, prefix)


def shelf(target: MemoryTarget) -> Shelf:
    return Shelf({Place(name): json.loads(held.texts[""]) for name, held in target.objects.items()})


def mounted(target: MemoryTarget, deployment: str) -> Shelf:
    """The same as keys of a mounted Secret, one deployment's."""
    start = LAYOUT.nameplate(deployment).object.removesuffix(NAMEPLATE)
    return Shelf(
        {
            Place("", name.removeprefix(start).replace("/", ".", 1)): json.loads(held.texts[""])
            for name, held in target.objects.items()
            if name.startswith(start)
        }
    )


@given(some.workspaces())
def test_a_reader_finds_what_is_linked_and_is_told_what_is_not(workspace: Workspace) -> None:
    target = MemoryTarget(LAYOUT)
    one = sync(workspace, target)
    for deployment in one.resolution.linked:
        for item in some.ITEMS:
            if item.deployment == deployment:
                for source in (shelf(target), mounted(target, deployment)):
                    if item in one.resolution.blocked:
                        with pytest.raises(WaitError, match="could not be synced yet"):
                            lookup(source.get, address(deployment), item.kind, item.id)
                        continue
                    envelopes = lookup(source.get, address(deployment), item.kind, item.id)
                    assert (envelopes is not None) == (item in one.resolution.resolved)
                    if envelopes is not None:
                        found = read(envelopes, "x")
                        assert found.layers == one.resolution.resolved[item].layers
                        assert found.secret == one.resolution.resolved[item].secret


@pytest.mark.parametrize("change", ["still blocked", "and others change"])
def test_what_could_be_synced_once_is_found_though_it_is_blocked_now(change: str) -> None:
    key, other = Key("connection", "warehouse"), Key("connection", "other")
    here = Workspace("analytics", ("dev",), {"etl-dev": Deployment("etl-dev", "dev", ("files",))})
    fine = Definition(key, {"conn_type": "http"}, links={"etl-dev": {}})
    blocked = replace(fine, links={"etl-dev": {"conn_type": None}})
    target = MemoryTarget(LAYOUT)
    sync(replace(here, definitions={key: fine}), target)
    sync(replace(here, definitions={key: blocked}), target)
    if change == "and others change":
        sync(replace(here, definitions={key: blocked, other: replace(fine, key=other)}), target)
    assert lookup(shelf(target).get, address(), "connection", "warehouse") is not None


def test_what_never_could_be_synced_is_told_from_what_is_not_linked_until_it_can() -> None:
    key, other = Key("connection", "Warehouse"), Key("connection", "other")
    here = Workspace("analytics", ("dev",), {"etl-dev": Deployment("etl-dev", "dev", ("files",))})
    fine = Definition(key, {"conn_type": "http"}, links={"etl-dev": {}})
    blocked = replace(fine, links={"etl-dev": {"conn_type": None}})
    target = MemoryTarget(LAYOUT)
    sync(replace(here, definitions={key: blocked}), target)
    only_other = Scope("files", frozenset({Item("etl-dev", "connection", "other")}), frozenset({"etl-dev"}))
    sync(replace(here, definitions={key: blocked, other: replace(fine, key=other)}), target, scope=only_other)
    for source in (shelf(target), mounted(target, "etl-dev")):
        assert lookup(source.get, address(), "connection", "other") is not None
        assert lookup(source.get, address(), "connection", "nonesuch") is None
        with pytest.raises(WaitError, match="is linked to this deployment, and could not be synced yet"):
            lookup(source.get, address(), "connection", "Warehouse")
    sync(replace(here, definitions={key: fine}), target)
    assert lookup(shelf(target).get, address(), "connection", "Warehouse") is not None


def test_a_nameplate_that_somebody_spoiled_is_as_if_it_awaited_nothing() -> None:
    key = Key("connection", "warehouse")
    here = Workspace("analytics", ("dev",), {"etl-dev": Deployment("etl-dev", "dev", ("files",))})
    target = MemoryTarget(LAYOUT)
    sync(replace(here, definitions={key: Definition(key, {"conn_type": "http"}, links={"etl-dev": {}})}), target)
    plate = target.objects[LAYOUT.nameplate("etl-dev").object]
    spoiled: list[Any] = ["x", [1], {"a": []}, None]
    for awaits in spoiled:
        plate.texts[""] = json.dumps({**json.loads(plate.texts[""]), "awaits": awaits})
        one = sync(replace(here, definitions={}), target)
        assert LAYOUT.nameplate("etl-dev") in {change.place for change in one.plan.changes}
        plate = target.objects[LAYOUT.nameplate("etl-dev").object]


@given(some.workspaces())
def test_a_nameplate_counts_the_documents_beside_it_where_nothing_is_blocked(workspace: Workspace) -> None:
    target = MemoryTarget(LAYOUT)
    one = sync(workspace, target)
    for deployment, items in one.resolution.linked.items():
        blocked = len(items & one.resolution.blocked.keys())
        for source in (shelf(target), mounted(target, deployment)):
            plate = nameplate(source.get, address(deployment))
            assert count(source.names, address(deployment), plate) + blocked == plate.count


def plate(**change: Any) -> dict[str, Any]:
    envelope: dict[str, Any] = json.loads(encode(nameplate_document("analytics", "etl-dev", 3, 7), MARK))
    return envelope | change


def only(envelope: Mapping[str, Any], place: Place | None = None) -> Shelf:
    return Shelf({place or LAYOUT.nameplate("etl-dev"): envelope})


def refused(source: Shelf, where: Address | None = None) -> FixError:
    with pytest.raises(FixError) as caught:
        lookup(source.get, where or address(), "connection", "warehouse")
    assert some.SENTINEL not in str(caught.value)
    return caught.value


def test_a_nameplate_is_read_as_it_is_written() -> None:
    assert nameplate(only(plate()).get, address()) == Nameplate(
        LAYOUT.nameplate("etl-dev"), flat=False, count=3, revision=7
    )
    flat = Place("", NAMEPLATE)
    assert nameplate(only(plate(), flat).get, address()) == Nameplate(flat, flat=True, count=3, revision=7)


def test_a_miss_beside_a_nameplate_is_not_linked() -> None:
    assert lookup(only(plate()).get, address(), "connection", "warehouse") is None


def test_a_miss_without_one_is_an_error_that_says_what_to_check() -> None:
    error = refused(Shelf({}))
    assert error.reason is Reason.NO_NAMEPLATE
    assert "analytics/deployments/etl-dev/nameplate" in str(error)
    assert "backend_kwargs" in str(error)


def test_a_document_that_says_whose_it_is_needs_no_nameplate() -> None:
    marked: dict[str, Any] = json.loads(encode(Document({"layers": {}, "secrets": []}), MARK))
    place = LAYOUT.home(Item("etl-dev", "connection", "warehouse"))
    assert lookup(only(marked, place).get, address(), "connection", "warehouse") == (marked,)
    assert refused(only(marked, place), address(workspace="finance")).reason is Reason.NO_NAMEPLATE


def test_a_document_that_does_not_say_whose_it_is_is_not_read_without_a_nameplate() -> None:
    """It may be what is left of another deployment."""
    place = LAYOUT.home(Item("etl-dev", "connection", "warehouse"))
    assert refused(only({"format": 1, "layers": {}, "secrets": []}, place)).reason is Reason.NO_NAMEPLATE


def test_a_tombstone_is_as_if_nothing_lay_there() -> None:
    tombstone: dict[str, Any] = json.loads(encode(Document(REMOVED), MARK))
    place = LAYOUT.home(Item("etl-dev", "connection", "warehouse"))
    there = Shelf({place: tombstone, LAYOUT.nameplate("etl-dev"): plate()})
    assert lookup(there.get, address(), "connection", "warehouse") is None
    assert refused(only(tombstone)).reason is Reason.NO_NAMEPLATE


@pytest.mark.parametrize("name", ["workspace", "deployment"])
@pytest.mark.parametrize("value", ["tell-nobody", None, 1])
def test_another_ones_nameplate_is_an_error_that_names_what_differs(name: str, value: object) -> None:
    error = refused(only(plate(**{name: value})))
    assert error.reason is Reason.NO_NAMEPLATE
    assert f"`{name}`" in str(error)


@pytest.mark.parametrize("change", [{"count": "3"}, {"count": True}, {"revision": None}, {"revision": 1.0}])
def test_a_nameplate_that_is_not_as_we_write_it_is_an_error(change: dict[str, Any]) -> None:
    assert refused(only(plate(**change))).reason is Reason.INVALID_DOCUMENT


@pytest.mark.parametrize(
    ("format_", "reason"),
    [(2, Reason.NEWER_DOCUMENT), (None, Reason.INVALID_DOCUMENT), ("1", Reason.INVALID_DOCUMENT)],
)
def test_a_nameplate_of_another_format_is_an_error(format_: object, reason: Reason) -> None:
    assert refused(only(plate(format=format_))).reason is reason


def test_a_prefix_is_where_the_workspaces_documents_lie() -> None:
    where = address(prefix="team/shared")
    source = only(plate(), Layered("team/shared").nameplate("etl-dev"))
    assert lookup(source.get, where, "connection", "warehouse") is None
    found = {"format": 1, "mark": MARK._asdict(), "layers": {}, "secrets": []}
    shelf = Shelf({Place("team/shared/deployments/etl-dev/variables/.a"): found})
    assert lookup(shelf.get, where, "variable", "A") == (found,)


@pytest.mark.parametrize("id_", ["", "a b", "a\n", "x" * 251])
def test_an_id_that_no_definition_can_have_is_not_linked_and_never_looked_for(id_: str) -> None:
    """The empty one would lead to the folder itself."""
    asked = []

    def get(place: Place, after: Place | None = None) -> Mapping[str, Any] | None:
        asked.append(place)
        return plate() if place == LAYOUT.nameplate("etl-dev") else {"password": "tell-nobody"}

    assert lookup(get, address(), "connection", id_) is None
    assert asked == [LAYOUT.nameplate("etl-dev")]


@given(some.conn_ids)
def test_in_a_mounted_secret_a_document_is_a_key_of_its_kind_and_encoded_id(id_: str) -> None:
    flat = Nameplate(Place("", NAMEPLATE), flat=True, count=0, revision=0)
    found = {"format": 1, "layers": {}, "secrets": []}
    shelf = Shelf({flat.place: plate(), Place("", f"connections.{ids.encode(id_)}"): found})
    assert lookup(shelf.get, address(), "connection", id_) == (found,)
    names = [f"{row.plural}.{ids.encode(id_)}" for row in KINDS.values()]
    assert count(lambda folder: [*names, NAMEPLATE, "..data", "x"], address(), flat) == 2


def test_only_what_is_an_items_document_is_counted() -> None:
    there = {
        "analytics/deployments/etl-dev/connections": ["warehouse", "A", ".x~", "a..b"],
        "analytics/deployments/etl-dev/variables": ["region"],
    }
    shown = Nameplate(LAYOUT.nameplate("etl-dev"), flat=False, count=0, revision=0)
    assert count(lambda folder: there[folder], address(), shown) == 2


def envelope(**change: Any) -> dict[str, Any]:
    return {"format": 1, "layers": {"definition": {"conn_type": "http"}}, "secrets": []} | change


def test_layers_are_read_lowest_first_whatever_their_order_in_the_document() -> None:
    layers = {name: {"host": name} for name in reversed(LAYERS)}
    assert read([envelope(layers=layers, secrets=[["extra", "a.b"]])], "x") == Found(
        tuple(Layer(name, {"host": name}) for name in LAYERS), frozenset({("extra", "a.b")})
    )


@pytest.mark.parametrize(
    "change",
    [
        {"layers": None},
        {"layers": ["tell-nobody"]},
        {"layers": {"definition": "tell-nobody"}},
        {"layers": {"service": {}}},
        {"secrets": None},
        {"secrets": "tell-nobody"},
        {"secrets": ["password"]},
        {"secrets": [[]]},
        {"secrets": [["extra", 1]]},
        {"format": None},
    ],
)
def test_a_document_that_is_not_as_we_write_it_is_an_error_without_its_values(change: dict[str, Any]) -> None:
    with pytest.raises(FixError) as caught:
        read([envelope(password="tell-nobody", **change)], "connection warehouse")
    assert caught.value.reason is Reason.INVALID_DOCUMENT
    assert str(caught.value).startswith("connection warehouse: ")
    assert some.SENTINEL not in str(caught.value)


def test_the_repr_of_what_was_found_names_layers_alone() -> None:
    found = read([envelope(layers={"definition": {"password": "tell-nobody"}, "link": {}})], "x")
    assert repr(found) == str(found) == "Found(definition, link)"
