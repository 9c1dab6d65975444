"""Attempts: a call to a model's service, made again as long as that is worth it, under the limit that all share."""

import random
import time
from collections.abc import Callable, Generator, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from treadle.nodes.bedrock.advices import Place, explained
from treadle.nodes.bedrock.breakers import Breaker
from treadle.nodes.bedrock.pools import Hand
from treadle.nodes.limits import Limit, Passed, Permit
from treadle.nodes.policies.faults import Fault, fault
from treadle.nodes.steps import Effect, Pause

Result = TypeVar("Result")

FIRST = 0.1
"""Seconds of the pause after the first failed attempt; twice as long after each further one."""

LONGEST = 5.0

PATIENCE = 3
"""Attempts at most that may end for want of an answer in time: each holds a place until the time is up."""


@dataclass(frozen=True)
class Terms:
    """Under which a call is made."""

    place: Place
    limit: Limit
    breaker: Breaker
    attempts: int
    owner: Hashable = None
    """In whose turn it waits."""
    tokens: float = 0
    """What it is expected to cost."""
    elsewhere: bool = False
    """Whether another model would take the call over."""
    slow: float | None = None
    """Seconds from which an answer (of a stream, its first words) says that the model is in trouble."""

    def last(self, number: int, meant: Fault, late: int) -> bool:
        """Whether it is not worth another attempt."""
        if not meant.passing or number >= self.attempts or late >= PATIENCE:
            return True
        return self.elsewhere and self.breaker.open


@dataclass(frozen=True)
class Held(Generic[Result]):
    """What a call gave, with the place in the limit that it keeps until it is closed."""

    result: Result
    terms: Terms
    permit: Permit
    number: int
    """Which attempt it was."""
    queued: float
    """Seconds that it waited for its turn, and between attempts."""
    took: float
    """Seconds of this attempt, to the answer or to its first words."""

    def close(self, *, tokens: float | None = None) -> None:
        """Give the place back, with what was spent."""
        if self.terms.slow is not None and self.took >= self.terms.slow:
            self.terms.breaker.fail(time.monotonic())
        else:
            self.terms.breaker.succeed()
        self.terms.limit.settle(self.permit, tokens=tokens)

    def fail(self, error: BaseException) -> BaseException:
        """Give the place back after an error in the middle of an answer; returns the error to raise."""
        self.terms.limit.settle(self.permit, error)
        _blame(self.terms.breaker, fault(error), last=True)
        return explained(error, self.terms.place, attempts=self.number) or error


def attempted(once: Callable[[], Result], terms: Terms) -> Generator[Effect, Any, Held[Result]]:
    """Make a call until it is answered, at most `terms.attempts` times.

    Raises:
        ModelFailed, ModelThrottled: the last attempt failed as those before it.
        ModelUnavailable, RequestRefused, PromptTooLong: another attempt would not be worth it.
    """
    late, queued, idle = 0, 0.0, time.monotonic()
    for number in range(1, terms.attempts + 1):
        permit = yield Passed(terms.limit, terms.owner, terms.tokens, first=number > 1)
        begun = time.monotonic()
        queued += begun - idle
        hand = Hand(once, name=terms.limit.name, size=terms.limit.concurrency)
        try:
            result = yield hand
            return Held(result, terms, permit, number, queued=queued, took=time.monotonic() - begun)
        except GeneratorExit:  # cancelled; the thread goes on, and so does the service
            _release(hand, terms.limit, permit)
            raise
        except Exception as error:
            terms.limit.settle(permit, error)
            meant = fault(error)
            late += meant.kind == "slow"
            _blame(terms.breaker, meant, last=terms.last(number, meant, late))
            if terms.last(number, meant, late):
                raise explained(error, terms.place, attempts=number) or error from error
        idle = time.monotonic()
        yield Pause(min(FIRST * 2 ** (number - 1), LONGEST) * random.uniform(0.5, 1))
    raise AssertionError("the last attempt returns or raises")


def _blame(breaker: Breaker, meant: Fault, *, last: bool) -> None:
    """Being throttled is the limit's to mend, and says something of the model's health only at the last attempt."""
    if meant.kind == "spent" or (meant.passing and (meant.kind != "throttled" or last)):
        breaker.fail(time.monotonic(), wholly=meant.kind == "spent")


def _release(hand: Hand[Any], limit: Limit, permit: Permit) -> None:
    hand.then(lambda: limit.leave(permit))
