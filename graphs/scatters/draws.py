"""Draws: items taken from what supplies them, some at a time, in a thread or, where they are async, on the loop."""

import asyncio
import contextvars
import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
)
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from treadle.errors import InputInvalid

Items = Iterator[Any] | AsyncIterator[Any]

Supplier = Callable[..., Iterable[Any] | AsyncIterable[Any] | Awaitable[Iterable[Any] | AsyncIterable[Any]]]
"""A function that gives something to go through."""


@dataclass(frozen=True)
class Open:
    """An effect: a function is called for items; its result is what goes through them.

    A generator or any other function that blocks gets a thread. An async one needs a loop, and whoever has none is
    told so.
    """

    fan: str
    function: Callable[..., Any]
    given: Mapping[str, Any]

    def now(self) -> Items:
        """Call it in this thread."""
        made = None if inspect.iscoroutinefunction(self.function) else self.function(**self.given)
        if made is None or hasattr(made, "__aiter__"):
            name = getattr(self.function, "__name__", repr(self.function))
            raise TypeError(
                f"{self.fan!r} takes its items from {name}, which is async: run the graph with ainvoke or astream"
            )
        return self._through(made)

    async def soon(self) -> Items:
        """Call it on the running loop, or in another thread."""
        if inspect.iscoroutinefunction(self.function) or inspect.isasyncgenfunction(self.function):
            made = self.function(**self.given)
        else:
            made = await asyncio.to_thread(self.function, **self.given)
        return self._through(await made if isinstance(made, Awaitable) else made)

    def _through(self, made: Any) -> Items:
        try:
            items: Items = aiter(made) if hasattr(made, "__aiter__") else iter(made)
        except TypeError:
            raise InputInvalid(
                f"{self.fan!r}: over= must make something to go through, and made {type(made).__name__}"
            ) from None
        return items


@dataclass(frozen=True)
class Take:
    """An effect: the next items, so many, or fewer where there are no more or time is up before."""

    items: Items
    most: int
    left: float | None = None
    """Seconds."""
    taken: list[Any] = field(default_factory=list)

    def now(self) -> list[Any]:
        """Take them in this thread; in one of its own, which may be left behind, where there is a time."""
        if self.left is None:
            return self._fill()
        pool = ThreadPoolExecutor(1, thread_name_prefix="treadle-supply")
        filling = pool.submit(contextvars.copy_context().run, self._fill)
        pool.shutdown(wait=False)
        try:
            return filling.result(max(self.left, 0))
        except TimeoutError:
            if filling.done():  # it is the supply's own
                raise
            return list(self.taken)

    async def soon(self) -> list[Any]:
        """Take them on the running loop, or in another thread."""
        if not isinstance(self.items, AsyncIterator):
            return await asyncio.to_thread(self.now)
        try:
            async with asyncio.timeout(self.left) as limit:
                async for item in self.items:
                    self.taken.append(item)
                    if len(self.taken) == self.most:
                        break
        except TimeoutError:
            if not limit.expired():
                raise
        return self.taken

    def _fill(self) -> list[Any]:
        assert isinstance(self.items, Iterator)
        for item in islice(self.items, self.most):
            self.taken.append(item)
        return self.taken


@dataclass(frozen=True)
class Shut:
    """An effect: no more items are wanted; a generator ends, with what its `finally` does."""

    items: Items

    def now(self) -> None:
        """Close it in this thread; one that is left behind in another ends by itself."""
        with suppress(ValueError):
            getattr(self.items, "close", _nothing)()

    async def soon(self) -> None:
        """Close it on the running loop, or in another thread."""
        if isinstance(self.items, AsyncGenerator):
            await self.items.aclose()
        else:
            await asyncio.to_thread(self.now)


def _nothing() -> None:
    """What has no end."""
