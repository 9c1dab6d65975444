"""The tally of one run of a fan-out: what became of its branches, and whether the run may go on or must fail."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from treadle.errors import BranchesFailed
from treadle.graphs.scatters.paces import Pace
from treadle.nodes.outcomes import Effort, Outcome, failure, reasons
from treadle.nodes.policies.quorums import Quorum
from treadle.nodes.policies.stops import Stop, Stopped

Key = tuple[int, str]
"""An item's place and a worker's name: one branch."""

ENOUGH = "enough branches had succeeded"
"""Why a run goes on without the others."""


@dataclass(eq=False)
class Tally:
    """Counts what ends, and sets the sign to stop when that is enough."""

    name: str
    leads: Sequence[int]
    """The items that run; the others are equal to one of them."""
    workers: Sequence[str]
    quorum: Quorum
    allowance: int
    """How many attempts beyond the first are left."""
    each: Callable[[Sequence[Outcome]], Sequence[Outcome]] | None = None
    """The outcomes of the items that branches stand for, where that is not one each."""
    pausing: bool = False
    """Whether branches wait for people: a run that is stopped ends them one by one then, but for those that wait."""
    withdraw: bool = False
    """Whether those that wait are given up, too, once enough have succeeded."""
    pace: Pace | None = None
    """Told of every outcome."""
    known: dict[Key, Outcome] = field(default_factory=dict)
    """What was done before a crash."""
    ended: dict[Key, Outcome] = field(default_factory=dict)
    """What has ended by now, in a run that may be stopped or give up what waits."""
    efforts: dict[Key, Effort] = field(default_factory=dict)
    """What those have spent that have not ended, in a run that may be stopped."""
    stop: Stop = field(default_factory=Stop)
    over: bool = False
    """Whether what waits for a person was given up."""
    halted: str | None = None
    """Why nothing more is to begin, where nobody waits for the run any more; what is under way is still stored."""
    breach: Outcome | None = None
    """The failure that was one too many."""
    running: int = 0
    mutex: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Find out whether anything could stop the run early: no branch has to listen otherwise."""
        self.sign = self.stop if self.quorum.early or self.quorum.within is not None else None

    @property
    def total(self) -> int:
        """How many branches there are."""
        return len(self.leads) * len(self.workers)

    def halt(self, reason: str = "nobody waits for it any more") -> None:
        """Have no more branches begin; the run itself ends in an error, so that it can be taken on later."""
        self.halted = reason

    def check(self) -> None:
        """Raise Stopped where nothing more is to begin."""
        if self.halted is not None:
            raise Stopped(self.halted)

    def begin(self, index: int, worker: str, effort: Effort) -> None:
        """Keep account of what a branch spends."""
        if self.sign is not None:
            self.efforts[index, worker] = effort

    def note(self, outcome: Outcome) -> None:
        """Count an outcome; it may be what was still needed, or one failure too many. Too late, it is dropped."""
        with self.mutex:
            if self.stop.reason is not None:
                return
            if self.sign is not None or self.withdraw:
                self.ended[outcome["index"], outcome["worker"]] = outcome
            self._count(outcome)
            enough, broken = self.quorum.reached, self.quorum.broken
        if broken:
            raise BranchesFailed(f"{self.name!r}: {self.quorum.told()}. {reasons([self.breach or outcome])}")
        if enough:
            self.stop.set(ENOUGH)

    def asked(self) -> None:
        """A worker asks a person, which is no reason to go on without the answer unless that was said."""
        if not self.withdraw:
            with self.mutex:
                self.quorum.early = False

    def left(self, *branches: Key) -> list[Outcome]:
        """What branches say of themselves that were stopped; nothing where the run knows it already."""
        if not self.pausing:
            return []
        with self.mutex:
            return [self._cancelled(*one) for one in branches]

    def cut_off(self) -> list[Outcome]:
        """Where the run was stopped: what had ended by then, and for every other branch that it was cancelled."""
        if self.stop.reason is None or (self.pausing and not self.over):
            return []
        with self.mutex:
            branches = [(index, worker) for index in self.leads for worker in self.workers]
            return [self.ended.get(one) or self._cancelled(*one) for one in branches]

    def give_up(self) -> None:
        """Cut off what waits for a person too: enough have succeeded without."""
        self.stop.set(ENOUGH)
        self.over = True

    def again(self) -> bool:
        """Whether one more attempt is within the fan-out's allowance; it is used up by this."""
        with self.mutex:
            self.allowance -= 1
            return self.allowance >= 0

    def _cancelled(self, index: int, worker: str) -> Outcome:
        effort = self.efforts.get((index, worker)) or Effort()
        outcome = failure(index, worker, Stopped(self.stop.reason), effort, status="cancelled")
        self.ended[index, worker] = outcome
        self._count(outcome)
        return outcome

    def _count(self, outcome: Outcome) -> None:
        for one in (outcome,) if self.each is None else self.each((outcome,)):
            self.quorum.note(one)
            if self.breach is None and self.quorum.broken:
                self.breach = one
            if self.pace is not None:
                self.pace.note(self.name, one, self.quorum, self.running)
