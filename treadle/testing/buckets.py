"""A token bucket: so many a second on average, and so many at once."""

import time


class Bucket:
    """Filled with `rate` tokens a second, up to `size`; it starts full."""

    def __init__(self, rate: float, size: float) -> None:
        self.rate = rate
        self.size = size
        self._level = size
        self._at = time.monotonic()

    def take(self, amount: float = 1.0) -> bool:
        """Take tokens if there are enough."""
        now = time.monotonic()
        self._level = min(self.size, self._level + (now - self._at) * self.rate)
        self._at = now
        if self._level < amount:
            return False
        self._level -= amount
        return True
