"""Trying a run again that failed: a worker takes it on at once; what it has finished is not done again."""

import sqlite3
import time
from collections.abc import Collection

from treadle.checkpoints.desks.events import note
from treadle.checkpoints.desks.operators import operate
from treadle.checkpoints.disks.signals import ring
from treadle.checkpoints.ledgers.leases import free
from treadle.checkpoints.runs import Run, load
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import LeaseHeld, RunNotFailed


def again(saver: SqliteSaver, thread_id: str, *, by: str, roles: Collection[str] = ()) -> Run:
    """Have a worker go on with a failed or parked run now; of its fan-outs only branches that failed run again.

    Raises RunNotFound, RunNotFailed (there is nothing to try again), LeaseHeld (it is being advanced), NotAllowed (it
    takes the role of operators, where one is named).
    """
    operate(by, roles)

    def work(connection: sqlite3.Connection) -> Run:
        found = load(connection, thread_id)
        if found.status not in ("failed", "parked", "stalled"):
            raise RunNotFailed(f"The run {thread_id} is {found.status}: there is nothing to try again.")
        row = connection.execute("SELECT * FROM runs WHERE thread_id = ?", (thread_id,)).fetchone()
        if not free(row):
            raise LeaseHeld(f"The run {thread_id} is being advanced by {found.owner}. Nothing was changed.")
        connection.execute(
            "UPDATE runs SET status = 'failed', attempts = 0, not_before = NULL, updated_at = ? WHERE thread_id = ?",
            (time.time(), thread_id),
        )
        note(connection, "retry", by=by, thread_id=thread_id, error=found.error)
        return load(connection, thread_id)

    made = saver.database.write(work)
    ring(saver.database.path)
    return made
