"""One run of a fan-out in this process: its items, and what its branches share."""

import contextvars
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from treadle.errors import GraphBuildError
from treadle.graphs.scatters.tallies import Tally
from treadle.nodes.meters import Costs
from treadle.nodes.policies.executors import Pool
from treadle.nodes.policies.hedges import Latencies
from treadle.nodes.policies.identities import identity
from treadle.nodes.policies.slots import Slots
from treadle.nodes.policies.stops import Stop
from treadle.nodes.records import Journal

_crew: contextvars.ContextVar["Crew"] = contextvars.ContextVar("treadle_crew")


@dataclass(eq=False)
class Crew:
    """What all branches of one run share. It reaches them as a context variable: no item is copied or stored."""

    place: str
    """The checkpoint namespace of the run, under which its results are remembered."""
    thread_id: str
    items: Mapping[int, Any]
    context: Mapping[str, Any]
    item: str | None
    """The key that a worker finds its item under."""
    tally: Tally
    slots: Slots
    backlog: Slots
    pool: Pool
    journal: Journal | None
    latencies: Latencies = field(default_factory=Latencies)
    costs: Costs = field(default_factory=Costs)

    @property
    def sign(self) -> Stop | None:
        """What a branch listens to while it waits."""
        return self.tally.sign

    def given(self, index: int) -> dict[str, Any]:
        """What a worker is given: the context and the item, both by reference."""
        return dict(self.context) if self.item is None else {**self.context, self.item: self.items[index]}

    def key(self, index: int, worker: str) -> str:
        """The idempotency key of a branch: the same whenever and wherever the branch runs again."""
        return identity(self.thread_id, self.place, index, worker)


def current() -> Crew:
    """The crew of the run that this code is part of."""
    try:
        return _crew.get()
    except LookupError:
        raise GraphBuildError(
            "a branch of a fan-out was called by itself; run the graph that fan_out returned"
        ) from None


def under_way() -> bool:
    """Whether this code is part of a fan-out's run."""
    return _crew.get(None) is not None


@contextmanager
def at_work(crew: Crew) -> Generator[None]:
    """Make a crew the current one, with its deadline, and let go of everything at the end.

    One inside a branch of another begins nothing more once that one is stopped.
    """
    outer = _crew.get(None)
    token = _crew.set(crew)
    timer = _timer(crew)
    if outer is not None:
        outer.tally.stop.tell(crew, crew.tally.halt)
    try:
        yield
    finally:
        _crew.reset(token)
        if outer is not None:
            outer.tally.stop.forget(crew)
        if timer is not None:
            timer.cancel()
        crew.pool.close()


def _timer(crew: Crew) -> threading.Timer | None:
    left = crew.tally.quorum.left
    if left is None:
        return None
    timer = threading.Timer(max(left, 0), crew.tally.stop.set, ["time was up"])
    timer.daemon = True
    timer.start()
    return timer
