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
