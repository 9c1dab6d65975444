"""A fan-out takes items from a generator as they are needed, and keeps no more of them than it must."""

import asyncio
import operator
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig

from treadle import fan_out
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import BranchesFailed, GraphBuildError, InputInvalid, QuorumNotMet
from treadle.graphs.scatters.supplies import KEPT, PART
from treadle.nodes import Batch, fold, step, vote

THREAD: RunnableConfig = {"configurable": {"thread_id": "t"}}

Run = Callable[..., dict[str, Any]]


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Run:
    """Both ways of running a graph."""

    def ahead(graph: Any, *given: Any) -> dict[str, Any]:
        done: dict[str, Any] = asyncio.run(graph.ainvoke(*given))
        return done

    return ahead if request.param == "async" else lambda graph, *given: graph.invoke(*given)


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


async def soon(count: int) -> Any:
    yield count


UNFIT: list[tuple[dict[str, Any], str]] = [
    ({"key": str}, "items of a list"),
    ({"over": soon}, "must be a plain function or generator"),
]


@pytest.mark.parametrize(("manner", "told"), UNFIT)
def test_what_needs_to_know_all_items_is_refused(manner: dict[str, Any], told: str) -> None:
    given: dict[str, Any] = {"worker": step(odd), "over": up_to, "item": "n", **manner}
    with pytest.raises(GraphBuildError, match=f"takes its items from a function: .*{told}"):
        fan_out(given.pop("worker"), **given)


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
