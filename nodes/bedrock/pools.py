"""Pools of threads for calls that block: one for each resource, as large as its limit."""

import asyncio
import contextvars
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")

_pools: dict[tuple[int, str, int], ThreadPoolExecutor] = {}
_mutex = threading.Lock()


def pool(name: str, size: int) -> ThreadPoolExecutor:
    """Return the pool of a resource; threads are started as calls need them, and anew in a forked process."""
    key = (os.getpid(), name, size)
    with _mutex:
        if key not in _pools:
            _pools[key] = ThreadPoolExecutor(size, thread_name_prefix=f"treadle-{name}")
        return _pools[key]


class Hand(Generic[Result]):
    """An effect: the result of a function that blocks; in this thread, or from a loop in the pool."""

    def __init__(self, function: Callable[[], Result], *, name: str, size: int) -> None:
        self._function = function
        self._name = name
        self._size = size
        self._future: Future[Result] | None = None

    def now(self) -> Result:
        """Call it in this thread."""
        return self._function()

    async def soon(self) -> Result:
        """Call it in the pool, with the caller's context variables."""
        context = contextvars.copy_context()
        self._future = pool(self._name, self._size).submit(context.run, self._function)
        return await asyncio.wrap_future(self._future)

    def then(self, call: Callable[[], object]) -> None:
        """Call back when the function has ended: a thread goes on when the one who waits for it is cancelled."""
        if self._future is None:
            call()
        else:
            self._future.add_done_callback(lambda _: call())


async def drained(items: Iterator[Result], *, name: str, size: int) -> AsyncIterator[Result]:
    """Yield what an iterator that blocks has, read in the pool; it is closed there when nobody listens any more."""
    loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
    queue: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
    left = threading.Event()

    def tell(what: str, value: Any = None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(queue.put_nowait, (what, value))

    def read() -> None:
        try:
            for item in items:
                tell("item", item)
                if left.is_set():
                    break
        except BaseException as error:
            tell("error", error)
        finally:
            getattr(items, "close", lambda: None)()
            tell("end")

    pool(name, size).submit(contextvars.copy_context().run, read)
    try:
        while (told := await queue.get())[0] == "item":
            yield told[1]
        if told[0] == "error":
            raise told[1]
    finally:
        left.set()
