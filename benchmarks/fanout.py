"""What a fan-out costs: wall time, CPU, delay and memory against bare asyncio and against LangGraph's plain `Send`.

Run ``python benchmarks/fanout.py`` (minutes), ``--quick`` (fewer repetitions, smaller sizes), ``--only PART``, ``--json
FILE``. Every figure is a median of interleaved repetitions; ratios are taken between medians of the same run. Peers are
measured where they are installed (``uv run --with pydantic-graph``).
"""

import argparse
import asyncio
import gc
import json
import operator
import random
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from treadle.checkpoints.savers import SqliteSaver
from treadle.graphs import fan_out
from treadle.nodes import limit, step

LIMIT = 64


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


def send(limited: bool) -> Callable[[Sequence[float], Any], Awaitable[int]]:
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


def ours(**manner: Any) -> Callable[[Sequence[float], Any], Awaitable[int]]:
    """`fan_out`."""
    pattern = fan_out(step(wait), over="items", item="seconds", into="results", limit=LIMIT, **manner)

    async def run(items: Sequence[float], saver: Any) -> int:
        compiled = pattern.compile(checkpointer=saver)
        done = await compiled.ainvoke({"items": list(items)}, {"configurable": {"thread_id": "t"}})
        return len(done["results"])

    return run


@dataclass
class Contest:
    """Several ways of doing the same items, run in turn, so that a change of the machine's mood meets all alike."""

    items: Sequence[float]
    ways: dict[str, tuple[Callable[[Sequence[float], Any], Awaitable[int]], str]]
    wall: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    first: dict[str, list[float]] = field(default_factory=dict)

    def run(self, repetitions: int) -> "Contest":
        """Measure."""
        for _ in range(repetitions):
            for name, (way, store) in self.ways.items():
                self._once(name, way, store)
        return self

    def _once(self, name: str, way: Callable[[Sequence[float], Any], Awaitable[int]], store: str) -> None:
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


Row = dict[str, Any]


def row(name: str, value: float, goal: float | None) -> Row:
    """One figure; every goal here is an upper bound."""
    return {"name": name, "value": round(value, 4), "goal": goal, "holds": None if goal is None else value <= goal}


def walls(repetitions: int) -> list[Row]:
    """1,000 items of 50 ms."""
    found = Contest(
        [0.05] * 1000,
        {
            "bare": (bare, ""),
            "ours": (ours(), ""),
            "ours durable": (ours(), "ours"),
            "ours on the ready saver": (ours(), "ready"),
            "lanes durable": (ours(lanes=True), "ours"),
            "Send": (send(True), ""),
            "Send on our saver": (send(True), "ours"),
            "Send on the ready saver": (send(True), "ready"),
        },
    ).run(repetitions)
    goals = {"ours": 1.1, "ours durable": 1.25}
    return [
        row(f"1,000 of 50 ms: {name}, times bare asyncio", found.ratio(name, "bare"), goals.get(name))
        for name in found.ways
        if name != "bare"
    ]


def pydantic_graph() -> Callable[[Sequence[float], Any], Awaitable[int]]:
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


def dask() -> Callable[[Sequence[float], Any], Awaitable[int]]:
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


def jittered(count: int, repetitions: int) -> list[Row]:
    """Many items of about 50 ms."""
    rng = random.Random(7)
    items = [rng.uniform(0.025, 0.075) for _ in range(count)]
    ways = {"bare": (bare, ""), "ours": (ours(), ""), "ours durable": (ours(), "ours")}
    found = Contest(items, ways).run(repetitions)
    return [
        row(f"{count:,} jittered: {name}, times bare asyncio", found.ratio(name, "bare"), goal)
        for name, goal in (("ours", None), ("ours durable", 1.15))
    ]


def cpu(large: int, repetitions: int) -> list[Row]:
    """CPU an item, and the delay of the first one, with items that do nothing."""
    ways = {
        "Send": (send(False), ""),
        "ours": (ours(), ""),
        "ours durable": (ours(), "ours"),
        "lanes durable": (ours(lanes=True), "ours"),
    }
    small = Contest([0.0] * 1000, ways).run(repetitions + 2)
    big = Contest([0.0] * large, ways).run(max(1, repetitions - 1))
    rows = [
        row(f"CPU an item at {len(found.items):,}: {name}, microseconds", found.micros(name), None)
        for found in (small, big)
        for name in ways
    ]
    return [
        *rows,
        row("CPU at 1,000, times Send", small.micros("ours") / small.micros("Send"), 1.15),
        row(f"CPU at {large:,}, times Send", big.micros("ours") / big.micros("Send"), 1 / 3),
        row(f"CPU at {large:,}, times that at 1,000", big.micros("ours") / small.micros("ours"), 1.15),
        row("CPU an item in lanes, durable, microseconds", small.micros("lanes durable"), 60),
        row(f"first of {large:,}, times Send's delay", big.delay("ours") / big.delay("Send"), 0.15),
    ]


def memory(count: int) -> list[Row]:
    """The most memory at once, an item, beyond what bare asyncio takes."""

    def most(way: Callable[[Sequence[float], Any], Awaitable[int]]) -> int:
        items = [0.0] * count
        gc.collect()
        tracemalloc.start()
        asyncio.run(way(items, None))  # type: ignore[arg-type]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    return [row(f"memory an item at {count:,}, kB", most(ours()) / count / 1024, 1.5)]


class Refused(Exception):
    """What a provider says that was asked too often."""

    status_code = 429


@dataclass
class Provider:
    """Lets 100 calls a second through, in bursts of at most five, each of 50 ms, and refuses the rest."""

    rate: float = 100.0
    tokens: float = 5.0
    seen: float = field(default_factory=time.monotonic)
    refused: int = 0

    async def call(self, seconds: float) -> float:
        """One call."""
        now = time.monotonic()
        self.tokens, self.seen = min(5.0, self.tokens + (now - self.seen) * self.rate), now
        if self.tokens < 1:
            self.refused += 1
            raise Refused("too many requests")
        self.tokens -= 1
        await asyncio.sleep(0.05)
        return seconds


def throttling(count: int) -> list[Row]:
    """Items against a provider that throttles."""
    provider = Provider()
    shared = limit("provider", concurrency=LIMIT)
    pattern = fan_out(step(provider.call, into="out"), over="items", item="seconds", limit=LIMIT, limits=[shared])
    begun = time.perf_counter()
    done = asyncio.run(pattern.compile().ainvoke({"items": [0.0] * count}))
    seconds = time.perf_counter() - begun
    failed = sum(outcome["status"] != "success" for outcome in done["results_outcomes"])
    return [
        row(f"{count} calls to a provider of 100 a second, times the ideal", seconds / (count / 100), 1.2),
        row("failed of them", failed, 0),
        row("refused by the provider", provider.refused, None),
    ]


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


PARTS = ("walls", "peers", "jittered", "cpu", "memory", "throttling", "stopping")


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, smaller sizes")
    parser.add_argument("--json", metavar="FILE", type=Path, help="a list of name, value, goal, holds")
    parser.add_argument("--only", choices=PARTS, help="one part")
    chosen = parser.parse_args()
    repetitions = 3 if chosen.quick else 5
    large = 3000 if chosen.quick else 10_000
    parts: dict[str, Callable[[], list[Row]]] = {
        "walls": lambda: walls(repetitions),
        "peers": lambda: peers(repetitions),
        "jittered": lambda: jittered(large, 1 if chosen.quick else 3),
        "cpu": lambda: cpu(large, repetitions),
        "memory": lambda: memory(large),
        "throttling": lambda: throttling(300 if chosen.quick else 800),
        "stopping": stopping,
    }
    rows = [one for name, part in parts.items() if chosen.only in (None, name) for one in part()]
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1) + "\n")
    for one in rows:
        verdict = {None: "", True: "holds", False: "MISSED"}[one["holds"]]
        goal = "" if one["goal"] is None else f"goal {one['goal']:.3g}"
        print(f"{one['name']:<66} {one['value']:>10.3f}  {goal:<12} {verdict}")


if __name__ == "__main__":
    main()
