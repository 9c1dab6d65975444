"""A sign that stops what is under way: set once, seen by threads and event loops alike."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for_any
from dataclasses import dataclass
from typing import Any

from treadle.nodes.steps import Effect

MOMENT = 0.2
"""Seconds from going on without some work to cancelling it: to end a thousand tasks takes a loop a while."""


class Stopped(Exception):
    """Raised in what was under way when the sign was set; its message is the reason."""


class Stop:
    """Set once, with a reason in words."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self._calls: dict[object, Callable[[], object]] = {}
        self._mutex = threading.Lock()

    def set(self, reason: str) -> None:
        """Stop everything that listens, in the order in which it began to; the first reason stays."""
        with self._mutex:
            if self.reason is not None:
                return
            self.reason = reason
            calls = list(self._calls.values())
            self._calls.clear()
        for call in calls:
            call()

    def tell(self, key: object, call: Callable[[], object]) -> None:
        """Call `call` when it is set, at once if it is."""
        with self._mutex:
            if self.reason is None:
                self._calls[key] = call
                return
        call()

    def forget(self, key: object) -> None:
        """Tell no longer."""
        with self._mutex:
            self._calls.pop(key, None)

    def check(self) -> None:
        """Raise Stopped if it is set."""
        if self.reason is not None:
            raise Stopped(self.reason)


@dataclass(frozen=True)
class Unless:
    """An effect that is given up, with Stopped, when the sign is set; its late result is dropped.

    Whoever waits for it goes on at once. On a loop the rest is cancelled a moment later, all that it started with it;
    what a coroutine makes of that is its own affair. A thread cannot be cancelled, and is left behind.
    """

    stop: Stop
    effect: Effect

    def now(self) -> Any:
        """Wait in this thread; the effect has one of its own."""
        self.stop.check()
        pool = ThreadPoolExecutor(1, thread_name_prefix="treadle-stoppable")
        sign: Future[None] = Future()
        self.stop.tell(sign, lambda: sign.set_result(None))
        try:
            work = pool.submit(contextvars.copy_context().run, self.effect.now)
            wait_for_any([work, sign], return_when=FIRST_COMPLETED)
            if not work.done():
                self.stop.check()
            return work.result()
        finally:
            self.stop.forget(sign)
            pool.shutdown(wait=False)

    async def soon(self) -> Any:
        """Wait on the running loop; the effect is a task of its own."""
        work = await self._first()
        if not work.done():
            asyncio.get_running_loop().call_later(MOMENT, work.cancel)
            self.stop.check()
        return work.result()

    async def _first(self) -> "asyncio.Task[Any]":
        """Begin the effect, and return when it has ended or it is time to stop."""
        self.stop.check()
        loop = asyncio.get_running_loop()
        work, sign = loop.create_task(self.effect.soon()), loop.create_future()
        self.stop.tell(sign, lambda: loop.call_soon_threadsafe(_settle, sign))
        try:
            await asyncio.wait([work, sign], return_when=asyncio.FIRST_COMPLETED)
        except BaseException:
            work.cancel()
            raise
        finally:
            self.stop.forget(sign)
            work.add_done_callback(_looked_at)
        return work


@dataclass(frozen=True)
class Until(Unless):
    """An effect that is given up like `Unless`, except that it may ask a person: a question must not come too late.

    A thread, which cannot be cancelled, is waited for; a coroutine is cancelled at once, and waited for a moment.
    """

    def now(self) -> Any:
        """Wait in this thread."""
        self.stop.check()
        reply = self.effect.now()
        self.stop.check()
        return reply

    async def soon(self) -> Any:
        """Wait on the running loop; the effect is a task of its own."""
        work = await self._first()
        work.cancel()
        await asyncio.wait([work], timeout=MOMENT)
        if not work.done() or work.cancelled():
            self.stop.check()
        return work.result()


@dataclass(frozen=True)
class Interruptible:
    """An effect that a Ctrl-C ends at once: `halt` tells what goes on in other threads to begin nothing more.

    Python interrupts the main thread, which would wait for the others to finish; so it waits for one beside it.
    """

    effect: Effect
    halt: Callable[[], object]

    def now(self) -> Any:
        """Wait in this thread."""
        if threading.current_thread() is not threading.main_thread():
            return self.effect.now()
        pool = ThreadPoolExecutor(1, thread_name_prefix="treadle-interruptible")
        work = pool.submit(contextvars.copy_context().run, self.effect.now)
        pool.shutdown(wait=False)
        try:
            return work.result()
        except BaseException:
            if not work.done():
                self.halt()
            raise

    async def soon(self) -> Any:
        """Wait on the running loop, which cancels what is under way by itself."""
        return await self.effect.soon()


@dataclass(frozen=True)
class Rest:
    """An effect: a wait of some seconds, cut short with Stopped when the sign is set."""

    seconds: float
    stop: Stop

    def now(self) -> None:
        """Sleep in this thread."""
        bell = threading.Event()
        self.stop.tell(bell, bell.set)
        bell.wait(self.seconds)
        self.stop.forget(bell)
        self.stop.check()

    async def soon(self) -> None:
        """Sleep on the running loop, until it is cancelled (see `Unless`)."""
        await asyncio.sleep(self.seconds)
        self.stop.check()


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _looked_at(work: "asyncio.Task[Any]") -> None:
    """Look at a late error, or Python would complain that nobody did."""
    if not work.cancelled():
        work.exception()
