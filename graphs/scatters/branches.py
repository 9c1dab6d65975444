"""One branch of a fan-out: what is known of its item, or what its worker gives, kept and told as an outcome."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypedDict

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.errors import GraphInterrupt, is_invalid_resume

from treadle.errors import OutputInvalid
from treadle.graphs.companions import accompanied
from treadle.graphs.scatters.calls import FATAL, Call, Manner
from treadle.graphs.scatters.crews import current
from treadle.nodes.inquiries.reviews import Review
from treadle.nodes.outcomes import Effort, Outcome, failure, success
from treadle.nodes.policies.stops import Stopped
from treadle.nodes.records import Remember
from treadle.nodes.steps import Effect, Step, Update, Work, adrive, drive

OUTCOMES = "outcomes"
"""The key, inside a fan-out, that branches write to."""


def outcomes_of(update: Any) -> list[Outcome]:
    """The outcomes in what a graph of branches returns, which is None where there was nothing to do."""
    return (update or {}).get(OUTCOMES) or []


class Spot(TypedDict):
    """What a `Send` carries to a branch: the item's place. The item itself goes by reference."""

    index: int


@dataclass(frozen=True)
class Branch(Manner):
    """Runs a worker on one item and turns what becomes of it into an outcome."""

    def work(self, spot: Spot, config: RunnableConfig) -> Work:
        """Return what is known of the item, or else run the worker and keep its result, unless that comes too late."""
        crew, index = current(), spot["index"]
        if known := crew.tally.known.get((index, self.name)):
            return {OUTCOMES: [known]}
        effort = Effort(key=crew.key(index, self.name) if self.worker.keyed else None)
        call = Call(self, crew, index, config, effort)
        try:
            outcome = yield from self._outcome(call)
            crew.tally.stop.check()
            if outcome["status"] == "success":
                yield from self._remembered(call, outcome)
            crew.tally.note(outcome)
            if crew.tally.withdraw and outcome["status"] == "failure":  # when others are given up, it must be known
                yield from self._remembered(call, outcome)
        except Stopped:
            crew.tally.check()
            return {OUTCOMES: crew.tally.left((index, self.name))}
        except GraphInterrupt:
            crew.tally.asked()
            raise
        finally:
            call.close()
        return {OUTCOMES: [outcome]}

    def _remembered(self, call: Call, outcome: Outcome) -> Generator[Effect, Any, None]:
        crew, index = call.crew, call.index
        if crew.journal is None:
            return
        try:
            yield Remember(crew.journal, crew.thread_id, f"{crew.place}/{index}/{self.name}", outcome, call.close)
        except TypeError as error:
            raise OutputInvalid(
                f"worker {self.name!r} gave for item {index} what cannot be stored: {error}; return plain data"
            ) from error

    def _outcome(self, call: Call) -> Generator[Effect, Any, Outcome]:
        index, effort = call.index, call.effort
        call.crew.tally.begin(index, self.name, effort)
        try:
            return success(index, self.name, (yield from call.tried()), effort)
        except (*FATAL, Stopped):
            raise
        except Exception as error:
            if is_invalid_resume(error):
                raise
            return failure(index, self.name, error, effort)


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
