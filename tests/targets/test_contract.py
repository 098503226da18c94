"""What every target keeps: the docstrings of `syncd.core.ports.Target`, one promise each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import pytest
from hypothesis import HealthCheck, given, settings

from syncd.core.documents import Document, Mark, Place, Stamp, View
from syncd.core.errors import Reason, SyncError
from syncd.core.model import Item, Workspace
from syncd.core.plan import Write, compare, writes
from syncd.core.ports import Target
from tests import strategies as some
from tests.targets.passes import (
    BOTH_KINDS,
    MARK,
    REGION,
    SECRET,
    WAREHOUSE,
    connection,
    goal,
    seal,
    variable,
    wanted,
    workspace,
)
from tests.targets.trials import Trial

ONE = workspace(WAREHOUSE, deployments=["etl-prod"])
OTHER = workspace(connection("warehouse", host="other.internal"), deployments=["etl-prod"])
SEA = connection("Sea")
TWO = workspace(WAREHOUSE, SEA, deployments=["etl-prod"])

Answers = Mapping[str, "Stamp | SyncError | None"]


def put(target: Target, workspace: Workspace, *, mark: Mark = MARK) -> Answers:
    """Write all of a workspace, against what is there."""
    return change(target, goal(workspace, target.layout), mark=mark)


def change(target: Target, desired: Mapping[Place, Document | None], *, mark: Mark = MARK) -> Answers:
    seen = target.observe(None, seal)
    plan = compare(desired, seen, mark=mark, seal=seal, hold={})
    return target.write(writes(plan, desired, seen), mark, seal)


def home(target: Target, id_: str, kind: str = "connection") -> Place:
    return target.layout.home(Item("etl-prod", kind, id_))


def alone(target: Target, workspace: Workspace, expected: Stamp | None) -> Write:
    """A write of the object that holds the warehouse, and of nothing else."""
    name = home(target, "warehouse").object
    documents = {place.key: document for place, document in goal(workspace, target.layout).items() if place[0] == name}
    return Write(name, expected, documents, frozenset())


def stamps(answers: Answers) -> Mapping[str, Stamp]:
    assert all(isinstance(answer, Stamp) for answer in answers.values()), answers
    return {name: answer for name, answer in answers.items() if isinstance(answer, Stamp)}


def refused(answers: Answers, name: str) -> Reason:
    answer = answers[name]
    assert isinstance(answer, SyncError)
    return answer.reason


def test_nothing_is_observed_in_an_empty_target(trial: Trial) -> None:
    seen = trial.target.observe(None, seal)
    assert (seen.views, seen.stamps, seen.unread) == ({}, {}, {})


def test_observing_changes_nothing(trial: Trial) -> None:
    empty = trial.held()
    trial.target.observe(None, seal)
    assert trial.held() == empty
    put(trial.target, BOTH_KINDS)
    before = trial.held()
    trial.target.observe(None, seal)
    trial.target.observe([home(trial.target, "warehouse").object, home(trial.target, "not-there").object], seal)
    assert trial.held() == before


def test_an_object_that_is_not_there_is_left_out(trial: Trial) -> None:
    absent = home(trial.target, "not-there", "variable").object
    assert trial.target.observe([absent], seal).stamps == {}
    put(trial.target, ONE)
    seen = trial.target.observe([home(trial.target, "warehouse").object], seal)
    assert seen.stamps.keys() == {home(trial.target, "warehouse").object}
    assert seen.unread == {}


def test_what_was_written_is_observed_with_the_same_view(trial: Trial) -> None:
    put(trial.target, BOTH_KINDS)
    assert trial.target.observe(None, seal).views == wanted(BOTH_KINDS, trial.target.layout)


def test_what_was_written_is_observed_with_the_mark_and_the_version_of_the_answer(trial: Trial) -> None:
    answers = stamps(put(trial.target, BOTH_KINDS))
    assert trial.target.observe(None, seal).stamps == answers
    assert {stamp.mark for stamp in answers.values()} == {MARK}


def test_every_object_has_an_answer(trial: Trial) -> None:
    objects = {place.object for place in goal(BOTH_KINDS, trial.target.layout)}
    assert put(trial.target, BOTH_KINDS).keys() == objects


def test_objects_that_are_named_are_observed_as_in_the_whole(trial: Trial) -> None:
    put(trial.target, BOTH_KINDS)
    whole = trial.target.observe(None, seal)
    assert trial.target.observe(whole.stamps.keys(), seal) == whole


def test_an_object_that_is_written_again_has_another_version_and_the_mark_of_that_write(trial: Trial) -> None:
    first = stamps(put(trial.target, ONE))
    second = stamps(put(trial.target, OTHER, mark=MARK._replace(revision=2)))
    name = home(trial.target, "warehouse").object
    assert second[name].version != first[name].version
    assert second[name].mark == MARK._replace(revision=2)
    assert trial.target.observe([name], seal).stamps == {name: second[name]}


def test_a_write_against_another_version_is_a_conflict_and_changes_nothing(trial: Trial) -> None:
    first = stamps(put(trial.target, ONE))[home(trial.target, "warehouse").object]
    put(trial.target, OTHER)
    before = trial.held()
    write = alone(trial.target, ONE, first)
    assert refused(trial.target.write([write], MARK, seal), write.object) is Reason.CONFLICT
    assert trial.held() == before


def test_a_drop_against_another_version_is_a_conflict_and_changes_nothing(trial: Trial) -> None:
    first = stamps(put(trial.target, ONE))[home(trial.target, "warehouse").object]
    put(trial.target, OTHER)
    before = trial.held()
    write = Write(*home(trial.target, "warehouse")[:1], first, {}, frozenset({home(trial.target, "warehouse").key}))
    assert refused(trial.target.write([write], MARK, seal), write.object) is Reason.CONFLICT
    assert trial.held() == before


def test_a_write_where_nothing_is_expected_and_something_lies_is_a_conflict(trial: Trial) -> None:
    trial.put_foreign(home(trial.target, "warehouse").object)
    before = trial.held()
    write = alone(trial.target, ONE, None)
    assert refused(trial.target.write([write], MARK, seal), write.object) is Reason.CONFLICT
    assert trial.held() == before


def test_a_write_where_something_is_expected_and_nothing_lies_is_a_conflict(trial: Trial) -> None:
    write = alone(trial.target, ONE, Stamp(MARK, "as-it-once-was"))
    before = trial.held()
    assert refused(trial.target.write([write], MARK, seal), write.object) is Reason.CONFLICT
    assert trial.held() == before


def test_one_write_that_is_refused_stops_no_other(trial: Trial) -> None:
    both = workspace(WAREHOUSE, REGION, deployments=["etl-prod"])
    empty = trial.target.observe(None, seal)
    plan = compare(goal(both, trial.target.layout), empty, mark=MARK, seal=seal, hold={})
    name = home(trial.target, "warehouse").object
    trial.put_foreign(name)
    answers = dict(trial.target.write(writes(plan, goal(both, trial.target.layout), empty), MARK, seal))
    assert refused(answers, name) is Reason.CONFLICT
    del answers[name]
    assert trial.target.observe(answers, seal).stamps == stamps(answers)


def test_putting_and_dropping_leaves_all_else_as_it_is(trial: Trial) -> None:
    put(trial.target, TWO)
    after = workspace(SEA, connection("new"), deployments=["etl-prod"])
    desired = {**goal(after, trial.target.layout), home(trial.target, "warehouse"): None}
    untouched = home(trial.target, "Sea")
    stamps({name: answer for name, answer in change(trial.target, _without(desired, untouched)).items() if answer})
    seen = trial.target.observe(None, seal).views
    assert home(trial.target, "warehouse") not in seen
    assert seen[untouched] == wanted(TWO, trial.target.layout)[untouched]
    assert seen[home(trial.target, "new")] == wanted(after, trial.target.layout)[home(trial.target, "new")]


def test_an_object_is_gone_with_its_last_document_or_says_that_it_is_empty_and_ours(trial: Trial) -> None:
    put(trial.target, BOTH_KINDS)
    answers = change(trial.target, dict.fromkeys(goal(BOTH_KINDS, trial.target.layout)))
    seen = trial.target.observe(None, seal)
    assert seen.views == {}
    assert seen.stamps == {name: stamp for name, stamp in answers.items() if stamp is not None}
    assert {stamp.mark for stamp in seen.stamps.values()} <= {MARK}


def test_what_was_dropped_can_be_put_again(trial: Trial) -> None:
    put(trial.target, BOTH_KINDS)
    change(trial.target, dict.fromkeys(goal(BOTH_KINDS, trial.target.layout)))
    answers = stamps(put(trial.target, BOTH_KINDS))
    seen = trial.target.observe(None, seal)
    assert (seen.views, seen.stamps) == (wanted(BOTH_KINDS, trial.target.layout), answers)


def test_dropping_what_is_gone_already_is_no_error(trial: Trial) -> None:
    put(trial.target, BOTH_KINDS)
    place = home(trial.target, "region", "variable")
    write = Write(place.object, trial.target.observe(None, seal).stamps[place.object], {}, frozenset({place.key}))
    change(trial.target, dict.fromkeys(goal(BOTH_KINDS, trial.target.layout)))
    before, now = trial.held(), trial.target.observe(None, seal).stamps
    assert trial.target.write([write], MARK, seal) == {place.object: now.get(place.object)}
    assert trial.held() == before


def test_writing_the_same_again_changes_nothing(trial: Trial) -> None:
    put(trial.target, BOTH_KINDS)
    seen, before = trial.target.observe(None, seal), trial.held()
    documents = goal(BOTH_KINDS, trial.target.layout)
    again = [
        Write(name, stamp, {place.key: one for place, one in documents.items() if place.object == name}, frozenset())
        for name, stamp in seen.stamps.items()
    ]
    assert trial.target.write(again, MARK, seal) == seen.stamps
    assert trial.held() == before


def test_an_empty_write_changes_nothing_and_answers_with_what_is_there(trial: Trial) -> None:
    put(trial.target, BOTH_KINDS)
    seen, before = trial.target.observe(None, seal), trial.held()
    empty = [Write(name, stamp, {}, frozenset()) for name, stamp in seen.stamps.items()]
    assert trial.target.write(empty, MARK._replace(revision=9), seal) == seen.stamps
    assert trial.held() == before


def test_an_empty_write_where_nothing_is_makes_nothing(trial: Trial) -> None:
    name, before = home(trial.target, "warehouse").object, trial.held()
    assert trial.target.write([Write(name, None, {}, frozenset())], MARK, seal) == {name: None}
    assert trial.held() == before


def test_an_object_that_no_syncd_wrote_has_a_stamp_without_a_mark(trial: Trial) -> None:
    name = home(trial.target, "warehouse").object
    trial.put_foreign(name)
    seen = trial.target.observe(None, seal)
    assert seen.stamps[name].mark is None
    assert seen.unread == {}


def test_the_mark_of_another_registry_is_told(trial: Trial) -> None:
    theirs = MARK._replace(instance="registry-2")
    put(trial.target, ONE, mark=theirs)
    assert {stamp.mark for stamp in trial.target.observe(None, seal).stamps.values()} == {theirs}


def test_an_object_that_can_not_be_read_is_unread_and_the_others_are_seen(trial: Trial) -> None:
    put(trial.target, workspace(WAREHOUSE, REGION, deployments=["etl-prod"]))
    name = home(trial.target, "warehouse").object
    trial.spoil(name)
    for seen in (trial.target.observe(None, seal), trial.target.observe(_objects(trial.target), seal)):
        assert seen.unread.keys() == {name}
        assert name not in seen.stamps
        assert all(place.object != name for place in seen.views)
        assert home(trial.target, "region", "variable") in seen.views


def test_a_target_out_of_reach_is_an_error_and_never_empty(trial: Trial) -> None:
    put(trial.target, ONE)
    trial.cut_off()
    with pytest.raises(SyncError):
        trial.target.observe(None, seal)
    with pytest.raises(SyncError):
        trial.target.observe([home(trial.target, "warehouse").object], seal)


def test_writing_to_a_target_out_of_reach_answers_with_errors(trial: Trial) -> None:
    put(trial.target, ONE)
    write = alone(trial.target, OTHER, trial.target.observe(None, seal).stamps[home(trial.target, "warehouse").object])
    trial.cut_off()
    assert isinstance(trial.target.write([write], MARK, seal)[write.object], SyncError)


def test_another_workspace_in_the_same_target_is_not_seen(trial: Trial) -> None:
    put(trial.target, ONE)
    trial.put_foreign(home(trial.target, "warehouse").object.replace("analytics", "science", 1))
    assert trial.target.observe(None, seal).views == wanted(ONE, trial.target.layout)


def test_no_observation_holds_a_secret(trial: Trial) -> None:
    put(trial.target, BOTH_KINDS)
    assert SECRET not in repr(trial.target.observe(None, seal))


def test_no_error_holds_a_secret(trial: Trial) -> None:
    write = alone(trial.target, ONE, Stamp(MARK, "another"))
    error = trial.target.write([write], MARK, seal)[write.object]
    assert SECRET not in repr(error) + repr(write)


ALIKE = ["", " ", "null", "0", "false", "[]", "{}", '""', "é", "e\u0301", "日本", "a\nb", "a\x00b", "\u2028", "🔑"]


def test_values_that_look_alike_stay_apart(trial: Trial) -> None:
    put(trial.target, workspace(*(variable(f"v{number}", value) for number, value in enumerate(ALIKE))))
    seen = trial.target.observe(None, seal).views
    texts = [tuple(seen[home(trial.target, f"v{number}", "variable")].values()) for number in range(len(ALIKE))]
    assert len(set(texts)) == len(ALIKE)


def test_null_false_zero_and_nothing_stay_apart_inside_a_list_or_are_refused(trial: Trial) -> None:
    different = [[None], [False], [0], [0.0], [""], ["null"], [], [[]], [{}]]
    answers = put(trial.target, workspace(*(connection(f"c{n}", extra={"x": one}) for n, one in enumerate(different))))
    seen = trial.target.observe(None, seal).views
    homes = [home(trial.target, f"c{n}") for n in range(len(different))]
    held = [place for place in homes if not _not_holdable(answers[place.object])]
    texts = {next(text for path, text in seen[place].items() if path[-1] == "x") for place in held}
    assert len(texts) == len(held) >= len(different) - 1


def test_an_empty_text_is_no_missing_one(trial: Trial) -> None:
    put(trial.target, workspace(connection("with", login=""), connection("without")))
    seen = trial.target.observe(None, seal).views
    assert "login" in {path[-1] for path in seen[home(trial.target, "with")]}
    assert "login" not in {path[-1] for path in seen[home(trial.target, "without")]}


@pytest.mark.slow
@given(one=some.workspaces(), other=some.workspaces(revision=2))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_workspace_and_any_after_it_is_observed_as_it_was_written(
    fresh: Callable[[], Trial], one: Workspace, other: Workspace
) -> None:
    target = fresh().target
    for each in (one, other):
        there = dict.fromkeys(target.observe(None, seal).views)
        desired = {**there, **goal(each, target.layout)}
        answers = change(target, desired, mark=MARK._replace(revision=each.revision))
        refused = {name for name, answer in answers.items() if _not_holdable(answer)}
        seen = target.observe(None, seal).views
        assert _besides(seen, refused) == _besides(wanted(each, target.layout), refused)


def _not_holdable(answer: Stamp | SyncError | None) -> bool:
    return isinstance(answer, SyncError) and answer.reason is Reason.NOT_HOLDABLE


def _besides(views: Mapping[Place, View], objects: Collection[str]) -> Mapping[Place, View]:
    return {place: view for place, view in views.items() if place.object not in objects}


def _without(desired: Mapping[Place, Document | None], place: Place) -> Mapping[Place, Document | None]:
    return {one: document for one, document in desired.items() if one != place}


def _objects(target: Target) -> set[str]:
    return {place.object for place in goal(workspace(WAREHOUSE, REGION, deployments=["etl-prod"]), target.layout)}
