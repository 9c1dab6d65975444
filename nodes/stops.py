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


class Stopped(Exception):
    """Raised in what was under way when the sign was set; its message is the reason."""


class Stop:
    """Set once, with a reason in words."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self._calls: dict[object, Callable[[], object]] = {}
        self._futures: dict[asyncio.AbstractEventLoop, dict[object, asyncio.Future[None]]] = {}
        self._mutex = threading.Lock()

    def set(self, reason: str) -> None:
        """Stop everything that listens; the first reason stays."""
        with self._mutex:
            if self.reason is not None:
                return
            self.reason = reason
            calls = list(self._calls.values())
            self._calls.clear()
            futures, self._futures = self._futures, {}
        for loop, waiting in futures.items():
            loop.call_soon_threadsafe(_settle, list(waiting.values()))
        for call in calls:
            call()

    def tell(self, key: object, call: Callable[[], object]) -> None:
        """Call `call` when it is set, at once if it is."""
        with self._mutex:
            if self.reason is None:
                self._calls[key] = call
                return
        call()

    def settle(self, key: object, future: "asyncio.Future[None]") -> None:
        """Settle a future of the running loop when it is set: a loop is woken once for all that wait there."""
        with self._mutex:
            if self.reason is None:
                self._futures.setdefault(future.get_loop(), {})[key] = future
                return
        _settle([future])

    def forget(self, key: object) -> None:
        """Tell no longer."""
        with self._mutex:
            self._calls.pop(key, None)
            for waiting in self._futures.values():
                waiting.pop(key, None)

    def check(self) -> None:
        """Raise Stopped if it is set."""
        if self.reason is not None:
            raise Stopped(self.reason)


@dataclass(frozen=True)
class Unless:
    """An effect that is given up, with Stopped, when the sign is set or after `seconds` (with TimeoutError).

    A coroutine is cancelled; one that ignores that, like a thread, is left behind, and its late result dropped.
    """

    stop: Stop | None
    effect: Effect
    seconds: float | None = None

    def now(self) -> Any:
        """Wait in this thread; the effect has one of its own."""
        if self.stop is None and self.seconds is None:
            return self.effect.now()
        pool = ThreadPoolExecutor(1, thread_name_prefix="treadle-branch")
        sign: Future[None] = Future()
        try:
            work = pool.submit(contextvars.copy_context().run, self.effect.now)
            if self.stop is not None:
                self.stop.tell(sign, lambda: sign.set_result(None))
            wait_for_any([work, sign], timeout=self.seconds, return_when=FIRST_COMPLETED)
            if work.done():
                return work.result()
        finally:
            if self.stop is not None:
                self.stop.forget(sign)
            pool.shutdown(wait=False)
        return self._give_up()

    async def soon(self) -> Any:
        """Wait on the running loop; the effect is a task of its own."""
        if self.stop is None and self.seconds is None:
            return await self.effect.soon()
        loop = asyncio.get_running_loop()
        work, sign = loop.create_task(self.effect.soon()), loop.create_future()
        if self.stop is not None:
            self.stop.settle(sign, sign)
        try:
            await asyncio.wait([work, sign], timeout=self.seconds, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
        finally:
            if self.stop is not None:
                self.stop.forget(sign)
            if not work.done():
                work.cancel()
                work.add_done_callback(_dropped)
        return self._give_up()

    def _give_up(self) -> Any:
        if self.stop is not None:
            self.stop.check()
        raise TimeoutError(f"no answer after {self.seconds:g} s")


def _settle(futures: "list[asyncio.Future[None]]") -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


def _dropped(work: "asyncio.Task[Any]") -> None:
    """Look at a late error, or Python would complain that nobody did."""
    if not work.cancelled():
        work.exception()
