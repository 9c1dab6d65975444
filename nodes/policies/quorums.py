"""How many branches must succeed, until when, and how many may fail."""

import time
from dataclasses import dataclass
from typing import Literal

from treadle.nodes.outcomes import Outcome

OnError = Literal["keep", "raise"] | float
"""What failures mean: kept as outcomes, the first one fails the run, or a greater share than this does."""


@dataclass
class Quorum:
    """Counts the branches of one run."""

    name: str
    total: int
    need: float | int | None = None
    within: float | None = None
    """Seconds."""
    on_error: OnError = "keep"
    early: bool = False
    """Whether the run goes on as soon as there are enough."""
    deadline: float | None = None
    """When time is up, as epoch seconds."""
    open: bool = False
    """Whether more may come: a share of the total is not known then."""
    good: int = 0
    failed: int = 0
    cancelled: int = 0

    def note(self, outcome: Outcome, times: int = 1) -> None:
        """Count an outcome."""
        if outcome["status"] == "success":
            self.good += times
        elif outcome["status"] == "cancelled":
            self.cancelled += times
        else:
            self.failed += times

    @property
    def done(self) -> int:
        """How many branches have an outcome."""
        return self.good + self.failed + self.cancelled

    @property
    def least(self) -> int:
        """How many must succeed."""
        return required(self.need, self.total)

    @property
    def met(self) -> bool:
        """Whether as many as were asked for have succeeded."""
        known = not (self.open and isinstance(self.need, float))
        return bool(self.need) and known and self.good >= self.least

    @property
    def reached(self) -> bool:
        """Whether the run goes on without the rest."""
        return self.early and self.met and self.good + self.failed < self.total

    @property
    def broken(self) -> bool:
        """Whether too many failed."""
        if self.on_error == "keep" or (self.open and isinstance(self.on_error, float)):
            return False
        return self.failed > (0 if self.on_error == "raise" else self.on_error * self.total)

    @property
    def left(self) -> float | None:
        """Seconds until time is up."""
        return None if self.deadline is None else self.deadline - time.time()

    def told(self) -> str:
        """The failures in words."""
        return f"{self.failed} of {self.total} branches failed, and on_error={self.on_error!r}"


def required(need: float | int | None, total: int) -> int:
    """Return how many of `total` branches must succeed: a share is rounded up; without `need`, one if there are any.

    >>> required(0.9, 25), required(3, 25), required(None, 25), required(None, 0)
    (23, 3, 1, 0)
    """
    if need is None:
        return min(1, total)
    return -int(-need * total // 1) if isinstance(need, float) else need
