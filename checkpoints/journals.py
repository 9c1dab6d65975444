"""The journal: results that steps remember at once, whatever LangGraph's queues do, so that nothing runs twice.

LangGraph hands a finished branch to the saver only when its own queue gets to it: a process killed amid a wide fan-out
loses most of what had finished. A step that remembers its result under a key that is stable over a resume loses none.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast
from weakref import WeakKeyDictionary

from treadle.checkpoints.databases import Database
from treadle.checkpoints.packs import pack, unpack

Row = tuple[str, str, str, int, bytes, float]
Dump = Callable[[Any], tuple[str, bytes]]
Load = Callable[[tuple[str, bytes]], Any]


_INSERT = "INSERT INTO journal (thread_id, key, type, codec, body, at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"


def remembered(database: Database, thread_id: str, prefix: str, load: Load) -> dict[str, Any]:
    """All values of a thread kept under keys that begin with a prefix, by the rest of the key."""

    def work(connection: sqlite3.Connection) -> list[sqlite3.Row]:
        return connection.execute(
            "SELECT key, type, codec, body FROM journal WHERE thread_id = ? AND key >= ? AND key < ?",
            (thread_id, prefix, prefix + "\U0010ffff"),
        ).fetchall()

    return {
        row["key"].removeprefix(prefix): load((row["type"], unpack(row["codec"], row["body"])))
        for row in database.read(work)
    }


def keys(database: Database, thread_id: str) -> list[str]:
    """The keys of all values of a thread."""

    def work(connection: sqlite3.Connection) -> list[str]:
        return [row[0] for row in connection.execute("SELECT key FROM journal WHERE thread_id = ?", (thread_id,))]

    return database.read(work)


@dataclass(eq=False)
class Batch:
    """Entries that are written together, and what became of them."""

    rows: list[Row] = field(default_factory=list)
    written: "Future[None]" = field(default_factory=Future)


@dataclass(eq=False)
class Entries:
    """Writes the journal: entries that come while a transaction runs share the next, in one statement."""

    database: Database
    _batch: Batch = field(default_factory=Batch)
    _mutex: threading.Lock = field(default_factory=threading.Lock)
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _queues: "WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue]" = field(default_factory=WeakKeyDictionary)

    def remember(self, thread_id: str, key: str, value: Any, dump: Dump) -> None:
        """Keep a value under a key of a thread; returns once it is committed. The first value kept stays."""
        row = _row(thread_id, key, value, dump)
        with self._mutex:
            batch = self._batch
            batch.rows.append(row)
            first = len(batch.rows) == 1
        if first:
            self._lead(batch)
        batch.written.result()

    def _lead(self, batch: Batch) -> None:
        """Write a batch once the one before it is written; until then others join it."""
        with self._turn:
            with self._mutex:
                self._batch = Batch()
            try:
                self.database.write(partial(_insert, batch.rows))
            except BaseException as error:
                batch.written.set_exception(error)
                raise
            batch.written.set_result(None)

    async def aremember(self, thread_id: str, key: str, value: Any, dump: Dump) -> None:
        """As ``remember``, while the event loop goes on."""
        loop = asyncio.get_running_loop()
        queue = self._queues.setdefault(loop, _Queue())
        if not queue.rows:
            queue.committed = loop.create_future()
        queue.rows.append(_row(thread_id, key, value, dump))
        committed = queue.committed
        if queue.writer is None:
            queue.writer = loop.create_task(self._write(queue))
        await asyncio.shield(cast("asyncio.Future[None]", committed))

    async def _write(self, queue: "_Queue") -> None:
        try:
            while queue.rows:
                rows, committed = queue.rows, cast("asyncio.Future[None]", queue.committed)
                queue.rows = []
                await _settled(committed, self.database.awrite(partial(_insert, rows)))
        finally:
            queue.writer = None


@dataclass(eq=False)
class _Queue:
    """What one event loop has to write; touched by that loop alone."""

    rows: list[Row] = field(default_factory=list)
    committed: "asyncio.Future[None] | None" = None
    writer: "asyncio.Task[None] | None" = None


async def _settled(future: "asyncio.Future[None]", write: Awaitable[object]) -> None:
    """Await a write and tell those who wait for it what became of it."""
    try:
        await write
    except Exception as error:
        future.set_exception(error)
    except BaseException:
        future.cancel()
        raise
    else:
        if not future.done():
            future.set_result(None)


def _insert(rows: Sequence[Row], connection: sqlite3.Connection) -> None:
    connection.executemany(_INSERT, rows)


def recall(database: Database, thread_id: str, key: str, load: Load) -> tuple[Any] | None:
    """The value kept under a key, in a tuple, since None is a value too; or None."""

    def work(connection: sqlite3.Connection) -> sqlite3.Row | None:
        row: sqlite3.Row | None = connection.execute(
            "SELECT type, codec, body FROM journal WHERE thread_id = ? AND key = ?", (thread_id, key)
        ).fetchone()
        return row

    row = database.read(work)
    return None if row is None else (load((row["type"], unpack(row["codec"], row["body"]))),)


def _row(thread_id: str, key: str, value: Any, dump: Dump) -> Row:
    type_, raw = dump(value)
    codec, body = pack(raw) if "+" not in type_ else (0, raw)
    return (thread_id, key, type_, codec, body, time.time())
