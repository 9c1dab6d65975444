"""Where plain functions run: in the caller's thread, in a pool of threads, in other processes, on a cluster."""

import asyncio
import contextvars
import pickle
import threading
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from treadle.errors import ExecutorGone, GraphBuildError

UNSENT = (pickle.PicklingError, TypeError, AttributeError)
"""What is raised for things that cannot be made into bytes, among other things."""

_chosen: contextvars.ContextVar["Pool | None"] = contextvars.ContextVar("treadle_executor", default=None)


class Pool:
    """An executor as a fan-out uses it: made when first needed, made again when it broke.

    `executor` is one that the user keeps, a function that makes one (closed when the run ends), or None for threads.
    One that a function makes is made anew when it breaks, as a process pool does when one of its processes dies. What
    was under way then is handed over once more, one at a time in an executor apart: so what breaks it is found out, and
    the others come to no harm.
    """

    def __init__(self, executor: Executor | Callable[[], Executor] | None, *, limit: int) -> None:
        self._given = executor
        self._limit = limit
        self._made: Executor | None = None
        self._spare: Executor | None = None
        self._warden: ThreadPoolExecutor | None = None
        self._mutex = threading.Lock()

    @property
    def apart(self) -> bool:
        """Whether functions leave the caller's thread even where it may block."""
        return self._given is not None

    @property
    def pickles(self) -> bool:
        """Whether what goes there has to be picklable."""
        return self.apart and isinstance(self._current(), ProcessPoolExecutor)

    def submit(self, function: Callable[..., Any], arguments: Mapping[str, Any]) -> Future[Any]:
        """Hand a function over; threads get the caller's context variables.

        Raises:
            ExecutorGone: when the user's own executor broke, or was closed.
        """
        call = partial(called, function, arguments)
        executor = self._current()
        try:
            if self._given is None:
                return executor.submit(contextvars.copy_context().run, call)
            return executor.submit(call)
        except BrokenExecutor as error:
            return self._anew(executor, error).submit(call)
        except UNSENT:
            raise
        except Exception as error:
            raise gone(error) from error

    def alone(self, function: Callable[..., Any], arguments: Mapping[str, Any]) -> Future[Any]:
        """Hand over what was under way when the executor broke: alone, when its turn comes.

        Raises:
            ExecutorGone: when it was the user's own.
        """
        with self._mutex:
            if isinstance(self._given, Executor):
                raise gone("it broke")
            self._warden = self._warden or ThreadPoolExecutor(1, thread_name_prefix="treadle-alone")
            return self._warden.submit(self._apart, partial(called, function, arguments))

    def abandon(self) -> None:
        """Leave threads behind that nobody waits for any more: others take their place, or soon none would be free."""
        with self._mutex:
            if self._given is None and self._made is not None:
                self._made.shutdown(wait=False)
                self._made = None

    def close(self) -> None:
        """Let go of what was made here."""
        with self._mutex:
            made = [one for one in (self._made, self._spare, self._warden) if one not in (None, self._given)]
            self._made = self._spare = self._warden = None
        for one in made:
            one.shutdown(wait=False, cancel_futures=True)

    def _current(self) -> Executor:
        with self._mutex:
            if self._made is None:
                self._made = self._make()
            return self._made

    def _anew(self, broken: Executor, error: BrokenExecutor) -> Executor:
        """Another executor in place of one that broke, whoever notices first."""
        if broken is self._given:
            raise gone(error) from error
        with self._mutex:
            if self._made is broken:
                broken.shutdown(wait=False)
                self._made = self._make()
            return self._made or self._make()

    def _make(self) -> Executor:
        if self._given is None:
            return ThreadPoolExecutor(self._limit, thread_name_prefix="treadle-fan-out")
        return self._given if isinstance(self._given, Executor) else self._given()

    def _apart(self, call: Callable[[], Any]) -> Any:
        spare = self._spare = self._spare or self._make()
        try:
            return spare.submit(call).result()
        except BrokenExecutor:
            self._spare = None
            spare.shutdown(wait=False)
            raise


@contextmanager
def within(pool: Pool) -> Generator[None]:
    """Have plain functions run there, for everything called from here."""
    token = _chosen.set(pool)
    try:
        yield
    finally:
        _chosen.reset(token)


@contextmanager
def aside(threads: int) -> Generator[None]:
    """Have plain functions run in so many threads of their own, unless somebody chose where; no loop waits for them.

    A loop that ends waits for every thread of its own pool: there a function that nobody wants any more would hold it.
    """
    chosen = _chosen.get()
    if chosen is not None and chosen.apart:
        yield
        return
    pool = Pool(None, limit=threads)
    try:
        with within(pool):
            yield
    finally:
        pool.close()


def called(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Call a function; a StopIteration, which no future or generator can hand on, is an error like any other."""
    try:
        return function(**arguments)
    except StopIteration as error:
        name = getattr(function, "__name__", repr(function))
        raise RuntimeError(f"{name} raised StopIteration: next() found nothing; say next(..., default)") from error


def perform(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Call a function from a thread that may block: here, unless an executor was chosen for it."""
    pool = _chosen.get()
    if pool is None or not pool.apart:
        return called(function, arguments)
    with _told(function):
        try:
            return pool.submit(function, arguments).result()
        except BrokenExecutor:
            return pool.alone(function, arguments).result()


async def aperform(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Call a function that may block from a loop: in another thread, or where it was chosen to run."""
    pool = _chosen.get()
    if pool is None:
        return await asyncio.to_thread(called, function, arguments)
    with _told(function):
        try:
            return await _awaited(pool.submit(function, arguments), pool)
        except BrokenExecutor:
            return await _awaited(pool.alone(function, arguments), pool)


async def _awaited(future: Future[Any], pool: Pool) -> Any:
    """Wait for a future on the loop; that its executor gave it up is no cancellation of the one who waits."""
    try:
        return await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            if future.running():
                pool.abandon()
            raise
        if not future.cancelled():  # the function said so itself
            raise
        raise CancelledError from None


@contextmanager
def _told(function: Callable[..., Any]) -> Generator[None]:
    """Say in words what an executor makes of a function that it cannot take, and of what it gave up."""
    try:
        yield
    except CancelledError as error:
        raise gone("it gave up what was under way") from error
    except UNSENT as error:
        if not any(word in str(error) for word in ("pickle", "serialize")):
            raise
        raise GraphBuildError(
            f"{function!r}, or what it takes or gives, cannot go to another process: {error}. Define it at the top of "
            "a module, and give it plain data"
        ) from error


def gone(why: object) -> ExecutorGone:
    """The error for a user's executor that takes no more work."""
    return ExecutorGone(
        f"the executor that the fan-out was given takes no more work: {why}. Keep it open until the run has ended, or "
        "give a function that makes one: executor=lambda: ProcessPoolExecutor(8)"
    )
