"""Limits shared by everything in the process that uses one resource: how many calls at once, and how many a minute.

A limit adapts: it starts small and doubles a round trip until the resource refuses a call for being asked too often,
then gives way by a third, once a round trip, and creeps up again (additive increase, multiplicative decrease).
"""

import asyncio
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from treadle.errors import GraphBuildError
from treadle.nodes.retries import after, throttled
from treadle.nodes.stops import Stop

START = 4.0
"""Calls at once that a limit begins with."""

WAY = 0.7
"""What is left of the calls at once after a refusal."""


@dataclass(frozen=True)
class State:
    """What a limit looks like at one moment."""

    name: str
    running: int
    waiting: int
    allowed: float
    """Calls at once that are let through now."""
    concurrency: int
    """The most that will ever be."""
    requests: float | None
    tokens: float | None
    refused: int
    """Calls that the resource refused for being asked too often."""
    paused: float
    """Seconds until anything is let through again."""


class Permit:
    """One caller's place in a limit's queue, and then its leave to call."""

    __slots__ = ("began", "granted", "owner", "tokens", "wake")

    def __init__(self, owner: str, tokens: float) -> None:
        self.owner = owner
        self.tokens = tokens
        self.granted = False
        self.began = 0.0
        self.wake: Any = None


class Limit:
    """At most `concurrency` calls at once, `requests` and `tokens` a minute; made by `limit`.

    Those who wait are served in turn by owner (a run of a fan-out), and within one owner in the order they came.
    """

    def __init__(
        self, name: str, *, concurrency: int, requests: float | None, tokens: float | None, adaptive: bool
    ) -> None:
        self.name = name
        self.concurrency = concurrency
        self.requests = requests
        self.tokens = tokens
        self.adaptive = adaptive
        self.allowed = min(START, concurrency) if adaptive else float(concurrency)
        self.running = 0
        self.refused = 0
        self._slow_start = True
        self._paused = 0.0
        self._cut = 0.0
        self._free = {"requests": 0.0, "tokens": 0.0}
        self._queues: dict[str, deque[Permit]] = {}
        self._mutex = threading.Lock()

    @property
    def state(self) -> State:
        """What it looks like now."""
        with self._mutex:
            waiting = sum(map(len, self._queues.values()))
            paused = max(0.0, self._paused - time.monotonic())
            return State(
                self.name, self.running, waiting, self.allowed, self.concurrency, self.requests, self.tokens,
                self.refused, paused,
            )  # fmt: skip

    def ask(self, owner: str, tokens: float = 0) -> Permit:
        """Queue for leave to call."""
        permit = Permit(owner, tokens)
        with self._mutex:
            self._queues.setdefault(owner, deque()).append(permit)
            woken = self._grant()
        _wake(woken)
        return permit

    def leave(self, permit: Permit) -> None:
        """No longer wait, or give back unused leave."""
        with self._mutex:
            if permit.granted:
                self.running -= 1
            else:
                self._queues[permit.owner].remove(permit)
                if not self._queues[permit.owner]:
                    del self._queues[permit.owner]
            woken = self._grant()
        _wake(woken)

    def settle(self, permit: Permit, error: Exception | None) -> None:
        """Tell how a call went: the limit adapts to it, and lets the next one through."""
        with self._mutex:
            self.running -= 1
            if error is not None and throttled(error):
                self._refuse(permit, error)
            elif error is None and self.adaptive:
                self.allowed = min(self.concurrency, self.allowed + (1 if self._slow_start else 1 / self.allowed))
            woken = self._grant()
        _wake(woken)

    def _refuse(self, permit: Permit, error: Exception) -> None:
        now = time.monotonic()
        self.refused += 1
        if self.adaptive and permit.began >= self._cut:
            self.allowed, self._slow_start, self._cut = max(1.0, self.allowed * WAY), False, now
        self._paused = max(self._paused, now + (after(error) or 0.01))

    def pump(self) -> float:
        """Let through who may go now; returns seconds until it is worth looking again."""
        with self._mutex:
            woken = self._grant()
            wait = max(self._paused, *self._free.values()) - time.monotonic()
        _wake(woken)
        return max(wait, 0.001) if wait > 0 else 0.05

    def _grant(self) -> list[Permit]:
        woken: list[Permit] = []
        now = time.monotonic()
        while self._queues and self.running < int(self.allowed) and now >= max(self._paused, *self._free.values()):
            owner, queue = next(iter(self._queues.items()))
            permit = queue.popleft()
            del self._queues[owner]
            if queue:
                self._queues[owner] = queue  # to the end of the line of owners
            self.running += 1
            self._charge(now, permit)
            permit.granted, permit.began = True, now
            woken.append(permit)
        return woken

    def _charge(self, now: float, permit: Permit) -> None:
        """Push back the moment from which the next call fits into the minute."""
        for what, rate, amount in (("requests", self.requests, 1.0), ("tokens", self.tokens, permit.tokens)):
            if rate:
                self._free[what] = max(self._free[what], now) + amount * 60 / rate


_limits: dict[str, Limit] = {}
_mutex = threading.Lock()


def limit(
    name: str,
    *,
    concurrency: int = 64,
    requests: float | None = None,
    tokens: float | None = None,
    adaptive: bool = True,
) -> Limit:
    """Return the process's limit on a resource, made by the first call; the name says which resource.

    `concurrency` is the most calls at once, `requests` and `tokens` are per minute, spread evenly. With `adaptive` the
    calls at once follow what the resource puts up with.

    Raises:
        GraphBuildError: for a number below one, or another value than the limit of that name has.
    """
    if concurrency < 1 or any(rate is not None and rate <= 0 for rate in (requests, tokens)):
        raise GraphBuildError(f"limit {name!r}: concurrency is at least 1, requests and tokens a minute above 0")
    with _mutex:
        made = _limits.setdefault(
            name, Limit(name, concurrency=concurrency, requests=requests, tokens=tokens, adaptive=adaptive)
        )
    had = (made.concurrency, made.requests, made.tokens, made.adaptive)
    if had != (concurrency, requests, tokens, adaptive):
        raise GraphBuildError(
            f"limit {name!r} has concurrency={had[0]}, requests={had[1]}, tokens={had[2]}, adaptive={had[3]} already; "
            "make it once and share it, or give this one another name"
        )
    return made


def states() -> list[State]:
    """What every limit of the process looks like now."""
    return [one.state for one in list(_limits.values())]


@dataclass(frozen=True)
class Passed:
    """An effect: leave to call; its result is the permit. Raises Stopped when the sign is set first."""

    limit: Limit
    owner: str
    tokens: float = 0
    stop: Stop | None = None

    def now(self) -> Permit:
        """Wait in this thread."""
        permit, bell = self.limit.ask(self.owner, self.tokens), threading.Event()
        permit.wake = bell.set
        try:
            while not permit.granted:
                bell.wait(self.limit.pump())
                if self.stop is not None:
                    self.stop.check()
        except BaseException:
            self.limit.leave(permit)
            raise
        return permit

    async def soon(self) -> Permit:
        """Wait on the running loop."""
        permit = self.limit.ask(self.owner, self.tokens)
        loop, bell = asyncio.get_running_loop(), asyncio.Event()
        permit.wake = lambda: loop.call_soon_threadsafe(bell.set)
        try:
            while not permit.granted:
                waiting = asyncio.ensure_future(bell.wait())
                await asyncio.wait([waiting], timeout=self.limit.pump())
                waiting.cancel()
                if self.stop is not None:
                    self.stop.check()
        except BaseException:
            self.limit.leave(permit)
            raise
        return permit


def _wake(permits: list[Permit]) -> None:
    for permit in permits:
        if permit.wake is not None:
            permit.wake()
