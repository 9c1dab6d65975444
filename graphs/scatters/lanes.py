"""Lanes: one `Send` a worker, with loops inside that pull item after item, for work that takes less than a branch does.

An item keeps its outcome, attempts, slot and place in the journal. What it has no more is a step of LangGraph's own: no
stream event, no trace run and no question to a person.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from treadle.graphs.scatters.branches import OUTCOMES, Branch, Spot
from treadle.graphs.scatters.crews import Crew, current
from treadle.graphs.scatters.shards import Graph, Shard, kind, outlet, state
from treadle.nodes.outcomes import Outcome
from treadle.nodes.policies.loops import Together
from treadle.nodes.steps import Update, Work, adrive, drive


def in_lanes(branches: Sequence[Branch], name: str, *, limit: int) -> Graph:
    """Return the graph that runs all items of the current crew in lanes; its output is their outcomes."""
    graph: Any = StateGraph(state(name), input_schema=Shard, output_schema=outlet(name))
    for branch in branches:
        graph.add_node(branch.name, Lane(branch), metadata={"kind": kind(branch)})
        graph.add_edge(branch.name, END)

    def spread(whole: Shard) -> list[Send]:
        return [Send(branch.name, min(limit, whole["count"])) for branch in branches]

    graph.add_conditional_edges(START, spread, [branch.name for branch in branches])
    return graph.compile(checkpointer=False, name=name)


@dataclass(frozen=True)
class Lane(Runnable[int, Update]):
    """Takes items in so many loops, until there are none left."""

    branch: Branch

    def invoke(self, input: int, config: RunnableConfig | None = None, **kwargs: Any) -> Update:  # noqa: A002
        """Return the outcomes of the items."""
        return drive(self._work(input, config or {}))

    async def ainvoke(self, input: int, config: RunnableConfig | None = None, **kwargs: Any) -> Update:  # noqa: A002
        """Return the outcomes of the items."""
        return await adrive(self._work(input, config or {}))

    def _work(self, loops: int, config: RunnableConfig) -> Work:
        crew = current()
        tally, name = crew.tally, self.branch.name
        items = deque(index for index in tally.leads if (index, name) not in tally.known)
        done = yield Together([self._loop(crew, items, config) for _ in range(loops)], items.clear)
        return {OUTCOMES: [outcome for update in done for outcome in update[OUTCOMES]]}

    def _loop(self, crew: Crew, items: deque[int], config: RunnableConfig) -> Work:
        outcomes = list[Outcome]()
        while items and crew.tally.stop.reason is None and crew.tally.halted is None:
            try:
                index = items.popleft()
            except IndexError:  # another thread took the last one
                break
            outcomes += (yield from self.branch.work(Spot(index=index), config))[OUTCOMES]
        return {OUTCOMES: outcomes}
