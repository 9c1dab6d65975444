"""One run of a fan-out in this process: its items, what became of them, and the sign to stop."""

import contextvars
import gc
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from treadle.errors import BranchesFailed, GraphBuildError
from treadle.graphs.paces import Pace
from treadle.nodes.executors import Pool
from treadle.nodes.hedges import Latencies
from treadle.nodes.identities import identity
from treadle.nodes.outcomes import Outcome, failure
from treadle.nodes.quorums import Quorum
from treadle.nodes.records import Journal
from treadle.nodes.slots import Slots
from treadle.nodes.stops import Stop, Stopped

Key = tuple[int, str]
"""An item's place and a worker's name: one branch."""

_crew: contextvars.ContextVar["Crew"] = contextvars.ContextVar("treadle_crew")


@dataclass(eq=False)
class Crew:
    """What all branches of one run share. It reaches them as a context variable: no item is copied or stored."""

    name: str
    place: str
    """The checkpoint namespace of the run, under which its results are remembered."""
    thread_id: str
    items: Sequence[Any]
    context: Mapping[str, Any]
    item: str | None
    """The key that a worker finds its item under."""
    leads: Sequence[int]
    """The items that run; the others are equal to one of them."""
    workers: Sequence[str]
    quorum: Quorum
    slots: Slots
    backlog: Slots
    pool: Pool
    journal: Journal | None
    allowance: int
    """How many attempts beyond the first are left."""
    sizes: Mapping[int, int] = field(default_factory=dict)
    """How many items a branch stands for, where that is more than one."""
    known: dict[Key, Outcome] = field(default_factory=dict)
    """What was done before a crash."""
    ended: dict[Key, Outcome] = field(default_factory=dict)
    """What has ended by now, in a run that may be stopped."""
    pace: Pace | None = None
    """Told of every outcome."""
    stop: Stop = field(default_factory=Stop)
    latencies: Latencies = field(default_factory=Latencies)
    begun: float = field(default_factory=time.monotonic)
    running: int = 0
    queues: dict[str, Iterator[int]] = field(default_factory=dict)
    mutex: threading.Lock = field(default_factory=threading.Lock)

    @property
    def total(self) -> int:
        """How many branches there are."""
        return len(self.leads) * len(self.workers)

    @property
    def stoppable(self) -> bool:
        """Whether anything could stop the run early; None of the branches has to listen otherwise."""
        return self.quorum.early or self.quorum.within is not None

    @property
    def sign(self) -> Stop | None:
        """What a branch listens to while it waits."""
        return self.stop if self.stoppable else None

    def pulled(self, worker: str) -> Iterator[int]:
        """The items, for whoever comes next: several lanes share one stretch, each item goes to one of them."""
        while True:
            with self.mutex:
                queue = self.queues.setdefault(worker, iter(self.leads))
                index = next(queue, None)
            if index is None:
                return
            yield index

    def given(self, index: int) -> dict[str, Any]:
        """What a worker is given: the context and the item, both by reference."""
        return dict(self.context) if self.item is None else {**self.context, self.item: self.items[index]}

    def key(self, index: int, worker: str) -> str:
        """The idempotency key of a branch: the same whenever and wherever the branch runs again."""
        return identity(self.thread_id, self.place, index, worker)

    def note(self, outcome: Outcome) -> None:
        """Count an outcome; it may be what was still needed, or one failure too many."""
        with self.mutex:
            if self.stoppable:
                self.ended[outcome["index"], outcome["worker"]] = outcome
            self.quorum.note(outcome, self.sizes.get(outcome["index"], 1))
            enough, broken = self.quorum.reached, self.quorum.broken
        if self.pace is not None:
            self.pace.note(self.name, outcome, self.quorum, self.running)
        if broken:
            raise BranchesFailed(f"{self.name!r}: {self.quorum.told()}. {told([outcome])}")
        if enough and not self.stop.reason:
            self.stop.set("enough branches had succeeded")

    def cut_off(self) -> list[Outcome]:
        """Where the run was stopped: what had ended by then, and for every other branch that it was cancelled."""
        if self.stop.reason is None:
            return []
        with self.mutex:
            ended = dict(self.ended)
        branches = ((index, worker) for index in self.leads for worker in self.workers)
        return [ended.get(one) or self.cancelled(*one) for one in branches]

    def again(self) -> bool:
        """Whether one more attempt is within the fan-out's allowance; it is used up by this."""
        with self.mutex:
            self.allowance -= 1
            return self.allowance >= 0

    def cancelled(self, index: int, worker: str) -> Outcome:
        """The outcome of a branch that never started."""
        return failure(index, worker, Stopped(str(self.stop.reason)), status="cancelled")


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


class Admitted:
    """The items of a shard that have been let in and have not started yet; the rest is given back at the end."""

    def __init__(self, backlog: Slots, count: int) -> None:
        self._backlog = backlog
        self._left = count
        self._mutex = threading.Lock()

    def started(self) -> None:
        """One has started: there is room for another."""
        with self._mutex:
            if self._left == 0:
                return
            self._left -= 1
        self._backlog.give()

    def close(self) -> None:
        """None of them waits any more."""
        with self._mutex:
            left, self._left = self._left, 0
        if left:
            self._backlog.give(left)


_admitted: contextvars.ContextVar[Admitted | None] = contextvars.ContextVar("treadle_shard", default=None)


@contextmanager
def admitted(backlog: Slots, count: int) -> Generator[None]:
    """Keep account of a shard that was let in."""
    shard = Admitted(backlog, count)
    token = _admitted.set(shard)
    try:
        yield
    finally:
        _admitted.reset(token)
        shard.close()


def started() -> None:
    """Say that a branch of the current shard has started."""
    shard = _admitted.get()
    if shard is not None:
        shard.started()


@contextmanager
def at_work(crew: Crew) -> Generator[None]:
    """Make a crew the current one, with its deadline, and let go of everything at the end."""
    token = _crew.set(crew)
    timer = _timer(crew)
    try:
        with quiet(crew.total):
            yield
    finally:
        _crew.reset(token)
        if timer is not None:
            timer.cancel()
        crew.pool.close()


def _timer(crew: Crew) -> threading.Timer | None:
    left = crew.quorum.left
    if left is None:
        return None
    timer = threading.Timer(max(left, 0), crew.stop.set, ["time was up"])
    timer.daemon = True
    timer.start()
    return timer


def told(outcomes: Sequence[Outcome]) -> str:
    """Say in words why branches have no value."""
    return "; ".join(
        f"item {outcome.get('item', outcome['index'])}: {error['kind']}: {error['message']}"
        if (error := outcome.get("error"))
        else f"item {outcome.get('item', outcome['index'])}: no value"
        for outcome in outcomes
    )


_large = 0
_before = (0, 0, 0)
_mutex = threading.Lock()


@contextmanager
def quiet(branches: int) -> Generator[None]:
    """Have the garbage collector look less often while 500 branches or more run: it would go through all of them."""
    if branches < 500:
        yield
        return
    _collect(1)
    try:
        yield
    finally:
        _collect(-1)


def _collect(more: int) -> None:
    """Count the large runs under way; the first one raises the threshold, the last one puts it back."""
    global _large, _before
    with _mutex:
        if _large == 0:
            _before = gc.get_threshold()
            gc.set_threshold(max(_before[0], 50_000), *_before[1:])
        _large += more
        if _large == 0:
            gc.set_threshold(*_before)
