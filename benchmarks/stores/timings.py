"""Interleaved repetitions: every subject once, then every subject again; medians of each."""

import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig

from stores.subjects import AsyncOpened, Opened, size
from treadle.checkpoints import SqliteSaver

Config = RunnableConfig
K = TypeVar("K")


@dataclass
class Timing:
    """What the repetitions of one subject took, and how large its file was at last."""

    seconds: list[float] = field(default_factory=list)
    size: int = 0

    @property
    def median(self) -> float:
        """The median of the repetitions, in seconds."""
        return statistics.median(self.seconds)


def config(thread: str = "t") -> Config:
    """A thread's config, with room for long runs."""
    return {"configurable": {"thread_id": thread}, "recursion_limit": 100_000}


def run(graph: Any, value: Any, subjects: Mapping[str, Opened], repeats: int) -> dict[str, Timing]:
    """Invoke a graph under each subject, in turns; a run is over when everything is stored."""
    found = {name: Timing() for name in subjects}
    for _ in range(repeats):
        for name, opened in subjects.items():
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "x.db"
                found[name].seconds.append(_once(graph, value, opened, path))
                found[name].size = size(path) if path.exists() else 0
    return found


def _once(graph: Any, value: Any, opened: Opened, path: Path) -> float:
    with _frozen(), opened(path) as saver:
        compiled = graph.compile(checkpointer=saver)
        start = time.perf_counter()
        compiled.invoke(value, config())
        if isinstance(saver, SqliteSaver):
            saver.flush()
        return time.perf_counter() - start


def arun(graph: Any, value: Any, subjects: Mapping[str, AsyncOpened], repeats: int) -> dict[str, Timing]:
    """As ``run``, with the async API."""
    found = {name: Timing() for name in subjects}
    for _ in range(repeats):
        for name, opened in subjects.items():
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "x.db"
                found[name].seconds.append(asyncio.run(_aonce(graph, value, opened, path)))
                found[name].size = size(path) if path.exists() else 0
    return found


def again(graph: Any, value: Any, subjects: Mapping[str, Opened], repeats: int) -> dict[str, Timing]:
    """As ``run``, in savers that have been used before: what each run of a process takes but the first ones."""
    found = {name: Timing() for name in subjects}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        stack.enter_context(_frozen())
        compiled = {
            name: graph.compile(checkpointer=stack.enter_context(opened(Path(folder) / f"{name}.db")))
            for name, opened in subjects.items()
        }
        for turn in range(-3, repeats):
            for name, one in compiled.items():
                start = time.perf_counter()
                one.invoke(value, config(f"thread {turn}"))
                if turn >= 0:
                    found[name].seconds.append(time.perf_counter() - start)
    return found


async def _aonce(graph: Any, value: Any, opened: AsyncOpened, path: Path) -> float:
    with _frozen():
        async with opened(path) as saver:
            compiled = graph.compile(checkpointer=saver)
            start = time.perf_counter()
            await compiled.ainvoke(value, config())
            if isinstance(saver, SqliteSaver):
                saver.flush()
            return time.perf_counter() - start


@contextmanager
def _frozen() -> Iterator[None]:
    """Full rounds of Python's collector go through what a run itself made, not through what was there before."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def added(found: Mapping[str, Timing], name: str = "ours") -> float:
    """What one of ours adds to a run without a checkpointer, over what the ready saver adds."""
    bare = found["none"].median
    return (found[name].median - bare) / (found["ready"].median - bare)


def told(found: Mapping[str, Timing]) -> str:
    """The medians in words."""
    return ", ".join(f"{name} {timing.median * 1000:.0f} ms" for name, timing in found.items())


def medians(calls: Mapping[K, Callable[[], object]], repeats: int) -> dict[K, float]:
    """Median seconds of calls, in turns; each is made once before, to be warm."""
    taken: dict[K, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if turn:
                taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}
