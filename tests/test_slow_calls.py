"""A call that takes too long gets a second one beside it, or has failed; nobody waits for a thread left behind."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from treadle import chain, fan_out, review
from treadle.errors import GraphBuildError
from treadle.nodes import Hedge, Retry, prompt, step

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    opened = threading.Event()
    yield opened
    opened.set()


@pytest.mark.parametrize("lanes", [False, True])
def test_a_call_that_takes_too_long_fails_alone(run: Run, gate: threading.Event, lanes: bool) -> None:
    def work(n: int) -> int:
        if n % 2:
            gate.wait(30)
        return n

    graph = fan_out(step(work), over="ns", item="n", limit=2, timeout=0.2, lanes=lanes).compile()
    done = run(graph, {"ns": list(range(8))})
    assert done["results"] == [0, 2, 4, 6]
    errors = [one["error"] for one in done["results_outcomes"] if one["index"] % 2]
    assert {(error["kind"], error["message"]) for error in errors} == {("TimeoutError", "no answer within 0.2 s")}


def test_a_coroutine_that_takes_too_long_is_cancelled() -> None:
    cancelled: list[int] = []

    async def work(n: int) -> int:
        try:
            await asyncio.sleep(30 if n else 0)
        except asyncio.CancelledError:
            cancelled.append(n)
            raise
        return n

    worker = chain(step(work), step(lambda work: work, into="same", name="same"), name="two")
    graph = fan_out(worker, over="ns", item="n", timeout=0.2).compile()
    assert asyncio.run(graph.ainvoke({"ns": [0, 1, 2]}))["results"] == [0]
    assert sorted(cancelled) == [1, 2]


def test_it_is_tried_again_and_then_the_next_worker_is(run: Run, gate: threading.Event) -> None:
    seen: list[int] = []

    def work(n: int) -> int:
        seen.append(n)
        if n == 2 or seen.count(n) == 1:
            gate.wait(30)
        return n

    again = Retry(attempts=2, first=0)
    graph = fan_out(
        step(work), over="ns", item="n", timeout=0.2, attempts=again, fallback=[step(lambda n: -n, into="o", name="b")]
    ).compile()
    done = run(graph, {"ns": [1, 2]})
    assert done["results"] == [1, -2]
    assert [(one["attempts"], one.get("by")) for one in done["results_outcomes"]] == [(2, None), (3, "b")]


def test_a_workers_own_time_out_says_what_it_says(run: Run) -> None:
    def work(n: int) -> int:
        raise TimeoutError("the server did not answer")

    for timeout in (None, 5):
        done = run(fan_out(step(work), over="ns", item="n", timeout=timeout, need=0).compile(), {"ns": [1]})
        assert done["results_outcomes"][0]["error"]["message"] == "the server did not answer"


def test_times_that_make_no_sense_are_refused() -> None:
    asking = chain(prompt("ask", "{n}"), review("ask"))
    for worker, timeout in ((prompt("ask", "{n}"), 0), (asking, 5)):
        with pytest.raises(
            GraphBuildError, match=f"timeout={timeout:.1f} is for calls that ask no person, and above 0"
        ):
            fan_out(worker, over="ns", item="n", timeout=timeout)


def test_a_second_call_is_made_no_more_often_than_the_budget_allows(run: Run, gate: threading.Event) -> None:
    seen = Counter[int]()

    def work(n: int) -> int:
        seen[n] += 1
        if n >= 30:
            gate.wait(0.4)
        return n

    hedge = Hedge(factor=1.0, quantile=0.5, share=0.05, least=10)
    graph = fan_out(step(work), over="ns", item="n", limit=20, hedge=hedge).compile()
    done = run(graph, {"ns": list(range(50))})
    assert done["results"] == list(range(50))
    hedged = {one["index"] for one in done["results_outcomes"] if one.get("hedged")}
    assert 1 <= len(hedged) <= 3
    assert {n for n in seen if seen[n] == 2} <= hedged
