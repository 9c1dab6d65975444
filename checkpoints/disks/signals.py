"""How a decision wakes the workers of the same process at once: callbacks by database file."""

import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_listeners: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)
_mutex = threading.Lock()


def _key(path: str | os.PathLike[str]) -> str:
    return os.path.realpath(path)


def ring(path: str | os.PathLike[str]) -> None:
    """Tell whoever listens in this process that the database has something new to do."""
    with _mutex:
        listeners = tuple(_listeners.get(_key(path), ()))
    for listener in listeners:
        listener()


@contextmanager
def listening(path: str | os.PathLike[str], listener: Callable[[], None]) -> Iterator[None]:
    """Have the listener called, in the ringing thread, while the block runs; it must return at once."""
    key = _key(path)
    with _mutex:
        _listeners[key].append(listener)
    try:
        yield
    finally:
        with _mutex:
            _listeners[key].remove(listener)
            if not _listeners[key]:
                del _listeners[key]
