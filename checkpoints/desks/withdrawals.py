"""Taking a decision back, as long as the question gives time for it and the run has not gone on."""

import sqlite3
import time
from collections.abc import Collection

from treadle.checkpoints.desks import outboxes
from treadle.checkpoints.desks.audits import Decision
from treadle.checkpoints.desks.events import Event, note
from treadle.checkpoints.desks.panels import name
from treadle.checkpoints.desks.sweeps import DEFAULT
from treadle.checkpoints.disks.clocks import moment
from treadle.checkpoints.reviews import decided, find, panel_of
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import NotAllowed, ReviewClosed


def withdraw(
    saver: SqliteSaver,
    review_id: str,
    *,
    by: str,
    roles: Collection[str] = (),
    words: str | None = None,
    thread: str | None = None,
) -> Event:
    """Take a decision back, so that the question waits again; the record keeps both. Returns the event.

    Whoever decided can, until the question's ``withdraw_in`` has passed or the run has gone on; what a deadline decided
    whoever may decide. Votes that made the decision are void, and are cast again.

    Raises ReviewClosed (it is too late, or there is nothing to take back), NotAllowed (who may), ReviewNotFound.
    """

    def work(connection: sqlite3.Connection) -> Event:
        row = find(connection, review_id, thread)
        made = decided(connection, row["thread_id"], row["interrupt_id"])
        if made is None or row["status"] == "pending":
            raise ReviewClosed(f"Nothing is decided about review {row['interrupt_id']} that could be taken back.")
        _in_time(row, made)
        _own(row, made, by, roles)
        return _withdraw(connection, row, made, by, words)

    return saver.database.write(work)


def _in_time(row: sqlite3.Row, made: Decision) -> None:
    """Raise ReviewClosed if the decision cannot be taken back (any more).

    The clock says it only to the person; that the run has gone on is seen in the row, so no clock can undo what ran.
    """
    told = f"{made.action} by {made.by} on review {made.interrupt_id} of run {made.thread_id}"
    if row["status"] == "closed" or row["taken_at"] is not None:
        raise ReviewClosed(f"The run has gone on with {told}: it cannot be taken back.")
    if row["held_until"] is None:
        raise ReviewClosed(f"The question gives no time to take back {told}.")
    if row["held_until"] < time.time():
        raise ReviewClosed(f"The time to take back {told} ended at {moment(row['held_until'])}.")


def _own(row: sqlite3.Row, made: Decision, by: str, roles: Collection[str]) -> None:
    if made.by == DEFAULT:
        panel_of(row).admit(by, roles)
    elif name(by) not in map(name, made.by.split(", ")):
        raise NotAllowed(f"{made.by} decided on review {made.interrupt_id}, and only who decided can take it back.")


def _withdraw(connection: sqlite3.Connection, row: sqlite3.Row, made: Decision, by: str, words: str | None) -> Event:
    key = {"thread_id": made.thread_id, "interrupt_id": made.interrupt_id}
    kept = note(connection, "withdrawal", by=by, **key, decision=made.seq, action=made.action, words=words)
    panel = panel_of(row)
    connection.execute(
        "UPDATE reviews SET status = 'pending', held_until = NULL, since = ?, veiled = ? WHERE seq = ?",
        (made.seq, panel.many and panel.blind, row["seq"]),
    )
    others = "SELECT 1 FROM reviews WHERE thread_id = ? AND status = 'decided' AND status <> 'closed' LIMIT 1"
    if connection.execute(others, (made.thread_id,)).fetchone() is None:
        connection.execute(
            "UPDATE runs SET status = 'waiting', not_before = NULL, updated_at = ? WHERE thread_id = ?"
            " AND status = 'decided'",
            (kept.at, made.thread_id),
        )
    outboxes.post(connection, "withdrawn", row, by=kept.by, action=made.action)
    return kept
