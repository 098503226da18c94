"""The private folder of a run."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from syncd.laptop import folder


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
