"""Very many threads in one file: what one of them costs to read, the newest to list, the queue, and some to prune."""

import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import empty_checkpoint
from langgraph.types import Interrupt

from stores.claims import Claim, Claims
from stores.texts import prose
from stores.timings import config, medians
from treadle.checkpoints import SqliteSaver, pending
from treadle.checkpoints.care.prunings import prune

SOME = 200
"""Threads that are pruned."""

ASKING = 20
"""Threads that wait for an answer."""


def claims(*, repeats: int, quick: bool) -> Claims:
    """Each against a file with a hundredth of the threads: what is told of one thread must not grow with the others."""
    many = 10_000 if quick else 100_000
    with tempfile.TemporaryDirectory() as folder:
        few, full = (_taken(Path(folder) / f"{count}.db", count, repeats) for count in (many // 100, many))
    for name, seconds in full.items():
        note = f"{seconds * 1000:.2f} and {few[name] * 1000:.2f} ms"
        yield Claim(f"{many} threads over {many // 100}: {name}", seconds / few[name], 1.3, note=note)


def _taken(path: Path, count: int, repeats: int) -> dict[str, float]:
    with SqliteSaver(path, synchronous="OFF") as saver:
        for start in range(0, count, 1000):
            stored(saver, min(1000, count - start), start=start)
        middle = config(f"thread {count // 2}")
        calls = {
            "newest state of one": lambda: saver.get_tuple(middle),
            "one listed": lambda: list(saver.list(middle)),
            "newest 50 of all listed": lambda: list(saver.list(None, limit=50)),
            f"{ASKING} waiting": lambda: pending(saver),
        }
        taken = medians(calls, 20 * repeats)
        start, chosen = time.perf_counter(), [f"thread {number}" for number in range(ASKING, min(SOME, count))]
        assert prune(saver, keep=1, threads=chosen).checkpoints == len(chosen)
        return taken | {"one pruned": (time.perf_counter() - start) / len(chosen)}


def stored(saver: SqliteSaver, count: int, *, start: int) -> None:
    """Store so many threads in one transaction."""

    def work(_: sqlite3.Connection) -> None:
        fill(saver, count, start=start)

    saver.database.write(work)


def fill(saver: Any, count: int, *, start: int = 0) -> None:
    """Store two checkpoints for each of so many threads; the very first threads ask a question."""
    for number in range(start, start + count):
        at: Any = {"configurable": {"thread_id": f"thread {number}", "checkpoint_ns": ""}}
        for step in "12":
            values = {"n": step, "text": prose(300, number % 50)}
            checkpoint: Any = {
                **empty_checkpoint(),
                "channel_values": values,
                "channel_versions": {"n": step, "text": "1"},
            }
            at = saver.put(at, checkpoint, {"source": "loop", "step": int(step)}, {"n": step, "text": "1"})
        if number < ASKING:
            asked = Interrupt(value={"title": f"Question {number}"}, id=f"{number:032x}")
            saver.put_writes(at, [("__interrupt__", [asked])], f"task {number}", "~__pregel_pull, gate")
