"""A private folder is gone however its run ends."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from syncd.laptop import folder


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_before_the_command_runs_takes_it_away(tmp_path: Path, number: signal.Signals) -> None:
    before = [signal.getsignal(one) for one in signal.Signals]
    with pytest.raises(SystemExit) as ended, folder.private({"XDG_RUNTIME_DIR": str(tmp_path)}):
        os.kill(os.getpid(), number)
    assert ended.value.code == 128 + number
    assert list(tmp_path.iterdir()) == []
    assert [signal.getsignal(one) for one in signal.Signals] == before


def test_an_error_takes_it_away(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="x"), folder.private({"XDG_RUNTIME_DIR": str(tmp_path)}):
        raise ValueError("x")
    assert list(tmp_path.iterdir()) == []
