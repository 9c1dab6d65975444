"""Tokens a minute: what may be spent now, what calls were expected to cost and what they cost."""


class Quota:
    """At most `most` tokens a minute, a quarter of it at once; None is no quota.

    Knows no clock: the methods are told the time. A call is charged with what it is expected to cost, and corrected
    when its cost is known. One that costs more than a quarter goes when a quarter is there, and is paid for later.
    """

    def __init__(self, most: float | None, now: float) -> None:
        self.most = most
        self._size = (most or 0) / 4
        self._level = self._size
        self._at = now

    def wait(self, tokens: float, now: float) -> float:
        """Seconds until a call of so many tokens may go."""
        if self.most is None:
            return 0.0
        self._fill(now)
        return max(0.0, (min(tokens, self._size) - self._level) * 60 / self.most)

    def take(self, tokens: float, now: float) -> None:
        """Charge a call."""
        self._fill(now)
        self._level -= tokens

    def correct(self, charged: float, spent: float) -> None:
        """Replace what a call was charged by what it cost."""
        self._level = min(self._size, self._level + charged - spent)

    def _fill(self, now: float) -> None:
        self._level = min(self._size, self._level + (now - self._at) * (self.most or 0) / 60)
        self._at = now
