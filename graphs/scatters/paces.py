"""News of a fan-out while it runs: how far it is, and what the join would be by now, as LangGraph's custom events."""

import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast

from typing_extensions import TypedDict

from treadle.nodes.joins import Join
from treadle.nodes.outcomes import Outcome, ordered
from treadle.nodes.policies.quorums import Quorum
from treadle.nodes.policies.tails import Tail


class News(TypedDict, total=False):
    """One custom event; read them with ``graph.stream(..., stream_mode="custom")``."""

    kind: str
    """Always "treadle.fan_out"."""
    name: str
    place: str
    """The checkpoint namespace that it runs in."""
    total: int
    done: int
    """Branches that succeeded."""
    failed: int
    cancelled: int
    running: int
    waiting: int
    """Branches that wait for their turn."""
    seconds: float
    """Since this process began with it."""
    rate: float
    """Branches a second."""
    left: float | None
    """Seconds until the end at this rate; None before anything is done."""
    p50: float | None
    p95: float | None
    p99: float | None
    """Seconds within which so many in a hundred of the branches had worked, attempts together; None before any has."""
    joined: Any
    """What the join makes of the outcomes so far, where `progressive` is asked for and it makes something of them."""


_listeners: list[Callable[[News], None]] = []


@contextmanager
def listening(hear: Callable[[News], None]) -> Generator[None]:
    """Have all news of this process told to a function, in whichever thread they come."""
    _listeners.append(hear)
    try:
        yield
    finally:
        _listeners.remove(hear)


@dataclass
class Pace:
    """Writes news at most every so many seconds, and at the end."""

    every: float
    write: Callable[[Any], None]
    place: str = ""
    keep: Callable[[News], None] | None = None
    """Told too, of a run that takes longer than `every` seconds."""
    join: Join | None = None
    """The join, where a running one is wanted."""
    outcomes: list[Outcome] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)
    tail: Tail = field(default_factory=Tail)
    _last: float = float("-inf")
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def note(self, name: str, outcome: Outcome, quorum: Quorum, running: int) -> None:
        """Take an outcome in; write if it is time."""
        with self._mutex:
            if self.join is not None:
                self.outcomes.append(outcome)
            if outcome["status"] != "cancelled" and not outcome.get("cached"):
                self.tail.note(outcome["seconds"])
            now = time.monotonic()
            if now - self._last < self.every and quorum.done < quorum.total:
                return
            self._last = now
            news = self._news(name, quorum, running, now - self.begun)
        self.write(news)
        for hear in _listeners:
            hear(news)
        if self.keep is not None and now - self.begun > self.every:
            self.keep(news)

    def turn(self) -> None:
        """Forget the outcomes: those of a part are joined, and the next part begins."""
        with self._mutex:
            self.outcomes = []

    def _news(self, name: str, quorum: Quorum, running: int, seconds: float) -> News:
        rate = quorum.done / seconds if seconds > 0 else 0.0
        rest = quorum.total - quorum.done
        news = News(
            kind="treadle.fan_out",
            name=name,
            place=self.place,
            total=quorum.total,
            done=quorum.good,
            failed=quorum.failed,
            cancelled=quorum.cancelled,
            running=running,
            waiting=max(rest - running, 0),
            seconds=round(seconds, 3),
            rate=round(rate, 3),
            left=round(rest / rate, 3) if rate else None,
            p50=self._within(0.5),
            p95=self._within(0.95),
            p99=self._within(0.99),
        )
        if self.join is not None:
            with suppress(
                Exception
            ):  # a mean of nothing yet, say; where it is wrong for good, the join at the end tells
                news["joined"] = self.join(ordered(self.outcomes))
        return news

    def _within(self, quantile: float) -> float | None:
        seconds = self.tail.at(quantile)
        return None if seconds is None else round(seconds, 6)


def words(runs: Sequence[News]) -> str:
    """What news say besides the count.

    >>> words([News(failed=2, cancelled=0, running=16, waiting=80, rate=3.24, left=25.0, p50=1.2, p95=2.5)])
    '2 failed, 16 running, 80 waiting, 3.2 a second, median 1.2 s, p95 2.5 s, 25 s left'
    """
    counts = {what: sum(run[what] for run in runs) for what in ("failed", "cancelled", "running", "waiting")}
    told = [f"{count:,} {what}" for what, count in counts.items() if count]
    if rate := sum(run["rate"] for run in runs):
        told.append(f"{rate:.2g} a second")
    for key, name in (("p50", "median"), ("p95", "p95")):
        if seconds := [found for run in runs if (found := cast(float | None, run.get(key)))]:
            told.append(f"{name} {max(seconds):.2g} s")
    left = [run["left"] for run in runs if run["left"]]
    return ", ".join([*told, *([f"{max(left):.0f} s left"] if left else [])])
