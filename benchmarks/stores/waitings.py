"""The queue: a few threads that wait among very many that do not."""

import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import empty_checkpoint
from langgraph.types import Interrupt

from stores.claims import Claim, Claims
from stores.subjects import ready
from stores.timings import medians
from treadle.checkpoints import SqliteSaver, pending

WAITING = 20


def claims(*, repeats: int, quick: bool) -> Claims:
    """Listing what waits, against reading every thread as one has to without a queue."""
    few, many = (200, 2_000) if quick else (2_000, 20_000)
    with tempfile.TemporaryDirectory() as folder:
        with ready(Path(folder) / "ready.db") as saver:
            saver.setup()
            saver.conn.execute("PRAGMA synchronous=OFF")
            _fill(saver, many)
            listed = medians({"list": lambda: list(saver.list(None))}, 1)["list"]
        taken = {count: _ours(Path(folder) / f"{count}.db", count, repeats) for count in (few, many)}
    note = f"queue {taken[many] * 1000:.2f} ms, list() {listed * 1000:.0f} ms"
    goal = 1000 * many / 20_000  # list() grows with the threads, the queue does not
    yield Claim(f"{WAITING} waiting of {many} threads: list() over the queue", listed / taken[many], goal, True, note)
    note = f"{taken[many] * 1e6:.0f} and {taken[few] * 1e6:.0f} microseconds"
    yield Claim(f"queue: {many} threads over {few}", taken[many] / taken[few], 1.3, note=note)


def _ours(path: Path, threads: int, repeats: int) -> float:
    with SqliteSaver(path, synchronous="OFF") as saver:

        def fill(connection: sqlite3.Connection) -> None:
            _fill(saver, threads)

        saver.database.write(fill)
        assert len(pending(saver)) == WAITING
        return medians({"queue": lambda: pending(saver)}, 20 * repeats)["queue"]


def _fill(saver: Any, threads: int) -> None:
    """One checkpoint a thread; the first ones ask a question."""
    for number in range(threads):
        at: Any = {"configurable": {"thread_id": f"thread {number}", "checkpoint_ns": ""}}
        checkpoint: Any = {**empty_checkpoint(), "channel_values": {"n": number}, "channel_versions": {"n": "1"}}
        at = saver.put(at, checkpoint, {"source": "loop", "step": 1}, {"n": "1"})
        if number < WAITING:
            question = Interrupt(value={"title": f"Question {number}"}, id=f"{number:032x}")
            saver.put_writes(at, [("__interrupt__", [question])], f"task {number}", "~__pregel_pull, gate")
