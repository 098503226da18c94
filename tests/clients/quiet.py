"""What a call raises, and that it shows nothing of what it is about."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import pytest

from syncd.core.errors import SyncError

SENTINEL = "tell-nobody"


def raised(call: Callable[[], object]) -> SyncError:
    with pytest.raises(SyncError) as caught:
        call()
    return caught.value


def quiet(error: SyncError) -> SyncError:
    assert SENTINEL not in "".join(traceback.format_exception(error)) + repr(error)
    return error
