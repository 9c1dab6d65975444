"""The calls that a branch makes: its turn, its limits, its attempts, its fallbacks."""

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.errors import GraphBubbleUp, is_invalid_resume

from treadle.errors import BranchesFailed, ExecutorGone, ModelUnavailable, StoreError
from treadle.graphs.scatters.admissions import started
from treadle.graphs.scatters.crews import Crew
from treadle.nodes.limits import Limit, Passed
from treadle.nodes.meters import Meter
from treadle.nodes.outcomes import Effort
from treadle.nodes.policies.faults import throttled
from treadle.nodes.policies.hedges import Hedge
from treadle.nodes.policies.identities import KEY, KnownAs
from treadle.nodes.policies.races import Hedged
from treadle.nodes.policies.retries import BUGS, Retry
from treadle.nodes.policies.slots import Enter, Turn
from treadle.nodes.policies.stops import Rest, Stopped, Until
from treadle.nodes.steps import Ask, Effect, Pause, asked

FATAL = (*BUGS, GraphBubbleUp, ModelUnavailable, StoreError, BranchesFailed, ExecutorGone)
"""What is no branch's own failure."""

THROTTLES = 100
"""How often one branch is throttled, under a limit that adapts to it, before that counts as a failed attempt."""


@dataclass(frozen=True)
class Hand:
    """A worker as a branch calls it."""

    name: str
    runnable: Runnable[Any, Any]
    output: str
    """The key of its update that is the branch's value."""
    keyed: bool = False
    """Whether it reads the idempotency key."""

    def value(self, update: Any) -> Any:
        """The branch's value."""
        return update.get(self.output) if isinstance(update, dict) else None


@dataclass(frozen=True)
class Manner:
    """Who is called for an item, and how."""

    worker: Hand
    fallbacks: Sequence[Hand] = ()
    retry: Retry = field(default_factory=lambda: Retry(attempts=1))
    hedge: Hedge | None = None
    limits: Sequence[Limit] = ()
    timeout: float | None = None
    """Seconds that one call may take."""

    @property
    def name(self) -> str:
        """The worker's name."""
        return self.worker.name


@dataclass(slots=True)
class Call:
    """The attempts of one branch."""

    branch: Manner
    crew: Crew
    index: int
    config: RunnableConfig
    effort: Effort
    meter: Meter | None = None
    """Counts tokens, where a limit does."""
    turn: Turn | None = None
    """Its slot: held until what it gave is written, so that few results at once are not."""

    def close(self) -> None:
        """Give the slot back; once is enough."""
        if self.turn is not None:
            self.turn.close()

    def key(self) -> str:
        """The branch's idempotency key."""
        return self.effort.key or self.crew.key(self.index, self.branch.name)

    def tried(self) -> Generator[Effect, Any, Any]:
        """Try the worker, then each fallback, until there is a value."""
        hands = [self.branch.worker, *self.branch.fallbacks]
        for place, hand in enumerate(hands):
            try:
                value = yield from self._attempts(hand)
            except (*FATAL, Stopped):
                raise
            except Exception as error:
                if is_invalid_resume(error) or place == len(hands) - 1:
                    raise
            else:
                self.effort.by = hand.name if place else None
                return value
        raise AssertionError("the last worker returns or raises")

    def _attempts(self, hand: Hand) -> Generator[Effect, Any, Any]:
        """Try one worker as often as the policy says."""
        retry, failed, refused = self.branch.retry, 0, 0
        while True:
            try:
                return (yield from self._turn(hand))
            except (*FATAL, Stopped):
                raise
            except Exception as error:
                if self.branch.limits and throttled(error) and refused < THROTTLES:
                    refused += 1  # the limit waits as long as it must: nothing is lost by asking again
                    continue
                failed += 1
                hopeless = is_invalid_resume(error) or failed >= retry.attempts or not retry.worth(error)
                if hopeless or not self.crew.tally.again():
                    raise
                pause = retry.pause(failed, error)
            sign = self.crew.sign
            yield from self._waited(Pause(pause) if sign is None else Rest(pause, sign))

    def _turn(self, hand: Hand) -> Generator[Effect, Any, Any]:
        """Wait for a slot and call; without a value the slot is given back at once."""
        slots, sign = self.crew.slots, self.crew.sign
        self.turn = slots.at_once() if sign is None else None
        if self.turn is None:
            self.turn = yield from self._waited(Enter(slots, stop=sign))
        try:
            self.crew.tally.check()
            if not self.effort.attempts:
                started()
            return (yield from self._passed(hand, self.branch.limits))
        except BaseException:
            self.close()
            raise

    def _passed(self, hand: Hand, limits: Sequence[Limit]) -> Generator[Effect, Any, Any]:
        """Wait for each shared limit in turn, call, and tell the limits how it went."""
        if not limits:
            return (yield from self._called(hand))
        tokens = self._expected() if limits[0].tokens else 0
        permit = yield from self._waited(Passed(limits[0], self.crew.place, tokens, stop=self.crew.sign))
        try:
            value = yield from self._passed(hand, limits[1:])
        except Exception as error:
            limits[0].settle(permit, error)
            raise
        except BaseException:
            limits[0].leave(permit)
            raise
        else:
            limits[0].settle(permit, None, tokens=self.meter.spent if self.meter else None)
        finally:
            if self.crew.sign is not None:
                self.crew.sign.forget(permit)
        return value

    def _expected(self) -> float:
        """The tokens that the next call will cost, about; they are counted from now on."""
        self.meter = Meter()
        return self.crew.costs.expected(self.crew.given(self.index))

    def _called(self, hand: Hand) -> Generator[Effect, Any, Any]:
        """Call the worker once."""
        crew, effort, begun = self.crew, self.effort, time.monotonic()
        effort.attempts, effort.since = effort.attempts + 1, begun
        given = crew.given(self.index)
        if hand.keyed:
            given[KEY] = self.key()
        crew.tally.running += 1
        try:
            with KnownAs(self.key):
                reply = yield from self._reply(hand.runnable, given)
        finally:
            crew.tally.running -= 1
            effort.seconds, effort.since = effort.seconds + time.monotonic() - begun, None
        if self.meter is not None:
            crew.costs.note(crew.given(self.index), self.meter.spent)
        return hand.value(reply)

    def _reply(self, worker: Runnable[Any, Any], given: dict[str, Any]) -> Generator[Effect, Any, Any]:
        """What the worker says: a step does its work as part of this one, unless its call may be ended."""
        config = self.config if self.meter is None else self.meter.beside(self.config)
        hedge, crew = self.branch.hedge, self.crew
        stop = crew.sign if crew.tally.pausing else None
        if hedge is None and stop is None and self.branch.timeout is None:
            return (yield from asked(worker, given, config))
        effect: Effect = Ask(worker, given, config, self.branch.timeout)
        if hedge is not None:
            effect = Hedged(effect, hedge, crew.latencies)
        reply = yield effect if stop is None else Until(stop, effect)
        if hedge is not None:
            reply, second = reply
            self.effort.hedged |= second
        return reply

    def _waited(self, effect: Effect) -> Generator[Effect, Any, Any]:
        """Wait, and count it as waiting."""
        begun = time.monotonic()
        try:
            return (yield effect)
        finally:
            self.effort.waited += time.monotonic() - begun
