"""What a bench found: ratios against what was promised, and the table that shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Promise:
    """A bound that the median has to keep."""

    bound: float
    at_least: bool = False
    decimals: int | None = None
    """The median is rounded to so many, where the bound is what it comes to if all goes well."""

    def holds(self, value: float) -> bool:
        value = value if self.decimals is None else round(value, self.decimals)
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        bound = f"{self.bound:,g}" if self.decimals is None else f"{self.bound:.{self.decimals}f}"
        return f"{'at least' if self.at_least else 'at most'} {bound}"


@dataclass(frozen=True)
class Row:
    """One comparison: a ratio for each pair of runs. Without a promise it is only told.

    `unit` is for what is promised as a bare figure and compared with nothing.
    """

    what: str
    against: str
    ratios: Sequence[float]
    promise: Promise | None = None
    unit: str = ""

    @property
    def held(self) -> bool:
        return self.promise is None or self.promise.holds(median(self.ratios))

    def cells(self) -> tuple[str, ...]:
        middle, low, high = (_shown(value) for value in (median(self.ratios), min(self.ratios), max(self.ratios)))
        unit = f" {self.unit}" if self.unit else ""
        spread = f" ({low} to {high})" if len(self.ratios) > 1 else ""
        promise = f"{self.promise}{unit}" if self.promise else ""
        held = "" if self.promise is None else "held" if self.held else "NOT HELD"
        return (self.what, self.against, f"{middle}{unit}{spread}", promise, held)


_HEAD = ("what", "against", "ratio (min to max)", "promise", "")


def table(rows: Iterable[Row]) -> str:
    """The rows with their columns aligned."""
    lines = [_HEAD, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _shown(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"
