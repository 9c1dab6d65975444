"""A contest of several ways, run in turn."""

import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from fanouts.ways import Way, clock
from treadle.checkpoints.savers import SqliteSaver


@dataclass
class Contest:
    """Several ways of doing the same items, run in turn, so that a change of the machine's mood meets all alike."""

    items: Sequence[float]
    ways: dict[str, tuple[Way, str]]
    wall: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    first: dict[str, list[float]] = field(default_factory=dict)

    def run(self, repetitions: int) -> "Contest":
        """Measure."""
        for _ in range(repetitions):
            for name, (way, store) in self.ways.items():
                self._once(name, way, store)
        return self

    def _once(self, name: str, way: Way, store: str) -> None:
        async def go() -> tuple[float, float]:
            async with AsyncExitStack() as stack:
                saver = await _saver(store, stack)
                gc.collect()
                clock.begun, clock.first, clock.ends = time.perf_counter(), None, []
                cpu = time.process_time()
                done = await way(self.items, saver)
                assert done == len(self.items), (name, done)
                return time.perf_counter() - clock.begun, time.process_time() - cpu

        wall, cpu = asyncio.run(go())
        self.wall.setdefault(name, []).append(wall)
        self.cpu.setdefault(name, []).append(cpu)
        self.first.setdefault(name, []).append(clock.first or 0)

    def ratio(self, name: str, to: str) -> float:
        """Wall time against another way's."""
        return statistics.median(self.wall[name]) / statistics.median(self.wall[to])

    def micros(self, name: str) -> float:
        """CPU an item, in microseconds."""
        return statistics.median(self.cpu[name]) / len(self.items) * 1e6

    def delay(self, name: str) -> float:
        """Seconds until the first item started."""
        return statistics.median(self.first[name])


async def _saver(store: str, stack: AsyncExitStack) -> Any:
    if not store:
        return None
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    if store == "ours":
        return stack.enter_context(SqliteSaver(folder / "t.db"))
    return await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(str(folder / "t.db")))
