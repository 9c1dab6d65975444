"""Hedging: a second call beside a slow first one, within a budget; the first answer counts."""

import threading
from dataclasses import dataclass
from typing import cast

from treadle.errors import GraphBuildError
from treadle.nodes.policies.tails import Tail


@dataclass(frozen=True)
class Hedge:
    """A policy: a call that takes `factor` times the `quantile` of the times seen so far gets a second one beside it.

    At most `share` of the calls are hedged, and none before `least` of them have ended. The time is that of the call
    itself, not of waiting for it. The worker may run twice for one item, at the same time.
    """

    factor: float = 1.5
    quantile: float = 0.95
    share: float = 0.05
    least: int = 10

    def __post_init__(self) -> None:
        """Refuse a policy that could not work."""
        if not (0 < self.quantile < 1 and 0 < self.share <= 1 and self.factor > 0 and self.least >= 1):
            raise GraphBuildError(f"{self}: quantile and share lie between 0 and 1, factor above 0, least at least 1")


class Latencies:
    """How long calls took, in seconds."""

    def __init__(self) -> None:
        self.hedged = 0
        self._seen = Tail()
        self._mutex = threading.Lock()

    def note(self, seconds: float) -> None:
        """Add one."""
        with self._mutex:
            self._seen.note(seconds)

    def patience(self, hedge: Hedge) -> float | None:
        """Seconds after which a call is hedged; None while too few have ended, or when the budget is spent."""
        with self._mutex:
            count = self._seen.count
            if count < hedge.least or self.hedged >= max(1, hedge.share * count):
                return None
            return cast(float, self._seen.at(hedge.quantile)) * hedge.factor

    def spend(self, hedge: Hedge) -> bool:
        """Use up one second call, if the budget still holds one."""
        with self._mutex:
            if self.hedged >= max(1, hedge.share * self._seen.count):
                return False
            self.hedged += 1
            return True
