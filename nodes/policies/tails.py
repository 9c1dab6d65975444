"""Tails: how long calls took, told by quantiles, in bounded memory however many calls there are."""

import math
from collections import Counter

FINENESS = math.log(1.02)
"""Times that are told apart lie 2 per cent from each other."""

SHORTEST = 1e-6
"""Seconds; what is shorter counts as this long."""


class Tail:
    """Counts times, in seconds, by their logarithm. Whoever shares one between threads locks it."""

    def __init__(self) -> None:
        self.count = 0
        self._steps: Counter[int] = Counter()

    def note(self, seconds: float) -> None:
        """Add one."""
        self.count += 1
        self._steps[math.ceil(math.log(max(seconds, SHORTEST)) / FINENESS)] += 1

    def at(self, quantile: float) -> float | None:
        """Return the seconds within which that share of the calls ended, up to 2 per cent too many; None of none.

        >>> tail = Tail()
        >>> for n in range(1, 1001): tail.note(n / 100)
        >>> [round(tail.at(quantile), 1) for quantile in (0.5, 0.95, 0.99)]
        [5.1, 9.6, 9.9]
        """
        wanted = max(1, math.ceil(quantile * self.count))
        for step in sorted(self._steps):
            wanted -= self._steps[step]
            if wanted <= 0:
                return math.exp(step * FINENESS)
        return None
