"""When a failed attempt is made again: how often, after how long, and which errors are worth it."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from treadle.errors import GraphBuildError
from treadle.nodes.policies.faults import Kind, fault

BUGS = (TypeError, AttributeError, NameError, ImportError, AssertionError, NotImplementedError, GraphBuildError)
"""Errors that another attempt or another item would not cure: they fail the run."""

HOPELESS: frozenset[Kind] = frozenset({"denied", "refused", "spent"})
"""What a service means by an answer that it would give again."""


@dataclass(frozen=True)
class Retry:
    """A policy of trying again.

    `attempts` in all; after the first failure a pause of `first` seconds, then `factor` times as long each time, at
    most `most`, and with `jitter` anything between half of that and all of it. `budget` is the share of the fan-out's
    items that may be tried again in all (ten are always allowed), so that a failing service is not stormed. `when` says
    of an error whether it is worth it (default: all but requests that a service would refuse again). A service's own
    ``Retry-After`` is waited for if it is longer.
    """

    attempts: int = 3
    first: float = 0.2
    factor: float = 2.0
    most: float = 20.0
    jitter: bool = True
    budget: float = 0.5
    when: Callable[[Exception], bool] | None = None

    def __post_init__(self) -> None:
        """Refuse a policy that could not work."""
        if self.attempts < 1 or self.first < 0 or self.factor < 1 or self.most < 0 or self.budget < 0:
            raise GraphBuildError(f"{self}: attempts are at least 1, factor at least 1, times and budget not negative")

    def worth(self, error: Exception) -> bool:
        """Whether another attempt may cure an error."""
        return self.when(error) if self.when is not None else fault(error).kind not in HOPELESS

    def pause(self, failed: int, error: Exception) -> float:
        """Seconds to wait after so many failed attempts."""
        pause = min(self.first * self.factor ** (failed - 1), self.most)
        pause *= random.uniform(0.5, 1) if self.jitter else 1
        return max(pause, fault(error).after or 0)

    def allowance(self, items: int) -> int:
        """How many attempts beyond the first a fan-out over so many items may make in all."""
        return max(10, int(self.budget * items)) * (self.attempts > 1)
