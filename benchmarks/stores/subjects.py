"""What is compared: treadle's saver, the ready ones, memory, no checkpointer at all; each on a file of its own."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver as ReadySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver as ReadyAsyncSaver

from treadle.checkpoints import SqliteSaver

Opened = Callable[[Path], AbstractContextManager[Any]]
AsyncOpened = Callable[[Path], AbstractAsyncContextManager[Any]]


@contextmanager
def none(path: Path) -> Iterator[None]:
    """No checkpointer."""
    yield None


@contextmanager
def memory(path: Path) -> Iterator[Any]:
    """LangGraph's saver in memory."""
    yield InMemorySaver()


@contextmanager
def ours(path: Path) -> Iterator[Any]:
    """Treadle's saver as it comes: ``synchronous=FULL``, as the ready one."""
    with SqliteSaver(path) as saver:
        yield saver


LINGER = 0.1
"""Seconds for which results may linger, where they may."""


@contextmanager
def lingering(path: Path) -> Iterator[Any]:
    """Treadle's saver, told that results may linger."""
    with SqliteSaver(path, linger=LINGER) as saver:
        yield saver


@contextmanager
def ours_normal(path: Path) -> Iterator[Any]:
    """Treadle's saver with ``synchronous=NORMAL``."""
    with SqliteSaver(path, synchronous="NORMAL") as saver:
        yield saver


@contextmanager
def ready(path: Path) -> Iterator[Any]:
    """langgraph-checkpoint-sqlite as it comes."""
    with ReadySaver.from_conn_string(str(path)) as saver:
        yield saver


@contextmanager
def ready_normal(path: Path) -> Iterator[Any]:
    """langgraph-checkpoint-sqlite with ``synchronous=NORMAL``."""
    with ReadySaver.from_conn_string(str(path)) as saver:
        saver.setup()
        saver.conn.execute("PRAGMA synchronous=NORMAL")
        yield saver


@asynccontextmanager
async def ready_async(path: Path) -> AsyncIterator[Any]:
    """The ready saver for the async API."""
    async with ReadyAsyncSaver.from_conn_string(str(path)) as saver:
        yield saver


def awaited(opened: Opened) -> AsyncOpened:
    """The same saver, for the async API."""

    @asynccontextmanager
    async def enter(path: Path) -> AsyncIterator[Any]:
        with opened(path) as saver:
            yield saver

    return enter


SYNC: dict[str, Opened] = {"none": none, "ready": ready, "ours": ours}
SYNC_LINGERING: dict[str, Opened] = {**SYNC, "lingering": lingering}
ASYNC: dict[str, AsyncOpened] = {"none": awaited(none), "ready": ready_async, "ours": awaited(ours)}
ASYNC_LINGERING: dict[str, AsyncOpened] = {**ASYNC, "lingering": awaited(lingering)}
LINGERS = f"linger={LINGER:g}"
"""How claims of a saver whose results may linger are named."""


def size(path: Path) -> int:
    """Bytes of a database once its log is folded in; the file must be closed."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path.stat().st_size
