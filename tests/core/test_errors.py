"""Errors: a subject, its problem, the way out."""

from __future__ import annotations

import copy
import pickle

import pytest

from syncd.core.errors import FixError, Problems, Reason, SyncError, WaitError


def test_an_error_reads_subject_problem_and_way_out() -> None:
    error = FixError(Reason.NOT_FOUND, "etl-dev/warehouse", "isn't there", "link it")
    assert str(error) == "etl-dev/warehouse: isn't there; link it"
    assert str(WaitError(Reason.BUSY, "the lease", "is taken")) == "the lease: is taken"


def test_problems_are_told_one_line_each_and_look_like_the_first() -> None:
    problems = Problems([FixError(Reason.NOT_FOUND, "a", "no", "go"), WaitError(Reason.BUSY, "b", "wait")])
    assert str(problems) == "a: no; go\nb: wait"
    assert (problems.reason, problems.subject, problems.problem, problems.remedy) == (Reason.NOT_FOUND, "a", "no", "go")
    assert isinstance(problems, FixError)


@pytest.mark.parametrize(
    "error",
    [
        FixError(Reason.NOT_FOUND, "a", "b", "c"),
        WaitError(Reason.BUSY, "a", "b"),
        Problems([FixError(Reason.NOT_FOUND, "a", "b", "c"), WaitError(Reason.BUSY, "d", "e")]),
    ],
    ids=["fix", "wait", "problems"],
)
def test_an_error_can_be_copied(error: SyncError) -> None:
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301
        assert type(other) is type(error)
        assert (str(other), other.reason) == (str(error), error.reason)


def test_a_reason_is_written_as_its_value() -> None:
    assert all(reason == reason.value for reason in Reason)
    assert len({reason.value for reason in Reason}) == len(Reason)
