"""The cache of steps: LangGraph's BaseCache on a treadle database, so that answers outlive the process."""

import asyncio
import sqlite3
import time
from collections.abc import Mapping, Sequence
from typing import Any

from langgraph.cache.base import BaseCache, FullKey, Namespace
from langgraph.checkpoint.serde.base import SerializerProtocol

from treadle.checkpoints.disks.databases import Database
from treadle.checkpoints.layouts.packs import pack, unpack
from treadle.checkpoints.layouts.readings import decoded

_SEPARATOR = "\x1f"


class SqliteCache(BaseCache[Any]):
    """Keeps the results of steps in a store, each for its life time; a saver's own is its ``cache``.

    For nodes with LangGraph's ``cache_policy``, give it to ``compile(cache=saver.cache)``; prompts with ``cache=`` find
    it by themselves.
    """

    def __init__(self, database: Database, *, serde: SerializerProtocol | None = None) -> None:
        super().__init__(serde=serde)
        self.database = database

    def get(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """The values that are cached and not too old, by key."""
        return self.database.read(lambda connection: self._found(connection, keys))

    async def aget(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """As ``get``."""
        return await self.database.aread(lambda connection: self._found(connection, keys))

    def set(self, pairs: Mapping[FullKey, tuple[Any, int | None]]) -> None:
        """Keep values, each with its life time in seconds or None; a new value takes the place of the old."""
        rows = self._rows(pairs)
        self.database.write(lambda connection: _keep(connection, rows))

    async def aset(self, pairs: Mapping[FullKey, tuple[Any, int | None]]) -> None:
        """As ``set``."""
        rows = await asyncio.to_thread(self._rows, pairs)
        await self.database.awrite(lambda connection: _keep(connection, rows))

    def clear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Forget what is cached in some namespaces, or everything."""
        self.database.write(lambda connection: _forget(connection, namespaces))

    async def aclear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """As ``clear``."""
        await self.database.awrite(lambda connection: _forget(connection, namespaces))

    def _found(self, connection: sqlite3.Connection, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        found: dict[FullKey, Any] = {}
        for ns, key in keys:
            row = connection.execute(
                "SELECT type, codec, body FROM cache WHERE ns = ? AND key = ? AND ifnull(expires_at, 9e999) > ?",
                (_named(ns), key, time.time()),
            ).fetchone()
            if row is not None:
                found[ns, key] = decoded(self.serde, (row["type"], unpack(row["codec"], row["body"])))
        return found

    def _rows(self, pairs: Mapping[FullKey, tuple[Any, int | None]]) -> list[tuple[Any, ...]]:
        now, rows = time.time(), []
        for (ns, key), (value, ttl) in pairs.items():
            type_, raw = self.serde.dumps_typed(value)
            codec, body = pack(raw)
            rows.append((_named(ns), key, None if ttl is None else now + ttl, type_, codec, body, now))
        return rows


def _keep(connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Store rows, and let go of some that are too old."""
    connection.execute("DELETE FROM cache WHERE expires_at <= ?", (time.time(),))
    connection.executemany("INSERT OR REPLACE INTO cache VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def _forget(connection: sqlite3.Connection, namespaces: Sequence[Namespace] | None) -> None:
    if namespaces is None:
        connection.execute("DELETE FROM cache")
    for ns in namespaces or ():
        start = _named(ns)
        end = start + _SEPARATOR
        connection.execute("DELETE FROM cache WHERE ns = ? OR substr(ns, 1, ?) = ?", (start, len(end), end))


def _named(ns: Namespace) -> str:
    return _SEPARATOR.join(ns)
