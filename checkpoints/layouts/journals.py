"""The journal: results that steps remember at once, whatever LangGraph's queues do, so that nothing runs twice.

LangGraph hands a finished branch to the saver only when its own queue gets to it: a process killed amid a wide fan-out
loses most of what had finished. A step that remembers its result under a key that is stable over a resume loses none.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from treadle.checkpoints.disks.databases import Database
from treadle.checkpoints.disks.groups import Grouped
from treadle.checkpoints.disks.scribes import Row, Scribe
from treadle.checkpoints.layouts.packs import pack, unpack
from treadle.checkpoints.layouts.tails import Typed
from treadle.errors import StoreError

FEW = 4
"""Entries of one event loop after which they are written at once; fewer are written when the loop gets to it."""

MANY = 16
"""The same for entries that all come within a `MOMENT`: what makes so many so fast is as fast when it runs again."""

MOMENT = 0.0005
"""Seconds."""

Dump = Callable[[Any], tuple[str, bytes]]
Load = Callable[[tuple[str, bytes]], Any]
Told = Callable[[], object] | None


_INSERT = "INSERT INTO journal (thread_id, key, type, codec, body, at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"


def remembered(database: Database, thread_id: str, prefix: str, load: Load) -> dict[str, Any]:
    """All values of a thread kept under keys that begin with a prefix, by the rest of the key."""

    def work(connection: sqlite3.Connection) -> dict[str, Typed]:
        rows = connection.execute(
            "SELECT key, type, codec, body FROM journal WHERE thread_id = ? AND key >= ? AND key < ?",
            (thread_id, prefix, prefix + "\U0010ffff"),
        )
        return {row["key"].removeprefix(prefix): _typed(row) for row in rows}

    return {rest: load(value) for rest, value in database.read(work).items()}


def keys(database: Database, thread_id: str) -> list[str]:
    """The keys of all values of a thread."""

    def work(connection: sqlite3.Connection) -> list[str]:
        return [row[0] for row in connection.execute("SELECT key FROM journal WHERE thread_id = ?", (thread_id,))]

    return database.read(work)


@dataclass(eq=False)
class Entries:
    """Writes the journal: each entry at once where nobody else is writing, and synced with those of that time."""

    database: Database

    def __post_init__(self) -> None:
        """Have a scribe."""
        self._scribe = Scribe(self.database.path)
        if self.database.readonly:
            self._scribe.close()
        self._power = self.database.synchronous == "FULL"
        self._writing = Grouped(self._write)
        self._syncing = Grouped[None](lambda _: self._scribe.sync(power=self._power))
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue] = WeakKeyDictionary()
        self._pool: ThreadPoolExecutor | None = None

    def remember(self, thread_id: str, key: str, value: Any, dump: Dump, written: Told = None) -> None:
        """Keep a value under a key of a thread; returns once it is committed. The first value kept stays.

        `written` is called before that: when it survives the process, though not yet a power cut.
        """
        self._writing(_row(thread_id, key, value, dump))
        if written is not None:
            written()
        self._syncing(None)

    def _write(self, rows: list[Row]) -> None:
        if self.database.barred or not self._scribe.write(rows):
            self.database.write(partial(_insert, rows))

    async def aremember(self, thread_id: str, key: str, value: Any, dump: Dump, written: Told = None) -> None:
        """As ``remember``, while the event loop goes on."""
        loop = asyncio.get_running_loop()
        queue = self._queues.get(loop) or self._queues.setdefault(loop, _Queue())
        caller: asyncio.Future[None] = loop.create_future()
        queue.rows.append(_row(thread_id, key, value, dump))
        queue.callers.append(caller)
        if written is not None:
            queue.told.append(written)
        if queue.due:
            self._flush(queue, loop)
        elif len(queue.rows) == 1:
            loop.call_soon(self._flush, queue, loop)
        await caller

    def _flush(self, queue: "_Queue", loop: asyncio.AbstractEventLoop) -> None:
        """Write what a loop's branches have come with, and see to it that it is synced."""
        rows, callers, told = queue.rows, queue.callers, queue.told
        queue.rows, queue.callers, queue.told = [], [], []
        try:
            written = not rows or (not self.database.barred and self._scribe.write(rows, wait=False))
            if written:
                _tell(told)
            if written and not self._power:
                self._scribe.sync(power=False)
        except Exception as error:
            _settle(callers, error)
            return
        if written and not self._power:
            _settle(callers)
            return
        queue.waiting += callers
        if not written:
            queue.late += rows
            queue.untold += told
        if queue.task is None and queue.waiting:
            queue.task = loop.create_task(self._finish(queue))

    async def _finish(self, queue: "_Queue") -> None:
        """Have the database's own writer write what is left, and all of it synced, until nobody waits."""
        callers: list[asyncio.Future[None]] = []
        try:
            while queue.waiting:
                callers, queue.waiting = queue.waiting, []
                rows, queue.late = queue.late, []
                told, queue.untold = queue.untold, []
                try:
                    if rows:
                        await self.database.awrite(partial(_insert, rows))
                        _tell(told)
                    if self._power:
                        await asyncio.get_running_loop().run_in_executor(self._thread, self._scribe.sync)
                except Exception as error:
                    _settle(callers, error)
                else:
                    _settle(callers)
        finally:
            queue.task = None
            late, queue.late = queue.late, []
            if late:  # the loop ends before its turn: what had finished would run again
                with suppress(StoreError):
                    self.database.write(partial(_insert, late))
            for caller in (*callers, *queue.waiting):
                caller.cancel()

    @property
    def _thread(self) -> ThreadPoolExecutor:
        """A thread that waits for the disk."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="treadle-journal")
        return self._pool

    def close(self) -> None:
        """Let the file and the thread go."""
        self._scribe.close()
        if self._pool is not None:
            self._pool.shutdown(wait=False)


@dataclass(eq=False)
class _Queue:
    """What one event loop has to write; touched by that loop alone."""

    rows: list[Row] = field(default_factory=list)
    callers: "list[asyncio.Future[None]]" = field(default_factory=list)
    """Those whose entries are not written yet."""
    late: list[Row] = field(default_factory=list)
    """Entries that the scribe could not write."""
    waiting: "list[asyncio.Future[None]]" = field(default_factory=list)
    """Those who wait for the disk."""
    task: "asyncio.Task[None] | None" = None
    told: list[Callable[[], object]] = field(default_factory=list)
    """Who is to be told when entries are written."""
    untold: list[Callable[[], object]] = field(default_factory=list)
    """Who is to be told when the late ones are."""

    @property
    def due(self) -> bool:
        """Whether the entries are too many, or too old, to wait until the loop gets to it."""
        count = len(self.rows)
        return count >= FEW and (count >= MANY or time.time() - self.rows[0][-1] >= MOMENT)


def _tell(told: Sequence[Callable[[], object]]) -> None:
    for call in told:
        call()


def _settle(callers: "Sequence[asyncio.Future[None]]", error: Exception | None = None) -> None:
    for caller in callers:
        if caller.done():
            continue
        if error is None:
            caller.set_result(None)
        else:
            caller.set_exception(error)


def _insert(rows: Sequence[Row], connection: sqlite3.Connection) -> None:
    connection.executemany(_INSERT, rows)


def recall(database: Database, thread_id: str, key: str, load: Load) -> tuple[Any] | None:
    """The value kept under a key, in a tuple, since None is a value too; or None."""

    def work(connection: sqlite3.Connection) -> Typed | None:
        row = connection.execute(
            "SELECT type, codec, body FROM journal WHERE thread_id = ? AND key = ?", (thread_id, key)
        ).fetchone()
        return None if row is None else _typed(row)

    found = database.read(work)
    return None if found is None else (load(found),)


def _typed(row: sqlite3.Row) -> Typed:
    return row["type"], unpack(row["codec"], row["body"])


def _row(thread_id: str, key: str, value: Any, dump: Dump) -> Row:
    type_, raw = dump(value)
    codec, body = pack(raw) if "+" not in type_ else (0, raw)
    return (thread_id, key, type_, codec, body, time.time())
