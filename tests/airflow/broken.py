"""A table of what can be broken, filled by decorators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Break = Callable[[T], "dict[str, Any] | None"]
"""Breaks something; gives further `backend_kwargs`, if any."""


class Broken(dict[str, tuple[Break[T], str]], Generic[T]):
    """By what is broken: how, and a part of the error."""

    def add(self, name: str, error: str) -> Callable[[Break[T]], Break[T]]:
        def added(break_: Break[T]) -> Break[T]:
            self[name] = (break_, error)
            return break_

        return added
