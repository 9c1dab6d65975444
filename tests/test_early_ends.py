"""A run that has enough, or no more time, goes on at once; what it leaves behind neither counts nor is in the way."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig

from treadle import fan_out
from treadle.checkpoints.savers import SqliteSaver
from treadle.nodes import step
from treadle.nodes.limits import limit

Run = Callable[..., dict[str, Any]]


class Stuck:
    """Answers 0 at once, and anything else when it is let go."""

    def __init__(self) -> None:
        self.gate, self.left = threading.Event(), threading.Semaphore(0)

    def __call__(self, n: int) -> int:
        if n:
            self.gate.wait(30)
            self.left.release()
        return n


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    one = Stuck()
    yield one
    one.gate.set()


@pytest.mark.parametrize("manner", [{"need": 1}, {"need": 1, "within": 20}])
def test_what_is_left_behind_is_not_in_the_way_of_the_next_run(run: Run, stuck: Stuck, manner: Any) -> None:
    shared = limit(f"left behind {manner}", concurrency=2)
    graph = fan_out(step(stuck, name="work", into="out"), over="ns", item="n", limit=2, limits=[shared], **manner)
    compiled = graph.compile()
    for _ in range(3):
        done = run(compiled, {"ns": [0, 1, 2, *[3] * 100]})
        assert done["results"] == [0]
        assert [outcome["status"] for outcome in done["results_outcomes"]] == ["success"] + ["cancelled"] * 102


def test_of_a_cancelled_branch_it_is_told_what_it_had_spent(run: Run, stuck: Stuck) -> None:
    begun = threading.Event()

    def work(n: int) -> int:
        begun.set() if n else begun.wait(20)
        return stuck(n)

    graph = fan_out(step(work), over="ns", item="n", limit=2, need=1).compile()
    spent = [(one["attempts"], one["seconds"] > 0) for one in run(graph, {"ns": [0, 1, 2]})["results_outcomes"]]
    assert spent in ([(1, True), (1, True), (0, False)], [(1, True), (1, True), (1, True)])


def test_a_result_that_comes_too_late_is_not_stored(run: Run, stuck: Stuck, tmp_path: Path) -> None:
    config: RunnableConfig = {"configurable": {"thread_id": "t"}}
    with SqliteSaver(tmp_path / "t.db") as saver:
        work = step(stuck, name="work", into="out")
        graph = fan_out(work, over="ns", item="n", limit=3, need=0, within=1).compile(checkpointer=saver)
        done = run(graph, {"ns": [0, 1, 2]}, config)
        begun = [outcome["attempts"] for outcome in done["results_outcomes"][1:]]
        before = saver.kept("t")
        stuck.gate.set()
        for _ in range(sum(begun)):
            assert stuck.left.acquire(timeout=20)
        run(graph, {"ns": [0]}, config)
        late = [key for key in saver.kept("t") if key not in before and "/work" in key]
    assert done["results"] == [0]
    assert len(late) == 1  # of the second run, and none of the first


def test_a_run_goes_on_first_and_cancels_after() -> None:
    told: list[str] = []

    async def work(n: int) -> int:
        try:
            await asyncio.sleep(30 if n else 0)
        except asyncio.CancelledError:
            told.append("cancelled")
            raise
        return n

    async def main() -> None:
        graph = fan_out(step(work), over="ns", item="n", need=1).compile()
        done = await graph.ainvoke({"ns": [0, *[1] * 15]})
        assert done["results"] == [0]
        told.append("gone on")
        while len(told) < 16:
            await asyncio.sleep(0.01)

    asyncio.run(main())
    assert told == ["gone on"] + ["cancelled"] * 15


def test_a_run_that_has_enough_from_before_starts_nothing(run: Run, tmp_path: Path) -> None:
    ran: list[int] = []
    broken = True

    def work(n: int) -> int:
        ran.append(n)
        if n == 2 and broken:
            raise TypeError("a bug")
        return n

    config: RunnableConfig = {"configurable": {"thread_id": "t"}}
    with SqliteSaver(tmp_path / "t.db") as saver:

        def graph(need: int) -> Any:
            return fan_out(step(work), over="ns", item="n", limit=1, need=need).compile(checkpointer=saver)

        with pytest.raises(TypeError):
            run(graph(4), {"ns": [0, 1, 2, 3]}, config)
        while sum("/work" in key for key in saver.kept("t")) < 2:
            time.sleep(0.01)
        broken = False
        ran.clear()
        done = run(graph(2), None, config)
    assert ran == []
    assert set(done["results"]) < {0, 1, 3} or done["results"] == [0, 1, 3]


def test_what_is_inside_a_branch_that_is_left_behind_begins_nothing_more(run: Run) -> None:
    begun, going, gate = list[int](), threading.Event(), threading.Event()

    def work(n: int) -> int:
        begun.append(n)
        if n:
            going.set()
            gate.wait(30)
        going.wait(30)
        return n

    inner = fan_out(step(work), over="row", item="n", into="done", limit=2)
    graph = fan_out(inner, over="rows", item="row", limit=2, need=1).compile()
    assert run(graph, {"rows": [[0], list(range(1, 200))]})["results"] == [[0]]
    before = len(begun)
    gate.set()
    time.sleep(0.3)
    assert len(begun) <= before + 2
