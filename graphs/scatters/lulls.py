"""Lulls of the garbage collector while a large run is under way: it would go through all branches, again and again."""

import gc
import threading
from collections.abc import Generator
from contextlib import contextmanager

LARGE = 500
"""Branches from which a run is large."""

THRESHOLD = 50_000
"""Objects made, and not freed, between two looks of the collector in a lull."""

_runs = 0
_before = (0, 0, 0)
_mutex = threading.Lock()


@contextmanager
def lull(branches: int) -> Generator[None]:
    """Have the garbage collector look less often while so many branches run, if they are many."""
    if branches < LARGE:
        yield
        return
    _count(1)
    try:
        yield
    finally:
        _count(-1)


def _count(more: int) -> None:
    """Count the large runs under way; the first one raises the threshold, the last one puts it back."""
    global _runs, _before
    with _mutex:
        if _runs == 0:
            _before = gc.get_threshold()
            gc.set_threshold(max(_before[0], THRESHOLD), *_before[1:])
        _runs += more
        if _runs == 0:
            gc.set_threshold(*_before)
