"""Watching a run from beside it while it is advanced: what is done, what is left."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from treadle.commands.printing import console

if TYPE_CHECKING:
    from treadle.checkpoints import SqliteSaver

PAUSE = 0.25
"""Seconds between two looks."""


def answered(saver: "SqliteSaver", thread: str, *, step: str) -> int:
    """In how many branches of a fan-out a step has answered so far."""
    from treadle.checkpoints import traces

    return len({entry["ns"].rpartition("|")[0] for entry in traces(saver, thread) if entry["step"] == step})


@contextmanager
def watching(saver: "SqliteSaver", thread: str, *, step: str, words: str, total: int, then: str) -> Iterator[None]:
    """Show, on a terminal, in how many of `total` branches a step has answered, and `then` what follows on that."""
    if not console().is_terminal:
        yield
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    ended = threading.Event()
    with Progress(*columns, console=console(), transient=True) as bars:
        task = bars.add_task(words, total=total, completed=answered(saver, thread, step=step))

        def look() -> None:
            while not ended.wait(PAUSE):
                done = answered(saver, thread, step=step)
                bars.update(task, completed=done, description=words if done < total else then)

        watcher = threading.Thread(target=look, name="treadle-watch", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
