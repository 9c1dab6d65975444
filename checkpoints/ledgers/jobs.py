"""What a worker looks for: runs that nobody holds and that can go on."""

import random
import sqlite3
import time
from dataclasses import dataclass

from treadle.checkpoints.desks.gatherings import READY
from treadle.checkpoints.ledgers.leases import free
from treadle.checkpoints.ledgers.owners import gone

WINDOW = 50
"""Runs of each status looked at in one search, the longest waiting first."""

# Three small searches in one statement, each along the index on status and time.
_FIND = " UNION ALL ".join(
    "SELECT * FROM (SELECT thread_id, graph, status, owner, expires_at, token, updated_at FROM runs"
    f" WHERE status = '{status}' AND ifnull(not_before, 0) <= :now AND {ready} ORDER BY updated_at LIMIT {WINDOW})"
    for status, ready in {"decided": f"(NOT :patient OR {READY})", "running": "TRUE", "failed": "TRUE"}.items()
)


@dataclass(frozen=True)
class Job:
    """A run that can go on."""

    thread_id: str
    graph: str | None
    direct: bool
    """Whether it was never advanced, and the process that invoked it may still be at work on it."""


def find(connection: sqlite3.Connection, *, patient: bool = False) -> list[Job]:
    """The runs that can go on, in no order: workers that search at once shall not meet.

    A ``patient`` search leaves out those that still gather answers.
    """
    now = time.time()
    rows = [row for row in connection.execute(_FIND, {"now": now, "patient": patient}) if free(row)]
    random.shuffle(rows)
    return [Job(row["thread_id"], row["graph"], not row["token"] and not gone(row["owner"])) for row in rows]
