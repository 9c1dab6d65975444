"""Questions that a run needs no more answers to: they leave the queue, and say why to whoever comes late."""

import sqlite3

from treadle.checkpoints.desks import outboxes
from treadle.checkpoints.desks.confirmations import inside
from treadle.checkpoints.desks.queues import close


def retract(connection: sqlite3.Connection, thread_id: str, ns: str, why: str) -> int:
    """Close all that is asked in a namespace of a run; returns how many questions that were.

    A decision that comes between is not carried out, and that is on record.
    """
    from treadle.checkpoints.ledgers.settlements import refuse  # the record knows the saver, which knows the queue

    start, end = inside(ns)
    rows = connection.execute(
        "SELECT * FROM reviews r WHERE thread_id = ? AND (status <> 'closed' OR rests IS NOT NULL) AND interrupt_id IN"
        " (SELECT interrupt_id FROM waits w WHERE w.thread_id = r.thread_id AND (w.ns = ? OR w.ns >= ? AND w.ns < ?))",
        (thread_id, ns, start, end),
    ).fetchall()
    decided = [row["interrupt_id"] for row in rows if row["status"] == "decided"]
    refuse(connection, thread_id, decided, why, status="closed")
    for row in rows:
        if row["interrupt_id"] not in decided:
            connection.execute("UPDATE reviews SET problem = ? WHERE seq = ?", (why, row["seq"]))
            outboxes.post(connection, "retracted", row, problem=why)
    close(connection, thread_id, [row["interrupt_id"] for row in rows])
    return len(rows)
