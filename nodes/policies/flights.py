"""Single flight: equal calls that are made at the same time share one."""

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

Flight = Future[Any]
"""The result that a call will have."""


@dataclass(frozen=True)
class Flights:
    """The calls under way in this process, by key."""

    under_way: dict[str, Flight] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def board(self, key: str) -> tuple[Flight, bool]:
        """Return the flight of a key, and whether it is the caller's own, to be landed by them."""
        with self.lock:
            own = key not in self.under_way
            return self.under_way.setdefault(key, Future()), own

    def land(self, key: str, result: Any) -> None:
        """Give those who wait a result in a tuple, or None where there is none and each must try for itself."""
        with self.lock:
            flight = self.under_way.pop(key, None)
        if flight is not None:
            flight.set_result(result)


FLIGHTS = Flights()
"""Those of this process."""
