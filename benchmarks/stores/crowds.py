"""Very many threads in one file: what one of them costs to read, the newest to list, the queue, and some to prune."""

import itertools
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import empty_checkpoint
from langgraph.types import Interrupt

from stores.claims import Claim, Claims
from stores.texts import prose
from stores.timings import config, medians
from treadle.checkpoints import SqliteSaver, pending
from treadle.checkpoints.care.prunings import prune

SOME, TURNS = 10, 7
"""Threads that are pruned at once, and how often; one time more to be warm, all within the smallest file."""

ASKING = 20
"""Threads that wait for an answer."""


def claims(*, repeats: int, quick: bool) -> Claims:
    """Each in turns with a file of a hundredth of the threads: what is told of one must not grow with the others."""
    many = 10_000 if quick else 100_000
    with tempfile.TemporaryDirectory() as folder, _filled(folder, many // 100) as few, _filled(folder, many) as full:
        savers = {many // 100: few, many: full}
        calls = {(name, count): call for count, saver in savers.items() for name, call in _calls(saver, count).items()}
        taken = medians(calls, 20 * repeats)
        pruned = medians({count: _pruning(saver) for count, saver in savers.items()}, TURNS)
        taken |= {("one pruned", count): seconds / SOME for count, seconds in pruned.items()}
        for name in dict.fromkeys(name for name, _ in taken):
            one, other = taken[name, many], taken[name, many // 100]
            note = f"{one * 1000:.2f} and {other * 1000:.2f} ms"
            yield Claim(f"{many} threads over {many // 100}: {name}", one / other, 1.3, note=note)


@contextmanager
def _filled(folder: str, count: int) -> Iterator[SqliteSaver]:
    with SqliteSaver(Path(folder) / f"{count}.db", synchronous="OFF") as saver:
        for start in range(0, count, 1000):
            stored(saver, min(1000, count - start), start=start)
        yield saver


def _calls(saver: SqliteSaver, count: int) -> dict[str, Callable[[], object]]:
    middle = config(f"thread {count // 2}")
    return {
        "newest state of one": lambda: saver.get_tuple(middle),
        "one listed": lambda: list(saver.list(middle)),
        "newest 50 of all listed": lambda: list(saver.list(None, limit=50)),
        f"{ASKING} waiting": lambda: pending(saver),
    }


def _pruning(saver: SqliteSaver) -> Callable[[], None]:
    """A call that prunes the next some threads."""
    numbers = itertools.count(ASKING)

    def call() -> None:
        chosen = [f"thread {number}" for number in itertools.islice(numbers, SOME)]
        assert prune(saver, keep=1, threads=chosen).checkpoints == SOME

    return call


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
