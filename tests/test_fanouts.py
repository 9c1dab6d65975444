"""A fan-out runs every item in a branch of its own and joins what becomes of them, in order."""

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.runnables import RunnableConfig
from langgraph.types import Command
from scripted import ScriptedModel

from treadle import chain, fan_out, review
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import GraphBuildError, InputInvalid, QuorumNotMet
from treadle.nodes import as_text, prompt, step, vote
from treadle.nodes.policies.quorums import required


def square(n: int) -> int:
    if n < 0:
        raise ValueError(f"{n} is negative")
    return n * n


def squares(**manner: Any) -> Any:
    return fan_out(step(square), over="numbers", item="n", into="squares", **manner).compile()


@given(st.lists(st.integers(-5, 50), max_size=12))
@settings(deadline=None, max_examples=25)
def test_the_join_gets_every_success_in_item_order_and_every_failure_is_told(numbers: list[int]) -> None:
    graph = squares(need=0)
    done = graph.invoke({"numbers": numbers})
    assert done["squares"] == [n * n for n in numbers if n >= 0]
    told = [
        (outcome["index"], outcome["status"]) for outcome in sorted(done["squares_outcomes"], key=lambda o: o["index"])
    ]
    assert told == [(i, "success" if n >= 0 else "failure") for i, n in enumerate(numbers)]


def test_sync_and_async_agree_and_an_empty_list_is_joined() -> None:
    graph = squares()
    assert asyncio.run(graph.ainvoke({"numbers": [3, 1, 2]}))["squares"] == [9, 1, 4]
    assert graph.invoke({"numbers": []})["squares"] == []


def test_a_failure_keeps_its_kind_and_message_and_leaves_the_others_alone() -> None:
    done = squares().invoke({"numbers": [1, -2, 3]})
    assert done["squares"] == [1, 9]
    (lost,) = (outcome for outcome in done["squares_outcomes"] if outcome["status"] == "failure")
    assert (lost["error"]["kind"], lost["error"]["message"]) == ("ValueError", "-2 is negative")
    assert (lost["index"], lost["attempts"]) == (1, 1)


def test_a_bug_fails_the_run() -> None:
    with pytest.raises(TypeError):
        squares().invoke({"numbers": [1, "two"]})


@pytest.mark.parametrize(("need", "numbers"), [(0.9, [1, -1]), (2, [1, -1]), (None, [-1, -2])])
def test_too_few_successes_fail_the_run_in_words(need: Any, numbers: list[int]) -> None:
    with pytest.raises(
        QuorumNotMet, match=r"'squares': . of 2 branches succeeded and . are needed\. item .: ValueError: -1"
    ):
        squares(need=need).invoke({"numbers": numbers})


@pytest.mark.parametrize(("need", "total", "least"), [(0.9, 25, 23), (0.5, 4, 2), (1.0, 3, 3), (3, 2, 3), (0, 9, 0)])
def test_a_share_is_rounded_up(need: float | int, total: int, least: int) -> None:
    assert required(need, total) == least


@pytest.mark.parametrize("wrong", [None, "text", 7, {"a": 1}])
def test_what_is_no_list_is_refused_in_words(wrong: Any) -> None:
    with pytest.raises(InputInvalid, match="'squares' fans out over 'numbers', which must be a list"):
        squares().invoke({"numbers": wrong})


def test_a_failed_branch_is_tried_again() -> None:
    tries: list[int] = []

    def flaky(n: int) -> int:
        tries.append(n)
        if len(tries) == 1:
            raise ConnectionError("lost")
        return n

    done = fan_out(step(flaky), over="ns", item="n", attempts=2).compile().invoke({"ns": [5]})
    assert done["results"] == [5]
    assert done["results_outcomes"][0]["attempts"] == 2


class Gauge:
    """Counts how many are at work at once."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.lock = threading.Lock()

    def __enter__(self) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.now -= 1


def test_no_more_than_the_limit_work_at_once() -> None:
    gauge = Gauge()

    async def work(n: int) -> int:
        with gauge:
            await asyncio.sleep(0.01)
        return n

    def block(n: int) -> int:
        with gauge:
            time.sleep(0.01)
        return n

    aside = fan_out(step(work), over="ns", item="n", limit=3).compile()
    assert asyncio.run(aside.ainvoke({"ns": list(range(12))}))["results"] == list(range(12))
    assert gauge.most == 3
    fan_out(step(block), over="ns", item="n", limit=2, into="r").compile().invoke({"ns": list(range(8))})
    assert gauge.most == 3


@pytest.mark.parametrize("runs", ["sync", "async"])
def test_branches_that_are_not_done_in_time_are_given_up(runs: str) -> None:
    stop = threading.Event()

    def wait(n: int) -> int:
        if n:
            stop.wait(20)
        return n

    async def await_(n: int) -> int:
        if n:
            await asyncio.sleep(20)
        return n

    if runs == "sync":
        done = fan_out(step(wait), over="ns", item="n", within=0.3, need=1).compile().invoke({"ns": [0, 1]})
    else:
        graph = fan_out(step(await_), over="ns", item="n", within=0.3, need=1).compile()
        done = asyncio.run(graph.ainvoke({"ns": [0, 1]}))
    stop.set()
    assert done["results"] == [0]
    assert sorted(outcome["status"] for outcome in done["results_outcomes"]) == ["cancelled", "success"]


def saying(text: str) -> Callable[[str], str]:
    return lambda _: text


def test_many_workers_over_one_input_and_over_many_items() -> None:
    judges = [prompt(name, "{text}", model=ScriptedModel(script=saying(said))) for name, said in JUDGES]
    assert fan_out(judges, into="verdict", join=vote).compile().invoke({"text": "x"})["verdict"]["value"] == "good"
    both = fan_out(judges, over="texts", item="text", into="all", join=as_text(" ")).compile()
    assert both.invoke({"texts": ["x", "y"]})["all"] == "good bad good good bad good"


JUDGES = [("ada", "good"), ("bob", "bad"), ("cyd", "good")]


def test_a_branch_is_given_its_item_and_the_context_it_names() -> None:
    ask = prompt("ask", "{clause} under {law}", model=ScriptedModel(script=lambda said: said))
    graph = fan_out(ask, over="clauses", item="clause", context=("law",)).compile()
    assert graph.invoke({"clauses": ["a", "b"], "law": "L"})["results"] == ["a under L", "b under L"]


def test_fan_outs_nest() -> None:
    inner = fan_out(step(square), over="row", item="n", into="squared")
    outer = fan_out(inner, over="rows", item="row", into="table")
    assert outer.compile().invoke({"rows": [[1, 2], [], [3]]})["table"] == [[1, 4], [], [9]]


def many(**manner: Any) -> Any:
    return fan_out(step(square), **{"over": "ns", "item": "n", **manner})


REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: fan_out([], over="ns"), "has no worker"),
    (lambda: fan_out(step(square)), "nothing to fan out"),
    (lambda: fan_out([step(square), step(square)], over="ns", item="n"), "names of their own"),
    (lambda: fan_out(step(square), over="ns", item="n", limit=0), "limit=0"),
    (lambda: fan_out(step(square), over="ns", item="n", need=1.5), "a share lies between 0 and 1"),
    (lambda: many(over=[1, 2]), "over= is the key that the state has a list under, or a function.* and no list"),
    (lambda: many(need="80%"), "need='80%' is neither a number of branches nor a share"),
    (lambda: many(on_error="ignore"), "on_error='ignore' is neither 'keep' nor 'raise'"),
    (lambda: many(limit=2.5), "limit=2.5 must be a whole number"),
    (lambda: many(attempts=0), "attempts=0 must be at least 1"),
    (lambda: many(batch=2), r"batch=2 is no Batch; say Batch\(number\)"),
    (lambda: many(hedge=True), r"hedge=True is no Hedge; say Hedge\(\)"),
    (lambda: many(context="law"), r"context= is a list of them; say context=\[...\]"),
    (lambda: many(fallback=step(square)), r"fallback= is a list of them"),
    (lambda: many(within="soon"), "'soon' is no time span"),
    (
        lambda: fan_out(step(square), over="ns"),
        r"reads 'n', and a branch is given only item; name it in context=\('n',\)",
    ),
]


@pytest.mark.parametrize(("build", "told"), REFUSED)
def test_a_fan_out_that_could_not_work_is_refused(build: Callable[[], Any], told: str) -> None:
    with pytest.raises(GraphBuildError, match=told):
        build()


def test_a_finished_item_is_not_run_again_when_the_run_is(tmp_path: Path) -> None:
    ran: list[int] = []
    broken = True

    def work(n: int) -> int:
        ran.append(n)
        if n == 3 and broken:
            raise TypeError("a bug")
        return n

    with SqliteSaver(tmp_path / "t.db") as saver:
        graph = fan_out(step(work), over="ns", item="n", limit=1).compile(checkpointer=saver)
        config: RunnableConfig = {"configurable": {"thread_id": "t"}}
        with pytest.raises(TypeError):
            graph.invoke({"ns": [0, 1, 2, 3]}, config)
        before, broken = set(ran) - {3}, False
        ran.clear()
        assert graph.invoke(None, config)["results"] == [0, 1, 2, 3]
        assert before.isdisjoint(ran)


def test_answered_branches_are_each_finished_once(tmp_path: Path) -> None:
    after: list[int] = []

    def effect(square: int) -> int:
        after.append(square)
        return square

    asked = chain(step(square), review("square", actions=("approve",)), step(effect), name="asked")
    with SqliteSaver(tmp_path / "t.db") as saver:
        graph = fan_out(asked, over="ns", item="n").compile(checkpointer=saver)
        config: RunnableConfig = {"configurable": {"thread_id": "t"}}
        graph.invoke({"ns": [1, 2, 3]}, config)
        while waiting := graph.get_state(config).interrupts:
            graph.invoke(Command(resume={waiting[0].id: {"action": "approve"}}), config)
        assert graph.get_state(config).values["results"] == [1, 4, 9]
    assert sorted(after) == [1, 4, 9]


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("way", ["stream", "astream"])
def test_whoever_streams_a_run_hears_of_every_branch(tmp_path: Path, way: str, stored: bool) -> None:
    async def heard(graph: Any, **listening: Any) -> list[Any]:
        if way == "stream":
            return list(graph.stream({"numbers": [1, 2, 3]}, config, **listening))
        return [part async for part in graph.astream({"numbers": [1, 2, 3]}, config, **listening)]

    config: RunnableConfig = {"configurable": {"thread_id": "t"}}
    with SqliteSaver(tmp_path / "t.db") as saver:
        graph = fan_out(step(square), over="numbers", item="n", every=None).compile(saver if stored else None)
        parts = asyncio.run(heard(graph, stream_mode="updates", subgraphs=True))
    branches = [update["square"]["outcomes"][0]["value"] for _, update in parts if "square" in update]
    assert sorted(branches) == [1, 4, 9]
    assert [list(update) for place, update in parts if not place] == [["__work__"], ["join"]]


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
@pytest.mark.parametrize("lanes", [False, True])
def test_a_fan_out_of_single_steps_runs_where_each_step_is_stored_before_the_next(
    tmp_path: Path, way: str, lanes: bool
) -> None:
    with SqliteSaver(tmp_path / "t.db") as saver:
        graph = fan_out(step(twice), over="numbers", item="number", into="doubled", lanes=lanes).compile(saver)
        config: Any = {"configurable": {"thread_id": "a"}}
        if way == "invoke":
            found = graph.invoke({"numbers": [1, 2]}, config, durability="sync")
        else:
            found = asyncio.run(graph.ainvoke({"numbers": [1, 2]}, config, durability="sync"))
        assert found["doubled"] == [2, 4]


def test_times_may_be_written_as_elsewhere() -> None:
    assert many(within="2m", timeout="30s").compile().invoke({"ns": [3]})["results"] == [9]


def test_more_than_there_are_cannot_succeed_and_that_is_told() -> None:
    with pytest.raises(QuorumNotMet, match=r"2 of 2 branches succeeded and 80 are needed\. .* such as need=0\.8"):
        many(need=80).compile().invoke({"ns": [1, 2]})


def twice(number: int) -> int:
    return number * 2
