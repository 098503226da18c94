"""The private folder of a run: its own, and gone however the run ends."""

from __future__ import annotations

import fcntl
import os
import signal
from pathlib import Path

import pytest

from syncd.laptop import child, folder


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_before_the_command_runs_takes_it_away(tmp_path: Path, number: signal.Signals) -> None:
    before = [signal.getsignal(one) for one in signal.Signals]
    runtime = {"XDG_RUNTIME_DIR": str(tmp_path)}
    with pytest.raises(SystemExit) as ended, child.ended_in_order(), folder.private(runtime):
        os.kill(os.getpid(), number)
    assert ended.value.code == 128 + number
    assert list(tmp_path.iterdir()) == []
    assert [signal.getsignal(one) for one in signal.Signals] == before


def test_an_error_takes_it_away(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="x"), folder.private({"XDG_RUNTIME_DIR": str(tmp_path)}):
        raise ValueError("x")
    assert list(tmp_path.iterdir()) == []


def test_a_run_whose_folder_another_one_took_for_a_killed_ones_makes_itself_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fcntl.flock

    def late(file: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", real)
        with folder.private({"XDG_RUNTIME_DIR": str(tmp_path)}):
            real(file, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with folder.private({"XDG_RUNTIME_DIR": str(tmp_path)}) as made:
        assert made.is_dir()
        assert list(tmp_path.iterdir()) == [made]
    assert list(tmp_path.iterdir()) == []


def test_a_runtime_folder_that_is_relative_counts_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with folder.private({"XDG_RUNTIME_DIR": "."}) as made:
        assert made.is_absolute()
        assert list(tmp_path.iterdir()) == []
