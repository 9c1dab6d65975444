"""`Limit`: calls at once, requests and tokens a minute, for all who use one resource, in turn and adapted to it."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from treadle.nodes.limits.paces import Pace, Sent
from treadle.nodes.limits.quotas import Quota
from treadle.nodes.policies.faults import fault

START = 32.0
"""Calls at once that a limit begins with."""

DEFAULT = 64
"""Calls at once where nothing is said."""


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
    """Requests and tokens a minute at most, where that is said."""
    rate: float
    """Requests a minute that are let through now; infinite where nothing is known against it."""
    refused: int
    """Calls that the resource refused for being asked too often."""
    cuts: int
    """How often the pace gave way."""
    paused: float
    """Seconds until anything is let through again."""


class Permit:
    """One caller's place in a limit's queue, and then its leave to call."""

    __slots__ = ("closed", "granted", "owner", "sent", "tokens", "wake")

    def __init__(self, owner: Hashable, tokens: float, wake: Callable[[], object]) -> None:
        self.owner = owner
        self.tokens = tokens
        self.wake = wake
        self.granted = False
        self.closed = False
        self.sent: Sent | None = None


class Limit:
    """At most `concurrency` calls at once, `requests` and `tokens` a minute; made by `limit`.

    Those who wait are served in turn by owner (a run's step, a fan-out), and within one owner in the order they came.
    Threads and event loops may share it.
    """

    def __init__(
        self,
        name: str = "",
        *,
        concurrency: int = DEFAULT,
        requests: float | None = None,
        tokens: float | None = None,
        adaptive: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.concurrency = concurrency
        self.requests = requests
        self.adaptive = adaptive
        self.allowed = min(START, concurrency) if adaptive else float(concurrency)
        self.running = 0
        self.refused = 0
        self._clock = clock
        self._pace = Pace(requests / 60 if requests else None, adaptive=adaptive)
        self._quota = Quota(tokens, clock())
        self._lines: OrderedDict[Hashable, deque[Permit]] = OrderedDict()
        self._mutex = threading.Lock()

    @property
    def tokens(self) -> float | None:
        """Tokens a minute at most, where that is said."""
        return self._quota.most

    @property
    def state(self) -> State:
        """What it looks like now."""
        with self._mutex:
            now = self._clock()
            return State(
                name=self.name,
                running=self.running,
                waiting=sum(map(len, self._lines.values())),
                allowed=self.allowed,
                concurrency=self.concurrency,
                requests=self.requests,
                tokens=self._quota.most,
                rate=60 * self._pace.rate(now),
                refused=self.refused,
                cuts=self._pace.cuts,
                paused=max(0.0, self._pace.resumes - now),
            )

    def say(
        self, *, concurrency: int | None = None, requests: float | None = None, tokens: float | None = None
    ) -> None:
        """Set what was not said when it was made."""
        with self._mutex:
            if concurrency is not None:
                self.concurrency, self.allowed = concurrency, min(self.allowed, concurrency)
            if requests is not None:
                self.requests, self._pace.most = requests, requests / 60
            if tokens is not None:
                self._quota = Quota(tokens, self._clock())

    def ask(
        self,
        owner: Hashable = None,
        tokens: float = 0,
        *,
        first: bool = False,
        wake: Callable[[], object] = lambda: None,
    ) -> Permit:
        """Queue for leave to call, in front of the owner's others if `first`; `pump` grants it."""
        permit = Permit(owner, tokens, wake)
        with self._mutex:
            line = self._lines.setdefault(owner, deque())
            (line.appendleft if first else line.append)(permit)
        return permit

    def pump(self, permit: Permit | None = None) -> float | None:
        """Let through who may go now; returns the seconds that `permit` has to wait if it is next and lacks only time.

        Otherwise it is woken when that changes.
        """
        with self._mutex:
            woken = self._grant()
            following = self._following()
            timed = following is not None and self.running < int(self.allowed)
            delay = self._delay(following) if timed and following is not None else None
        for one in woken:
            one.wake()
        if delay is None or following is permit:
            return delay
        if following is not None and (woken or permit is None):
            following.wake()  # so that it sees to the time itself
        return None

    def leave(self, permit: Permit) -> None:
        """No longer wait, or give back leave, used or not; once is enough."""
        with self._mutex:
            if permit.closed:
                return
            permit.closed = True
            if permit.granted:
                self.running -= 1
            else:
                self._dequeue(permit)
        self.pump()

    def settle(self, permit: Permit, error: BaseException | None = None, *, tokens: float | None = None) -> None:
        """Tell how a call went and what it cost: the limit adapts to it, and lets the next one through."""
        meant = fault(error) if error is not None else None
        with self._mutex:
            now = self._clock()
            if meant is not None and meant.kind == "throttled" and permit.sent is not None:
                self.refused += 1
                self._pace.refuse(permit.sent, now, meant.after)
                if meant.after and self.adaptive:
                    self.allowed = min(START, self.concurrency)
            elif self.adaptive:
                self.allowed = min(self.concurrency, self.allowed + 1)
            if tokens is not None or meant is not None:
                self._quota.correct(permit.tokens, 0 if tokens is None else tokens)
        self.leave(permit)

    def _grant(self) -> list[Permit]:
        woken: list[Permit] = []
        while (
            self.running < int(self.allowed) and (permit := self._following()) is not None and not self._delay(permit)
        ):
            now = self._clock()
            self._dequeue(permit)
            if permit.owner in self._lines:
                self._lines.move_to_end(permit.owner)
            self._quota.take(permit.tokens, now)
            permit.sent, permit.granted = self._pace.send(now), True
            self.running += 1
            woken.append(permit)
        return woken

    def _following(self) -> Permit | None:
        return next(iter(self._lines.values()))[0] if self._lines else None

    def _dequeue(self, permit: Permit) -> None:
        line = self._lines[permit.owner]
        line.remove(permit)
        if not line:
            del self._lines[permit.owner]

    def _delay(self, permit: Permit) -> float:
        now = self._clock()
        return max(self._pace.wait(now), self._quota.wait(permit.tokens, now))
