"""What a form gives: the texts of its files, and what it can't hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from syncd.core.errors import FixError, Reason, SyncError
from syncd.core.model import Item

Items = Iterable[tuple[Item, Mapping[str, Any]]]
"""Each with its effective fields, in the order in which they are to stand."""


@dataclass(frozen=True)
class Rendered:
    """Texts by the name of their file. An item is in them as it is, or it is in `left_out`: never changed."""

    files: Mapping[str, str] = field(repr=False)
    left_out: Mapping[Item, SyncError] = field(default_factory=dict)


def unfit(item: Item, problem: str, remedy: str) -> SyncError:
    """Why a form can't hold an item; without its value."""
    return FixError(Reason.NOT_HOLDABLE, str(item), problem, remedy)
