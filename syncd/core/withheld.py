"""A secret that isn't in a copy of a deployment, told to whoever asks for it: it is never left empty."""

from __future__ import annotations

from typing import NamedTuple

from syncd.core.errors import FixError, Reason
from syncd.core.model import Path, dotted


class Withheld(NamedTuple):
    """Which one, why, and the way out; the path is empty where it is all that there is."""

    path: Path
    why: str
    remedy: str

    @property
    def problem(self) -> str:
        """Which one, and why."""
        return f"{dotted(self.path)} {self.why}" if self.path else self.why

    def error(self, subject: object) -> FixError:
        """The same, for whoever asks for this item."""
        return FixError(Reason.WITHHELD, str(subject), self.problem, self.remedy)
