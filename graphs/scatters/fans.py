"""The node of a fan-out that runs all branches: it opens a crew, has the shards run, and gives back the outcomes."""

import logging
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langgraph.config import get_stream_writer
from langgraph.errors import GraphInterrupt

from treadle.errors import BranchesFailed, GraphBuildError, QuorumNotMet
from treadle.graphs.scatters.branches import outcomes_of
from treadle.graphs.scatters.crews import Crew, at_work, under_way
from treadle.graphs.scatters.groups import grouped
from treadle.graphs.scatters.items import Names, Naming, listed, point_at_ballast, sendable, storable
from treadle.graphs.scatters.paces import Pace
from treadle.graphs.scatters.shards import SIZE, Graph, Wide, unkept
from treadle.graphs.scatters.tallies import ENOUGH, Tally
from treadle.nodes.inquiries.companies import Company
from treadle.nodes.joins import Join
from treadle.nodes.outcomes import Outcome, ordered, reasons
from treadle.nodes.policies.batches import Batch
from treadle.nodes.policies.executors import Pool, within
from treadle.nodes.policies.quorums import OnError, Quorum
from treadle.nodes.policies.retries import Retry
from treadle.nodes.policies.slots import Slots
from treadle.nodes.policies.stops import Interruptible, Stopped, Unless
from treadle.nodes.policies.vigils import awake
from treadle.nodes.records import Remember, Teller, desk, journal, place, recorder
from treadle.nodes.steps import Block, Effect, State, Update, Work, adrive, drive, lookup

_log = logging.getLogger(__name__)

WORK = "__work__"
"""The name of the node that runs the branches; two underscores: wiring, left out of paths and pictures."""


@dataclass(frozen=True)
class Fan:
    """What a fan-out was built with, as far as a run needs it."""

    name: str
    workers: tuple[str, ...]
    over: str | None
    item: str
    key: Naming | None
    context: tuple[str, ...]
    outcomes: str
    retry: Retry
    limit: int
    need: float | int | None = None
    within: float | None = None
    on_error: OnError = "keep"
    leaves: bool = False
    """Whether every worker is one step, which cannot stop for a person half-way."""
    pausing: bool = False
    """Whether any of them stops for a person."""
    withdraw: bool = False
    """Whether what waits for a person is given up once enough have succeeded."""
    together: float | None = field(default=None, compare=False)
    """Seconds for which an answer waits at most for those to the other branches; None: as the worker sees fit."""
    lanes: bool = False
    hedged: bool = False
    """Whether there may be two calls for a branch, which then need a thread each."""
    pure: bool = False
    batch: Batch | None = None
    every: float | None = 1.0
    """Seconds between two events that tell how far a run is."""
    progressive: Join | None = None
    executor: Executor | Callable[[], Executor] | None = None
    slots: Slots = field(init=False, compare=False, repr=False)
    backlog: Slots = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Make the slots that all runs of this fan-out in this process share."""
        object.__setattr__(self, "slots", Slots(self.limit))
        object.__setattr__(self, "backlog", Slots(self.limit))

    def crew(self, state: State, config: RunnableConfig, pace: Pace | None = None) -> Crew:
        """Open a run: check the items, and learn what a run before a crash has left."""
        items = self._items(state)
        context = self.shared(state, items)
        if self.over is not None:
            self.named(items)
            storable(items, config, self.name)
        quorum = self.quorum(len(items) * len(self.workers), config)
        return self.opened(dict(enumerate(items)), context, config, quorum=quorum, pace=pace)

    def shared(self, state: State, items: Sequence[Any]) -> dict[str, Any]:
        """What every branch is given."""
        context = {key: lookup(state, key, step=self.name) for key in self.context}
        if self.over is not None:
            point_at_ballast(context, items, self.name)
        return context

    def opened(
        self,
        items: Mapping[int, Any],
        context: Mapping[str, Any],
        config: RunnableConfig,
        *,
        quorum: Quorum,
        pace: Pace | None,
        part: str = "",
    ) -> Crew:
        """Open a crew for items by their places, or for one part of a run's items."""
        thread_id, namespace = place(config)
        groups = grouped(items, pure=self.pure, batch=self.batch)
        tally = Tally(
            self.name,
            list(groups.runs),
            self.workers,
            quorum=quorum,
            allowance=self.retry.allowance(len(groups.runs) * len(self.workers)),
            each=None if groups.whole else groups.each,
            pausing=self.pausing,
            withdraw=self.withdraw,
            pace=pace,
        )
        crew = Crew(
            place=f"{namespace}{part}",
            thread_id=thread_id,
            items=groups.given(items),
            context=context,
            item=self.item if self.over else None,
            tally=tally,
            slots=self.slots,
            backlog=self.backlog,
            pool=Pool(self.executor, limit=self.limit * (2 if self.hedged else 1)),
            journal=journal(config),
        )
        if crew.pool.pickles:
            sendable(list(items.values()), self.name)
        self._recall(crew)
        return crew

    def _items(self, state: State) -> Sequence[Any]:
        if self.over is None:
            return [None]
        return listed(state, self.over, self.name)

    def named(self, items: Sequence[Any]) -> Sequence[str]:
        """What the items are called, if anything."""
        return () if self.key is None else Names(self.key, self.name).add(items)

    def quorum(self, total: int | None, config: RunnableConfig) -> Quorum:
        """What a run of so many (None: nobody knows yet) has to come to, with the deadline it had before a crash.

        Where branches wait for people, time counts anew: nobody can tell how much of it was a person's.
        """
        store, (thread_id, namespace) = journal(config), place(config)
        deadline = None if self.within is None else time.time() + self.within
        if deadline is not None and store is not None and not self.pausing:
            store.remember(thread_id, f"deadline:{namespace}", deadline)
            deadline = cast(tuple[float], store.recall(thread_id, f"deadline:{namespace}"))[0]
        early = bool(self.need) and (self.withdraw or not self.pausing)
        if early and not self.leaves and store is not None:
            early = store.recall(thread_id, f"asked:{namespace}") is None  # what has its answer is not cut off
        return Quorum(
            self.name, total or 0, self.need, self.within, self.on_error, early, deadline=deadline, open=total is None
        )

    def _recall(self, crew: Crew) -> None:
        """Count what is done already, so that a run that has enough stays so."""
        if crew.journal is None:
            return
        for outcome in crew.journal.remembered(crew.thread_id, f"{crew.place}/").values():
            if outcome["worker"] in self.workers:
                crew.tally.known[outcome["index"], outcome["worker"]] = outcome
                crew.tally.note(outcome)

    def work(self, state: State, config: RunnableConfig, durable: Graph, light: Graph) -> Work:
        """Run every branch and return the outcomes."""
        pace = self.pace(config)
        crew = yield Block(lambda: self.crew(state, config, pace))
        self.undercut(config)
        graph = light if self.light(crew) else durable
        outcomes = yield from self.ran(crew, graph, config, kept=not self.light(crew))
        if names := self.named(self._items(state)):
            outcomes = [{**outcome, "item": names[outcome["index"]]} for outcome in outcomes]
        self._count(outcomes)
        return {self.outcomes: outcomes}

    def light(self, crew: Crew) -> bool:
        """Whether the branches need no checkpoints of their own."""
        return self.lanes or (self.leaves and crew.journal is not None)

    def ran(
        self, crew: Crew, graph: Graph, config: RunnableConfig, *, kept: bool
    ) -> Generator[Effect, Any, list[Outcome]]:
        """Run a crew's branches in a graph, which has checkpoints of its own if they are `kept`."""
        inside = config if kept else unkept(config)
        inside = inside if self.together is None else Company(crew.place, self.together).around(inside)
        whole = {"first": 0, "count": len(crew.tally.leads)}
        threads = 8 + (len(self.workers) if self.lanes else self.limit // SIZE)
        with at_work(crew), within(crew.pool), awake(self.name):
            try:
                wide = Wide(graph, whole, inside, threads=threads, branches=crew.tally.total)
                endable = wide if crew.sign is None or self.pausing else Unless(crew.sign, wide)
                done = yield Interruptible(endable, crew.tally.halt)
            except Stopped:
                done = None  # the tally knows how far it came
            except GraphInterrupt:
                if not kept:
                    raise GraphBuildError(
                        f"fan-out {self.name!r}: a worker stopped to ask somebody, which a single step cannot do by "
                        "itself; say fan_out(..., pauses=True)"
                    ) from None
                if (yield from self._waits(crew, config)):
                    raise
                done = None
        crew.tally.check()
        found = [*crew.tally.cut_off(), *crew.tally.known.values(), *outcomes_of(done)]
        return ordered(found if crew.tally.each is None else crew.tally.each(found))

    def _waits(self, crew: Crew, config: RunnableConfig) -> Generator[Effect, Any, bool]:
        """Whether a run waits for what was asked; it does not where enough is there without and that was said to do."""
        thread_id, namespace = place(config)
        if not (self.withdraw and crew.tally.quorum.met):
            if self.need and crew.journal is not None:
                yield Remember(crew.journal, thread_id, f"asked:{namespace}", True)
            return True
        crew.tally.give_up()
        if (queue := desk(config)) is not None:
            yield Block(lambda: queue.retract(thread_id, namespace, f"It is no longer needed: {ENOUGH}."))
        return False

    def undercut(self, config: RunnableConfig) -> None:
        """Tell of a lower limit of LangGraph's; one that another fan-out has set around this one is no user's."""
        most = config.get("max_concurrency")
        if most is not None and most < self.limit and not under_way():
            _log.warning(
                "Fan-out %r: max_concurrency=%d in the config does not hold for its branches; %d work at once. Say "
                "fan_out(..., limit=%d) instead: LangGraph would store late what is done.",
                self.name, most, self.limit, most,
            )  # fmt: skip

    def pace(self, config: RunnableConfig) -> Pace | None:
        """Whoever listens to custom events hears of this run."""
        if self.every is None:
            return None
        teller, (thread_id, namespace) = recorder(config), place(config)
        keep = partial(teller.tell, thread_id) if isinstance(teller, Teller) else None
        return Pace(self.every, get_stream_writer(), namespace, keep, self.progressive)

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        quorum = Quorum(self.name, len(outcomes), self.need)
        for outcome in outcomes:
            quorum.note(outcome)
        self.check(quorum, [outcome for outcome in outcomes if outcome["status"] != "success"])

    def check(self, quorum: Quorum, lost: Sequence[Outcome]) -> None:
        """Raise QuorumNotMet if too few succeeded, BranchesFailed if too many did not."""
        if quorum.broken:
            raise BranchesFailed(f"{self.name!r}: {quorum.told()}. {reasons(lost[:1])}")
        if quorum.good < quorum.least:
            raise QuorumNotMet(
                f"{self.name!r}: {quorum.good} of {quorum.total} branches succeeded and {quorum.least} are needed. "
                f"{reasons(lost[:3]) or 'There are no more; a share is a float, such as need=0.8'}"
            )


def working(fan: Fan, durable: Graph, light: Graph) -> Runnable[State, Update]:
    """Return the node. LangGraph finds the durable graph in the closures, for pictures and for its state."""

    def run(state: State, config: RunnableConfig) -> Update:
        return drive(fan.work(state, config, durable, light))

    async def arun(state: State, config: RunnableConfig) -> Update:
        return await adrive(fan.work(state, config, durable, light))

    return RunnableLambda(run, afunc=arun, name=WORK)
