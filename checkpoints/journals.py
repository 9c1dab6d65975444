"""The journal: results that steps remember at once, whatever LangGraph's queues do, so that nothing runs twice.

LangGraph hands a finished branch to the saver only when its own queue gets to it: a process killed amid a wide fan-out
loses most of what had finished. A step that remembers its result under a key that is stable over a resume loses none.
"""

import sqlite3
import time
from collections.abc import Callable
from typing import Any

from treadle.checkpoints.databases import Database
from treadle.checkpoints.values import pack, unpack

Dump = Callable[[Any], tuple[str, bytes]]
Load = Callable[[tuple[str, bytes]], Any]


def remember(database: Database, thread_id: str, key: str, value: Any, dump: Dump) -> None:
    """Keep a value under a key of a thread; returns once it is committed. The first value kept stays."""
    type_, raw = dump(value)
    codec, body = pack(raw) if "+" not in type_ else (0, raw)
    row = (thread_id, key, type_, codec, body, time.time())
    database.write(
        lambda connection: (
            connection.execute(
                "INSERT INTO journal (thread_id, key, type, codec, body, at) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                row,
            ).rowcount
        )
    )


def recall(database: Database, thread_id: str, key: str, load: Load) -> tuple[Any] | None:
    """The value kept under a key, in a tuple, since None is a value too; or None."""

    def work(connection: sqlite3.Connection) -> sqlite3.Row | None:
        row: sqlite3.Row | None = connection.execute(
            "SELECT type, codec, body FROM journal WHERE thread_id = ? AND key = ?", (thread_id, key)
        ).fetchone()
        return row

    row = database.read(work)
    return None if row is None else (load((row["type"], unpack(row["codec"], row["body"]))),)
