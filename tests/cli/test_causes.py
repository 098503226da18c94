"""What many places suffer from is told once, and what each has of its own is told of each."""

from __future__ import annotations

import pytest

from syncd.cli import show
from syncd.core.errors import FixError, Problems, Reason, SyncError, WaitError


def told(capsys: pytest.CaptureFixture[str], *errors: SyncError) -> list[str]:
    show.causes(errors, where="pods")
    return [" ".join(line.split()) for line in capsys.readouterr().err.splitlines()]


def denied(subject: str, verb: str = "create") -> FixError:
    return FixError(Reason.ACCESS_DENIED, subject, "Kubernetes refuses it", f"allow {verb}")


def test_a_cause_names_a_few_and_how_many_places_it_stops(capsys: pytest.CaptureFixture[str]) -> None:
    few = [denied("secret a"), denied("secret a"), denied("secret b")]
    many = [WaitError(Reason.UNAVAILABLE, f"secret {n}", "doesn't answer", "wait") for n in range(12)]

    assert told(capsys, *few) == ["✗ pods: secret a, secret b: Kubernetes refuses it (3 places)", "→ allow create"]
    assert told(capsys, *many) == [
        "✗ pods: secret 0, secret 1, secret 2 and 9 more: doesn't answer (12 places)",
        "→ wait",
    ]


def test_another_way_out_is_another_cause(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(told(capsys, denied("secret a"), denied("secret b", "update"))) == 4


def test_what_somebody_must_mend_one_by_one_is_told_of_each_however_many_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken = [FixError(Reason.INVALID_DEFINITION, f"etl/c{n}", "has no conn_type", "give it one") for n in range(12)]
    said = told(capsys, *broken)

    assert [line for line in said if line.startswith("✗")] == [f"✗ pods: etl/c{n}: has no conn_type" for n in range(12)]


def test_several_problems_of_one_item_are_each_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    both = Problems([denied("secret a"), FixError(Reason.INVALID_DEFINITION, "etl/c", "has no conn_type")])

    assert len(told(capsys, both, both)) == 3
