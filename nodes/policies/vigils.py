"""Keeping watch over an event loop: a worker that blocks it stops every other one, and nobody sees why."""

import asyncio
import logging
import sys
import sysconfig
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from weakref import WeakKeyDictionary

EVERY = 0.25
"""Seconds between two looks."""

PATIENCE = 1.0
"""Seconds that a loop may stand still."""

_LIBRARIES = tuple({*map(sysconfig.get_path, ("stdlib", "platlib", "purelib")), str(Path(__file__).parents[2])})

_log = logging.getLogger(__name__)
_watched: "WeakKeyDictionary[asyncio.AbstractEventLoop, list[threading.Event]]" = WeakKeyDictionary()
_mutex = threading.Lock()


@contextmanager
def awake(who: str) -> Generator[None]:
    """Warn, in the log, when the loop of this thread stands still for a second meanwhile; say in which function.

    Without a loop there is nothing to watch; a loop that is watched already is not watched twice.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        yield
        return
    ended = threading.Event()
    with _mutex:
        first = not _watched.setdefault(loop, [])
        _watched[loop].append(ended)
    if first:
        arguments = (loop, threading.get_ident(), who)
        threading.Thread(target=_watch, args=arguments, name="treadle-vigil", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _watch(loop: asyncio.AbstractEventLoop, thread: int, who: str) -> None:
    told: set[str] = set()
    while ended := _open(loop):
        if ended.wait(EVERY):
            continue
        try:
            bell = threading.Event()
            loop.call_soon_threadsafe(bell.set)
        except RuntimeError:  # it was closed
            return
        if bell.wait(PATIENCE):
            continue
        place = _place(thread)
        if not bell.wait(EVERY) and place == _place(thread) and place not in told:
            told.add(place)
            _log.warning(
                "Fan-out %r: the event loop has stood still for more than %g s, and every branch with it, in %s. "
                "Await what takes long there, or make it a plain function: that gets a thread.", who, PATIENCE, place,
            )  # fmt: skip
        bell.wait()


def _open(loop: asyncio.AbstractEventLoop) -> threading.Event | None:
    """The end of somebody for whom the loop is watched still; None ends the watch."""
    with _mutex:
        left = [ended for ended in _watched.get(loop, []) if not ended.is_set()]
        if left:
            _watched[loop] = left
            return left[0]
        _watched.pop(loop, None)
        return None


def _place(thread: int) -> str:
    """Where a thread is: the innermost function that is no library's, or else the innermost."""
    frame = inner = sys._current_frames().get(thread)
    while frame is not None and frame.f_code.co_filename.startswith(_LIBRARIES):
        frame = frame.f_back
    found: FrameType | None = frame or inner
    if found is None:
        return "a thread that has ended"
    return f"{found.f_code.co_name}() at {found.f_code.co_filename}:{found.f_lineno}"
