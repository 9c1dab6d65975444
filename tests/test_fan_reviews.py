"""Fan-outs whose branches wait for people: what is late is given up, what waits for an answer is not."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.types import Command

from treadle import chain, fan_out, review
from treadle.checkpoints import pending
from treadle.checkpoints.savers import SqliteSaver
from treadle.graphs.scatters import supplies
from treadle.nodes import step

THREAD: RunnableConfig = {"configurable": {"thread_id": "t"}}
PART = 100

Run = Callable[..., dict[str, Any]]


def approved(graph: Any) -> Command[Any]:
    """Approve all that waits."""
    return Command(resume={one.id: {"action": "approve"} for one in graph.get_state(THREAD).interrupts})


def statuses(done: dict[str, Any]) -> dict[int, str]:
    return {one["index"]: one["status"] for one in done["results_outcomes"]}


def test_time_that_is_up_ends_the_machines_work_and_no_persons(run: Run, tmp_path: Path) -> None:
    began: list[int] = []

    async def anap(n: int) -> int:
        began.append(n)
        await asyncio.sleep(n)
        return n

    def nap(n: int) -> int:
        began.append(n)
        time.sleep(min(n, 4))
        return n

    awaits = run.__name__ == "ahead"
    asked = chain(step(anap if awaits else nap, into="napped", name="nap"), review("napped", actions=("approve",)))
    with SqliteSaver(tmp_path / "t.db", synchronous="OFF") as saver:
        made = fan_out(asked, over="ns", item="n", within=3, need=0, limit=4)
        graph = made.compile(checkpointer=saver)
        run(graph, {"ns": [0, 60, 0, 0]}, THREAD)
        waiting = graph.get_state(THREAD).interrupts
        late = [] if awaits else [60]  # a thread cannot be cancelled, and what it asks is asked
        assert sorted(one.value["proposal"] for one in waiting) == [0, 0, 0, *late]
        time.sleep(3.1)  # longer than the machine may take
        done = run(graph, approved(graph), THREAD)
    second = "cancelled" if awaits else "success"
    assert statuses(done) == {0: "success", 1: second, 2: "success", 3: "success"}
    if awaits:
        assert done["results_outcomes"][1]["error"]["message"] == "time was up"
    assert done["results"] == [0, *late, 0, 0]
    assert began.count(60) == 1


def test_what_never_started_in_time_is_recorded_too(run: Run, tmp_path: Path) -> None:
    async def anap(n: int) -> int:
        await asyncio.sleep(0.3)
        return n

    def nap(n: int) -> int:
        time.sleep(0.3)
        return n

    worker = step(nap if run.__name__ == "<lambda>" else anap, into="napped", name="nap")
    asked = chain(worker, review("napped", when=lambda napped: napped == 0, actions=("approve",)), name="asked")
    with SqliteSaver(tmp_path / "t.db", synchronous="OFF") as saver:
        graph = fan_out(asked, over="ns", item="n", within=5, need=0, limit=1).compile(checkpointer=saver)
        run(graph, {"ns": list(range(200))}, THREAD)
        assert len(graph.get_state(THREAD).interrupts) == 1
        done = run(graph, approved(graph), THREAD)
    found = statuses(done)
    assert list(found) == list(range(200))
    assert found[0] == "success"
    assert found[199] == "cancelled"
    assert set(found.values()) == {"success", "cancelled"}


def test_items_of_a_generator_wait_for_people_part_by_part(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supplies, "PART", PART)
    drawn, after = [0], list[int]()

    def supply(count: int) -> Iterator[int]:
        for n in range(count):
            drawn[0] = max(drawn[0], n + 1)
            yield n

    def risky(n: int) -> bool:
        return n in (3, 70, PART + 5)

    def effect(same: int) -> int:
        after.append(same)
        return same

    worker = step(lambda n: n, into="same", name="look")
    asked = chain(worker, review("same", when=risky, actions=("approve", "edit")), step(effect), name="asked")
    with SqliteSaver(tmp_path / "t.db", synchronous="OFF") as saver:
        graph = fan_out(asked, over=supply, item="n", limit=64, pauses=True).compile(checkpointer=saver)
        run(graph, {"count": PART + 10}, THREAD)
        assert sorted(one.value["proposal"] for one in graph.get_state(THREAD).interrupts) == [3, 70]
        assert len(pending(saver)) == 2
        assert drawn[0] == PART
        assert sorted(after) == [n for n in range(PART) if not risky(n)]
        edited = {
            one.id: {"action": "edit", "value": -3} if one.value["proposal"] == 3 else {"action": "approve"}
            for one in graph.get_state(THREAD).interrupts
        }
        run(graph, Command(resume=edited), THREAD)
        (last,) = graph.get_state(THREAD).interrupts
        assert last.value["proposal"] == PART + 5
        done = run(graph, approved(graph), THREAD)
    assert done["results"] == [-3 if n == 3 else n for n in range(PART + 10)]
    assert sorted(after) == sorted(done["results"])
    assert done["results_outcomes"] == []
