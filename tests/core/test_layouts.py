"""Where documents lie and what they hold, in each layout; nameplates; ids that a target can't hold."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core import ids
from syncd.core.documents import Document, Observed, Place, View, view
from syncd.core.errors import Reason, WaitError
from syncd.core.layouts import Layout
from syncd.core.layouts.airflow import AirflowFiles, AirflowPaths, file_value, found_document, found_fields
from syncd.core.layouts.layered import Layered, written_document
from syncd.core.merge import Layer
from syncd.core.model import KINDS, Definition, Deployment, Item, Key, Scope, Workspace
from syncd.core.resolve import Resolved, resolve
from tests import strategies as some
from tests.core.memory import LAYOUTS, NAMES, MemoryTarget, plan, seal, sync

each_layout = pytest.mark.parametrize("layout", LAYOUTS, ids=NAMES)
LAYERED = Layered("analytics")
FILES = AirflowFiles("team/analytics")
PATHS = AirflowPaths("analytics")
items = st.sampled_from(list(KINDS)).flatmap(lambda kind: st.builds(Item, some.names, st.just(kind), some.ids[kind]))


def workspace(*names: str, revision: int = 1, **deployments: str) -> Workspace:
    """Connections by id, all linked to all deployments."""
    return Workspace(
        "analytics",
        ("dev", "prod"),
        {
            name: Deployment(name, environment, ("files",))
            for name, environment in (deployments or {"a": "dev"}).items()
        },
        {
            Key("connection", id_): Definition(
                Key("connection", id_), {"conn_type": "http", "password": "x", "host": id_}, link_all=True
            )
            for id_ in names
        },
        revision,
    )


def _holdable(layout: Layout, item: Item) -> bool:
    least = Layer("definition", {KINDS[item.kind].required: "x"})
    resolved = {item: Resolved(item.kind, item.id, (least,), frozenset())}
    return not layout.unholdable(replace(resolve(workspace(), Scope()), resolved=resolved))


# Places


@each_layout
@given(items)
def test_an_item_is_found_again_by_its_place(layout: Layout, item: Item) -> None:
    home = layout.home(item)
    assert layout.item(home) == item or not _holdable(layout, item)
    assert layout.deployment(home) == item.deployment


@each_layout
@given(items, items)
def test_two_items_never_lie_in_one_place(layout: Layout, one: Item, other: Item) -> None:
    assert (layout.home(one) == layout.home(other)) == (one == other)


@each_layout
@given(items)
def test_a_plate_is_its_deployments_and_no_items(layout: Layout, item: Item) -> None:
    for plate in layout.plates(item.deployment):
        assert layout.deployment(plate) == item.deployment
        assert layout.item(plate) is None
        assert plate != layout.home(item)


@each_layout
@given(items)
def test_a_pass_over_an_item_may_touch_its_place_and_its_deployments_plates(layout: Layout, item: Item) -> None:
    assert layout.places(item) == {layout.home(item), *layout.plates(item.deployment)}


def test_where_documents_lie() -> None:
    assert LAYERED.home(Item("a", "connection", "Lake/1")) == Place("analytics/deployments/a/connections/.lake.2f1")
    assert LAYERED.home(Item("a", "variable", "x")) == Place("analytics/deployments/a/variables/x")
    assert LAYERED.nameplate("a") == Place("analytics/deployments/a/nameplate")
    assert FILES.home(Item("a", "connection", "Lake/1")) == Place(
        "team/analytics/deployments/a/connections.json", "Lake/1"
    )
    assert PATHS.home(Item("a", "connection", "Lake 1")) == Place("analytics/deployments/a/connections/Lake 1")
    assert PATHS.plates("a") == ()
    assert FILES.plates("a") == (
        Place("team/analytics/deployments/a/connections.json"),
        Place("team/analytics/deployments/a/variables.json"),
    )


@pytest.mark.parametrize(
    "name",
    [
        "",
        "analytics",
        "analytics/deployments/",
        "analytics/deployments/a",
        "analytics/deployments/a/nameplate",
        "analytics/deployments/a/pools/x",
        "analytics/deployments/a/connections",
        "analytics/deployments/a/connections/x/y",
        "analytics/deployments/a/connections/X",
        "analytics/deployments/a/variables/.00a.",
        "other/deployments/a/connections/x",
        "analytics/deployments//connections/x",
    ],
)
def test_no_item_lies_anywhere_else(name: str) -> None:
    assert LAYERED.item(Place(name)) is None
    assert AirflowFiles("analytics").item(Place(name, "x")) is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "analytics/deployments/a/connections",
        "analytics/deployments/a/connections/",
        "analytics/deployments/a/connections/..",
        "analytics/deployments/a/connections/x/y",
        "analytics/deployments/a/connections.json/x",
        "analytics/deployments/a/pools/x",
        "analytics/deployments//connections/x",
        "other/deployments/a/connections/x",
    ],
)
def test_no_item_lies_anywhere_else_among_airflows_paths(name: str) -> None:
    assert PATHS.item(Place(name)) is None


@pytest.mark.parametrize(
    "place",
    [
        Place("analytics/deployments/a/connections.json", "a b"),
        Place("analytics/deployments/a/.syncd.json", "x"),
        Place("analytics/deployments//connections.json", "x"),
        Place("other/deployments/a/connections.json", "x"),
        Place("analytics/deployments/a/b/connections.json", "x"),
    ],
)
def test_no_item_lies_anywhere_else_among_files(place: Place) -> None:
    assert AirflowFiles("analytics").item(place) is None


@pytest.mark.parametrize("name", ["", "x", "other/deployments/a/nameplate", "analytics/other/a"])
def test_a_place_of_another_prefix_is_of_no_deployment(name: str) -> None:
    assert LAYERED.deployment(Place(name)) == ""
    assert AirflowFiles("analytics").deployment(Place(name)) == ""


# Documents


def resolved(kind: str = "connection", id_: str = "x", **layers: dict[str, Any]) -> Resolved:
    secret = frozenset({("password",), ("extra", "token")})
    return Resolved(kind, id_, tuple(Layer(name, fields) for name, fields in layers.items()), secret)


def test_a_layered_document_holds_the_layers_and_which_fields_are_secret() -> None:
    one = plan(workspace("x"), MemoryTarget(LAYERED))
    document = one.goal[LAYERED.home(Item("a", "connection", "x"))]
    assert document is not None
    assert document.content == {
        "layers": {"definition": {"conn_type": "http", "password": "x", "host": "x"}},
        "secrets": [["password"]],
    }
    assert document.secret == {("layers", "definition", "password")}


@given(some.workspaces())
def test_a_layered_document_shows_the_same_secrets_to_whoever_finds_it(one: Workspace) -> None:
    target = MemoryTarget(LAYERED)
    done = sync(one, target)
    for item in done.resolution.resolved:
        place = LAYERED.home(item)
        made, found = done.goal[place], target.document(place)
        assert made is not None
        assert view(found, seal) == view(made, seal)


@each_layout
def test_items_that_share_their_layers_share_one_document(layout: Layout) -> None:
    one = plan(workspace("x", a="dev", b="dev", c="prod"), MemoryTarget(layout))
    documents = [one.goal[layout.home(Item(name, "connection", "x"))] for name in "abc"]
    assert documents[0] is documents[1]
    assert documents[0] is not documents[2]


@each_layout
def test_a_blocked_item_is_not_in_the_goal(layout: Layout) -> None:
    broken = Definition(Key("connection", "y"), {"host": "h"}, link_all=True)
    one = workspace("x")
    one = replace(one, definitions={**one.definitions, broken.key: broken})
    goal = plan(one, MemoryTarget(layout)).goal
    assert layout.home(Item("a", "connection", "x")) in goal
    assert layout.home(Item("a", "connection", "y")) not in goal


def test_airflows_files_are_there_even_where_they_are_empty() -> None:
    target = MemoryTarget(FILES)
    sync(workspace(), target)
    assert {name: held.texts for name, held in target.objects.items()} == {
        "team/analytics/deployments/a/connections.json": {"": "{}"},
        "team/analytics/deployments/a/variables.json": {"": "{}"},
    }


def test_a_variable_in_airflows_file_is_its_text() -> None:
    place = FILES.home(Item("a", "variable", "region"))
    document = Document({"value": "eu"}, frozenset({("value",)}))
    assert file_value(place, document) == "eu"
    assert found_document(place, "eu", [("value",)]).content == {"value": "eu"}


@pytest.mark.parametrize(
    ("id_", "value", "hidden"),
    [
        ("x", {"password": "tell-nobody", "host": "h"}, {("password",)}),
        ("x", {"extra": {"deep": {"token": "tell-nobody"}}}, {("extra", "deep", "token")}),
        ("x", {"extra": '{"token": "tell-nobody"}'}, {("extra",)}),
        ("x", {"uri": "http://etl:tell-nobody@h"}, {("uri",)}),
        ("x", "http://etl:tell-nobody@h", {("value",)}),
        ("x", ["tell-nobody"], {("value",)}),
    ],
)
def test_a_secret_that_somebody_wrote_into_airflows_file_is_not_shown(
    id_: str, value: Any, hidden: set[tuple[str, ...]]
) -> None:
    found = found_document(FILES.home(Item("a", "connection", id_)), value, [])
    assert found.secret == hidden
    assert some.SENTINEL not in str(view(found, seal))


@pytest.mark.parametrize("value", [{"host": "tell-nobody", "port": 1}, "tell-nobody"])
def test_a_file_that_nobody_can_say_the_secrets_of_is_secret_altogether(value: Any) -> None:
    found = view(found_document(FILES.home(Item("a", "connection", "x")), value, None), seal)
    assert all(shown.startswith("hmac:") for shown in found.values())


@pytest.mark.parametrize("secrets", [None, "host", [1], {}])
def test_a_path_of_airflows_that_nobody_can_say_the_secrets_of_is_secret_altogether(secrets: object) -> None:
    found = found_fields(Item("a", "connection", "x"), {"host": "tell-nobody", "port": 1}, secrets)
    assert all(shown.startswith("hmac:") for shown in view(found, seal).values())


@pytest.mark.parametrize(
    "content",
    [
        {"layers": {"link": {"password": "tell-nobody"}}, "secrets": []},
        {"layers": {"link": {"extra": {"a": [{"token": "tell-nobody"}]}}}, "secrets": []},
        {"layers": {"link": {"host": "tell-nobody"}}, "secrets": [["host"]]},
        {"layers": {"link": {"host": "tell-nobody"}}, "secrets": "host"},
        {"layers": {"link": {"host": "tell-nobody"}}, "secrets": ["host"]},
        {"layers": {"link": {"host": "h"}}, "secrets": ["tell-nobody", 1]},
        {"layers": {"link": "tell-nobody"}, "secrets": []},
        {"layers": ["tell-nobody"], "secrets": []},
        {"layers": "tell-nobody", "secrets": []},
        {"layers": {"link": {"conn_type": "h"}}, "secrets": [], "password": "tell-nobody"},
        {"conn_type": "http", "password": "tell-nobody"},
        {"uri": "http://etl:tell-nobody@h"},
        {"secrets": [["host"]], "host": "tell-nobody"},
    ],
)
@pytest.mark.parametrize("item", [Item("a", "connection", "x"), None], ids=["item", "nameplate"])
def test_a_secret_that_somebody_wrote_into_a_layered_document_is_not_shown(
    content: dict[str, Any], item: Item | None
) -> None:
    assert some.SENTINEL not in str(view(written_document(item, content), seal))


def test_a_document_that_was_edited_is_a_difference() -> None:
    target = MemoryTarget(LAYERED)
    sync(workspace("x"), target)
    name = LAYERED.home(Item("a", "connection", "x")).object
    target.objects[name].texts[""] = target.objects[name].texts[""].replace("password", "passwort")
    assert [change.place.object for change in plan(workspace("x"), target).plan.changes] == [name]


# Removals


@each_layout
def test_a_full_pass_removes_what_no_link_explains(layout: Layout) -> None:
    target = MemoryTarget(layout)
    sync(workspace("x", "y", a="dev", b="dev"), target)
    one = plan(workspace("x", a="dev"), target)
    removed = {place for place, document in one.goal.items() if document is None}
    assert removed == {
        layout.home(Item("a", "connection", "y")),
        layout.home(Item("b", "connection", "x")),
        layout.home(Item("b", "connection", "y")),
        *layout.plates("b"),
    }


@each_layout
def test_a_pass_over_a_scope_removes_only_what_departed_and_the_plates_of_deployments_that_are_gone(
    layout: Layout,
) -> None:
    target = MemoryTarget(layout)
    sync(workspace("x", "y", a="dev", b="dev"), target)
    scope = Scope("files", frozenset({Item("b", "connection", "x")}))
    removed = {place for place, document in plan(workspace(), target, scope).goal.items() if document is None}
    assert removed == {layout.home(Item("b", "connection", "x")), *layout.plates("b")}


@each_layout
def test_what_is_blocked_is_never_removed(layout: Layout) -> None:
    target = MemoryTarget(layout)
    sync(workspace("x"), target)
    broken = replace(
        workspace("x"), definitions={Key("connection", "x"): Definition(Key("connection", "x"), {}, link_all=True)}
    )
    one = sync(broken, target)
    assert one.plan.changes == ()
    assert layout.home(Item("a", "connection", "x")) in one.plan.hold


@each_layout
def test_what_is_no_place_of_ours_is_left_alone(layout: Layout) -> None:
    odd: dict[Place, View] = {Place("analytics/deployments/a/else"): {}, Place("analytics/x"): {}, Place("y"): {}}
    goal = layout.documents(resolve(workspace(), Scope()), Observed(odd), seal)
    assert not odd.keys() & goal.keys()


# Nameplates


def nameplate(target: MemoryTarget, deployment: str = "a") -> dict[str, Any]:
    content: dict[str, Any] = json.loads(target.objects[LAYERED.nameplate(deployment).object].texts[""])
    return {name: content[name] for name in ("workspace", "deployment", "count", "revision")}


def test_a_nameplate_says_where_a_reader_is_and_how_much_there_is() -> None:
    target = MemoryTarget(LAYERED)
    sync(workspace("x", "y", revision=3), target)
    assert nameplate(target) == {"workspace": "analytics", "deployment": "a", "count": 2, "revision": 3}


def test_a_deployment_that_gets_nothing_has_a_nameplate_too() -> None:
    """So that a miss there is "not linked", and not a wrong path."""
    target = MemoryTarget(LAYERED)
    sync(workspace(revision=3), target)
    assert nameplate(target) == {"workspace": "analytics", "deployment": "a", "count": 0, "revision": 3}


def test_a_nameplates_revision_moves_when_the_set_of_ids_does() -> None:
    target = MemoryTarget(LAYERED)
    sync(workspace("x", revision=1), target)
    sync(workspace("x", "y", revision=2), target)
    assert (nameplate(target)["count"], nameplate(target)["revision"]) == (2, 2)
    sync(workspace("y", revision=5), target)
    assert (nameplate(target)["count"], nameplate(target)["revision"]) == (1, 5)
    sync(workspace("z", revision=6), target)
    assert (nameplate(target)["count"], nameplate(target)["revision"]) == (1, 6)


def test_a_nameplates_revision_stays_when_only_contents_change() -> None:
    """Otherwise each rotation would cost a second write per deployment."""
    target = MemoryTarget(LAYERED)
    sync(workspace("x", revision=1), target)
    other = workspace("x", revision=2)
    definition = replace(other.definitions[Key("connection", "x")], fields={"conn_type": "https"})
    one = sync(replace(other, definitions={definition.key: definition}), target)
    assert [write.object for write in one.writes] == [LAYERED.home(Item("a", "connection", "x")).object]
    assert nameplate(target)["revision"] == 1


def test_a_nameplate_moves_for_its_own_deployment_alone() -> None:
    target = MemoryTarget(LAYERED)
    sync(workspace("x", a="dev", b="dev"), target)
    more = Definition(Key("connection", "y", "b"), {"conn_type": "http"})
    one = workspace("x", revision=2, a="dev", b="dev")
    sync(replace(one, definitions={**one.definitions, more.key: more}), target)
    assert (nameplate(target, "a")["revision"], nameplate(target, "b")["revision"]) == (1, 2)


def test_a_nameplate_counts_what_is_linked_outside_the_scope_too() -> None:
    target = MemoryTarget(LAYERED)
    sync(workspace("x", "y"), target)
    sync(workspace("x", "y", "z", revision=2), target, Scope("files", frozenset({Item("a", "connection", "z")})))
    assert nameplate(target)["count"] == 3


def test_a_document_that_cannot_be_read_is_no_change_of_the_set() -> None:
    target = MemoryTarget(LAYERED)
    sync(workspace("x"), target)
    target.unreadable.add(LAYERED.home(Item("a", "connection", "x")).object)
    one = sync(workspace("x", revision=2), target)
    assert (one.plan.changes, one.writes) == ((), ())
    assert {error.reason for error in one.plan.hold.values()} == {Reason.UNAVAILABLE}


def test_a_nameplate_that_says_nonsense_is_written_again() -> None:
    target = MemoryTarget(LAYERED)
    sync(workspace("x"), target)
    plate = target.objects[LAYERED.nameplate("a").object]
    plate.texts[""] = json.dumps(json.loads(plate.texts[""]) | {"revision": "soon"})
    sync(workspace("x", revision=4), target)
    assert nameplate(target)["revision"] == 4


# What a target can't hold


@given(some.conn_ids.map(lambda id_: id_ * 40))
def test_an_id_whose_name_is_too_long_is_told_before_any_write(id_: str) -> None:
    item = Item("a", "connection", id_)
    resolution = resolve(workspace(id_), Scope())
    assert (item in LAYERED.unholdable(resolution)) == (len(ids.encode(id_)) > 255)
    assert AirflowFiles("analytics").unholdable(resolution) == {}


def test_what_is_said_of_an_id_that_is_too_long() -> None:
    item = Item("a", "connection", "X" * 128)
    error = LAYERED.unholdable(resolve(workspace("X" * 128, "x"), Scope()))[item]
    assert error.reason is Reason.NOT_HOLDABLE
    assert "255 bytes" in str(error)


@pytest.mark.parametrize("id_", ["Lake/1", "/", ".", ".."])
def test_an_id_that_no_path_ends_in_is_told_before_any_write(id_: str) -> None:
    item = Item("a", "connection", id_)
    error = PATHS.unholdable(resolve(workspace(id_, "x..y"), Scope()))
    assert {one: told.reason for one, told in error.items()} == {item: Reason.NOT_HOLDABLE}


@each_layout
def test_a_step_is_the_goal(layout: Layout) -> None:
    one = plan(workspace("x"), MemoryTarget(layout))
    assert layout.step(one.goal, one.observed, seal, {}) == one.goal


def test_views_of_two_deployments_are_the_same_where_they_get_the_same() -> None:
    target = MemoryTarget(LAYERED)
    sync(workspace("x", a="dev", b="prod"), target)
    observed = target.observe(None, seal)
    views: list[View] = [observed.views[LAYERED.home(Item(name, "connection", "x"))] for name in "ab"]
    assert views[0] == views[1]


def test_an_unread_object_is_an_error_of_its_own() -> None:
    target = MemoryTarget(LAYERED)
    sync(workspace("x"), target)
    target.unreadable.update(target.objects)
    assert all(isinstance(error, WaitError) for error in target.observe(None, seal).unread.values())
