"""Very many threads in one file: what one of them costs to read, the newest to list, and some to prune."""

import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import empty_checkpoint

from stores.claims import Claim, Claims
from stores.texts import prose
from stores.timings import config, medians
from treadle.checkpoints import SqliteSaver
from treadle.checkpoints.care.prunings import prune

SOME = 200
"""Threads that are pruned."""


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
        saver.database.write(lambda connection: _fill(saver, connection, count))
        middle = config(f"thread {count // 2}")
        calls = {
            "newest state of one": lambda: saver.get_tuple(middle),
            "newest 50 listed": lambda: list(saver.list(None, limit=50)),
        }
        taken = medians(calls, 20 * repeats)
        start, chosen = time.perf_counter(), [f"thread {number}" for number in range(min(SOME, count))]
        assert prune(saver, keep=1, threads=chosen).checkpoints == len(chosen)
        return taken | {"one pruned": (time.perf_counter() - start) / len(chosen)}


def _fill(saver: Any, connection: sqlite3.Connection, count: int) -> None:
    """Two checkpoints a thread, all in one transaction."""
    for number in range(count):
        at: Any = {"configurable": {"thread_id": f"thread {number}", "checkpoint_ns": ""}}
        for step in "12":
            values = {"n": step, "text": prose(300, number % 50)}
            checkpoint: Any = {
                **empty_checkpoint(),
                "channel_values": values,
                "channel_versions": {"n": step, "text": "1"},
            }
            at = saver.put(at, checkpoint, {"source": "loop", "step": int(step)}, {"n": step, "text": "1"})
