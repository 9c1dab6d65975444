"""Fan-outs over items that are taken as they are needed: a million of them never stand in memory at once."""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda

from treadle.graphs.scatters.draws import Open, Shut, Take
from treadle.graphs.scatters.fans import WORK, Fan
from treadle.graphs.scatters.items import Names
from treadle.graphs.scatters.paces import Pace
from treadle.graphs.scatters.shards import Graph
from treadle.graphs.scatters.sums import Sum
from treadle.nodes.functions import Function
from treadle.nodes.joins import Join
from treadle.nodes.outcomes import Outcome
from treadle.nodes.policies.quorums import Quorum
from treadle.nodes.selections import Joining
from treadle.nodes.steps import Block, Effect, State, Update, Work, adrive, drive, lookup

PART = 1024
"""Items that are taken at a time."""

KEPT = 1000
"""Outcomes of failed items that are kept."""


@dataclass
class Course:
    """How far one run has come with what is supplied."""

    quorum: Quorum
    pace: Pace | None
    joined: Sum
    names: Names | None
    lost: list[Outcome] = field(default_factory=list)
    taken: int = 0

    def add(self, outcomes: list[Outcome]) -> Generator[Effect, Any, None]:
        """Take in what became of a part."""
        yield from self.joined.add(outcomes)
        self.lost += [one for one in outcomes if one["status"] != "success"][: KEPT - len(self.lost)]
        if self.pace is not None:
            self.pace.turn()


@dataclass(frozen=True)
class Supply:
    """The node of a fan-out whose items a function supplies."""

    fan: Fan
    source: Function
    into: str
    join: Join | Joining

    def work(self, state: State, config: RunnableConfig, durable: Graph, light: Graph) -> Work:
        """Take items part by part, run them, and keep what the join makes of them.

        A part with an item that waits for a person ends the run for now: so no more than a part's questions stand at
        once. When it goes on, the parts before are recalled, from their checkpoints or the journal.
        """
        self.fan.undercut(config)
        graph = light if self.fan.leaves else durable
        far = yield from self._begun(config)
        items = yield Open(self.fan.name, self.source.function, self._given(state))
        more = True
        while more and (part := (yield Take(items, PART, far.quorum.left))):
            more = (yield from self._ran(part, far, graph, state, config)) and len(part) == PART
        yield Shut(items)
        far.quorum.open = False
        self.fan.check(far.quorum, far.lost)
        return {self.into: (yield from far.joined.value()), self.fan.outcomes: far.lost}

    def _begun(self, config: RunnableConfig) -> Generator[Effect, Any, Course]:
        fan, pace, joined = self.fan, self.fan.pace(config), Sum(self.join, config)
        if pace is not None and fan.progressive is not None:
            pace.join = joined.so_far
        quorum = yield Block(lambda: fan.quorum(None, config))
        return Course(quorum, pace, joined, None if fan.key is None else Names(fan.key, fan.name))

    def _ran(
        self, part: list[Any], far: Course, graph: Graph, state: State, config: RunnableConfig
    ) -> Generator[Effect, Any, bool]:
        """Run a part; whether the next one is needed."""
        fan, first = self.fan, far.taken
        names = far.names.add(part) if far.names is not None else ()
        context = fan.shared(state, () if first else part)
        far.taken += len(part)
        far.quorum.total += len(part) * len(fan.workers)
        numbered = dict(enumerate(part, first))
        crew = yield Block(
            lambda: fan.opened(numbered, context, config, quorum=far.quorum, pace=far.pace, part=f"/{first}")
        )
        outcomes = yield from fan.ran(crew, graph, config, kept=not fan.leaves)
        if names:
            outcomes = [{**one, "item": names[one["index"] - first]} for one in outcomes]
        yield from far.add(outcomes)
        return crew.tally.stop.reason is None and not far.quorum.met

    def _given(self, state: State) -> dict[str, Any]:
        given = {key: lookup(state, key, step=self.fan.name) for key in self.source.reads}
        return given | {key: state[key] for key in self.source.optional if key in state}


def supplying(supply: Supply, durable: Graph, light: Graph) -> Runnable[State, Update]:
    """Return the node. LangGraph finds the durable graph in the closures, for pictures and for its state."""

    def run(state: State, config: RunnableConfig) -> Update:
        return drive(supply.work(state, config, durable, light))

    async def arun(state: State, config: RunnableConfig) -> Update:
        return await adrive(supply.work(state, config, durable, light))

    return RunnableLambda(run, afunc=arun, name=WORK)
