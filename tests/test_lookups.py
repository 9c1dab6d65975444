"""What a transaction looked up holds as long as nothing but writes has changed the database, and no longer."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.types import Interrupt

from treadle.checkpoints import SqliteSaver, pending
from treadle.checkpoints.layouts.writes import unpacked


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "x.db", synchronous="OFF") as opened:
        yield opened


def start(saver: SqliteSaver, thread: str = "t") -> Any:
    at: Any = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
    return saver.put(at, empty_checkpoint(), {"source": "loop", "step": 0}, {})


def found(saver: SqliteSaver, config: Any) -> list[Any]:
    read = saver.get_tuple(config)
    assert read is not None
    return [value for _, _, value in read.pending_writes or []]


def test_writes_after_a_deletion_in_the_same_transaction_do_not_go_to_what_was_deleted(saver: SqliteSaver) -> None:
    config = start(saver)

    def work(connection: sqlite3.Connection) -> None:
        saver.put_writes(config, [("x", "before")], "a")
        saver.delete_thread("t")
        start(saver, "another")
        saver.put_writes(config, [("x", "after")], "b")

    saver.database.write(work)
    keys = saver.database.read(lambda c: c.execute("SELECT checkpoint FROM writes").fetchall())
    assert saver.get_tuple(config) is None
    assert [key[0] for key in keys] == [
        saver.database.read(lambda c: c.execute("SELECT key FROM checkpoints WHERE body IS NULL").fetchone()[0])
    ]


def test_writes_beside_work_that_was_undone_are_all_there(saver: SqliteSaver) -> None:
    config = start(saver)
    gate, entered = threading.Event(), threading.Event()

    def hold(connection: sqlite3.Connection) -> None:
        entered.set()
        gate.wait(20)

    def fails(connection: sqlite3.Connection) -> None:
        saver.put_writes(new, [("x", "undone")], "bad")
        raise KeyError("on purpose")

    async def run() -> list[Any]:
        holding = asyncio.create_task(saver.database.awrite(hold))
        await asyncio.to_thread(entered.wait, 20)
        jobs = [
            asyncio.create_task(saver.aput_writes(config, [("x", "one")], "1")),
            asyncio.create_task(saver.database.awrite(fails)),
            asyncio.create_task(saver.aput_writes(new, [("x", "two")], "2")),
        ]
        await asyncio.sleep(0)
        gate.set()
        await holding
        return await asyncio.gather(*jobs, return_exceptions=True)

    new: Any = {"configurable": {"thread_id": "new", "checkpoint_ns": "", "checkpoint_id": "later"}}
    results = asyncio.run(run())
    assert [type(result) for result in results] == [type(None), KeyError, type(None)]
    assert found(saver, config) == ["one"]
    rows = saver.database.read(
        lambda c: c.execute(
            "SELECT w.codec, w.body FROM writes w JOIN checkpoints c ON c.key = w.checkpoint"
            " JOIN spaces s ON s.key = c.space WHERE s.thread_id = 'new'"
        ).fetchall()
    )
    assert [write[0] for row in rows for write in unpacked(row)] == ["2"]


def test_a_question_and_its_end_in_one_transaction_leave_nothing_waiting(saver: SqliteSaver) -> None:
    config = start(saver)

    def work(connection: sqlite3.Connection) -> None:
        saver.put_writes(config, [("x", 1)], "other")
        saver.put_writes(config, [("__interrupt__", [Interrupt(value="Go on?", id="f" * 32)])], "asks")
        saver.put_writes(config, [("x", 2)], "asks")

    saver.database.write(work)
    assert pending(saver) == []


async def test_branches_that_end_at_once_share_few_transactions_and_are_all_stored(saver: SqliteSaver) -> None:
    config = start(saver)
    statements: list[str] = []
    saver.database.write(lambda connection: connection.set_trace_callback(statements.append))
    await asyncio.gather(*(saver.aput_writes(config, [("x", number)], f"task {number}") for number in range(500)))
    assert statements.count("COMMIT") < 100
    assert sorted(found(saver, config)) == list(range(500))
