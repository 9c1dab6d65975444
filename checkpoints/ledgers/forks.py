"""A second look: the run again from where it stood when a question was asked, in a thread of its own."""

import sqlite3
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from treadle.checkpoints.desks.chains import last
from treadle.checkpoints.desks.events import note
from treadle.checkpoints.desks.queues import CONTROL, opened
from treadle.checkpoints.layouts import spaces, threads
from treadle.checkpoints.layouts.memories import Memory
from treadle.checkpoints.layouts.sources import nowhere
from treadle.checkpoints.layouts.tails import Typed
from treadle.checkpoints.layouts.values import Storage
from treadle.checkpoints.layouts.writes import Task, put, unpacked, written
from treadle.checkpoints.reviews import Review, find, load, panel_of
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import ReviewClosed, StoreError

NOBODY = "00000000-0000-0000-0000-000000000000"
"""LangGraph's task id for what no task wrote."""


@dataclass(frozen=True)
class _Level:
    """Where a task waited: the one that asked, or one around it."""

    ns: str
    task_id: str
    checkpoint: int
    """Key of the checkpoint that the task started from, in the new thread."""
    id: str


def second_look(
    saver: SqliteSaver, review_id: str, *, by: str, why: str, thread: str | None = None, target: str | None = None
) -> Review:
    """Ask a question again whose answer the run has gone on with; returns the question as it waits now.

    It is asked in a new thread (``target``, or one that is made), which stands where the run stood when it asked: what
    other branches have done since is kept, what came after is not. Both histories stay; the ledger links them
    (``parent_thread``, ``forked_from``). Once it is decided the new run goes on to its end, with all its effects.

    Raises ReviewNotFound, ReviewClosed (if it waits, or its answer was not taken over yet: decide it, or take the
    answer back), StoreError (if that part of the history was pruned).
    """
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
        return load(connection, find(connection, row["interrupt_id"], given))

    return saver.database.write(work)


def _cut(connection: sqlite3.Connection, saver: SqliteSaver, row: sqlite3.Row, target: str) -> None:
    """Take the copy back to where the question was asked."""
    levels = list(_levels(connection, row, target))
    for level in levels:
        later = connection.execute(
            "SELECT key FROM checkpoints WHERE id > ? AND space = (SELECT space FROM checkpoints WHERE key = ?)",
            (level.id, level.checkpoint),
        ).fetchall()
        threads.remove(connection, [one["key"] for one in later])
        _undo(connection, saver, level, target, answers=row["answers"] if level is levels[-1] else 0)
    _drop_others(connection, target, {level.ns for level in levels})
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
    parts = row["ns"].split("|") if row["ns"] else []
    for depth in range(len(parts) + 1):
        ns = "|".join(parts[:depth])
        task_id = parts[depth].rpartition(":")[2] if depth < len(parts) else row["task_id"]
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


def _undo(connection: sqlite3.Connection, saver: SqliteSaver, level: _Level, target: str, *, answers: int) -> None:
    """Forget what a waiting task wrote after it asked; answers to what it had asked before that are kept."""
    kept: dict[tuple[str, str, str], list[tuple[str, Typed]]] = {}
    for task_id, channel, path, value in written(connection, [level.checkpoint]).get(level.checkpoint, ()):
        mine, told = task_id == level.task_id, channel if channel in CONTROL else ""
        if mine and channel == "__resume__" and answers:
            value = saver.serde.dumps_typed(_first(saver.serde.loads_typed(value), answers))
        elif (mine and channel != "__interrupt__") or (task_id, channel) == (NOBODY, "__resume__"):
            continue
        kept.setdefault((task_id, path, told), []).append((channel, value))
    connection.execute("DELETE FROM writes WHERE checkpoint = ?", (level.checkpoint,))
    space = spaces.find(connection, target, level.ns)
    assert space is not None
    storage = Storage(connection, space.home, Memory().tails)
    for (task_id, path, _), values in kept.items():
        put(level.checkpoint, storage, [Task(task_id, path, values)], nowhere)


def _first(answers: Any, count: int) -> list[Any]:
    return (answers if isinstance(answers, list) else [answers])[:count]


def _drop_others(connection: sqlite3.Connection, target: str, kept: set[str]) -> None:
    """Remove what belongs to tasks that are no more: those of steps that came after the question."""
    query = "SELECT ns, key FROM spaces WHERE thread_id = ? ORDER BY length(ns)"
    keys = dict(tuple(row) for row in connection.execute(query, (target,)))
    tasks = {ns: _tasks(connection, keys[ns]) for ns in kept}
    for ns, key in keys.items():
        outer, _, part = ns.rpartition("|")
        if ns in kept:
            continue
        if part.rpartition(":")[2] in tasks.get(outer, ()):
            tasks[ns] = _tasks(connection, key)
            continue
        found = connection.execute("SELECT key FROM checkpoints WHERE space = ?", (key,)).fetchall()
        threads.remove(connection, [row["key"] for row in found])
        connection.execute("DELETE FROM spaces WHERE key = ?", (key,))


def _tasks(connection: sqlite3.Connection, space: int) -> set[str]:
    """The tasks that wrote beside any checkpoint of a space."""
    query = "SELECT w.codec, w.body FROM writes w JOIN checkpoints c ON c.key = w.checkpoint WHERE c.space = ?"
    return {write[0] for row in connection.execute(query, (space,)) for write in unpacked(row)}


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
