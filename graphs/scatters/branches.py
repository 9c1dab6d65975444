"""One branch of a fan-out: its turn, attempts, fallbacks, deadline and durable result."""

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.errors import GraphBubbleUp, is_invalid_resume

from treadle.errors import BranchesFailed, ExecutorGone, ModelUnavailable, OutputInvalid, StoreError
from treadle.graphs.companions import accompanied
from treadle.graphs.scatters.admissions import started
from treadle.graphs.scatters.crews import Crew, current
from treadle.nodes.inquiries.reviews import Review
from treadle.nodes.limits import Limit, Passed
from treadle.nodes.meters import Meter
from treadle.nodes.outcomes import Effort, Outcome, failure, success
from treadle.nodes.policies.faults import throttled
from treadle.nodes.policies.hedges import Hedge
from treadle.nodes.policies.identities import KEY, KnownAs
from treadle.nodes.policies.races import Hedged
from treadle.nodes.policies.retries import BUGS, Retry
from treadle.nodes.policies.slots import Enter, Turn
from treadle.nodes.policies.stops import Rest, Stopped, Until
from treadle.nodes.records import Journal, Remember
from treadle.nodes.steps import Ask, Effect, Pause, Step, Update, Work, adrive, drive

FATAL = (*BUGS, GraphBubbleUp, ModelUnavailable, StoreError, BranchesFailed, ExecutorGone)
"""What is no branch's own failure."""

OUTCOMES = "outcomes"
"""The key, inside a fan-out, that branches write to."""

THROTTLES = 100
"""How often one branch is throttled, under a limit that adapts to it, before that counts as a failed attempt."""


def outcomes_of(update: Any) -> list[Outcome]:
    """The outcomes in what a graph of branches returns, which is None where there was nothing to do."""
    return (update or {}).get(OUTCOMES) or []


class Spot(TypedDict):
    """What a `Send` carries to a branch: the item's place. The item itself goes by reference."""

    index: int


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
class Branch:
    """Runs a worker on one item and turns what becomes of it into an outcome."""

    worker: Hand
    fallbacks: Sequence[Hand] = ()
    retry: Retry = field(default_factory=lambda: Retry(attempts=1))
    hedge: Hedge | None = None
    limits: Sequence[Limit] = ()

    @property
    def name(self) -> str:
        """The worker's name."""
        return self.worker.name

    def work(self, spot: Spot, config: RunnableConfig) -> Work:
        """Return what is known of the item, or else run the worker and keep its result, unless that comes too late."""
        crew, index = current(), spot["index"]
        outcome = crew.tally.known.get((index, self.name))
        if outcome is None:
            try:
                outcome = yield from self._outcome(crew, index, config)
                crew.tally.stop.check()
            except Stopped:
                return {OUTCOMES: crew.tally.left((index, self.name))}
            if crew.journal is not None and outcome["status"] == "success":
                yield from self._remembered(crew, crew.journal, outcome)
            crew.tally.note(outcome)
        return {OUTCOMES: [outcome]}

    def _remembered(self, crew: Crew, store: Journal, outcome: Outcome) -> Generator[Effect, Any, None]:
        index = outcome["index"]
        try:
            yield Remember(store, crew.thread_id, f"{crew.place}/{index}/{self.name}", outcome)
        except TypeError as error:
            raise OutputInvalid(
                f"worker {self.name!r} gave for item {index} what cannot be stored: {error}; return plain data"
            ) from error

    def _outcome(self, crew: Crew, index: int, config: RunnableConfig) -> Generator[Effect, Any, Outcome]:
        effort = Effort(key=crew.key(index, self.name) if self.worker.keyed else None)
        crew.tally.begin(index, self.name, effort)
        call = _Call(self, crew, index, config, effort)
        try:
            return success(index, self.name, (yield from call.tried()), effort)
        except (*FATAL, Stopped):
            raise
        except Exception as error:
            if is_invalid_resume(error):
                raise
            return failure(index, self.name, error, effort)


@dataclass(slots=True)
class _Call:
    """The attempts of one branch."""

    branch: Branch
    crew: Crew
    index: int
    config: RunnableConfig
    effort: Effort
    meter: Meter | None = None
    """Counts tokens, where a limit does."""

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
        """Wait for a slot, call, and give the slot back whatever happens."""
        turn: Turn = yield from self._waited(Enter(self.crew.slots, stop=self.crew.sign))
        try:
            if not self.effort.attempts:
                started()
            return (yield from self._passed(hand, self.branch.limits))
        finally:
            turn.close()

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
        config = self.config if self.meter is None else self.meter.beside(self.config)
        effect: Effect = Ask(hand.runnable, given, config)
        hedge = self.branch.hedge
        if hedge is not None:
            effect = Hedged(effect, hedge, crew.latencies)
        if crew.sign is not None and crew.tally.pausing:
            effect = Until(crew.sign, effect)
        crew.tally.running += 1
        try:
            with KnownAs(self.key):
                reply = yield effect
        finally:
            crew.tally.running -= 1
            effort.seconds, effort.since = effort.seconds + time.monotonic() - begun, None
        if self.meter is not None:
            crew.costs.note(crew.given(self.index), self.meter.spent)
        if hedge is not None:
            reply, second = reply
            effort.hedged |= second
        return hand.value(reply)

    def _waited(self, effect: Effect) -> Generator[Effect, Any, Any]:
        """Wait, and count it as waiting."""
        begun = time.monotonic()
        try:
            return (yield effect)
        finally:
            self.effort.waited += time.monotonic() - begun


@dataclass(frozen=True)
class Leaf(Runnable[Spot, Update]):
    """A branch as a node, for a worker that is one step."""

    branch: Branch

    @property
    def runnable(self) -> Any:
        """The worker, for drawings."""
        return self.branch.worker.runnable

    def invoke(self, input: Spot, config: RunnableConfig | None = None, **kwargs: Any) -> Update:  # noqa: A002
        """Return the outcome of an item, as the update."""
        return drive(self.branch.work(input, config or {}))

    async def ainvoke(self, input: Spot, config: RunnableConfig | None = None, **kwargs: Any) -> Update:  # noqa: A002
        """Return the outcome of an item, as the update."""
        return await adrive(self.branch.work(input, config or {}))


def is_leaf(worker: Any) -> bool:
    """Whether a worker is one step, and no graph that may stop for a person half-way."""
    asks_a_person = isinstance(worker, Review) or len(accompanied(worker)) > 1
    return isinstance(worker, Step) and not asks_a_person
