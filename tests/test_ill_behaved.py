"""Workers that end as no worker should: what is one branch's own stays so, and what ends a process ends the run."""

import asyncio
import concurrent.futures
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.types import interrupt

from treadle import fan_out
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import GraphBuildError
from treadle.nodes import Retry, step

THREAD: RunnableConfig = {"configurable": {"thread_id": "t"}}


class Odd(BaseException):
    """What no library expects."""


class Worker:
    """Ends badly for one item, as long as it is told to."""

    def __init__(self, error: Callable[[], BaseException]) -> None:
        self.error, self.bad, self.ran = error, True, list[int]()

    def now(self, n: int) -> int:
        self.ran.append(n)
        if n == 3 and self.bad:
            raise self.error()
        return n

    async def soon(self, n: int) -> int:
        await asyncio.sleep(0)
        return self.now(n)


WAYS = ("sync", "threads of a loop", "coroutines")
"""Who calls the worker."""


def run(way: str, worker: Worker, given: Any, saver: Any = None, **manner: Any) -> dict[str, Any]:
    work = worker.soon if way == "coroutines" else worker.now
    made = fan_out(step(work, into="out", name="work"), over="ns", item="n", limit=2, **manner)
    graph = made.compile(checkpointer=saver)
    how: dict[str, Any] = {"durability": "sync"} if saver else {}  # a run that ends before it is stored begins anew
    if way == "sync":
        return cast(dict[str, Any], graph.invoke(given, THREAD, **how))
    return cast(dict[str, Any], asyncio.run(graph.ainvoke(given, THREAD, **how)))


OWN: list[tuple[Any, str, str]] = [
    (asyncio.CancelledError, "CancelledError", "nobody had cancelled it"),
    (concurrent.futures.CancelledError, "CancelledError", ""),
    (StopIteration, "RuntimeError", "raised StopIteration"),
    (StopAsyncIteration, "StopAsyncIteration", ""),
]


@pytest.mark.parametrize(("error", "kind", "told"), OWN)
@pytest.mark.parametrize("lanes", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_what_only_looks_like_an_end_is_one_branchs_failure(
    way: str, lanes: bool, error: Any, kind: str, told: str
) -> None:
    worker = Worker(error)
    done = run(way, worker, {"ns": [1, 2, 3, 4]}, lanes=lanes, attempts=Retry(attempts=2, first=0))
    assert done["results"] == [1, 2, 4]
    lost = done["results_outcomes"][2]
    assert (lost["status"], lost["error"]["kind"], lost["attempts"]) == ("failure", kind, 2)
    assert told in lost["error"]["message"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, Odd])
@pytest.mark.parametrize("lanes", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_what_ends_a_process_ends_the_run_which_goes_on_where_it_was(
    way: str, lanes: bool, error: Any, tmp_path: Path
) -> None:
    worker = Worker(error)
    with SqliteSaver(tmp_path / "t.db", synchronous="OFF") as saver:
        with pytest.raises(error):
            run(way, worker, {"ns": list(range(40))}, saver, lanes=lanes)
        known = {int(key.split("/")[-2]) for key in saver.kept("t") if key.endswith("/work")}
        worker.bad = False
        worker.ran.clear()
        assert run(way, worker, None, saver, lanes=lanes)["results"] == list(range(40))
    assert 3 in worker.ran
    assert known.isdisjoint(worker.ran)


@pytest.mark.parametrize("way", WAYS)
def test_a_worker_in_a_lane_that_asks_somebody_is_told_what_to_say(way: str, tmp_path: Path) -> None:
    worker = Worker(lambda: interrupt("who are you?"))
    with (
        SqliteSaver(tmp_path / "t.db", synchronous="OFF") as saver,
        pytest.raises(GraphBuildError, match=r"a worker stopped to ask somebody.* say fan_out\(\.\.\., pauses=True\)"),
    ):
        run(way, worker, {"ns": [3]}, saver, lanes=True)
    with pytest.raises(GraphBuildError, match="asks somebody in a lane"):
        run(way, worker, {"ns": [3]}, lanes=True, pauses=True)
