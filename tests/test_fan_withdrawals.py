"""Fan-outs that have enough while people are still being asked: the questions are taken back, or are waited for."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from treadle import chain, fan_out, review
from treadle.checkpoints import Worker, advance, decide, decisions, pending, verify
from treadle.checkpoints import review as one_review
from treadle.checkpoints.care.checkups import checkup
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import GraphBuildError, ReviewClosed, StoreError
from treadle.graphs.scatters.supplies import PART
from treadle.nodes import step

THREAD: RunnableConfig = {"configurable": {"thread_id": "t"}}
GONE = "It is no longer needed: enough branches had succeeded."

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "t.db", synchronous="OFF") as opened:
        yield opened


def looked_at(n: int) -> int:
    if n < 0:
        raise ValueError("below zero")
    return n


def paid(seen: int) -> int:
    return seen * 10


def risky(seen: int) -> bool:
    return seen >= 100


def asking(pay: Callable[..., int] = paid) -> Any:
    """A worker that asks about everything from 100 on."""
    asked = review("seen", when=risky, actions=("approve", "edit"), title="May {seen} be paid?")
    return chain(step(looked_at, into="seen"), asked, step(pay, into="paid"), name="asking")


def fan(worker: Any, **manner: Any) -> Any:
    return fan_out(worker, over="ns", item="n", **{"withdraw": True, **manner})


def told(done: Any) -> list[str]:
    return [one["status"] for one in done["results_outcomes"]]


def closed(saver: SqliteSaver) -> dict[str, str | None]:
    """What was closed without an answer, by title, and why."""
    found = pending(saver, status="closed")
    return {str(one.title): one.problem for one in found if one.decision is None}


def approve(saver: SqliteSaver, number: int) -> None:
    (one,) = (one for one in pending(saver) if one.value["proposal"] == number)
    decide(saver, one.id, "approve", by="ann")


def test_what_nobody_needs_to_answer_any_more_leaves_the_queue(run: Run, saver: SqliteSaver) -> None:
    graph = fan(asking(), need=3, limit=1).compile(checkpointer=saver)  # one after the other: all come to their end
    done = run(graph, {"ns": [1, -1, 100, 2, 200, 3]}, THREAD)
    assert done["results"] == [10, 20, 30]
    assert told(done) == ["success", "failure", "cancelled", "success", "cancelled", "success"]
    assert done["results_outcomes"][4]["error"]["message"] == "enough branches had succeeded"
    assert pending(saver) == []
    assert set(closed(saver).values()) <= {GONE}
    assert not graph.get_state(THREAD).next
    assert (verify(saver), checkup(saver)) == ([], [])


def test_a_run_that_lacks_some_waits_for_no_more_answers_than_it_lacks(saver: SqliteSaver) -> None:
    graph = fan(asking(), need=4).compile(checkpointer=saver)
    graph.invoke({"ns": [1, -1, 100, 2, 200, 300]}, THREAD)
    assert len(pending(saver)) == 3
    approve(saver, 200)
    assert advance(saver, graph, "t").status == "waiting"
    late = next(one for one in pending(saver) if one.value["proposal"] == 100)
    approve(saver, 300)
    assert advance(saver, graph, "t").status == "done"
    done = graph.get_state(THREAD).values
    assert done["results"] == [10, 20, 2000, 3000]
    assert told(done) == ["success", "failure", "cancelled", "success", "success", "success"]
    assert done["results_outcomes"][1]["error"]["message"] == "below zero"
    assert (pending(saver), closed(saver)) == ([], {"May 100 be paid?": GONE})
    with pytest.raises(ReviewClosed, match=f"is closed: {GONE} Nothing was stored"):
        decide(saver, late.id, "approve", by="bob")
    assert (verify(saver), checkup(saver)) == ([], [])


def test_every_answer_that_was_given_is_carried_out(saver: SqliteSaver) -> None:
    graph = fan(asking(), need=1, limit=1).compile(checkpointer=saver)
    advance(saver, graph, "t", input={"ns": [100, 200, 300, 400]}, name="payments")
    for number in (200, 300, 400):
        approve(saver, number)
    assert Worker(saver, lambda name: graph).once() == 1
    assert graph.get_state(THREAD).values["results"] == [2000, 3000, 4000]
    assert closed(saver) == {"May 100 be paid?": GONE}
    assert all(one.applied_at is not None for one in decisions(saver))


def test_an_answer_that_comes_while_the_run_goes_on_without_it_is_said_to_be_left_out(saver: SqliteSaver) -> None:
    def pay(seen: int) -> int:
        approve(saver, 200)
        return seen

    graph = fan(asking(pay), need=1).compile(checkpointer=saver)
    graph.invoke({"ns": [100, 200]}, THREAD)
    approve(saver, 100)
    assert advance(saver, graph, "t").status == "done"
    assert graph.get_state(THREAD).values["results"] == [100]
    told = [(one.action, one.words, one.applied_at is None) for one in decisions(saver)]
    assert told == [("refused", GONE, True), ("approve", None, True), ("approve", None, False)]
    assert closed(saver) == {"May 200 be paid?": GONE}
    assert (verify(saver), checkup(saver)) == ([], [])


def test_a_worker_does_not_wait_for_answers_that_may_not_be_needed(saver: SqliteSaver) -> None:
    asked = chain(step(looked_at, into="seen"), review("seen", actions=("approve",)), name="asked")
    graph = fan(asked, need=1).compile(checkpointer=saver)
    advance(saver, graph, "t", input={"ns": [100, 200]}, name="payments")
    approve(saver, 200)
    assert Worker(saver, lambda name: graph).once() == 1
    assert (graph.get_state(THREAD).values["results"], pending(saver)) == ([200], [])


def test_answers_are_waited_for_unless_it_is_said_not_to(run: Run, saver: SqliteSaver) -> None:
    graph = fan(asking(), need=1, withdraw=False).compile(checkpointer=saver)
    run(graph, {"ns": [1, 100, 2]}, THREAD)
    (one,) = pending(saver)
    done = run(graph, Command(resume={one.id: {"action": "edit", "value": 7}}), THREAD)
    assert done["results"] == [10, 70, 20]


def test_machines_work_is_cut_off_when_there_is_enough_and_so_are_those_who_wait(run: Run, saver: SqliteSaver) -> None:
    async def anap(n: int) -> int:
        await asyncio.sleep(30 if n < 0 else 0)
        return n

    def nap(n: int) -> int:
        time.sleep(0.5 if n < 0 else 0)
        return n

    awaits = run.__name__ == "ahead"
    asked = review("seen", when=risky, actions=("approve",))
    worker = chain(step(anap if awaits else nap, into="seen", name="nap"), asked, name="asking")
    graph = fan(worker, need=3, limit=3).compile(checkpointer=saver)
    done = run(graph, {"ns": [100, -1, 1, 2, 3, *[-1] * 200]}, THREAD)
    if awaits:
        assert done["results"] == [1, 2, 3]
    assert told(done)[0] == "cancelled"
    assert told(done).count("cancelled") > 150
    assert pending(saver) == []


def test_a_run_that_failed_after_it_had_taken_back_its_questions_does_not_ask_again(run: Run, tmp_path: Path) -> None:
    class Failing(SqliteSaver):
        broken = True

        def retract(self, thread_id: str, ns: str, why: str) -> int:
            found = super().retract(thread_id, ns, why)
            if self.broken:
                raise StoreError("the disk is gone")
            return found

    with Failing(tmp_path / "f.db", synchronous="OFF") as saver:
        graph = fan(asking(), need=2).compile(checkpointer=saver)
        with pytest.raises(StoreError):
            run(graph, {"ns": [100, 200, 1, 2]}, THREAD)
        assert pending(saver) == []
        saver.broken = False
        assert run(graph, None, THREAD)["results"] == [10, 20]
        assert pending(saver) == []


def test_of_a_supply_no_more_is_taken_and_what_waits_is_taken_back(run: Run, saver: SqliteSaver) -> None:
    drawn: list[int] = []

    def endless() -> Iterator[int]:
        while True:
            drawn.append(len(drawn))
            yield 100 if drawn[-1] == 5 else drawn[-1] % 100

    graph = fan_out(asking(), over=endless, item="n", need=20, withdraw=True, limit=64).compile(checkpointer=saver)
    done = run(graph, {}, THREAD)
    assert len(done["results"]) >= 20
    assert len(drawn) == PART
    assert pending(saver) == []


def test_another_checkpointer_has_no_queue_and_goes_on_all_the_same(run: Run) -> None:
    graph = fan(asking(), need=2).compile(checkpointer=InMemorySaver())
    assert run(graph, {"ns": [1, 100, 2]}, THREAD)["results"] == [10, 20]


def test_a_worker_that_is_a_graph_and_asks_nobody_is_cut_off_when_there_is_enough(run: Run, tmp_path: Path) -> None:
    ended: list[int] = []

    async def anap(n: int) -> int:
        await asyncio.sleep(30 if n < 0 else 0)
        return n

    def nap(n: int) -> int:
        while n < 0 and len(ended) < 2:
            time.sleep(0.01)
        time.sleep(1 if n < 0 else 0)
        return n

    def same(seen: int) -> int:
        ended.append(seen)
        return seen

    work = nap if run.__name__ == "<lambda>" else anap
    worker = chain(step(work, into="seen", name="nap"), step(same, into="same"), name="two")
    for saver in (None, SqliteSaver(tmp_path / "t.db", synchronous="OFF")):
        ended.clear()
        graph = fan_out(worker, over="ns", item="n", need=2, limit=4).compile(checkpointer=saver)
        done = run(graph, {"ns": [-1, 1, 2, *[-1] * 50]}, THREAD)
        assert done["results"] == [1, 2]
        if saver is not None:
            saver.close()


def test_a_graph_of_somebody_elses_that_asks_is_waited_for(run: Run, saver: SqliteSaver) -> None:
    def ask(n: int) -> int:
        return int(interrupt(n)) if n == 100 else n

    worker = chain(step(ask, into="seen"), step(paid, into="paid"), name="two")
    graph = fan_out(worker, over="ns", item="n", need=3, limit=1).compile(checkpointer=saver)
    run(graph, {"ns": [100, 1, 2]}, THREAD)
    (one,) = pending(saver)
    assert run(graph, Command(resume={one.id: 5}), THREAD)["results"] == [50, 10, 20]
    assert one_review(saver, one.id).problem is None


def test_questions_are_not_taken_back_where_no_number_is_enough() -> None:
    with pytest.raises(GraphBuildError, match="say how many with need="):
        fan(asking())
