"""What a worker looks for: runs that nobody holds and that can go on."""

import random
import sqlite3
import time
from dataclasses import dataclass

from treadle.checkpoints.ledgers.leases import free
from treadle.checkpoints.ledgers.owners import gone

WINDOW = 50
"""Runs of each status looked at in one search, the longest waiting first."""

EACH, LONGEST = 0.002, 3.0
"""Seconds that a run waits for more answers: about what each branch that waits still costs it, and at most."""

# Three small searches in one statement, each along the index on status and time.
_FIND = " UNION ALL ".join(
    "SELECT * FROM (SELECT thread_id, graph, status, owner, expires_at, token, updated_at FROM runs"
    f" WHERE status = '{status}' AND ifnull(not_before, 0) <= :now ORDER BY updated_at LIMIT {WINDOW})"
    for status in ("decided", "running", "failed")
)

_WAITING = "SELECT count(*) FROM reviews WHERE thread_id = ? AND status = 'pending' AND status <> 'closed'"


@dataclass(frozen=True)
class Job:
    """A run that can go on."""

    thread_id: str
    graph: str | None
    direct: bool
    """Whether it was never advanced, and the process that invoked it may still be at work on it."""


def find(connection: sqlite3.Connection, *, patient: bool = False) -> list[Job]:
    """The runs that can go on, in no order: workers that search at once shall not meet.

    A ``patient`` search leaves out those whose answers are still coming in.
    """
    now = time.time()
    rows = [row for row in connection.execute(_FIND, {"now": now}) if free(row)]
    if patient:
        rows = [row for row in rows if not _coming(connection, row, now)]
    random.shuffle(rows)
    return [Job(row["thread_id"], row["graph"], not row["token"] and not gone(row["owner"])) for row in rows]


def _coming(connection: sqlite3.Connection, row: sqlite3.Row, now: float) -> bool:
    """Whether an answer came just now and others wait, so that more may come.

    LangGraph runs every branch that waits again whenever a run goes on: to go on for each answer alone costs n(n+1)/2
    executions for n branches. So a run waits, after the last answer, about as long as going on would take.
    """
    since = now - row["updated_at"]
    if row["status"] != "decided" or not 0 <= since < LONGEST:
        return False
    waiting: int = connection.execute(_WAITING, (row["thread_id"],)).fetchone()[0]
    return bool(since < min(EACH * waiting, LONGEST))
