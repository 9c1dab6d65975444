"""Recorded answers that a run has yet to take over, and those that it did not take.

Those that it took the queue closes by itself, in the transaction in which LangGraph stores what came of them.
"""

import json
import sqlite3
import time
from collections.abc import Collection
from typing import Any

from treadle.checkpoints.desks import outboxes
from treadle.checkpoints.desks.audits import append
from treadle.checkpoints.desks.chains import last
from treadle.errors import RunOpen

# Said twice so that SQLite sees that the small index on what is not closed serves.
_DECIDED = "reviews.thread_id = :thread AND reviews.status = 'decided' AND reviews.status <> 'closed'"

_NEWEST = (
    "(SELECT max(seq) FROM decisions d WHERE d.thread_id = reviews.thread_id"
    " AND d.interrupt_id = reviews.interrupt_id AND d.kind IS NULL)"
)


def begun(connection: sqlite3.Connection, thread_id: str) -> bool:
    """Whether the run has stored a checkpoint, so that there is something to go on from."""
    query = "SELECT 1 FROM spaces JOIN checkpoints ON space = spaces.key WHERE thread_id = ? AND ns = ''"
    return connection.execute(f"{query} AND body IS NOT NULL LIMIT 1", (thread_id,)).fetchone() is not None


def startable(connection: sqlite3.Connection, thread_id: str) -> None:
    """Raise RunOpen if new input would cut a run short: it waits, has answers to take, or stopped in the middle."""
    row = connection.execute("SELECT status FROM runs WHERE thread_id = ?", (thread_id,)).fetchone()
    if row is None or not begun(connection, thread_id):
        return
    asked = connection.execute(
        "SELECT 1 FROM reviews WHERE thread_id = ? AND status <> 'closed' AND holds LIMIT 1", (thread_id,)
    ).fetchone()
    if asked or row["status"] == "running":
        raise RunOpen(
            f"The run {thread_id} was started before and {'waits for a person' if asked else 'is not over'}: take it on"
            " with resume, or start another with a thread id of its own. Nothing was changed."
        )


def unapplied(connection: sqlite3.Connection, thread_id: str) -> dict[str, Any]:
    """Every recorded answer that the run has yet to take over, by interrupt id."""
    return _answers(connection, thread_id, _DECIDED)


def take(connection: sqlite3.Connection, thread_id: str) -> dict[str, Any]:
    """The answers that the run goes on with now, and which from now on cannot be taken back."""
    values = {"thread": thread_id, "now": time.time()}
    connection.execute(f"UPDATE reviews SET taken_at = :now WHERE {_DECIDED} AND held_until <= :now", values)
    return _answers(connection, thread_id, f"{_DECIDED} AND {_READY}")


def held(connection: sqlite3.Connection, thread_id: str) -> float | None:
    """Until when all recorded answers of a run can be taken back; None if it can go on with one, or has none."""
    row = connection.execute(
        f"SELECT min(held_until) AS first, total({_READY}) AS ready FROM reviews WHERE {_DECIDED}",
        {"thread": thread_id, "now": time.time()},
    ).fetchone()
    return None if row["ready"] else row["first"]


_READY = "(held_until IS NULL OR taken_at IS NOT NULL OR held_until <= :now)"


def _answers(connection: sqlite3.Connection, thread_id: str, where: str) -> dict[str, Any]:
    query = f"SELECT reviews.interrupt_id, answer FROM reviews JOIN decisions ON decisions.seq = {_NEWEST}"
    rows = connection.execute(f"{query} WHERE {where}", {"thread": thread_id, "now": time.time()})
    return {row["interrupt_id"]: json.loads(row["answer"]) for row in rows}


def refuse(
    connection: sqlite3.Connection, thread_id: str, ids: Collection[str], problem: str, *, status: str = "pending"
) -> None:
    """Put reviews back in the queue (or close them) whose answers the graph did not take; both is on record."""
    for interrupt_id in sorted(ids):
        key = {"thread_id": thread_id, "interrupt_id": interrupt_id}
        now = time.time()
        row = connection.execute(
            "UPDATE reviews SET status = :status, problem = :problem, closed_at = :closed, held_until = NULL,"
            " taken_at = NULL, since = :since"
            " WHERE thread_id = :thread_id AND interrupt_id = :interrupt_id RETURNING *",
            key
            | {"status": status, "problem": problem, "closed": now if status == "closed" else None}
            | {"since": last(connection, "decisions")[0]},
        ).fetchone()
        told = {"action": "refused", "answer": None, "words": problem, "by": "treadle", "client": "worker"}
        append(connection, **key, **told, digest=row["digest"], at=now)
        outboxes.post(connection, "refused", row, problem=problem)
