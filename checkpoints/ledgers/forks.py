"""A second look: the run again from where it stood when a question was asked, in a thread of its own."""

import sqlite3
import time
import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from treadle.checkpoints.desks.chains import last
from treadle.checkpoints.desks.events import note
from treadle.checkpoints.desks.operators import operate
from treadle.checkpoints.desks.queues import opened
from treadle.checkpoints.layouts import threads
from treadle.checkpoints.layouts.tails import Typed
from treadle.checkpoints.layouts.writes import Write
from treadle.checkpoints.ledgers import cuts
from treadle.checkpoints.reviews import Review, find, known, panel_of
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import ReviewClosed, StoreError


@dataclass(frozen=True)
class _Level:
    """Where a task waited: the one that asked, or one around it."""

    ns: str
    task_id: str
    checkpoint: int
    """Key of the checkpoint that the task started from, in the new thread."""
    id: str


def second_look(
    saver: SqliteSaver,
    review_id: str,
    *,
    by: str,
    roles: Collection[str] = (),
    why: str,
    thread: str | None = None,
    target: str | None = None,
) -> Review:
    """Ask a question again whose answer the run has gone on with; returns the question as it waits now.

    It is asked in a new thread (``target``, or one that is made), which stands where the run stood when it asked: what
    other branches have done since is kept, what came after is not. Both histories stay; the ledger links them
    (``parent_thread``, ``forked_from``). Once it is decided the new run goes on to its end, with all its effects.

    Raises ReviewNotFound, ReviewClosed (if it waits, or its answer was not taken over yet: decide it, or take the
    answer back), StoreError (if that part of the history was pruned), NotAllowed (it takes the role of operators, where
    one is named).
    """
    operate(by, roles)
    given = target or f"look-{uuid.uuid4().hex[:8]}"

    def work(connection: sqlite3.Connection) -> Review:
        row = find(connection, review_id, thread)
        if row["status"] != "closed":
            raise ReviewClosed(f"{_name(row)} is still open: decide it, or take back what was decided.")
        threads.copy(connection, row["thread_id"], given)
        _cut(connection, saver, row, given)
        _ask(connection, row, given)
        told = {"why": why, "target": given, "checkpoint": row["checkpoint_id"]}
        note(connection, "second look", by=by, thread_id=row["thread_id"], interrupt_id=row["interrupt_id"], **told)
        return next(known(connection, [(given, row["interrupt_id"])]))

    return saver.database.write(work)


def _cut(connection: sqlite3.Connection, saver: SqliteSaver, row: sqlite3.Row, target: str) -> None:
    """Take the copy back to where the question was asked."""
    levels = list(_levels(connection, row, target))
    for level in levels:
        cuts.shorten(connection, level.checkpoint, level.id)
        _undo(connection, saver, level, target, answers=row["answers"] if level is levels[-1] else 0)
    cuts.drop_others(connection, target, {level.ns for level in levels})
    for level in levels:
        key = f"{level.ns}/" if level.ns else ""
        connection.execute(
            "DELETE FROM journal WHERE thread_id = ? AND at >= ? AND substr(key, 1, ?) = ?",
            (target, row["asked_at"], len(key), key),
        )
        connection.execute("DELETE FROM journal WHERE thread_id = ? AND key = ?", (target, f"deadline:{level.ns}"))
        _wait(connection, level, row["interrupt_id"], target)
    threads.tidy(connection, target)


def _levels(connection: sqlite3.Connection, row: sqlite3.Row, target: str) -> Iterator[_Level]:
    """The tasks that waited for the answer, the outermost first."""
    for ns, task_id in _around(row["ns"], row["task_id"]):
        found = connection.execute(
            "SELECT c.key, c.id FROM spaces s JOIN checkpoints c ON c.space = s.key"
            " JOIN writes w ON w.checkpoint = c.key"
            " WHERE s.thread_id = ? AND s.ns = ? AND w.task_id = ? AND c.body IS NOT NULL"
            " ORDER BY c.id = ? DESC, c.id DESC LIMIT 1",
            (target, ns, task_id, row["checkpoint_id"]),
        ).fetchone()
        if found is None:
            raise StoreError(
                f"{_name(row)} cannot be asked again: where the run stood then was pruned, or never stored. Nothing was"
                " changed."
            )
        yield _Level(ns, task_id, found["key"], found["id"])


def _around(ns: str, task_id: str) -> Iterator[tuple[str, str]]:
    """A task by its namespace, and those around it, the outermost first."""
    if ns:
        yield from _around(*cuts.owner(ns))
    yield ns, task_id


def _undo(connection: sqlite3.Connection, saver: SqliteSaver, level: _Level, target: str, *, answers: int) -> None:
    """Forget what a waiting task wrote after it asked; answers to what it had asked before that are kept."""

    def change(write: Write) -> Typed | None:
        task_id, channel, _, value = write
        mine = task_id == level.task_id
        if mine and channel == "__resume__" and answers:
            return saver.serde.dumps_typed(_first(saver.serde.loads_typed(value), answers))
        gone = (mine and channel != "__interrupt__") or (task_id, channel) == (cuts.NOBODY, "__resume__")
        return None if gone else value

    cuts.rewrite(connection, target, level.ns, level.checkpoint, change)


def _first(answers: Any, count: int) -> list[Any]:
    return (answers if isinstance(answers, list) else [answers])[:count]


def _wait(connection: sqlite3.Connection, level: _Level, interrupt_id: str, target: str) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO waits (thread_id, ns, task_id, interrupt_id, checkpoint_id) VALUES (?, ?, ?, ?, ?)",
        (target, level.ns, level.task_id, interrupt_id, level.id),
    )


def reopen(connection: sqlite3.Connection, saver: SqliteSaver, row: sqlite3.Row, problem: str | None) -> None:
    """Ask a question again in its own run, which has its answer and could not go on with it."""
    levels = list(_levels(connection, row, row["thread_id"]))
    for level in levels:
        _undo(connection, saver, level, row["thread_id"], answers=row["answers"] if level is levels[-1] else 0)
        _wait(connection, level, row["interrupt_id"], row["thread_id"])
    connection.execute(
        "UPDATE reviews SET status = 'pending', closed_at = NULL, problem = ?, since = ?, held_until = NULL,"
        " taken_at = NULL WHERE seq = ?",
        (problem, last(connection, "decisions")[0], row["seq"]),
    )
    connection.execute(
        "UPDATE runs SET status = 'waiting', attempts = 0, error = NULL, not_before = NULL, updated_at = ?"
        " WHERE thread_id = ?",
        (time.time(), row["thread_id"]),
    )
    opened(connection, row["thread_id"], row["interrupt_id"])


_ANEW = (
    "seq", "thread_id", "status", "problem", "asked_at", "closed_at", "due", "since", "veiled", "escalations",
    "held_until", "taken_at",
)  # fmt: skip


def _ask(connection: sqlite3.Connection, row: sqlite3.Row, target: str) -> None:
    """The question waits in the new thread, as it stood; its times begin anew."""
    now, panel = time.time(), panel_of(row)
    columns = {name: row[name] for name in row.keys() if name not in _ANEW}  # noqa: SIM118
    columns |= {"thread_id": target, "asked_at": now, "since": last(connection, "decisions")[0]}
    columns |= {"due": None if row["due"] is None else now + row["due"] - row["asked_at"]}
    columns |= {"veiled": panel.many and panel.blind}
    connection.execute(
        f"INSERT INTO reviews ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", tuple(columns.values())
    )
    connection.execute(
        "UPDATE runs SET status = 'waiting', forked_from = ? WHERE thread_id = ?", (row["checkpoint_id"], target)
    )
    opened(connection, target, row["interrupt_id"])


def _name(row: sqlite3.Row) -> str:
    return f"Review {row['interrupt_id']} of run {row['thread_id']}"
