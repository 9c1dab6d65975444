"""Lanes: a bounded number of `Send`s that pull items one after the other, for work that takes less than a branch does.

An item keeps its outcome, attempts, slot and place in the journal. What it has no more is a step of LangGraph's own: no
stream event, no trace run and no question to a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from treadle.graphs.scatters.branches import OUTCOMES, Branch, Spot
from treadle.graphs.scatters.crews import current
from treadle.graphs.scatters.shards import Graph, Shard, kind, outlet, state
from treadle.nodes.outcomes import Outcome
from treadle.nodes.steps import Update, Work, adrive, drive


def in_lanes(branches: Sequence[Branch], name: str, *, limit: int) -> Graph:
    """Return the graph that runs all items of the current crew in lanes; its output is their outcomes."""
    graph: Any = StateGraph(state(name), input_schema=Shard, output_schema=outlet(name))
    for branch in branches:
        graph.add_node(branch.name, Lane(branch), metadata={"kind": kind(branch)})
        graph.add_edge(branch.name, END)

    def spread(whole: Shard) -> list[Send]:
        return [Send(branch.name, lane) for branch in branches for lane in range(min(limit, whole["count"]))]

    graph.add_conditional_edges(START, spread, [branch.name for branch in branches])
    return graph.compile(checkpointer=False, name=name)


@dataclass(frozen=True)
class Lane(Runnable[int, Update]):
    """Takes items until there are none left."""

    branch: Branch

    def invoke(self, input: int, config: RunnableConfig | None = None, **kwargs: Any) -> Update:  # noqa: A002
        """Return the outcomes of the items that this lane got."""
        return drive(self._work(config or {}))

    async def ainvoke(self, input: int, config: RunnableConfig | None = None, **kwargs: Any) -> Update:  # noqa: A002
        """Return the outcomes of the items that this lane got."""
        return await adrive(self._work(config or {}))

    def _work(self, config: RunnableConfig) -> Work:
        crew, outcomes = current(), list[Outcome]()
        for index in crew.pulled(self.branch.name):
            if crew.tally.stop.reason is not None:
                break
            if (index, self.branch.name) not in crew.tally.known:
                outcomes += (yield from self.branch.work(Spot(index=index), config))[OUTCOMES]
        return {OUTCOMES: outcomes}
