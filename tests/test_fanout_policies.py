"""What a fan-out does about failures, slowness, refusals and equal items, sync and async alike."""

import asyncio
import math
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dying
import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.types import Command, interrupt

from treadle import fan_out
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import BranchesFailed, GraphBuildError, QuorumNotMet
from treadle.nodes import step, vote
from treadle.nodes.limits import limit
from treadle.nodes.policies.faults import after, throttled
from treadle.nodes.policies.hedges import Hedge
from treadle.nodes.policies.retries import Retry

QUICK = Retry(attempts=3, first=0.001, most=0.01)

Run = Callable[[Any, dict[str, Any]], dict[str, Any]]


class Flaky:
    """Fails so many times for each item, then answers."""

    def __init__(self, times: int, error: Callable[[], Exception] = lambda: ConnectionError("lost")) -> None:
        self.left: dict[int, int] = {}
        self.times, self.error, self.calls, self.lock = times, error, 0, threading.Lock()

    def __call__(self, n: int) -> int:
        with self.lock:
            self.calls += 1
            self.left[n] = self.left.get(n, self.times) - 1
            failing = self.left[n] >= 0
        if failing:
            raise self.error()
        return n


def flaky(times: int, **manner: Any) -> tuple[Flaky, Any]:
    work = Flaky(times)
    return work, fan_out(step(work, into="out", name="work"), over="ns", item="n", **manner).compile()


def test_a_branch_is_tried_as_often_as_the_policy_says(run: Run) -> None:
    work, graph = flaky(2, attempts=QUICK)
    done = run(graph, {"ns": [1, 2]})
    assert done["results"] == [1, 2]
    assert [outcome["attempts"] for outcome in done["results_outcomes"]] == [3, 3]
    assert work.calls == 6


def test_retries_stop_when_the_fan_outs_budget_is_spent(run: Run) -> None:
    work, graph = flaky(100, attempts=Retry(attempts=50, first=0, budget=0), need=0)
    done = run(graph, {"ns": list(range(4))})
    assert done["results"] == []
    assert work.calls == 4 + 10


def test_what_a_service_would_refuse_again_is_not_tried_again(run: Run) -> None:
    class Refused(Exception):
        response = {"Error": {"Code": "ValidationException"}}  # noqa: RUF012

    work = Flaky(5, Refused)
    graph = fan_out(step(work, into="out", name="work"), over="ns", item="n", attempts=QUICK, need=0).compile()
    assert run(graph, {"ns": [1]})["results_outcomes"][0]["attempts"] == 1


def test_the_pause_is_at_least_what_the_service_asks_for() -> None:
    error = ConnectionError("busy")
    error.retry_after = 7  # type: ignore[attr-defined]
    assert QUICK.pause(1, error) == 7 == after(error)
    plain = Retry(first=1, factor=2, most=5, jitter=False)
    assert [plain.pause(failed, ConnectionError()) for failed in (1, 2, 3, 4)] == [1, 2, 4, 5]
    assert all(0.5 <= Retry(first=1).pause(1, ConnectionError()) <= 1 for _ in range(50))


def test_throttling_is_known_in_its_disguises() -> None:
    class Answer:
        status_code, headers = 429, {"Retry-After": "3"}

    http = RuntimeError("x")
    http.response = Answer()  # type: ignore[attr-defined]
    boto = RuntimeError("x")
    boto.response = {"Error": {"Code": "ThrottlingException"}}  # type: ignore[attr-defined]
    assert throttled(http)
    assert after(http) == 3
    assert throttled(boto)
    assert not throttled(ValueError("throttled is only a word here"))


def test_fallbacks_are_asked_in_order_and_named(run: Run) -> None:
    def first(n: int) -> int:
        raise ConnectionError("down")

    def second(n: int) -> int:
        if n == 2:
            raise ConnectionError("down too")
        return -n

    def third(n: int) -> int:
        return 100 * n

    graph = fan_out(step(first), over="ns", item="n", fallback=[step(second), step(third)]).compile()
    done = run(graph, {"ns": [1, 2]})
    assert done["results"] == [-1, 200]
    assert [outcome["by"] for outcome in done["results_outcomes"]] == ["second", "third"]
    assert [outcome["attempts"] for outcome in done["results_outcomes"]] == [2, 3]


@pytest.mark.parametrize(("on_error", "numbers", "fails"), [("raise", [1, -1], True), (0.5, [1, -1], False)])
def test_failures_fail_the_run_when_they_are_more_than_allowed(
    run: Run, on_error: Any, numbers: list[int], fails: bool
) -> None:
    def positive(n: int) -> int:
        if n < 0:
            raise ValueError("negative")
        return n

    graph = fan_out(step(positive), over="ns", item="n", on_error=on_error).compile()
    if fails:
        with pytest.raises(BranchesFailed, match=r"1 of 2 branches failed, .*item 1: ValueError: negative"):
            run(graph, {"ns": numbers})
    else:
        assert run(graph, {"ns": numbers})["results"] == [1]


def test_a_run_goes_on_as_soon_as_enough_succeeded_and_drops_late_results(run: Run) -> None:
    stop, late = threading.Event(), []

    def wait(n: int) -> int:
        if n >= 3:
            stop.wait(20)
            late.append(n)
        return n

    graph = fan_out(step(wait), over="ns", item="n", need=3, limit=8).compile()
    done = run(graph, {"ns": [0, 1, 2, 3, 4]})
    stop.set()
    assert done["results"] == [0, 1, 2]
    statuses = [outcome["status"] for outcome in done["results_outcomes"]]
    assert statuses == ["success"] * 3 + ["cancelled"] * 2
    assert done["results_outcomes"][4]["error"]["message"] == "enough branches had succeeded"


def test_of_items_that_never_started_it_is_said_that_they_were_cancelled(run: Run) -> None:
    graph = fan_out(step(lambda n: n, into="out", name="work"), over="ns", item="n", need=5, limit=1).compile()
    done = run(graph, {"ns": list(range(300))})
    assert len(done["results_outcomes"]) == 300
    assert 5 <= len(done["results"]) < 300


def test_time_that_is_up_with_too_few_is_told(run: Run) -> None:
    stop = threading.Event()
    graph = fan_out(step(lambda n: stop.wait(20), into="out", name="work"), over="ns", item="n", within=0.2).compile()
    with pytest.raises(QuorumNotMet, match=r"0 of 2 branches succeeded and 1 are needed.*time was up"):
        run(graph, {"ns": [1, 2]})
    stop.set()


def test_a_coroutine_that_ignores_cancellation_does_not_hold_the_run() -> None:
    async def stubborn(n: int) -> int:
        if n:
            for _ in range(20):
                try:
                    await asyncio.sleep(0.05)
                except asyncio.CancelledError:
                    continue
        return n

    async def main() -> Any:
        return await fan_out(step(stubborn), over="ns", item="n", need=1).compile().ainvoke({"ns": [0, 1]})

    assert asyncio.run(main())["results"] == [0]


def test_a_slow_call_gets_a_second_one_beside_it(run: Run) -> None:
    seen: list[int] = []
    stop = threading.Event()

    def slow_once(n: int) -> int:
        seen.append(n)
        if n == 30 and seen.count(30) == 1:
            stop.wait(20)
        return n

    hedge = Hedge(factor=2, quantile=0.9, share=0.5)
    graph = fan_out(step(slow_once), over="ns", item="n", limit=4, hedge=hedge).compile()
    done = run(graph, {"ns": list(range(31))})
    stop.set()
    assert done["results"] == list(range(31))
    assert done["results_outcomes"][30]["hedged"] is True


def test_equal_items_of_a_pure_worker_run_once(run: Run) -> None:
    work, graph = flaky(0, pure=True)
    done = run(graph, {"ns": [1, 2, 1, 1]})
    assert done["results"] == [1, 2, 1, 1]
    assert work.calls == 2
    assert [outcome.get("cached", False) for outcome in done["results_outcomes"]] == [False, False, True, True]


def test_one_and_true_are_not_equal_items(run: Run) -> None:
    graph = fan_out(step(repr_of), over="ns", item="n", pure=True).compile()
    assert run(graph, {"ns": [1, True, 1.0, None, "1"]})["results"] == ["1", "True", "1.0", "None", "'1'"]


def repr_of(n: Any) -> str:
    return repr(n)


def test_a_worker_that_asks_for_it_gets_a_key_that_stays_the_same(tmp_path: Path) -> None:
    seen: list[tuple[int, str]] = []
    broken = True

    def effect(n: int, idempotency_key: str) -> int:
        seen.append((n, idempotency_key))
        if n == 1 and broken:
            raise TypeError("a bug")
        return n

    with SqliteSaver(tmp_path / "t.db") as saver:
        graph = fan_out(step(effect), over="ns", item="n", limit=1).compile(checkpointer=saver)
        config: RunnableConfig = {"configurable": {"thread_id": "t"}}
        with pytest.raises(TypeError):
            graph.invoke({"ns": [0, 1]}, config)
        broken = False
        done = graph.invoke(None, config)
    assert done["results"] == [0, 1]
    keys = {n: {key for m, key in seen if m == n} for n in (0, 1)}
    assert len(keys[0]) == len(keys[1]) == 1
    assert keys[0] != keys[1]
    assert done["results_outcomes"][1]["key"] in keys[1]


def triple(n: int) -> int:
    return 3 * n


def test_functions_run_in_the_executor_that_was_given(run: Run) -> None:
    with ThreadPoolExecutor(2, thread_name_prefix="mine") as pool:
        graph = fan_out(
            step(lambda n: threading.current_thread().name, into="out", name="work"), over="ns", item="n", executor=pool
        ).compile()
        assert all(name.startswith("mine") for name in run(graph, {"ns": [1, 2, 3]})["results"])


def pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("forkserver"))


def test_a_process_pool_that_broke_is_made_again_and_its_work_done_again(run: Run, tmp_path: Path) -> None:
    (flag := tmp_path / "flag").touch()
    graph = fan_out(step(dying.die_once), over="flags", item="flag", executor=pool, limit=2).compile()
    done = run(graph, {"flags": ["", str(flag), "", ""]})
    assert os.getpid() not in done["results"]
    assert len(done["results"]) == 4
    assert not flag.exists()


class Throttled(Exception):
    """What a busy service says."""


class Service:
    """Lets so many calls a second through, and refuses the rest."""

    def __init__(self, rate: float) -> None:
        self.rate, self.tokens, self.seen, self.refused = rate, rate / 20, time.monotonic(), 0

    async def __call__(self, n: int) -> int:
        now = time.monotonic()
        self.tokens, self.seen = min(self.rate / 20, self.tokens + (now - self.seen) * self.rate), now
        if self.tokens < 1:
            self.refused += 1
            raise Throttled("slow down")
        self.tokens -= 1
        await asyncio.sleep(0.02)
        return n


def test_a_limit_adapts_to_what_the_service_puts_up_with_and_loses_nothing() -> None:
    service = Service(400)
    shared = limit("test service", concurrency=64)

    async def call(n: int) -> int:
        return await service(n)

    graph = fan_out(step(call), over="ns", item="n", limit=64, limits=[shared]).compile()
    done = asyncio.run(graph.ainvoke({"ns": list(range(200))}))
    assert done["results"] == list(range(200))
    assert shared.state.refused == service.refused
    assert shared.state.running == shared.state.waiting == 0
    assert shared.state.cuts > 0
    assert shared.state.rate < math.inf


def test_calls_at_once_grow_while_all_is_well_and_fall_when_the_service_asks_for_quiet(run: Run) -> None:
    shared, lock, refusing = limit(f"asks for quiet {run.__name__}", concurrency=64), threading.Lock(), [99]
    allowed: list[float] = []

    def call(n: int) -> int:
        with lock:
            allowed.append(shared.state.allowed)
            if n in refusing:
                refusing.remove(n)
                error = Throttled("slow down")
                error.retry_after = 0.05  # type: ignore[attr-defined]
                raise error
        return n

    graph = fan_out(step(call), over="ns", item="n", limit=1, limits=[shared]).compile()
    assert run(graph, {"ns": list(range(120))})["results"] == list(range(120))
    assert allowed[0] == 32
    assert max(allowed[:100]) == 64
    assert min(allowed[100:]) == 32


def test_a_limit_is_one_for_all_who_name_it() -> None:
    assert limit("one", concurrency=3) is limit("one", concurrency=3)
    with pytest.raises(GraphBuildError, match="'one' has concurrency=3"):
        limit("one", concurrency=4)


def test_fan_outs_that_share_a_limit_together_stay_below_it(run: Run) -> None:
    at_once, most, lock = 0, 0, threading.Lock()

    def work(n: int) -> int:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.005)
        with lock:
            at_once -= 1
        return n

    shared = limit("a pair", concurrency=2)
    graphs = [
        fan_out(step(work), over="ns", item="n", limit=8, limits=[shared], into=f"r{i}").compile() for i in range(2)
    ]
    with ThreadPoolExecutor(2) as pool:
        for ended in [pool.submit(run, graph, {"ns": list(range(10))}) for graph in graphs]:
            ended.result()
    assert most <= 2


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 300])
@pytest.mark.parametrize("lanes", [False, True])
def test_any_number_of_items_comes_back_in_order(run: Run, count: int, lanes: bool) -> None:
    graph = fan_out(step(triple), over="ns", item="n", lanes=lanes).compile()
    assert run(graph, {"ns": list(range(count))})["results"] == [3 * n for n in range(count)]


def test_as_many_threads_work_at_once_as_the_limit_says() -> None:
    barrier = threading.Barrier(20)

    def meet(n: int) -> int:
        barrier.wait(20)
        return n

    graph = fan_out(step(meet), over="ns", item="n", limit=20).compile()
    assert graph.invoke({"ns": list(range(40))})["results"] == list(range(40))
    assert asyncio.run(graph.ainvoke({"ns": list(range(40))}))["results"] == list(range(40))


def test_none_among_the_items_is_an_item_and_none_is_a_result(run: Run) -> None:
    assert run(fan_out(step(repr_of), over="ns", item="n").compile(), {"ns": [None, 1]})["results"] == ["None", "1"]
    nothing = fan_out(step(lambda n: None, into="out", name="work"), over="ns", item="n").compile()
    assert run(nothing, {"ns": [1, 2]})["results"] == [None, None]


def test_what_ends_a_process_ends_the_run(run: Run) -> None:
    def leave(n: int) -> int:
        raise SystemExit(3)

    graph = fan_out(step(leave), over="ns", item="n").compile()
    with pytest.raises(SystemExit):
        run(graph, {"ns": [1]})


def test_a_cancelled_run_cancels_its_branches_and_can_be_resumed(tmp_path: Path) -> None:
    cancelled: list[int] = []
    hang = True

    async def work(n: int) -> int:
        try:
            await asyncio.sleep(20 if hang and n > 1 else 0)
        except asyncio.CancelledError:
            cancelled.append(n)
            raise
        return n

    async def main() -> Any:
        nonlocal hang
        with SqliteSaver(tmp_path / "t.db") as saver:
            graph = fan_out(step(work), over="ns", item="n").compile(checkpointer=saver)
            config: RunnableConfig = {"configurable": {"thread_id": "t"}}
            running = asyncio.create_task(graph.ainvoke({"ns": [0, 1, 2, 3]}, config))
            while len(saver.kept("t")) < 2:
                await asyncio.sleep(0.01)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            hang = False
            return await graph.ainvoke(None, config)

    assert asyncio.run(main())["results"] == [0, 1, 2, 3]
    assert sorted(cancelled) == [2, 3]


def test_lanes_are_refused_for_workers_that_are_graphs() -> None:
    with pytest.raises(GraphBuildError, match="lanes are for workers that are one step"):
        fan_out(fan_out(step(triple), over="row", item="n"), over="rows", item="row", lanes=True)


def test_a_function_that_asks_somebody_has_to_say_so(tmp_path: Path) -> None:
    def ask(n: int) -> Any:
        return interrupt(n)

    with SqliteSaver(tmp_path / "t.db") as saver:
        config: RunnableConfig = {"configurable": {"thread_id": "t"}}
        with pytest.raises(GraphBuildError, match="pauses=True"):
            fan_out(step(ask), over="ns", item="n").compile(checkpointer=saver).invoke({"ns": [1, 2]}, config)
        graph = fan_out(step(ask), over="ns", item="n", pauses=True).compile(checkpointer=saver)
        config = {"configurable": {"thread_id": "u"}}
        graph.invoke({"ns": [1, 2]}, config)
        waiting = graph.get_state(config).interrupts
        done = graph.invoke(Command(resume={one.id: 10 * one.value for one in waiting}), config)
    assert done["results"] == [10, 20]


def test_news_tell_how_far_a_run_is_and_what_the_join_would_be() -> None:
    graph = fan_out(step(triple), over="ns", item="n", limit=1, every=0, progressive=True).compile()
    news = list(graph.stream({"ns": [1, 2, 3]}, stream_mode="custom"))
    assert [one["done"] for one in news] == [1, 2, 3]
    assert [one["joined"] for one in news] == [[3], [3, 6], [3, 6, 9]]
    assert news[-1]["total"] == 3
    assert news[-1]["waiting"] == news[-1]["running"] == 0


def test_a_running_join_that_has_nothing_to_go_by_yet_is_left_out() -> None:
    def odd(n: int) -> int:
        if n % 2 == 0:
            raise ValueError("even")
        return n

    graph = fan_out(step(odd), over="ns", item="n", limit=1, every=0, progressive=True, join=vote).compile()
    news = list(graph.stream({"ns": [2, 3]}, stream_mode="custom"))
    assert [one.get("joined") for one in news] == [None, {"value": 3, "share": 0.5}]


def test_what_every_branch_carries_along_is_pointed_at(caplog: pytest.LogCaptureFixture) -> None:
    graph = fan_out(step(lambda n, law: n, into="out", name="w"), over="ns", item="n", context=("law",)).compile()
    graph.invoke({"ns": [1, 2], "law": "x" * 30_000})
    assert "carries the same 'law', 30000 characters long" in caplog.text


def test_nested_fan_outs_share_the_inner_limit_and_do_not_deadlock(run: Run) -> None:
    at_once, most, lock = 0, 0, threading.Lock()

    def work(n: int) -> int:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.002)
        with lock:
            at_once -= 1
        return n

    inner = fan_out(step(work), over="row", item="n", into="done", limit=2)
    graph = fan_out(inner, over="rows", item="row", limit=4).compile()
    rows = [[1, 2, 3]] * 8
    assert run(graph, {"rows": rows})["results"] == rows
    assert most <= 2


def test_the_deadline_and_the_quorum_hold_after_a_crash(tmp_path: Path) -> None:
    broken, ran = True, []

    def work(n: int) -> int:
        ran.append(n)
        if n == 3 and broken:
            raise TypeError("a bug")
        return n

    with SqliteSaver(tmp_path / "t.db") as saver:
        graph = fan_out(step(work), over="ns", item="n", limit=1, need=3).compile(checkpointer=saver)
        config: RunnableConfig = {"configurable": {"thread_id": "t"}}
        ready = fan_out(step(work), over="ns", item="n", limit=1, need=6).compile(checkpointer=saver)
        with pytest.raises(TypeError):
            ready.invoke({"ns": [0, 1, 2, 3, 4, 5]}, config)
        broken = False
        ran.clear()
        done = graph.invoke(None, config)
    assert 3 not in done["results"]
    assert done["results_outcomes"][3]["status"] == "cancelled"
    assert ran == []
