"""The outbox: notices on their way, written in the transaction of what they tell, so that none is lost or invented."""

import json
import sqlite3
import time
from typing import Any

_TOLD = ("graph", "gate", "title", "why", "assign", "priority", "due")


def post(connection: sqlite3.Connection, event: str, row: sqlite3.Row, **more: Any) -> None:
    """Tell every channel of an event about a review, within the caller's transaction; ``more`` goes into the notice."""
    if connection.execute("SELECT 1 FROM channels LIMIT 1").fetchone() is None:
        return
    now = time.time()
    body = {name: row[name] for name in _TOLD} | {name: part for name, part in more.items() if part is not None}
    connection.execute(
        "INSERT INTO outbox (channel, event, thread_id, interrupt_id, at, body, next_at)"
        " SELECT name, ?, ?, ?, ?, ?, ? FROM channels",
        (event, row["thread_id"], row["interrupt_id"], now, json.dumps(body, ensure_ascii=False), now),
    )


def introduce(connection: sqlite3.Connection, name: str) -> None:
    """Make a channel known; a new one is told of every question that waits already."""
    now = time.time()
    new = connection.execute("INSERT OR IGNORE INTO channels (name, since) VALUES (?, ?)", (name, now))
    if new.rowcount:
        body = f"json_object({', '.join(f'{one!r}, {one}' for one in _TOLD)})"
        connection.execute(
            "INSERT INTO outbox (channel, event, thread_id, interrupt_id, at, body, next_at)"
            f" SELECT ?, 'asked', thread_id, interrupt_id, asked_at, {body}, ? FROM reviews WHERE status = 'pending'"
            " ORDER BY asked_at",
            (name, now),
        )
