"""Several calls for one answer: a second beside a slow first one, or alternatives; the first good one counts."""

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed
from concurrent.futures import wait as wait_for_any
from dataclasses import dataclass
from typing import Any

from treadle.nodes.policies.executors import aside
from treadle.nodes.policies.hedges import Hedge, Latencies
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


@dataclass(frozen=True)
class First:
    """An effect: all calls at once; its result is the first reply that is `enough`, or None if none is.

    Raises the last error where every call failed.
    """

    effects: Sequence[Effect]
    enough: Callable[[Any], bool]

    def now(self) -> Any:
        """Wait in this thread; each call has one of its own."""
        pool = ThreadPoolExecutor(len(self.effects), thread_name_prefix="treadle-race")
        failed: list[BaseException] = []
        try:
            for call in as_completed([_start(pool, effect.now) for effect in self.effects]):
                if self._good(call.exception(), call, failed):
                    return call.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return self._none(failed)

    async def soon(self) -> Any:
        """Wait on the running loop; each call is a task, and the slower ones are cancelled."""
        with aside(len(self.effects)):
            return await self._raced({asyncio.ensure_future(_awaited(effect.soon())) for effect in self.effects})

    async def _raced(self, calls: "set[asyncio.Future[Any]]") -> Any:
        failed: list[BaseException] = []
        try:
            while calls:
                done, calls = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
                for call in done:
                    if self._good(call.exception(), call, failed):
                        return call.result()
        finally:
            for call in calls:
                call.cancel()
        return self._none(failed)

    def _good(self, error: BaseException | None, call: Any, failed: list[BaseException]) -> bool:
        if error is not None:
            failed.append(error)
            return False
        return self.enough(call.result())

    def _none(self, failed: list[BaseException]) -> None:
        if len(failed) == len(self.effects):
            raise failed[-1]


@dataclass(frozen=True)
class Every:
    """An effect: all calls at once; its result is what each gave or raised, in the order of the calls."""

    effects: Sequence[Effect]

    def now(self) -> list[Any]:
        """Wait in this thread; each call has one of its own."""
        with ThreadPoolExecutor(len(self.effects), thread_name_prefix="treadle-every") as pool:
            calls = [_start(pool, effect.now) for effect in self.effects]
            return [call.exception() or call.result() for call in calls]

    async def soon(self) -> list[Any]:
        """Wait on the running loop; each call is a task."""
        return await asyncio.gather(*(effect.soon() for effect in self.effects), return_exceptions=True)


def _start(pool: ThreadPoolExecutor, call: Callable[[], Any]) -> "Future[Any]":
    return pool.submit(contextvars.copy_context().run, call)


async def _awaited(work: Awaitable[Any]) -> Any:
    return await work
