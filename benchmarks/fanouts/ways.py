"""Ways of doing the same items: bare asyncio, LangGraph's plain `Send`, `fan_out`."""

import asyncio
import operator
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from treadle.graphs import fan_out
from treadle.nodes import step

LIMIT = 64

Way = Callable[[Sequence[float], Any], Awaitable[int]]
"""Does the items, on a checkpointer or None, and returns how many it did."""


@dataclass
class Clock:
    """When the first item started, seen from the beginning of the run."""

    begun: float = 0.0
    first: float | None = None
    ends: list[float] = field(default_factory=list)

    def mark(self) -> None:
        """Note that an item starts."""
        if self.first is None:
            self.first = time.perf_counter() - self.begun


clock = Clock()


async def wait(seconds: float) -> float:
    """The work: a wait, like a model's answer."""
    clock.mark()
    if seconds:
        await asyncio.sleep(seconds)
    clock.ends.append(time.perf_counter())
    return seconds


async def bare(items: Sequence[float], saver: Any) -> int:
    """Asyncio with a semaphore: the limit."""
    slots = asyncio.Semaphore(LIMIT)

    async def one(seconds: float) -> float:
        async with slots:
            return await wait(seconds)

    return len(await asyncio.gather(*(one(seconds) for seconds in items)))


class Plain(TypedDict):
    """The state of plain `Send`."""

    items: list[float]
    results: Annotated[list[float], operator.add]


def send(limited: bool) -> Way:
    """LangGraph as its documentation has it."""

    async def worker(task: dict[str, float]) -> dict[str, list[float]]:
        return {"results": [await wait(task["item"])]}

    graph: Any = StateGraph(Plain)
    graph.add_node("worker", worker)
    graph.add_conditional_edges(
        START, lambda state: [Send("worker", {"item": item}) for item in state["items"]], ["worker"]
    )
    graph.add_edge("worker", END)

    async def run(items: Sequence[float], saver: Any) -> int:
        compiled = graph.compile(checkpointer=saver)
        config = {"configurable": {"thread_id": "t"}, **({"max_concurrency": LIMIT} if limited else {})}
        return len((await compiled.ainvoke({"items": list(items)}, config))["results"])

    return run


def ours(**manner: Any) -> Way:
    """`fan_out`."""
    pattern = fan_out(step(wait), over="items", item="seconds", into="results", limit=LIMIT, **manner)

    async def run(items: Sequence[float], saver: Any) -> int:
        compiled = pattern.compile(checkpointer=saver)
        done = await compiled.ainvoke({"items": list(items)}, {"configurable": {"thread_id": "t"}})
        return len(done["results"])

    return run
