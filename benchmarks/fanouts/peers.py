"""What else one might take: pydantic-graph, Dask."""

import asyncio
import time
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from fanouts.contests import Contest
from fanouts.rows import Row, row
from fanouts.ways import LIMIT, Way, bare, ours, wait


def pydantic_graph() -> Way:
    """pydantic-graph, which keeps nothing; a map over the items, and a join."""
    from pydantic_graph import GraphBuilder, StepContext, reduce_list_append

    slots: list[asyncio.Semaphore] = []
    builder: Any = GraphBuilder(input_type=list, output_type=list)

    async def items(ctx: StepContext) -> list[float]:
        return list(ctx.inputs)

    async def work(ctx: StepContext) -> float:
        async with slots[-1]:
            return await wait(ctx.inputs)

    first, each, join = builder.step(items), builder.step(work), builder.join(reduce_list_append, initial_factory=list)
    builder.add(
        builder.edge_from(builder.start_node).to(first),
        builder.edge_from(first).map().to(each),
        builder.edge_from(each).to(join),
        builder.edge_from(join).to(builder.end_node),
    )
    graph = builder.build()

    async def run(items: Sequence[float], saver: Any) -> int:
        slots.append(asyncio.Semaphore(LIMIT))  # of this run's loop
        return len(await graph.run(inputs=list(items)))

    return run


def dask() -> Way:
    """Dask distributed with 64 threads, in this process."""
    from distributed import Client

    async def run(items: Sequence[float], saver: Any) -> int:
        async with Client(
            processes=False, n_workers=1, threads_per_worker=LIMIT, dashboard_address=None, asynchronous=True
        ) as client:
            return len(await client.gather(client.map(_slept, items, pure=False)))

    return run


def _slept(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def peers(repetitions: int) -> list[Row]:
    """1,000 items of 50 ms by what else one might take; what is not installed is left out."""
    ways = {"bare": (bare, ""), "ours": (ours(), ""), "ours durable": (ours(), "ours")}
    for name, module, way in (("pydantic-graph", "pydantic_graph", pydantic_graph), ("Dask", "distributed", dask)):
        if find_spec(module) is not None:
            ways[name] = (way(), "")
    found = Contest([0.05] * 1000, ways).run(repetitions)
    return [
        row(f"1,000 of 50 ms, beside peers: {name}, times bare asyncio", found.ratio(name, "bare"), None)
        for name in ways
        if name != "bare"
    ]
