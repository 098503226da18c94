"""The plan: what differs, what is held back and why, and the writes that it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.documents import Document, Documents, Mark, Observed, Place, Stamp, View, view
from syncd.core.errors import FixError, Reason, SyncError, WaitError
from syncd.core.layouts.layered import Layered
from syncd.core.model import Item
from syncd.core.plan import Change, Plan, Write, compare, guard, writes
from tests.core.memory import FOREIGN, MARK, seal

LAYOUT = Layered("p")
DOWN = WaitError(Reason.UNAVAILABLE, "x", "doesn't answer")


def document(value: object = 1) -> Document:
    return Document({"a": value})


def shown(value: object = 1) -> View:
    return view(document(value), seal)


def stamps(*names: str, mark: Mark | None = MARK, version: str = "1") -> dict[str, Stamp]:
    return {name: Stamp(mark, version) for name in names}


def compared(desired: Documents, observed: Observed, hold: Mapping[Place, SyncError] | None = None) -> Plan:
    return compare(desired, observed, mark=MARK, seal=seal, hold=hold or {})


# Compare


def test_a_document_that_is_not_there_is_created() -> None:
    assert compared({Place("x"): document()}, Observed()) == Plan((Change(Place("x"), None, shown()),))


def test_a_document_that_differs_is_updated() -> None:
    observed = Observed({Place("x"): shown(2)}, stamps("x"))
    assert compared({Place("x"): document()}, observed) == Plan((Change(Place("x"), shown(2), shown()),))


def test_a_document_that_is_unwanted_is_deleted() -> None:
    observed = Observed({Place("x"): shown()}, stamps("x"))
    assert compared({Place("x"): None}, observed) == Plan((Change(Place("x"), shown(), None),))


def test_nothing_is_written_where_nothing_differs() -> None:
    observed = Observed({Place("x"): shown()}, stamps("x"))
    assert compared({Place("x"): document(), Place("gone"): None}, observed) == Plan(())


def test_the_revision_of_a_mark_is_no_difference() -> None:
    observed = Observed({Place("x"): shown()}, stamps("x", mark=MARK._replace(revision=0)))
    assert compared({Place("x"): document()}, observed) == Plan(())


def test_a_place_that_is_not_named_stays_as_observed() -> None:
    assert compared({}, Observed({Place("x"): shown()}, stamps("x"))) == Plan(())


@pytest.mark.parametrize(
    ("old", "new"), [(True, 1), (1, 1.0), (0, False), ("", None), ("1", 1), ([], {}), ([1], [True])]
)
def test_values_that_python_holds_for_equal_are_a_difference(old: object, new: object) -> None:
    """A null can't lie in a document; a list may hold one."""
    observed = Observed({Place("x"): shown([old])}, stamps("x"))
    assert len(compared({Place("x"): document([new])}, observed).changes) == 1


def test_an_empty_document_is_not_a_missing_one() -> None:
    empty = Document({})
    assert compared({Place("x"): empty}, Observed()).changes == (Change(Place("x"), None, {}),)
    assert compared({Place("x"): empty}, Observed({Place("x"): {}}, stamps("x"))) == Plan(())


@given(st.permutations([Place("b"), Place("a", "2"), Place("a", "1"), Place("a")]))
def test_changes_are_sorted_by_place_whatever_the_order_of_the_goal(places: list[Place]) -> None:
    found = compared(dict.fromkeys(places, document()), Observed())
    assert [change.place for change in found.changes] == [Place("a"), Place("a", "1"), Place("a", "2"), Place("b")]


def test_what_is_held_is_not_changed_and_keeps_its_reason() -> None:
    """Be it in the goal or not."""
    hold = {Place("x"): DOWN, Place("y"): DOWN}
    plan = compared({Place("x"): document(), Place("z"): document()}, Observed(), hold)
    assert [change.place for change in plan.changes] == [Place("z")]
    assert plan.hold == hold


def test_holding_changes_nothing_that_was_given() -> None:
    hold: dict[Place, SyncError] = {}
    compared({Place("x"): document()}, Observed({}, stamps("x", mark=FOREIGN)), hold)
    assert hold == {}


@pytest.mark.parametrize("desired", [document(), None], ids=["put", "drop"])
def test_a_place_of_an_object_that_could_not_be_read_is_held_with_its_error(desired: Document | None) -> None:
    """Unknown is not empty."""
    plan = compared({Place("x", "k"): desired, Place("y"): document()}, Observed(unread={"x": DOWN}))
    assert plan.hold == {Place("x", "k"): DOWN}
    assert [change.place for change in plan.changes] == [Place("y")]


@pytest.mark.parametrize("mark", [None, FOREIGN, MARK._replace(workspace="other"), MARK._replace(target="other")])
def test_an_object_that_is_not_ours_is_held(mark: Mark | None) -> None:
    plan = compared({Place("x"): document()}, Observed({Place("x"): shown(2)}, stamps("x", mark=mark)))
    assert plan.changes == ()
    assert plan.hold[Place("x")].reason is Reason.NOT_OWNED
    assert "`syncd target adopt files`" in str(plan.hold[Place("x")])


def test_it_is_held_even_where_it_holds_what_we_want() -> None:
    """Somebody else may change it at any time."""
    plan = compared({Place("x"): document()}, Observed({Place("x"): shown()}, stamps("x", mark=None)))
    assert plan.hold[Place("x")].reason is Reason.NOT_OWNED


@pytest.mark.parametrize(
    ("mark", "whom"),
    [
        (None, "somebody else"),
        (FOREIGN, "registry registry-2"),
        (MARK._replace(target="other"), "target other of this registry"),
        (MARK._replace(workspace="bi", target="other"), "target other of this registry, for workspace bi"),
    ],
)
def test_the_error_says_by_whom_as_far_as_it_is_known(mark: Mark | None, whom: str) -> None:
    plan = compared({Place("x"): document()}, Observed({}, stamps("x", mark=mark)))
    assert plan.hold[Place("x")].problem == f"lies there already and was written by {whom}"


def test_an_object_that_is_not_ours_is_never_deleted_nor_an_error() -> None:
    observed = Observed({Place("x"): shown()}, stamps("x", mark=FOREIGN))
    assert compared({Place("x"): None}, observed) == Plan(())


def test_a_held_document_in_a_bundle_stays_as_it_is_beside_one_that_changes() -> None:
    observed = Observed({Place("b", "1"): shown(1), Place("b", "2"): shown(1)}, stamps("b"))
    desired = {Place("b", "1"): document(2), Place("b", "2"): document(2)}
    plan = compared(desired, observed, {Place("b", "1"): DOWN})
    (write,) = writes(plan, desired, observed)
    assert write.places == (Place("b", "2"),)


def test_what_is_declared_secret_only_now_is_not_shown_once_more() -> None:
    """And is written, as its secrecy differs."""
    plain = Document({"a": "tell-nobody", "b": 1})
    secret = Document(plain.content, frozenset({("a",)}))
    observed = Observed({Place("x"): view(plain, seal)}, stamps("x"))
    assert compared({Place("x"): secret}, observed).changes == (
        Change(Place("x"), view(secret, seal), view(secret, seal)),
    )


# Writes


def test_changes_of_one_object_are_one_write_against_the_version_that_was_seen() -> None:
    observed = Observed({Place("b", "1"): shown(1), Place("b", "2"): shown(1)}, stamps("b", version="7"))
    desired = {Place("b", "1"): document(2), Place("b", "2"): None, Place("b", "3"): document(3)}
    (write,) = writes(compared(desired, observed), desired, observed)
    assert write.object == "b"
    assert write.expected == Stamp(MARK, "7")
    assert write.put == {"1": desired[Place("b", "1")], "3": desired[Place("b", "3")]}
    assert write.drop == {"2"}
    assert write.places == (Place("b", "1"), Place("b", "2"), Place("b", "3"))


def test_a_new_object_is_expected_not_to_be_there() -> None:
    desired = {Place("x"): document()}
    (write,) = writes(compared(desired, Observed()), desired, Observed())
    assert write.expected is None


def test_the_deepest_objects_come_first_and_a_nameplate_after_its_documents() -> None:
    places = [LAYOUT.nameplate("a"), LAYOUT.home(Item("a", "connection", "x")), LAYOUT.home(Item("b", "variable", "y"))]
    desired = dict.fromkeys(places, document())
    made = writes(compared(desired, Observed()), desired, Observed())
    assert [write.object for write in made] == [
        "p/deployments/a/connections/x",
        "p/deployments/b/variables/y",
        "p/deployments/a/nameplate",
    ]


def test_the_repr_of_a_write_shows_places_alone() -> None:
    write = Write("x", Stamp(MARK, "1"), {"b": document("tell-nobody"), "a": document()}, frozenset({"d", "c"}))
    assert repr(write) == str(write) == "Write('x', put=['a', 'b'], drop=['c', 'd'])"


# Guard


def items(deployment: str, *numbers: int) -> list[Item]:
    return [Item(deployment, "connection", str(number)) for number in numbers]


def deletes(*some: Item, more: tuple[Change, ...] = (), hold: Mapping[Place, SyncError] | None = None) -> Plan:
    gone = [Change(LAYOUT.home(item), shown(), None) for item in some]
    return Plan(tuple(sorted((*gone, *more), key=lambda change: change.place)), hold or {})


def guarded(plan: Plan, asked: frozenset[Item] = frozenset(), accept: str = "", **of: int) -> Plan:
    return guarded_of(plan, of, asked, accept)


def guarded_of(plan: Plan, of: Mapping[str, int], asked: frozenset[Item], accept: str = "") -> Plan:
    return guard(plan, of=of, item=LAYOUT.item, deployment=LAYOUT.deployment, asked=asked, accept=accept)


def held(plan: Plan) -> set[Item | None]:
    assert all(error.reason is Reason.DELETES_HELD for error in plan.hold.values())
    return {LAYOUT.item(place) for place in plan.hold}


def test_exactly_thirty_percent_goes_through() -> None:
    plan = deletes(*items("a", *range(30)))
    assert guarded(plan, a=50, b=50) == plan


def test_thirty_one_percent_is_held() -> None:
    gone = items("a", *range(31))
    plan = guarded(deletes(*gone), a=50, b=50)
    assert plan.changes == ()
    assert held(plan) == set(gone)


@given(st.integers(10, 3000), st.data())
def test_the_share_is_exact_whatever_the_number(total: int, data: st.DataObject) -> None:
    """A share is compared in whole items: 0.3 in floating point is a little less than that."""
    count = data.draw(st.integers(0, total // 3 + 1) | st.sampled_from([3 * total // 10, 3 * total // 10 + 1]))
    plan = deletes(*items("a", *range(count)))
    assert (guarded(plan, a=total) == plan) == (10 * count <= 3 * total)


def test_of_nine_items_any_but_all_may_go() -> None:
    plan = deletes(*items("a", *range(8)))
    assert guarded(plan, a=9) == plan
    assert guarded(plan, a=8, b=1) != plan


def test_of_ten_items_four_are_held() -> None:
    assert guarded(deletes(*items("a", 1, 2, 3)), a=10).hold == {}
    assert held(guarded(deletes(*items("a", 1, 2, 3, 4)), a=10)) == set(items("a", 1, 2, 3, 4))


def test_the_share_is_that_of_the_whole_target() -> None:
    """Three of one deployment's four are few of a hundred."""
    plan = deletes(*items("a", 1, 2, 3))
    assert guarded(plan, a=4, b=96) == plan


def test_all_of_a_deployment_is_held_and_another_deployments_few_are_not() -> None:
    plan = guarded(deletes(*items("a", 1, 2), *items("b", 1)), a=2, b=98)
    assert held(plan) == set(items("a", 1, 2))
    assert [LAYOUT.item(change.place) for change in plan.changes] == items("b", 1)


def test_the_last_item_of_a_deployment_is_all_of_it() -> None:
    assert held(guarded(deletes(*items("a", 1)), a=1, b=99)) == set(items("a", 1))


def test_a_deployment_of_which_nothing_is_known_counts_as_wholly_gone() -> None:
    assert held(guarded(deletes(*items("a", 1)))) == set(items("a", 1))


def test_what_a_person_asked_for_is_no_part_of_the_share() -> None:
    gone = items("a", *range(50))
    plan = deletes(*gone)
    assert guarded(plan, frozenset(gone), a=50, b=50) == plan
    assert guarded(plan, frozenset(gone[:20]), a=60, b=50) == plan


def test_what_nobody_asked_for_is_held_where_it_would_empty_a_deployment_with_what_was_asked_for() -> None:
    gone = items("a", *range(5))
    plan = guarded(deletes(*gone), frozenset(gone[:4]), a=5)
    assert held(plan) == {gone[4]}


def test_the_digest_tells_targets_and_contents_apart() -> None:
    gone = items("a", *range(5))
    one = guarded(deletes(*gone), a=5)
    assert one.digest
    assert one.digest != replace(one, target="other").digest
    changed = tuple(change._replace(before={("host",): '"other"'}) for change in one.deletes)
    assert one.digest != replace(one, deletes=changed).digest


def test_what_a_person_asked_for_goes_even_where_the_rest_is_held() -> None:
    gone = items("a", *range(50))
    plan = guarded(deletes(*gone), frozenset(gone[:10]), a=50, b=50)
    assert {LAYOUT.item(change.place) for change in plan.changes} == set(gone[:10])
    assert held(plan) == set(gone[10:])


def test_a_held_delete_holds_its_deployments_nameplate_too() -> None:
    """A nameplate goes only with its documents: without it a reader could say nothing of those that stay."""
    plates = tuple(Change(LAYOUT.nameplate(name), {}, None) for name in "ab")
    plan = guarded(deletes(*items("a", 1), *items("b", 1), more=plates), frozenset(items("b", 1)), a=1, b=1)
    assert plan.hold.keys() == {LAYOUT.home(items("a", 1)[0]), LAYOUT.nameplate("a")}
    assert {change.place for change in plan.changes} == {LAYOUT.home(items("b", 1)[0]), LAYOUT.nameplate("b")}


def test_a_nameplate_alone_is_no_item() -> None:
    plan = deletes(more=(Change(LAYOUT.nameplate("a"), {}, None),))
    assert guarded(plan, a=0, b=100) == plan


def test_only_deletes_are_held() -> None:
    change = Change(LAYOUT.home(Item("a", "connection", "new")), None, shown())
    other = Change(LAYOUT.home(Item("a", "connection", "old")), shown(1), shown(2))
    plan = guarded(deletes(*items("a", *range(9)), more=(change, other)), a=10)
    assert plan.changes == (change, other)


def test_other_holds_stay() -> None:
    plan = deletes(*items("a", 1), hold={Place("x"): DOWN})
    assert guarded(plan, a=1).hold[Place("x")] is DOWN
    assert guarded(plan, a=2).hold == {Place("x"): DOWN}


def test_a_confirmed_digest_lets_the_deletes_go() -> None:
    plan = deletes(*items("a", 1, 2))
    digest = guarded(plan, a=2).digest
    assert len(digest) == 12
    assert guarded(plan, accept=digest, a=2) == plan


@pytest.mark.parametrize("accept", ["", "000000000000", "x"])
def test_no_other_digest_does(accept: str) -> None:
    assert guarded(deletes(*items("a", 1, 2)), accept=accept, a=2).changes == ()


def test_a_digest_is_of_these_deletes_and_no_others() -> None:
    """What was looked at is what goes, and nothing that came since."""
    digest = guarded(deletes(*items("a", 1, 2)), a=2).digest
    more = deletes(*items("a", 1, 2, 3))
    assert guarded(more, a=3).digest != digest
    assert guarded(more, accept=digest, a=3).changes == ()


def test_a_digest_is_of_deletes_alone() -> None:
    change = Change(LAYOUT.home(Item("a", "connection", "new")), None, shown())
    one = guarded(deletes(*items("a", 1)), a=1)
    other = guarded(deletes(*items("a", 1), more=(change,), hold={Place("x"): DOWN}), a=1)
    assert one.digest == other.digest


def test_a_plan_that_holds_no_delete_has_no_digest() -> None:
    assert deletes(*items("a", 1), hold={Place("x"): DOWN}).digest == ""


def test_a_held_delete_says_what_to_do() -> None:
    (error,) = guarded(deletes(*items("a", 1)), a=1).hold.values()
    assert isinstance(error, FixError)
    assert "--accept-deletes" in str(error)


@given(st.frozensets(st.tuples(st.sampled_from("abc"), st.integers(0, 6))), st.frozensets(st.integers(0, 6)), st.data())
def test_the_guard_loses_no_change(gone: frozenset[Any], asked: frozenset[int], data: st.DataObject) -> None:
    """Each is still to be written or held, with `of` as it may be."""
    of = {name: data.draw(st.integers(0, 12)) for name in "abc"}
    chosen = [Item(name, "connection", str(number)) for name, number in gone]
    plan = deletes(*chosen)
    result = guarded_of(plan, of, frozenset(item for item in chosen if int(item.id) in asked))
    assert {change.place for change in result.changes} | result.hold.keys() == {change.place for change in plan.changes}
    assert not {change.place for change in result.changes} & result.hold.keys()
    assert guarded_of(plan, of, frozenset(chosen)) == plan
