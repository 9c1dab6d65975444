"""How long a transaction waits for company: writes of many branches that end at once are to share it.

Whoever waits is told only after the commit all the same. So a pool of n threads, each of which waits for its own write,
brings at most n writes to a transaction; an event loop brings as many as its branches write in some milliseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

LINGER = 0.02
"""Seconds that a posted write may wait for company, where nobody says how long."""

MANY = 16
"""Awaited writes in one transaction from which more are taken to be on their way: a wide fan-out is ending."""

LONGEST = 0.02
"""Seconds that a write waits at most, in a crowd, for others to share its transaction."""

QUIET = 0.003
"""Seconds without another write after which threads that are still missing are not waited for."""


class Member(Protocol):
    """What a crowd has to know of a write."""

    @property
    def posted(self) -> bool:
        """Whether nobody waits for it."""
        ...

    @property
    def patient(self) -> bool:
        """Whether it may wait for others of its kind."""
        ...

    @property
    def blocking(self) -> bool:
        """Whether a thread waits for it."""
        ...


@dataclass(eq=False)
class Crowd:
    """What the last transaction tells of how many will come to the next."""

    linger: float = LINGER
    """Seconds that a posted write may wait for company."""
    awaited: int = 0
    """Patient writes in the last transaction."""
    threads: int = 2
    """Threads that are likely to come: as many as came at once before, until some are waited for in vain.

    Two to begin with: what a task wrote comes just before the checkpoint that follows from it.
    """
    _waited: bool = False

    @property
    def many(self) -> bool:
        """Whether so many awaited writes came last that more are taken to be on their way."""
        return self.awaited >= MANY

    def learn(self, done: Sequence[Member], queue: Sequence[Member]) -> None:
        """Note who shared a transaction, and who came while it ran."""
        self.awaited = sum(member.patient for member in done)
        came = sum(member.blocking for member in (*done, *queue))
        self.threads = came if self._waited else max(self.threads, came)
        self._waited = False

    def patience(self, queue: Sequence[Member]) -> float:
        """Seconds for which writes that no thread leads may wait for others."""
        if all(member.posted for member in queue):
            return self.linger if queue else 0
        if not self.many or not _calm(queue):
            return 0
        return min(LONGEST, LINGER * self.awaited / MANY)

    def complete(self, queue: Sequence[Member]) -> bool:
        """Whether who waits for company need not wait any more: the last one has come, or one in a hurry."""
        return len(queue) >= self.threads or not (queue[-1].posted or queue[-1].patient)

    def gathers(self, queue: Sequence[Member]) -> bool:
        """Whether who leads had better wait for others."""
        self._waited = len(queue) < self.threads and _calm(queue)
        return self._waited


def _calm(queue: Sequence[Member]) -> bool:
    """Whether nobody is in a hurry."""
    return all(member.posted or member.patient for member in queue)
