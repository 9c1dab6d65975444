"""A finished branch of a fan-out is not run again, whatever happens to the process.

All kills: ``python tests/fanning.py``.
"""

import asyncio
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from fanning import LIMIT, again
from langchain_core.runnables import RunnableConfig

from treadle import fan_out
from treadle.checkpoints.savers import SqliteSaver
from treadle.nodes import step


@pytest.mark.slow
@pytest.mark.parametrize(("way", "linger"), [("sync", 0), ("sync", 1), ("async limited", 1)])
def test_of_a_killed_fan_out_no_more_run_again_than_may_work_at_once(way: str, linger: float) -> None:
    assert max(again(way, linger=linger) for _ in range(3)) <= LIMIT  # of some 350; without a journal nearly all would


@pytest.mark.parametrize("way", ["sync", "async"])
def test_while_nothing_can_be_written_no_more_branches_finish_than_may_work_at_once(tmp_path: Path, way: str) -> None:
    ended, locked, config = list[int](), threading.Event(), RunnableConfig(configurable={"thread_id": "t"})

    def work(n: int) -> int:
        if n == 3:
            locked.wait(20)
        ended.append(n)
        return n

    def hold() -> int:
        """Keep the database from everybody else until the branches have come to a halt; returns how many ended."""
        with sqlite3.connect(tmp_path / "t.db", isolation_level=None) as other:
            while len(ended) < 2:  # the run's own beginning is stored
                time.sleep(0.001)
            other.execute("BEGIN IMMEDIATE")
            before = len(ended)
            locked.set()
            time.sleep(0.4)
            found = len(ended) - before
            other.execute("COMMIT")
        other.close()
        return found

    found: list[int] = []
    with SqliteSaver(tmp_path / "t.db", synchronous="NORMAL") as saver:
        graph = fan_out(step(work), over="ns", item="n", limit=4).compile(checkpointer=saver)
        holding = threading.Thread(target=lambda: found.append(hold()))
        holding.start()
        given = {"ns": list(range(400))}
        done = graph.invoke(given, config) if way == "sync" else asyncio.run(graph.ainvoke(given, config))
        holding.join()
    assert done["results"] == list(range(400))
    assert found[0] <= 8  # those that were under way, and those that had finished before and were just then written
