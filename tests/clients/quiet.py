"""What a call raises, and that it shows nothing of what it is about."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import pytest

from syncd.core.errors import SyncError

SENTINEL = "tell-nobody"


def raised(call: Callable[[], object]) -> SyncError:
    """Without the frames that it came through, which would keep a client and its connections."""
    try:
        call()
    except SyncError as error:
        return error.with_traceback(None)
    pytest.fail("it raises nothing")


def quiet(error: SyncError) -> SyncError:
    assert SENTINEL not in "".join(traceback.format_exception(error)) + repr(error)
    return error
