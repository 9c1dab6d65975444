"""What keeps runs and reviews from going on: what it means, what helps, and the repair where there is one."""

import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from typing import Any

from treadle.checkpoints.care.drifts import drifts
from treadle.checkpoints.care.findings import Ailment
from treadle.checkpoints.care.strays import missing, orphans, wedged
from treadle.checkpoints.desks.events import note
from treadle.checkpoints.desks.operators import operate
from treadle.checkpoints.ledgers.leases import free
from treadle.checkpoints.savers import SqliteSaver

__all__ = ["Ailment", "ailments", "repair"]

LATE = 300.0
"""Seconds after which a decision should have been taken over."""


def ailments(saver: SqliteSaver, graphs: Callable[[str], Any] | None = None, *, limit: int = 1000) -> list[Ailment]:
    """What ails the runs on a database, at most ``limit`` of a kind; changes nothing.

    With ``graphs``, which compiles a graph by its name, unknown graphs and gates and changed versions are found too.
    """

    def work(connection: sqlite3.Connection) -> list[Ailment]:
        found = [one for search in _SEARCHES for one in search(connection, saver, limit)]
        return found + (list(drifts(connection, graphs, limit)) if graphs is not None else [])

    return saver.database.read(work)


def repair(saver: SqliteSaver, found: Iterable[Ailment], *, by: str, roles: Collection[str] = ()) -> list[Ailment]:
    """Repair what can be repaired, each in a transaction of its own and on record; returns what was.

    Raises NotAllowed (it takes the role of operators, where one is named).
    """
    operate(by, roles)
    done = []
    for one in found:
        if one.repair is not None:
            saver.database.write(partial(_repair, one=one, by=by))
            done.append(one)
    return done


def _repair(connection: sqlite3.Connection, one: Ailment, by: str) -> None:
    assert one.repair is not None
    one.repair(connection)
    told = {"ailment": one.kind, "finding": one.finding}
    note(connection, "repair", by=by, thread_id=one.thread_id, interrupt_id=one.interrupt_id, **told)


def _leases(connection: sqlite3.Connection, saver: SqliteSaver, limit: int) -> Iterator[Ailment]:
    rows = connection.execute(
        "SELECT * FROM runs WHERE status = 'running' AND expires_at IS NOT NULL LIMIT ?", (limit,)
    )
    for row in rows.fetchall():
        if free(row):
            yield Ailment(
                "lease", row["thread_id"], f"Run {row['thread_id']} is held by {row['owner']}, which is gone.",
                "Its process ended, or showed no life for too long, in the middle of a step.",
                "The lease is given back; a worker takes the run on from its last step.",
                repair=partial(_give_back, thread_id=row["thread_id"], token=row["token"]),
            )  # fmt: skip


def _give_back(connection: sqlite3.Connection, thread_id: str, token: int) -> None:
    row = connection.execute("SELECT * FROM runs WHERE thread_id = ? AND token = ?", (thread_id, token)).fetchone()
    if row is not None and free(row):
        connection.execute("UPDATE runs SET owner = NULL, expires_at = NULL WHERE thread_id = ?", (thread_id,))


def _unapplied(connection: sqlite3.Connection, saver: SqliteSaver, limit: int) -> Iterator[Ailment]:
    rows = connection.execute(
        "SELECT r.thread_id, runs.status, count(*) AS many, max(d.at) AS at FROM reviews r"
        " JOIN runs ON runs.thread_id = r.thread_id JOIN decisions d ON d.thread_id = r.thread_id"
        " AND d.interrupt_id = r.interrupt_id AND d.kind IS NULL WHERE r.status <> 'closed' AND r.status = 'decided'"
        " AND ifnull(r.held_until, 0) < :now AND runs.status <> 'running'"
        " AND (runs.status <> 'decided' OR ifnull(gather_until, 0) < :now - :late)"
        " GROUP BY r.thread_id HAVING max(d.at) < :now - :late LIMIT :limit",
        {"now": time.time(), "late": LATE, "limit": limit},
    )
    for row in rows.fetchall():
        lost = row["status"] != "decided"
        yield Ailment(
            "unapplied", row["thread_id"],
            f"Run {row['thread_id']} has {row['many']} decisions since {LATE / 60:.0f} minutes and more that it did not"
            f" take over; its status is {row['status']}.",
            "No worker would ever look at it." if lost else "No worker serves this database, or none knows its graph.",
            "The run is marked to be taken on." if lost else "Start treadle worker, or treadle ui.",
            repair=partial(_mark, thread_id=row["thread_id"]) if lost else None,
        )  # fmt: skip


def _mark(connection: sqlite3.Connection, thread_id: str) -> None:
    connection.execute(
        "UPDATE runs SET status = 'decided', attempts = 0, not_before = NULL, gather_until = NULL, updated_at = ?"
        " WHERE thread_id = ? AND status <> 'running'",
        (time.time(), thread_id),
    )


_SEARCHES = (wedged, orphans, missing, _leases, _unapplied)
