"""Deadlines: when a question warns, is handed on along its chain, and is answered by its safe default."""

import json
import sqlite3

from treadle.checkpoints.desks.panels import chain, number

WARN, DUE, ESCALATE = "warn", "due", "escalate"


def plan(connection: sqlite3.Connection, row: sqlite3.Row) -> None:
    """Write down when something is to happen to a question that was asked just now, in place of what was planned."""
    key = (row["thread_id"], row["interrupt_id"])
    connection.execute("DELETE FROM deadlines WHERE thread_id = ? AND interrupt_id = ?", key)
    connection.executemany(
        "INSERT INTO deadlines (thread_id, interrupt_id, step, at) VALUES (?, ?, ?, ?)",
        [(*key, step, at) for step, at in _times(row).items()],
    )


def _times(row: sqlite3.Row) -> dict[str, float]:
    """When each step is due, in seconds since 1970."""
    asked = json.loads(row["value"])
    if not isinstance(asked, dict):
        return {}
    begun, warn = row["asked_at"], asked.get("warn_in")
    times = {f"{ESCALATE} {place}": begun + step["after"] for place, step in enumerate(chain(asked))}
    if warn is not None and number(warn):
        times[WARN] = begun + warn
    if row["due"] is not None:
        times[DUE] = row["due"]
    return times
