"""A fan-out takes items from a generator as they are needed, and keeps no more of them than it must."""

import asyncio
import operator
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig

from treadle import fan_out
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import BranchesFailed, GraphBuildError, InputInvalid, QuorumNotMet
from treadle.graphs.scatters.supplies import KEPT, PART
from treadle.nodes import Batch, as_list, best_of, fold, rank, step, tree, vote

THREAD: RunnableConfig = {"configurable": {"thread_id": "t"}}

Run = Callable[..., dict[str, Any]]


def up_to(count: int) -> Iterator[int]:
    yield from range(count)


def odd(n: int) -> int:
    if n % 2 == 0:
        raise ValueError("even")
    return n


@pytest.mark.parametrize("count", [0, 1, 50, PART + 7])
@pytest.mark.parametrize("lanes", [True, False])
def test_items_of_a_generator_come_back_in_order(run: Run, count: int, lanes: bool) -> None:
    graph = fan_out(step(lambda n: -n, into="out", name="w"), over=up_to, item="n", lanes=lanes).compile()
    done = run(graph, {"count": count})
    assert done == {"results": [-n for n in range(count)], "results_outcomes": []}


def test_a_reducer_and_any_join_see_all_parts_in_order(run: Run) -> None:
    count = 2 * PART + 5
    joins: list[tuple[Any, int]] = [(operator.add, 0), (fold(operator.add, 100), 100), (vote, 0)]
    for join, more in joins:
        graph = fan_out(step(odd), over=up_to, item="n", join=join, lanes=True, into="s").compile()
        done = run(graph, {"count": count})
        odds = sum(range(1, count, 2))
        assert done["s"] == ({"value": 1, "share": 1 / count} if join is vote else odds + more)
    assert [one["index"] for one in done["s_outcomes"]] == [2 * n for n in range(KEPT)]
    assert {one["error"]["message"] for one in done["s_outcomes"]} == {"even"}


def test_a_generator_is_not_asked_for_more_than_is_needed(run: Run) -> None:
    drawn, failed_at = [0], PART + 3

    def endless(start: int) -> Iterator[int]:
        while True:
            drawn[0] += 1
            yield start + drawn[0]

    def work(n: int) -> int:
        if n == failed_at:
            raise ValueError("enough")
        return n

    graph = fan_out(step(work), over=endless, item="n", on_error="raise", lanes=True).compile()
    with pytest.raises(BranchesFailed, match="enough"):
        run(graph, {"start": 0})
    assert drawn[0] == 2 * PART


def test_time_that_is_up_ends_an_endless_supply(run: Run) -> None:
    def endless() -> Iterator[int]:
        n = 0
        while True:
            yield (n := n + 1)

    graph = fan_out(step(lambda n: n, into="out", name="w"), over=endless, item="n", within=0.5, lanes=True).compile()
    found = run(graph, {})["results"]
    assert found[: PART // 4] == list(range(1, PART // 4 + 1))


def test_only_what_was_not_stored_runs_again(run: Run, tmp_path: Path) -> None:
    ran: list[int] = []
    broken = True

    def work(n: int) -> int:
        ran.append(n)
        if n == PART + 20 and broken:
            raise TypeError("a bug")
        return n

    with SqliteSaver(tmp_path / "t.db", synchronous="NORMAL") as saver:
        made = fan_out(step(work), over=up_to, item="n", limit=1, lanes=True, join=operator.add)
        graph = made.compile(checkpointer=saver)
        with pytest.raises(TypeError):
            run(graph, {"count": PART + 40}, THREAD)
        assert len(ran) == PART + 21
        broken = False
        ran.clear()
        assert run(graph, None, THREAD)["results"] == sum(range(PART + 40))
        assert ran == list(range(PART + 20, PART + 40))


def test_the_supply_is_drawn_beside_the_loop_and_its_errors_are_its_own() -> None:
    threads: set[str] = set()

    def rows(count: int) -> Iterator[int]:
        threads.add(threading.current_thread().name)
        yield count
        raise OSError("the file ends here")

    graph = fan_out(step(lambda n: n, into="out", name="w"), over=rows, item="n").compile()
    with pytest.raises(OSError, match="the file ends here"):
        asyncio.run(graph.ainvoke({"count": 1}))
    assert threading.main_thread().name not in threads
    with pytest.raises(InputInvalid, match="must make something to go through, and made int"):
        fan_out(step(odd), over=lambda count: count, item="n").compile().invoke({"count": 3})
    with pytest.raises(QuorumNotMet, match=r"0 of 1 branches succeeded and 1 are needed\. item 0: ValueError: even"):
        fan_out(step(odd), over=up_to, item="n").compile().invoke({"count": 1})


def test_a_run_ends_when_enough_of_a_supply_succeeded(run: Run) -> None:
    drawn: list[int] = []

    def endless() -> Iterator[int]:
        while True:
            drawn.append(len(drawn))
            yield drawn[-1]

    graph = fan_out(step(odd), over=endless, item="n", need=PART // 2 + 9, lanes=True, limit=4).compile()
    done = run(graph, {})
    assert len(done["results"]) == PART // 2 + 9
    assert len(drawn) == 2 * PART
    assert {one["status"] for one in done["results_outcomes"]} == {"failure", "cancelled"}
    with pytest.raises(QuorumNotMet, match="5 of 10 branches succeeded and 6 are needed"):
        run(fan_out(step(odd), over=up_to, item="n", need=6).compile(), {"count": 10})


def test_shares_of_a_supply_are_judged_at_its_end(run: Run) -> None:
    count = PART + 10
    made: dict[str, Any] = {"over": up_to, "item": "n", "lanes": True}
    with pytest.raises(QuorumNotMet, match=f"{count // 2} of {count} branches succeeded and"):
        run(fan_out(step(odd), need=0.6, **made).compile(), {"count": count})
    assert len(run(fan_out(step(odd), need=0.5, on_error=0.5, **made).compile(), {"count": count})["results"]) == 517
    with pytest.raises(BranchesFailed, match=f"{count // 2} of {count} branches failed, and on_error=0.4"):
        run(fan_out(step(odd), on_error=0.4, **made).compile(), {"count": count})


def test_equal_items_and_batches_are_found_among_those_taken_together(run: Run) -> None:
    ran: list[list[int]] = []

    def tens(count: int) -> Iterator[int]:
        yield from (n // 10 for n in range(count))

    def work(ns: list[int]) -> list[int]:
        ran.append(ns)
        if 3 in ns:
            raise ValueError("three")
        return [-n for n in ns]

    graph = fan_out(step(work), over=tens, item="ns", pure=True, batch=Batch(50), lanes=True).compile()
    done = run(graph, {"count": PART + 16})
    assert done["results"] == [-(n // 10) for n in range(PART + 16) if n // 10 != 3]
    assert sorted(n for ns in ran if 3 not in ns for n in ns) == sorted(
        [n for n in range(PART // 10 + 1) if n != 3] + [PART // 10, PART // 10 + 1]
    )
    lost = done["results_outcomes"]
    assert [one["index"] for one in lost] == list(range(30, 40))
    assert [one.get("cached", False) for one in lost] == [False] + [True] * 9


class Rows:
    """Supplies of several kinds that only a loop can go through, and whether they were let go."""

    def __init__(self) -> None:
        self.ended = 0

    async def generated(self, count: int) -> AsyncIterator[int]:
        try:
            for n in range(count):
                await asyncio.sleep(0)
                yield n
        finally:
            await asyncio.sleep(0)
            self.ended += 1

    def given(self, count: int) -> AsyncIterator[int]:
        return self.generated(count)

    async def awaited(self, count: int) -> list[int]:
        await asyncio.sleep(0)
        self.ended += 1
        return list(range(count))


@pytest.mark.parametrize("kind", ["generated", "given", "awaited"])
@pytest.mark.parametrize("count", [0, 3, PART + 7])
def test_what_is_async_is_gone_through_on_the_loop_and_refused_in_words_without_one(kind: str, count: int) -> None:
    rows = Rows()
    graph = fan_out(step(odd), over=getattr(rows, kind), item="n", need=0, lanes=True).compile()
    done = asyncio.run(graph.ainvoke({"count": count}))
    assert done["results"] == list(range(1, count, 2))
    assert rows.ended == 1
    with pytest.raises(TypeError, match=f"takes its items from {kind}, which is async: run the graph with ainvoke"):
        graph.invoke({"count": count})


def test_a_supply_is_let_go_when_no_more_of_it_is_needed(run: Run) -> None:
    ended: list[str] = []

    def endless() -> Iterator[int]:
        try:
            yield from iter(int, 1)
        finally:
            ended.append("here")

    graph = fan_out(step(lambda n: n, into="out", name="w"), over=endless, item="n", need=3, lanes=True).compile()
    run(graph, {})
    assert ended == ["here"]
    rows = Rows()
    asyncio.run(fan_out(step(odd), over=rows.generated, item="n", need=3).compile().ainvoke({"count": 9 * PART}))
    assert rows.ended == 1


def test_time_that_is_up_ends_a_supply_that_is_stuck(run: Run) -> None:
    gate = threading.Event()

    def stuck() -> Iterator[int]:
        yield 1
        gate.wait(60)

    async def hanging() -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(60)

    for supply in (stuck, hanging) if run.__name__ == "ahead" else (stuck,):
        done = run(fan_out(step(odd), over=supply, item="n", within=0.2, need=0).compile(), {})
        assert done["results"] in ([1], [])
        assert [one["status"] for one in done["results_outcomes"]] in ([], ["cancelled"])
    gate.set()


def test_what_a_supply_gets_wrong_in_time_is_its_own() -> None:
    async def late() -> AsyncIterator[int]:
        yield 1
        raise TimeoutError("the server did not answer")

    graph = fan_out(step(odd), over=late, item="n", within=60).compile()
    with pytest.raises(TimeoutError, match="the server did not answer"):
        asyncio.run(graph.ainvoke({}))


def test_names_tell_items_of_all_parts_apart(run: Run) -> None:
    def rows(count: int, again: int) -> Iterator[dict[str, Any]]:
        yield from ({"id": f"r{again if n == count - 1 else n}", "n": n} for n in range(count))

    def work(row: dict[str, Any]) -> int:
        return odd(row["n"])

    graph = fan_out(step(work), over=rows, item="row", key="id", lanes=True).compile()
    lost = run(graph, {"count": PART + 4, "again": PART + 3})["results_outcomes"]
    assert [(one["index"], one["item"]) for one in lost[-2:]] == [(PART, f"r{PART}"), (PART + 2, f"r{PART + 2}")]
    with pytest.raises(InputInvalid, match=f"items 5 and {PART + 3} are both called 'r5'; key= must tell items apart"):
        run(graph, {"count": PART + 4, "again": 5})


def test_a_running_join_counts_the_parts_before(run: Run) -> None:
    count = PART + 3

    def told(join: Any) -> list[Any]:
        graph = fan_out(
            step(odd), over=up_to, item="n", join=join, every=0, progressive=True, lanes=True, limit=1
        ).compile()
        if run.__name__ == "ahead":

            async def hear() -> list[Any]:
                return [news["joined"] async for news in graph.astream({"count": count}, stream_mode="custom")]

            return asyncio.run(hear())
        return [news["joined"] for news in graph.stream({"count": count}, stream_mode="custom")]

    odds = list(range(1, count, 2))
    sums = told(fold(operator.add, 0))
    assert sums[0] == 0
    assert sums[-4:] == [sum(odds) - odds[-1]] * 2 + [sum(odds)] * 2
    lists = told(as_list)
    assert len(lists) == count
    assert lists[-1] == odds
    assert lists[PART] == odds[:-1]


def test_texts_of_a_supply_are_summed_up_while_it_lasts(run: Run) -> None:
    drawn, when = [0], list[int]()

    def texts(count: int) -> Iterator[str]:
        for n in range(count):
            drawn[0] += 1
            yield f"{n:04}"

    def shorten(parts: str) -> str:
        when.append(drawn[0])
        return f"{parts[:4]}-{parts[-4:]}"

    count, join = 3 * PART, tree(step(shorten, into="short"), budget=400, tokens=len)
    same = step(lambda text: text, into="out", name="w")
    graph = fan_out(same, over=texts, item="text", join=join, lanes=True).compile()
    assert run(graph, {"count": count})["results"] == f"0000-{count - 1:04}"
    assert when[0] == PART
    listed = fan_out(same, over="texts", item="text", join=join, lanes=True).compile()
    asked = len(when)
    run(listed, {"texts": [f"{n:04}" for n in range(count)]})
    assert len(when) == 2 * asked


def test_a_judge_sees_what_all_parts_gave(run: Run) -> None:
    def judge(candidates: str) -> str:
        assert candidates.count("[") == (PART + 6) // 2
        return str((PART + 6) // 2)

    for join, best in ((best_of(step(judge)), PART + 5), (rank(step(judge), top=2), [PART + 5, 1])):
        graph = fan_out(step(odd), over=up_to, item="n", join=join, lanes=True).compile()
        assert run(graph, {"count": PART + 6})["results"] == best


@pytest.mark.parametrize("over", [up_to, "ns"])
def test_a_join_that_asks_somebody_cannot_be_told_so_far(over: Any) -> None:
    with pytest.raises(GraphBuildError, match="progressive= joins what is there again and again"):
        fan_out(
            step(odd),
            over=over,
            item="n",
            join=best_of(step(lambda candidates: 1, into="n", name="j")),
            progressive=True,
        )


MANY = """
import operator, resource, sys
from treadle import fan_out
from treadle.nodes import step

def rows(count):
    return (bytes(10_000) + str(n).encode() for n in range(count))

def measure(row):
    return len(row)

graph = fan_out(step(measure), over=rows, item="row", lanes=True, join=operator.add).compile()
peaks = []
for count in map(int, sys.argv[1:]):
    assert graph.invoke({"count": count})["results"] > 10_000 * count
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(*peaks)
"""


@pytest.mark.slow
def test_ten_times_as_many_items_take_no_more_memory() -> None:
    command = [sys.executable, "-W", "ignore", "-c", MANY, "3000", "30000"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    few, many = map(int, done.stdout.split())
    assert many - few < 20_000, "kilobytes; the items together are 300,000"
