"""Where plain functions run: in the caller's thread, in a pool of threads, in other processes, on a cluster."""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

_chosen: contextvars.ContextVar["Pool | None"] = contextvars.ContextVar("treadle_executor", default=None)


class Pool:
    """An executor as a fan-out uses it: made when first needed, made again when it broke.

    `executor` is one that the user keeps, a function that makes one (closed when the run ends), or None for threads.
    One that a function makes is made anew when it breaks, as a process pool does when one of its processes dies; what
    was under way is handed over again, once.
    """

    def __init__(self, executor: Executor | Callable[[], Executor] | None, *, limit: int) -> None:
        self._given = executor
        self._limit = limit
        self._made: Executor | None = None
        self._mutex = threading.Lock()

    @property
    def apart(self) -> bool:
        """Whether functions leave the caller's thread even where it may block."""
        return self._given is not None

    def submit(self, function: Callable[..., Any], arguments: Mapping[str, Any]) -> Future[Any]:
        """Hand a function over; threads get the caller's context variables."""
        if self._given is None:
            return self.executor.submit(contextvars.copy_context().run, _call, function, arguments)
        return self.executor.submit(_call, function, dict(arguments))

    @property
    def executor(self) -> Executor:
        """The executor in use."""
        with self._mutex:
            if self._made is None:
                self._made = self._make()
            return self._made

    def _make(self) -> Executor:
        if self._given is None:
            return ThreadPoolExecutor(self._limit, thread_name_prefix="treadle-fan-out")
        return self._given if isinstance(self._given, Executor) else self._given()

    def rebuild(self, broken: Executor) -> None:
        """Let go of an executor that broke, whoever notices first; the user's own one is left as it is."""
        with self._mutex:
            if self._made is broken and broken is not self._given:
                broken.shutdown(wait=False)
                self._made = None

    def close(self) -> None:
        """Let go of what was made here."""
        with self._mutex:
            made, self._made = self._made, None
        if made is not None and made is not self._given:
            made.shutdown(wait=False, cancel_futures=True)


@contextmanager
def within(pool: Pool) -> Generator[None]:
    """Have plain functions run there, for everything called from here."""
    token = _chosen.set(pool)
    try:
        yield
    finally:
        _chosen.reset(token)


def perform(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Call a function from a thread that may block: here, unless an executor was chosen for it."""
    pool = _chosen.get()
    if pool is None or not pool.apart:
        return function(**arguments)
    for executor in (pool.executor, None):
        try:
            return pool.submit(function, arguments).result()
        except BrokenExecutor:
            if executor is None:
                raise
            pool.rebuild(executor)
    raise AssertionError("the second attempt returns or raises")


async def aperform(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Call a function that may block from a loop: in another thread, or where it was chosen to run."""
    pool = _chosen.get()
    if pool is None:
        return await asyncio.to_thread(function, **arguments)
    for executor in (pool.executor, None):
        try:
            return await asyncio.wrap_future(pool.submit(function, arguments))
        except BrokenExecutor:
            if executor is None:
                raise
            pool.rebuild(executor)
    raise AssertionError("the second attempt returns or raises")


def _call(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    return function(**arguments)
