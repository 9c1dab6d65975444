"""Caching by step: an answer that is known is not asked for again."""

import asyncio
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.cache.base import BaseCache
from langgraph.types import CachePolicy

from treadle.digests import digest
from treadle.errors import GraphBuildError
from treadle.nodes.inquiries.durations import span
from treadle.nodes.policies.flights import FLIGHTS, Flight
from treadle.nodes.records import recorder
from treadle.nodes.steps import Block, Effect, Update

SPACE = "treadle"
"""The first part of the names under which steps cache."""

Caching = CachePolicy[Any] | str | float | bool
"""LangGraph's policy, a life time such as ``"7d"`` or in seconds, or True for one without an end."""

Inner = Callable[[], Generator[Effect, Any, Update]]


@dataclass(frozen=True)
class Landing:
    """The wait for an equal call that is under way."""

    flight: Flight

    def now(self) -> Any:
        """Wait in this thread."""
        return self.flight.result()

    async def soon(self) -> Any:
        """Wait on the running loop; giving up leaves the other call alone."""
        return await asyncio.shield(asyncio.wrap_future(self.flight))


@dataclass(frozen=True)
class Known:
    """An update, and whether it was known before."""

    update: Update
    hit: str | None
    """``cache``, ``flight`` (an equal call was under way), or None."""


def policy(given: Caching | None, *, where: str) -> CachePolicy[Any] | None:
    """Return a step's cache policy.

    Raises:
        GraphBuildError: for a life time that is none.
    """
    if given is None or given is False or isinstance(given, CachePolicy):
        return given or None
    ttl = None if given is True else span(given, where=where)
    if ttl is not None and ttl < 1:
        raise GraphBuildError(f"{where}: cache={given!r}; a life time is at least a second")
    return CachePolicy(key_func=_key, ttl=None if ttl is None else int(ttl))


def cached(
    kept: CachePolicy[Any], name: str, version: str, inputs: Mapping[str, Any], config: RunnableConfig, inner: Inner
) -> Generator[Effect, Any, Known]:
    """Return the update that is cached for a step's version and inputs, or do the work and cache what it gives.

    The cache is the one among the run's configurable values, else that of its store; without either, equal calls
    under way still share one. What fails is not cached, and those that waited for it try for themselves.
    """
    key = ((SPACE, name, version), str(kept.key_func(inputs)))
    shelf, whole = cache_of(config), digest(key)
    while True:
        flight, own = FLIGHTS.board(whole)
        if own:
            return (yield from _own(shelf, key, whole, kept.ttl, inner))
        shared = yield Landing(flight)
        if shared is not None:
            return Known(shared[0], "flight")


def cache_of(config: RunnableConfig) -> BaseCache[Any] | None:
    """Return the cache that the run is given among its configurable values, else that of its store."""
    found = (value for value in config.get("configurable", {}).values() if isinstance(value, BaseCache))
    if (given := next(found, None)) is not None:
        return given
    kept = getattr(recorder(config), "cache", None)
    return kept if isinstance(kept, BaseCache) else None


def _own(
    shelf: BaseCache[Any] | None, key: Any, whole: str, ttl: int | None, inner: Inner
) -> Generator[Effect, Any, Known]:
    landed: tuple[Update] | None = None
    try:
        held = (yield Block(lambda: shelf.get([key]))) if shelf is not None else {}
        if key in held:
            landed = (held[key],)
            return Known(held[key], "cache")
        update = yield from inner()
        if shelf is not None:
            yield Block(lambda: shelf.set({key: (update, ttl)}))
        landed = (update,)
        return Known(update, None)
    finally:
        FLIGHTS.land(whole, landed)


def _key(inputs: Mapping[str, Any]) -> str:
    return digest(inputs)
