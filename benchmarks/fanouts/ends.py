"""How soon a fan-out ends that has enough, or whose time is up."""

import asyncio
import time
from typing import Any

from fanouts.rows import Row, row
from fanouts.ways import clock, wait
from treadle.graphs import fan_out
from treadle.nodes import step


def stopping() -> list[Row]:
    """How long a quorum and a deadline overshoot with 1,000 items."""
    quorum = fan_out(step(wait), over="items", item="seconds", into="results", limit=1000, need=500)
    deadline = fan_out(step(wait), over="items", item="seconds", into="results", limit=1000, need=0, within=1.5)
    rows = []
    for name, pattern, due in (("quorum", quorum, None), ("deadline", deadline, 1.5)):
        items = [0.3] * 500 + [5.0] * 500 if due is None else [5.0] * 1000
        clock.ends.clear()
        begun, ended = asyncio.run(_timed(pattern.compile(), items))
        over = ended - (begun + due if due is not None else sorted(clock.ends)[499])
        rows.append(row(f"a {name} of 1,000 overshoots, ms", over * 1000, 100))
    return rows


async def _timed(graph: Any, items: list[float]) -> tuple[float, float]:
    begun = time.perf_counter()
    await graph.ainvoke({"items": items})
    return begun, time.perf_counter()
