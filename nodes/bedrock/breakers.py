"""Breakers: whether a model is healthy, so that calls go elsewhere while it is not and come back when it is."""

import threading
from collections import deque

LOOKED_AT = 20
"""Attempts that are looked back on."""

ENOUGH = 5
"""Attempts before anything is said."""

SHARE = 0.5
"""The share of failures from which a model is degraded."""

FIRST = 2.0
"""Seconds until a degraded model is tried again; twice as long each time that fails."""

LONGEST = 60.0


class Breaker:
    """Opens when half of the last attempts failed; then lets one call through now and then, and closes if it succeeds.

    Knows no clock: the methods are told the time. Threads may share it.
    """

    def __init__(self, *, first: float = FIRST) -> None:
        self.first = first
        self._results: deque[bool] = deque(maxlen=LOOKED_AT)
        self._again = 0
        self._trying = False
        self._until: float | None = None
        self._mutex = threading.Lock()

    @property
    def pause(self) -> float:
        """Seconds until it is tried again."""
        return min(self.first * 2.0**self._again, LONGEST)

    @property
    def open(self) -> bool:
        """Whether the model is degraded."""
        return self._until is not None

    def allows(self, now: float) -> bool:
        """Whether a call may go there; while it is open, the one that tries it again."""
        with self._mutex:
            if self._until is None:
                return True
            if now < self._until:
                return False
            self._trying = True
            self._until = now + self.pause  # for the next one, should this one never come back
            return True

    def succeed(self) -> None:
        """Note an answer; an open breaker closes."""
        with self._mutex:
            if self._until is not None:
                self._until, self._again, self._trying = None, 0, False
                self._results.clear()
            self._results.append(True)

    def fail(self, now: float, *, wholly: bool = False) -> None:
        """Note a failed attempt; `wholly` opens at once."""
        with self._mutex:
            if self._until is not None:
                if self._trying:  # else it is one from before
                    self._trying = False
                    self._again += 1
                    self._until = now + self.pause
                return
            self._results.append(False)
            failed = self._results.count(False)
            if wholly or (failed >= ENOUGH and failed >= SHARE * len(self._results)):
                self._until = now + self.pause


_breakers: dict[str, Breaker] = {}


def breaker(name: str) -> Breaker:
    """Return the process's breaker of a resource."""
    return _breakers.setdefault(name, Breaker())
