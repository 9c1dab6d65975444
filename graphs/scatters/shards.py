"""Shards: a wide fan-out admitted piece by piece, so that few of its branches are under LangGraph's care at once.

LangGraph's work for a step grows with the square of its branches, and none starts before all are made. So the items go
in shards of 128: a `Send` a shard, inside it a `Send` an item, and a shard is let in when fewer items than may work at
once have yet to start.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from treadle.graphs.patterns import schema
from treadle.graphs.scatters.admissions import admitted
from treadle.graphs.scatters.branches import OUTCOMES, Branch, Leaf, Spot, is_leaf, outcomes_of
from treadle.graphs.scatters.crews import Crew, current
from treadle.graphs.scatters.fanins import Fanin
from treadle.graphs.scatters.lulls import lull
from treadle.nodes.outcomes import Outcome
from treadle.nodes.policies.slots import Enter
from treadle.nodes.policies.stops import Stopped
from treadle.nodes.prompts import Prompt
from treadle.nodes.steps import Update, Work, adrive, drive

SIZE = 128
"""Items a shard."""

UNLIMITED = 1_000_000

SHARD = "__shard__"
"""The name of the node that runs a shard; two underscores: wiring, left out of paths and pictures."""

Graph = Any
"""A compiled graph."""


class Shard(TypedDict):
    """What a `Send` carries to a shard: a stretch of the run's items."""

    first: int
    count: int


def shards(branches: Sequence[Branch], name: str, *, durable: bool) -> Graph:
    """Return the graph that runs all items of the current crew; its output is their outcomes.

    A graph that is `durable` keeps checkpoints of
    its own, so that a branch can stop for a person; one that is not leaves it to the journal to know what is done.
    """
    checkpointer = None if durable else False
    inner = _shard(branches, name).compile(checkpointer=checkpointer, name=name)
    graph: Any = StateGraph(state(name), input_schema=Shard, output_schema=outlet(name))
    graph.add_node(SHARD, _admitted(inner))
    graph.add_conditional_edges(START, _scatter, [SHARD])
    graph.add_edge(SHARD, END)
    return graph.compile(checkpointer=checkpointer, name=name)


def _shard(branches: Sequence[Branch], name: str) -> Any:
    graph: Any = StateGraph(state(name), input_schema=Shard, output_schema=outlet(name))
    for branch in branches:
        leaf = is_leaf(branch.worker.runnable)
        graph.add_node(
            branch.name,
            Leaf(branch) if leaf else node(branch, branch.worker.runnable),
            metadata={"kind": kind(branch)},
        )
        graph.add_edge(branch.name, END)
    graph.add_conditional_edges(START, _spread, [branch.name for branch in branches])
    return graph


def node(branch: Branch, worker: Graph) -> Runnable[Spot, Update]:
    """Return a branch as a node. LangGraph finds the worker's graph in the closures, for pictures and for its state."""

    def run(spot: Spot, config: RunnableConfig) -> Update:
        assert worker is branch.worker.runnable
        return drive(branch.work(spot, config))

    async def arun(spot: Spot, config: RunnableConfig) -> Update:
        return await adrive(branch.work(spot, config))

    return RunnableLambda(run, afunc=arun, name=branch.name)


def _scatter(whole: Shard) -> list[Send]:
    """A `Send` for each shard that has something to do."""
    crew = current()
    count = len(crew.tally.leads)
    sends = [Send(SHARD, {"first": first, "count": min(SIZE, count - first)}) for first in range(0, count, SIZE)]
    return [send for send in sends if _open(crew, send.arg)]


def _spread(state: Shard) -> list[Send]:
    """A `Send` for each item of a shard and each worker that has no outcome for it."""
    return [Send(worker, Spot(index=index)) for index, worker in _open(current(), state)]


def _open(crew: Crew, shard: Any) -> list[tuple[int, str]]:
    """The branches of a shard that have no outcome."""
    tally = crew.tally
    indices = tally.leads[shard["first"] : shard["first"] + shard["count"]]
    return [(i, worker) for i in indices for worker in tally.workers if (i, worker) not in tally.known]


def _admitted(inner: Graph) -> Runnable[Shard, Update]:
    """Return the node that waits until a shard is let in, and runs it."""

    def run(shard: Shard, config: RunnableConfig) -> Update:
        return drive(_admit(inner, shard, config))

    async def arun(shard: Shard, config: RunnableConfig) -> Update:
        return await adrive(_admit(inner, shard, config))

    return RunnableLambda(run, afunc=arun, name=SHARD)


def _admit(inner: Graph, shard: Shard, config: RunnableConfig) -> Work:
    crew = current()
    todo = _open(crew, shard)
    try:
        turn = yield Enter(crew.backlog, len(todo), stop=crew.sign)
    except Stopped:
        return {OUTCOMES: crew.tally.left(*todo)}
    with admitted(turn):
        crew.tally.check()
        done = yield Wide(inner, shard, config, threads=len(todo) + 4)
    return {OUTCOMES: outcomes_of(done)}


@dataclass(frozen=True)
class Wide:
    """An effect: a graph is run, and nothing but the fan-out's own limit holds its steps back.

    In this thread that takes as many threads as there are steps. On a loop LangGraph's own limit is lifted where the
    user set one: it would queue what is to be stored behind the branches, and the fan-out's limit has taken it over.
    """

    graph: Graph
    input: Any
    config: RunnableConfig
    threads: int
    branches: int = 0
    """How many there are, where they are many."""

    def now(self) -> Any:
        """Run it in threads."""
        narrow, state = {**self.config, "max_concurrency": self.threads}, None
        with lull(self.branches):
            for state in self.graph.stream(self.input, narrow, stream_mode="values"):  # noqa: B007
                pass
        return state

    async def soon(self) -> Any:
        """Run it on the loop."""
        free = {**self.config, "max_concurrency": UNLIMITED} if self.config.get("max_concurrency") else self.config
        state = None
        with lull(self.branches):
            async for state in self.graph.astream(self.input, free, stream_mode="values"):  # noqa: B007
                pass
        return state


def unkept(config: RunnableConfig) -> RunnableConfig:
    """Return the config for a graph without checkpoints: it must not wait until one is stored (``durability="sync"``).

    LangGraph hands its mode down to every graph inside, among the configurable values, and fails in one that stores
    nothing. To say ``durability="async"`` here would overrule that, with a warning each time that it has no effect; a
    config of nothing but the user's own values would take streams, traces and the store's context from the branches.
    """
    values = config.get("configurable", {})
    return {**config, "configurable": {key: value for key, value in values.items() if not key.endswith("_durability")}}


def state(name: str) -> type:
    """The state of a graph of branches."""
    return schema(f"{name}_shards", {"first": int, "count": int, OUTCOMES: Annotated[list[Outcome], Fanin]})


def outlet(name: str) -> type:
    """The output of a graph of branches."""
    return schema(f"{name}_outcomes", {OUTCOMES: Annotated[list[Outcome], Fanin]})


def kind(branch: Branch) -> str:
    """What a branch is called in pictures."""
    return "prompt" if isinstance(branch.worker.runnable, Prompt) else "worker"
