"""Several calls for one answer: a second beside a slow first one, or alternatives; the first good one counts."""

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for_any
from dataclasses import dataclass
from typing import Any

from treadle.nodes.hedges import Hedge, Latencies
from treadle.nodes.steps import Effect

POLL = 0.05
"""Seconds between two looks at how long calls take, while too few have ended to tell."""


@dataclass(frozen=True)
class Hedged:
    """An effect: one call, and a second one when the first is slow. Returns (value, whether there was a second)."""

    effect: Effect
    hedge: Hedge
    latencies: Latencies

    def now(self) -> tuple[Any, bool]:
        """Wait in this thread; each call has one of its own."""
        pool = ThreadPoolExecutor(2, thread_name_prefix="treadle-hedge")
        begun = time.monotonic()
        try:
            calls = {_start(pool, self.effect.now)}
            while True:
                done, calls = wait_for_any(
                    calls, timeout=self._patience(begun, len(calls)), return_when=FIRST_COMPLETED
                )
                for call in done:
                    if call.exception() is None or not calls:
                        return self._ended(begun, call.result()), self._second
                if not done and self._due(begun):
                    object.__setattr__(self, "_second", True)
                    calls = {*calls, _start(pool, self.effect.now)}
        finally:
            pool.shutdown(wait=False)

    async def soon(self) -> tuple[Any, bool]:
        """Wait on the running loop; each call is a task, and the slower one is cancelled."""
        begun = time.monotonic()
        calls = {asyncio.ensure_future(_awaited(self.effect.soon()))}
        try:
            while True:
                patience = self._patience(begun, len(calls))
                done, calls = await asyncio.wait(calls, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                for call in done:
                    if call.exception() is None or not calls:
                        return self._ended(begun, call.result()), self._second
                if not done and self._due(begun):
                    object.__setattr__(self, "_second", True)
                    calls = {*calls, asyncio.ensure_future(_awaited(self.effect.soon()))}
        finally:
            for call in calls:
                call.cancel()

    _second = False

    def _patience(self, begun: float, calls: int) -> float | None:
        """Seconds to wait before the next look; None once there are two calls."""
        if self._second:
            return None
        patience = self.latencies.patience(self.hedge)
        return POLL if patience is None else max(0.0, patience - (time.monotonic() - begun))

    def _due(self, begun: float) -> bool:
        patience = self.latencies.patience(self.hedge)
        late = patience is not None and time.monotonic() - begun >= patience
        return late and self.latencies.spend(self.hedge)

    def _ended(self, begun: float, value: Any) -> Any:
        self.latencies.note(time.monotonic() - begun)
        return value


def _start(pool: ThreadPoolExecutor, call: Callable[[], Any]) -> "Future[Any]":
    return pool.submit(contextvars.copy_context().run, call)


async def _awaited(work: Awaitable[Any]) -> Any:
    return await work
